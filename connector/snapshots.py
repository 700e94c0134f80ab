"""Keeps the snapshot beside the journal fresh, so that a start after any crash is short.

A child process of low priority reads the journal and writes the snapshot. It shares nothing with us, so the
loop that owns the orders is not held up for a millisecond, however many orders there are.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from typing import Any, Final

from connector import exits
from connector.journal import Journal, snapshot_path

EVERY_ROWS: Final = 50_000  # the most a start has to read, but for what is written while a snapshot is made
LOOK_EVERY_S: Final = 5.0
RETRY_S: Final = 600.0

Log = Any  # a structlog logger; its methods are made at run time


class Snapshots:
    """`keep` runs for the life of the daemon and ends with its task."""

    def __init__(
        self, journal: Journal, *, unread: int, from_snapshot: bool, log: Log, every_rows: int = EVERY_ROWS
    ) -> None:
        """`unread`: rows this start had to read, those behind the last snapshot."""
        self._journal = journal
        self._covered = -unread  # rows of this life that the snapshot has; below zero: of earlier ones
        self._from_snapshot = from_snapshot
        self._log = log
        self._every_rows = every_rows

    async def keep(self) -> None:
        """Prove the rows this start has not read; then a snapshot whenever enough rows have come."""
        if self._from_snapshot:
            await self._prove()
        while True:
            if self._journal.written - self._covered < self._every_rows:
                await asyncio.sleep(LOOK_EVERY_S)
            elif not await self._take():
                await asyncio.sleep(RETRY_S)

    async def _take(self) -> bool:
        written = self._journal.written
        through, begun = self._journal.confirmed, time.monotonic()
        code, text = await self._child("snapshot", "--through", str(through))
        if code != exits.OK:
            self._log.error("snapshot_failed", text=text)
            return False
        try:
            size = snapshot_path(self._journal.path).stat().st_size
        except OSError as error:  # a snapshot only saves time: it must never stop the trade
            self._log.error("snapshot_failed", text=str(error))
            return False
        self._covered = written
        seconds = round(time.monotonic() - begun, 1)
        self._log.info("snapshot_written", position=through, size=size, seconds=seconds)
        return True

    async def _prove(self) -> None:
        """A start from a snapshot trusts rows it does not read; damage in them is for an operator to know."""
        code, text = await self._child("verify")
        if code != exits.OK:
            self._log.error("journal_damaged", text=text)

    async def _child(self, verb: str, *options: str) -> tuple[int, str]:
        """Run `connector journal VERB` on our journal; its exit code and what it said of trouble."""
        command = (sys.executable, "-m", "connector", "journal", verb, str(self._journal.path), *options)
        child = await asyncio.create_subprocess_exec(
            *command,
            "--low-priority",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await child.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
            raise
        return child.returncode or 0, said.decode(errors="replace").strip()
