"""Opening the journal's database file: know it for ours, make it, and let nothing unsynced stand."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from connector.journal.base import base_position
from connector.journal.errors import JournalDamagedError, JournalUnwritableError, JournalVersionError
from connector.journal.rows import APPLICATION_ID, BASE_SCHEMA, SCHEMA, SCHEMA_VERSION

# The positions left free at every open. Positions are spoken of (ExecIDs, client order ids) as soon
# as their row survives kill -9, which is before it survives a power loss; a row lost that way must
# not leave its position to another fact. `Journal.append` keeps what is unsynced well below this.
LEAP: Final = 1_000_000
# Zeros written behind the WAL's frames at open: a sync of a file that does not grow costs half of one
# that does (no metadata to commit). SQLite reads no further than its last whole frame.
ROOM: Final = 10 * 1024 * 1024  # bytes; the frames of `checkpoint.COMMITS_BETWEEN` commits and some
READABLE: Final = (1, SCHEMA_VERSION)  # PRAGMA user_version
_WAIT_FOR_OTHERS_S: Final = 1.0  # a foreign tool holding the write lock longer than this is a fault


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the kernel say into a JournalError."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:  # full, read-only, locked, I/O error
        raise JournalUnwritableError(path, f"cannot be opened or written ({error})") from error
    except sqlite3.DatabaseError as error:  # malformed, or no database at all
        raise JournalDamagedError(path, 1, f"SQLite cannot read it ({error})") from error


def examine(path: Path) -> int:
    """The last row's position, 0 where there is no journal yet. Changes nothing on disk.

    A read-only connection neither checkpoints nor removes the WAL when it closes, so that a journal
    we refuse is left as it was found for whoever has to save it.

    Raises:
        JournalVersionError: the file belongs to another program or another version.
        sqlite3.Error, OSError: see `translated`.
    """
    if not path.exists() or path.stat().st_size == 0:
        return 0
    with closing(connect_to_read(path)) as database:
        if _is_unused(database, path):
            return 0
        return last_position(database, path)


def last_position(database: sqlite3.Connection, path: Path) -> int:
    """The last row's position, or that of the last row pruned; 0 where there never was one."""
    last = database.execute("SELECT max(position) FROM facts").fetchone()[0]
    return int(last) if last is not None else base_position(database, path)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, for a journal that may be in use by a running daemon."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_FOR_OTHERS_S, isolation_level=None
    )


def connect_to_append(path: Path) -> sqlite3.Connection:
    """The appending connection, with the tables there and the WAL in use.

    Raises:
        JournalUnwritableError: the file system allows no WAL.
        sqlite3.Error, OSError: see `translated`.
    """
    # SQLite gives the WAL the same mode; facts name accounts and sizes, which are nobody else's business.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o640))
    database = sqlite3.connect(path, timeout=_WAIT_FOR_OTHERS_S, isolation_level=None)
    try:
        if _is_unused(database, path):
            lay_out(database)
        _upgrade(database)
        _use_wal(database, path)
    except BaseException:
        database.close()
        raise
    return database


def settle(database: sqlite3.Connection) -> None:
    """Write everything an earlier process left in the WAL into the database file, synced.

    A process that died of a failed sync leaves rows that the page cache still shows and the disk may
    not have; a sync now would pass without writing them again. Copying them does write them.
    """
    database.execute("PRAGMA synchronous=FULL")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def claim_positions(database: sqlite3.Connection, path: Path, last: int, product_version: str) -> int:
    """Put on stable storage where this open's positions begin, and return that first position.

    Not only beyond all that is written here: at least the time in ms as well, so that an old copy of the
    journal, put back, does not give out the numbers that were used after it was made (design, section 4).
    """
    opened = int(database.execute("SELECT coalesce(max(first_position), 0) FROM opens").fetchone()[0])
    beyond = (max(last, opened) // LEAP + 2) * LEAP
    first = max(beyond, time.time_ns() // 1_000_000) if last or opened else 1
    database.execute("INSERT INTO opens VALUES (?, ?, ?)", (first, time.time_ns(), product_version))
    sync_directory(path)  # this write has made the WAL file: its name must survive as well
    return first


def make_room(database: sqlite3.Connection, wal_descriptor: int) -> None:
    """Write the WAL file out to `ROOM`, synced."""
    database.execute("BEGIN IMMEDIATE")  # no tool's frame may come between the size and the zeros
    size = os.fstat(wal_descriptor).st_size
    os.pwrite(wal_descriptor, bytes(max(0, ROOM - size)), size)
    os.fsync(wal_descriptor)
    database.execute("ROLLBACK")


def refuse_foreign(database: sqlite3.Connection, path: Path) -> None:
    """Refuse to read what is no journal of ours.

    Raises:
        JournalVersionError: the file belongs to another program or another version, or is empty.
    """
    if _is_unused(database, path):
        raise JournalVersionError(path, "is empty: no connector has written to it yet")


def _is_unused(database: sqlite3.Connection, path: Path) -> bool:
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID and version in READABLE:
        return False
    if application == APPLICATION_ID:
        age = "newer" if version > SCHEMA_VERSION else "older"
        raise JournalVersionError(
            path,
            f"is in the {age} format {version}, this release reads formats {READABLE[0]} to {READABLE[-1]}: "
            f"run a release of the journal's age; the file was not touched",
        )
    if application or version or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise JournalVersionError(path, "is another program's database: configure another journal path")
    return True


def lay_out(database: sqlite3.Connection) -> None:
    """Make the tables of a new journal."""
    # One transaction: a crash here leaves an empty file, which is unused still.
    database.executescript(
        f"BEGIN IMMEDIATE; {SCHEMA}{BASE_SCHEMA}"
        f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
    )


def _upgrade(database: sqlite3.Connection) -> None:
    """Format 1 had no pruned rows and so no table for what they amount to; all else is the same."""
    if database.execute("PRAGMA user_version").fetchone()[0] == 1:
        database.executescript(
            f"BEGIN IMMEDIATE; {BASE_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
        )


def _use_wal(database: sqlite3.Connection, path: Path) -> None:
    mode = database.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise JournalUnwritableError(path, f"its file system allows no SQLite WAL (journal_mode={mode})")
    database.execute("PRAGMA wal_autocheckpoint=0")  # checkpoint.py does it, beside the loop


def sync_directory(path: Path) -> None:
    """Put the name of the file at `path` on stable storage."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
