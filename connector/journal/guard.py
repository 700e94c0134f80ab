"""The two small files beside a journal: who holds it, and how far it was confirmed."""

from __future__ import annotations

import fcntl
import os
import zlib
from pathlib import Path
from typing import Final

from connector.journal.errors import JournalBusyError, JournalDamagedError


class Lock:
    """`<journal>.lock`: an exclusive flock, so it ends with the process however that ends.

    A separate file, because closing any descriptor of the database file would drop SQLite's own
    POSIX locks on it (sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        JournalBusyError: another process (or another `Journal` here) holds it.
        OSError: the file cannot be created.
    """

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(f"{journal.name}.lock")
        while True:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
                os.close(self._descriptor)
                raise JournalBusyError(journal, f"process {holder or 'unknown'}") from None
            if _is_still(path, self._descriptor):
                break
            os.close(self._descriptor)  # removed between open and flock: what we hold guards nothing
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let the next process in. The file stays: removing it would race with who opens it."""
        os.close(self._descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


_LONGEST: Final = 64  # bytes


def confirmed_position(journal: Path) -> int:
    """What the mark beside `journal` states, for who only reads; 0 where there is none."""
    try:
        return _stated(journal.with_name(f"{journal.name}.mark").read_bytes()[:_LONGEST])
    except FileNotFoundError:
        return 0


def _stated(content: bytes) -> int:
    text, _, check = content.partition(b"\n")[0].partition(b" ")
    return int(text) if text.isdigit() and check == b"%08x" % zlib.crc32(text) else 0


class Mark:
    """`<journal>.mark`: the last position that was confirmed to be on stable storage.

    Without it a journal that lost its end would look like a shorter, healthy one: SQLite drops
    everything behind the first bad frame of its WAL without a word, and so would a removed WAL or
    an old copy put back. The mark is written after the confirmation and never synced, so it may be
    older than the truth but never newer: what it states must be there.
    """

    def __init__(self, journal: Path) -> None:
        self._descriptor = os.open(journal.with_name(f"{journal.name}.mark"), os.O_RDWR | os.O_CREAT, 0o600)

    def read(self) -> int:
        """The position stated; 0 where nothing is, or nothing legible (a power cut may do that)."""
        return _stated(os.pread(self._descriptor, _LONGEST, 0))

    def refuse_a_lost_end(self, journal: Path, last: int) -> None:
        """Compare with the last row found.

        Raises:
            JournalDamagedError: rows that were on stable storage are gone.
        """
        confirmed = self.read()
        if confirmed > last:
            raise JournalDamagedError(
                journal,
                last + 1,
                f"it ends at {last}, but {confirmed} was on stable storage: rows are lost. Put back the "
                "complete journal with its -wal file, or settle the open orders at the venue by hand and "
                "start a new journal with another clientOrderIdPrefix",
            )

    def write(self, position: int) -> None:
        """State that everything up to `position` is on stable storage."""
        text = b"%020d" % position  # one width, far below a sector: no torn statement
        os.pwrite(self._descriptor, b"%s %08x\n" % (text, zlib.crc32(text)), 0)

    def close(self) -> None:
        os.close(self._descriptor)
