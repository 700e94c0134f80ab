"""The journal's two verbs over SQLite's WAL: append now, durable when awaited.

Why a sync of the WAL file is enough for `durable`: a committed row is a frame in the WAL, and the
WAL starts again from its beginning only after a checkpoint has synced the WAL, copied it, and synced
the database file (synchronous=NORMAL, sqlite.org/wal.html). So at any moment a row is in the WAL,
which we sync, or in a database file that has been. The file's size is flushed with fdatasync, its
name by a sync of the directory at open, and the header of a restarted WAL by SQLite itself.

What a crash may leave: kill -9, nothing lost that `append` returned for (it is in the page cache);
power loss, nothing lost that `durable` returned for, and of the rest a prefix (SQLite cuts its WAL
at the first frame whose checksum fails).

Cost, measured on ext4 as multiples of one `append` of a 400-byte row: `durable` alone 9 to 10, most of
it the kernel's; with 32 orders in flight 2 for each row, append included. Writing the WAL file out
beforehand (`database.ROOM`) halves the kernel's part.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from connector.journal import database as db
from connector.journal.base import base_position, read_base
from connector.journal.checkpoint import COMMITS_BETWEEN, Checkpointer
from connector.journal.errors import JournalError, JournalUnwritableError
from connector.journal.guard import Lock, Mark
from connector.journal.rows import INSERT, Line, Row, crc_at, laid_out, read
from connector.journal.snapshot import Snapshot
from connector.journal.sync import GroupSync

LOOK_FOR_FILES_EVERY_S: Final = 1.0
Hook = Callable[[str], None]
_fdatasync: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)


def _no_hook(point: str) -> None:
    """Do nothing at a hook point."""


class Journal:
    """One open journal; all verbs belong to one thread and one event loop, the one that owns the orders.

    `next_position` is the lowest position the next row may have. It leaps at every open, so that a
    position which was spoken of but lost in a power cut is never given to another fact (`database.LEAP`).
    """

    def __init__(self, path: Path, product_version: str, hook: Hook) -> None:
        """Use `Journal.open`."""
        self.path, self._hook = path, hook
        with ExitStack() as opened:
            opened.callback(Lock(path).release)
            self._mark = Mark(path)
            opened.callback(self._mark.close)
            self._last_row = db.examine(path)
            self._mark.refuse_a_lost_end(path, self._last_row)
            self._database = db.connect_to_append(path)
            opened.callback(self._database.close)  # the last connection folds the WAL in and removes it
            db.settle(self._database)
            self._mark.write(self._last_row)
            self.next_position = db.claim_positions(self._database, path, self._last_row, product_version)
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._wal = Path(f"{path}-wal")
            self._wal_descriptor = os.open(self._wal, os.O_RDWR)
            opened.callback(os.close, self._wal_descriptor)
            db.make_room(self._database, self._wal_descriptor)
            self._inodes = self._inodes_now()
            self._files_seen = -LOOK_FOR_FILES_EVERY_S  # the first sync looks
            self.written = 0  # rows since the journal was opened
            self._commits = 0  # since a checkpoint was last asked for
            self._checkpointer = Checkpointer(path)
            opened.callback(self._checkpointer.stop)
            self._sync = GroupSync(self._sync_to, confirmed=self.next_position - 1)
            opened.callback(self._sync.stop)
            self._opened = opened.pop_all()  # closed in the opposite order

    @classmethod
    def open(cls, path: Path, *, product_version: str, hook: Hook | None = None) -> Journal:
        """Open the journal at `path`, or make one there; its directory is made too.

        `hook` is called with "before_append", "after_append" (on the loop), "before_sync" and
        "after_sync" (on the worker): tests kill the process or break the disk there.

        Raises:
            JournalBusyError: another process holds it.
            JournalVersionError: another format or another program's file.
            JournalDamagedError: not readable, or shorter than what had been confirmed.
            JournalUnwritableError: the disk or the rights do not allow it.
        """
        with db.translated(path):
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            return cls(path, product_version, hook or _no_hook)

    def replay(self, after: int | None = None) -> Iterator[Row]:
        """Every row behind position `after`, else every one there is: in order, each proved whole and each
        proved to follow the one before it.

        Raises:
            JournalDamagedError: at the first row that cannot be vouched for.
        """
        return read(
            self._database, self.path, base_position(self._database, self.path) if after is None else after
        )

    def base(self) -> Snapshot | None:
        """What the pruned rows amount to; None when none were.

        Raises:
            JournalDamagedError: it is not what was written.
        """
        return read_base(self._database, self.path)

    def crc_at(self, position: int) -> int | None:
        """The checksum of the row at `position`, by which a snapshot knows its journal; None: no such row."""
        return crc_at(self._database, position)

    @property
    def confirmed(self) -> int:
        """Everything up to this position is on stable storage."""
        return self._sync.confirmed

    def append(self, rows: Sequence[Row]) -> None:
        """Write `rows` as one unit; when this returns they survive kill -9.

        Raises:
            JournalError: the disk refused, now or ever before; none of `rows` counts as written.
        """
        self._refuse_after_failure()
        if not rows:
            return
        assert rows[0].position >= self.next_position, f"{rows[0].position} is below {self.next_position}"
        lines = laid_out(rows, self._last_row)
        self._hook("before_append")
        self._write(lines)
        self._hook("after_append")
        self._last_row = self._sync.appended = rows[-1].position
        self.written += len(rows)
        self.next_position = self._last_row + 1
        self._keep_house()

    async def durable(self, position: int) -> None:
        """Return when everything up to `position` is on stable storage; waiters share one sync.

        Raises:
            JournalError: a sync or an append failed, now or ever before.
        """
        self._refuse_after_failure()
        assert position < self.next_position, f"{position} was never appended"
        await self._sync.reach(position)

    def close(self) -> None:
        """Put all rows on stable storage, fold the WAL into the database file and let the lock go.

        After a failure nothing more is promised and nothing is raised again.

        Raises:
            JournalUnwritableError: the last rows may not be on stable storage.
        """
        with db.translated(self.path), self._opened:
            failed = self._sync.failure is not None
            self._sync.fail(JournalError(self.path, "is closed"))
            if not failed and self._sync.confirmed < self._last_row:
                self._sync_to(self._last_row)

    def _write(self, lines: list[Line]) -> None:
        try:
            if len(lines) == 1:
                self._database.execute(INSERT, lines[0])
            else:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany(INSERT, lines)
                self._database.execute("COMMIT")
        except BaseException as error:  # whatever it is, an open transaction must not swallow later rows
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            text = f"append failed ({type(error).__name__}: {error})"
            raise self._final(JournalUnwritableError(self.path, text)) from error

    def _sync_to(self, position: int) -> None:
        """Runs on the worker; on the loop's thread only at close and in `_keep_house`."""
        try:
            self._hook("before_sync")
            _fdatasync(self._wal_descriptor)
            self._refuse_lost_files()
            self._mark.write(position)
            self._hook("after_sync")
        except OSError as error:
            raise JournalUnwritableError(self.path, f"sync failed ({error})") from error

    def _refuse_lost_files(self) -> None:
        """The kernel syncs a removed file without complaint.

        Not at every sync: asking for a file's status makes its next write stamp the time anew, which
        doubles what the sync after it costs.
        """
        now = time.monotonic()
        if now < self._files_seen + LOOK_FOR_FILES_EVERY_S:
            return
        self._files_seen = now
        if self._inodes_now() != self._inodes:
            raise JournalUnwritableError(self.path, "its files were replaced while in use")

    def _inodes_now(self) -> tuple[int, int]:
        return self.path.stat().st_ino, self._wal.stat().st_ino

    def _keep_house(self) -> None:
        self._commits += 1
        if self._commits >= COMMITS_BETWEEN:
            self._commits = 0
            self._checkpointer.request()
        if self._last_row - self._sync.confirmed > db.LEAP // 2:
            # Nobody has awaited `durable` for half a leap: what a power loss may take must stay
            # well within the positions that the next open leaves free.
            try:
                self._sync_to(self._last_row)
            except JournalError as failure:
                self._final(failure)
                raise
            self._sync.confirmed = self._last_row

    def _refuse_after_failure(self) -> None:
        if self._sync.failure is not None:
            raise self._sync.failure
        if self._checkpointer.failure is not None:
            raise self._final(self._checkpointer.failure)

    def _final(self, failure: JournalError) -> JournalError:
        """No verb works after `failure`: what the caller believes and what is on disk differ now."""
        self._sync.fail(failure)
        return failure
