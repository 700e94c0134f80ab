"""The demo's processes: started on a leash, watched by their logs, always stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connector import exits

POLL_S = 0.05
STOP_WITHIN_S = 15.0  # the connector's own promise after SIGTERM
TAIL_LINES = 10
TAIL_WIDTH = 400  # of a line; a log line may carry a whole message

Json = Mapping[str, Any]
Poll = Callable[[], Awaitable[Json | None]]  # None: not yet


class ChildError(Exception):
    """A process of the demo did not start, or ended by itself. `tail`: the last lines it wrote."""

    def __init__(self, sentence: str, tail: Sequence[str], *, started: bool) -> None:
        super().__init__(sentence)
        self.sentence, self.tail, self.started = sentence, tuple(tail), started


class Child:
    """One process. What it writes goes to `log`, unless its standard output is taken as a pipe."""

    def __init__(self, name: str, log: Path, *command: str, piped: bool = False) -> None:
        """`command` follows the Python interpreter: `-m`, module, arguments."""
        self.name = name
        self.log = log
        self._command = command
        self._piped = piped
        self._started = False
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The running (or ended) process."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    async def start(self) -> None:
        """Start it in a session of its own: Ctrl-C in the terminal is for the narrator, who stops the rest.

        Raises:
            ChildError: it cannot be executed.
        """
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        leash = ("-m", "connector.demo.leash", str(os.getpid()), sys.executable)
        try:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *leash,
                    *self._command,
                    stdin=pipe if self._piped else null,
                    stdout=pipe if self._piped else log,
                    stderr=log,
                    start_new_session=True,
                    limit=1 << 20,
                )
        except OSError as error:
            raise self.failed(f"cannot be executed: {error}") from error

    async def ready(self, test: Callable[[Json], bool], within_s: float) -> Json:
        """Wait for the line of its log (JSON objects) that says it is up, and return it.

        Raises:
            ChildError: it ended, or said nothing of the kind in time.
        """

        async def line() -> Json | None:
            return next(filter(test, self._lines()), None)

        return await self.until(line, within_s, f"was not ready within {within_s:.0f} s")

    async def until(self, poll: Poll, within_s: float, otherwise: str) -> Json:
        """Ask again and again until something is answered: from then on it counts as started.

        Raises:
            ChildError: it ended, or the time is over (`otherwise` completes the sentence).
        """
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            found = await poll()
            if found is not None:
                self._started = True
                return found
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                raise self.failed(otherwise)
            await asyncio.sleep(POLL_S)

    def check(self) -> None:
        """Look whether it is still there.

        Raises:
            ChildError: it is not.
        """
        code = self.process.returncode
        if code is not None:
            meaning = f": {exits.MEANING[code]}" if code in exits.MEANING else ""
            raise self.failed(f"ended with {f'signal {-code}' if code < 0 else f'exit code {code}{meaning}'}")

    async def ended(self) -> None:
        """Return never; used to notice the end.

        Raises:
            ChildError: it ended.
        """
        await self.process.wait()
        self.check()

    def failed(self, what: str) -> ChildError:
        """The error that says what happened to it."""
        return ChildError(f"{self.name} {what}", self.tail(), started=self._started)

    def tail(self) -> list[str]:
        """The last lines of its log."""
        if not self.log.exists():
            return []
        lines = self.log.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
        return [line if len(line) <= TAIL_WIDTH else f"{line[:TAIL_WIDTH]} ..." for line in lines]

    async def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """End of its input or SIGTERM; SIGKILL when that does not help."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if process.stdin is not None:
                process.stdin.close()
            else:
                process.terminate()
        try:
            await asyncio.wait_for(process.wait(), within_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _lines(self) -> list[Json]:
        """Whole lines of the log that are JSON objects."""
        lines: list[Json] = []
        *whole, _ = self.log.read_text("utf-8", "replace").split("\n")
        for line in whole:
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    lines.append(value)
        return lines
