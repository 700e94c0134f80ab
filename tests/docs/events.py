"""The names of all log events, found in the code: what docs/operations.md must list, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from connector.fix.engine import TOLD_ADMIN
from connector.ops.milestones import ENDED
from tests.docs.pages import ROOT

LEVELS = ("debug", "info", "warning", "error")
APART = ("simulator", "demo")  # they log to nobody's operator
_EVENT = re.compile(r"[a-z]+(_[a-z0-9]+)*")


def events() -> set[tuple[str, str]]:
    """(level, event) of every place that logs."""
    return {
        found for path in sources() for found in _events_of(ast.parse(path.read_text(encoding="utf-8")), path)
    }


def sources() -> Iterator[Path]:
    """The daemon's modules."""
    for path in sorted((ROOT / "connector").rglob("*.py")):
        if not set(APART) & set(path.relative_to(ROOT / "connector").parts):
            yield path


def _events_of(tree: ast.Module, path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _logged(node, node.func.attr, path)
        if isinstance(node, ast.Dict):
            yield from _written(node)
    if path.name == "milestones.py":
        yield from _milestones(tree)
    if path.name == "scrub.py":  # a line that must be safe whatever happens: written as text
        yield "error", "log_event_withheld"


def _logged(call: ast.Call, verb: str, path: Path) -> Iterator[tuple[str, str]]:
    """`log.info("event", ...)`, `turn.note("info", "event", ...)`."""
    texts = [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]
    if verb in LEVELS and texts and isinstance(texts[0], str):
        assert _EVENT.fullmatch(texts[0]), f"{path}:{call.lineno}: {texts[0]!r} is a sentence, not an event"
        yield verb, texts[0]
    elif verb in LEVELS and call.args and isinstance(call.args[0], ast.JoinedStr):
        assert path.name == "engine.py", f"{path}:{call.lineno}: an event's name must be findable"
        yield from (
            (verb, f"fix_{name}_{direction}")
            for name in TOLD_ADMIN.values()
            for direction in ("received", "sent")
        )
    elif verb == "note" and len(texts) > 1 and isinstance(texts[0], str) and isinstance(texts[1], str):
        yield texts[0], texts[1]


def _written(node: ast.Dict) -> Iterator[tuple[str, str]]:
    """Lines that the log pipeline makes itself: {"event": "..."}."""
    keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
    if "event" in keys:
        value = node.values[keys.index("event")]
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield "error", value.value


def _milestones(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Tellers return ("event", keys), ends are looked up, and what leaves is named by its kind."""
    yield from (("info", name) for name in ENDED.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            yield from (("info", name) for name in _names(node.value.elts[0]))
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "event":
            yield from (("info", name) for name in _names(node.value))


def _names(node: ast.expr) -> Iterator[str]:
    """`"a"`, or both of `"a" if ... else "b"`."""
    for one in (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value
