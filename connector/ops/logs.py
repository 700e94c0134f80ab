"""Logs: structlog and the standard library's loggers through one pipeline, to one place, without secrets.

One event a line, as JSON or for people. `structlog.get_logger("connector.venue.rest")` names the logger.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import structlog

from connector.ops.scrub import HIDDEN, Scrubber, encoded, masked

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_PLAIN = frozenset({str, int, float, bool, type(None)})
_DEEPEST = 8  # nested values; what lies deeper is shown as its text
_QUIET = {"aiohttp.access": logging.WARNING, "asyncio": logging.WARNING}  # debug there concerns others


def configure(
    level: str,
    format: str,  # noqa: A002 - the setting's own name
    stream_or_file: TextIO | Path | None,
    secrets: Collection[str],
) -> Logs:
    """Send all logs of this process to one place; close the result to undo it.

    Args:
        level: debug, info, warning or error; the least important events written.
        format: json, console, or auto: console on a terminal, else json.
        stream_or_file: an open stream, or a file to append to (created for its owner and group only);
            None is standard error.
        secrets: values that are hidden wherever they appear.

    Raises:
        OSError: the file cannot be opened.
    """
    logs = Logs(stream_or_file or sys.stderr, format, Scrubber(secrets))
    structlog.configure(
        processors=[logs.rendered],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=logs.named,
        cache_logger_on_first_use=False,  # a module's logger must follow a later configure()
    )
    logs.take_over(_LEVELS[level])
    return logs


class Logs:
    """Where log lines go. A failing disk or pipe never stops an order: lost lines are counted, then told."""

    def __init__(self, output: TextIO | Path, form: str, scrubber: Scrubber) -> None:
        self.lost = 0  # lines that could not be written since the last one that could
        self._path = output if isinstance(output, Path) else None
        self._stream = _opened(output) if isinstance(output, Path) else output
        self._scrubber = scrubber
        console = form == "console" or (form == "auto" and self._stream.isatty())
        self._render = _console(colors=self._stream.isatty()) if console else None
        self._bridge = _Bridge(self)
        self._previous_level = logging.WARNING

    def named(self, name: str = "connector", *_: object) -> _Named:
        """structlog's logger factory: the first argument of get_logger is the logger's name."""
        return _Named(str(name), self)

    def rendered(self, logger: _Named, level: str, event: MutableMapping[str, Any]) -> str:
        """structlog's one processor: the event as the line to write."""
        return self._line(level, logger.name, event)

    def write(self, line: str) -> None:
        """Append one line."""
        try:
            if self.lost:
                self._tell_lost()
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed under us
            self.lost += 1

    def _tell_lost(self) -> None:
        line = self._line("error", "connector.ops.logs", {"event": "log_events_lost", "count": self.lost})
        self._stream.write(line + "\n")
        self.lost = 0

    def _line(self, level: str, logger: str, event: MutableMapping[str, Any]) -> str:
        """Timestamp, level, logger and event first; texts only where JSON has no better; no secret."""
        ordered: dict[str, object] = {
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": level,
            "logger": logger,
            "event": _plain(event.pop("event", ""), _DEEPEST),
        }
        problem = event.pop("exc_info", None)
        for name, value in event.items():
            plain = value if type(value) in _PLAIN else _plain(value, _DEEPEST)
            ordered[name] = masked(name, plain)
        if problem:
            ordered["exception"] = _traceback(problem)
        line = self._scrubber.line(encoded(ordered))
        return line if self._render is None else self._render(line)

    def reopen(self) -> None:
        """Open the file anew, after somebody moved it away; a stream stays as it is."""
        if self._path is not None:
            fresh = _opened(self._path)
            self._stream.close()
            self._stream = fresh

    def take_over(self, level: int) -> None:
        """Route the standard library's loggers (aiohttp, asyncio, warnings) through this pipeline."""
        root = logging.getLogger()
        self._previous_level = root.level
        root.addHandler(self._bridge)
        root.setLevel(level)
        for name, least in _QUIET.items():
            logging.getLogger(name).setLevel(max(level, least))
        logging.captureWarnings(capture=True)

    def record(self, record: logging.LogRecord) -> None:
        """Write a record of the standard library."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # their format and arguments do not fit; the event still counts
            text = str(record.msg)
        event: dict[str, Any] = {"event": text, "exc_info": record.exc_info}
        self.write(self._line(record.levelname.lower(), record.name, event))

    def close(self) -> None:
        """Give the loggers back as they were; close a file we opened."""
        root = logging.getLogger()
        if self._bridge in root.handlers:
            root.removeHandler(self._bridge)
            root.setLevel(self._previous_level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        if self._path is not None:
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Named:
    """The logger structlog wraps: a name and a way to write."""

    __slots__ = ("_logs", "name")

    def __init__(self, name: str, logs: Logs) -> None:
        self.name, self._logs = name, logs

    def msg(self, line: str) -> None:
        self._logs.write(line)

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


class _Bridge(logging.Handler):
    """The one handler of the standard library's root logger."""

    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        self._logs.record(record)


def _opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o640, exist_ok=True)
    return path.open("a", encoding="utf-8", buffering=1)


def _plain(value: object, deepest: int) -> object:
    """A value as JSON has it. Bytes become text: in base64 nobody would find a secret."""
    match value:
        case str() | bool() | int() | float() | None if type(value) in _PLAIN:
            return value
        case bytes() | bytearray():
            return bytes(value).decode("utf-8", "backslashreplace")
        case Mapping() if deepest:
            pairs = ((str(name), _plain(item, deepest - 1)) for name, item in value.items())
            return {name: masked(name, item) for name, item in pairs}
        case list() | tuple() | set() | frozenset() if deepest:
            return [_plain(item, deepest - 1) for item in value]
        case _:
            return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a log line must not fail because of what it shows
        return f"<{type(value).__name__}: {type(error).__name__} in str()>"


def _traceback(problem: object) -> str:
    """Source lines and messages, never local variables: they hold keys and passwords."""
    if isinstance(problem, tuple):
        problem = problem[1]
    error = problem if isinstance(problem, BaseException) else sys.exc_info()[1]
    return "" if error is None else "".join(traceback.format_exception(error)).rstrip()


def _console(*, colors: bool) -> Callable[[str], str]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors,
        repr_native_str=True,  # a text from outside cannot move the cursor or fake a line
        exception_formatter=structlog.dev.plain_traceback,
    )

    def rendered(line: str) -> str:
        event = _decoded(line)
        event["event"] = _printable(event["event"])
        return str(renderer(None, event.get("level", "info"), event))

    return rendered


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _decoded(line: str) -> dict[str, Any]:
    event = json.loads(line)
    assert isinstance(event, dict), HIDDEN
    event["event"] = str(event.get("event", ""))
    return event
