"""Moving old rows out of a journal into an archive, with what they amount to kept in their place.

Done only while no daemon holds the journal. At every instant each row is in the journal or in
a whole archive; after a crash in between it is in both, and pruning again comes to the same.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from connector.journal import database as db
from connector.journal.base import base_position, read_base, write_base
from connector.journal.errors import JournalError
from connector.journal.guard import Lock, confirmed_position
from connector.journal.rows import APPLICATION_ID, BASE_SCHEMA, SCHEMA, SCHEMA_VERSION, read


def last_row_before(path: Path, at_ns: int) -> int:
    """The position up to which every row is older than `at_ns`; 0 for none.

    Raises:
        sqlite3.Error: see `database.translated`.
    """
    with closing(db.connect_to_read(path)) as database:
        newer = database.execute("SELECT min(position) FROM facts WHERE at_ns >= ?", (at_ns,)).fetchone()[0]
        limit = db.last_position(database, path) + 1 if newer is None else int(newer)
        found = database.execute("SELECT max(position) FROM facts WHERE position < ?", (limit,)).fetchone()[0]
        return int(found or 0)


def archive_path(path: Path, first: int, last: int) -> Path:
    """`journal.db` -> `journal-1-5000.db`."""
    return path.with_name(f"{path.stem}-{first}-{last}{path.suffix}")


def prune(path: Path, through: int, base: bytes) -> Path:
    """Move the rows up to `through` to an archive and put `base`, what they amount to, in their place.

    Raises:
        JournalError: a daemon holds it, it is not whole, or the disk refused; it is then as it was.
    """
    with db.translated(path):
        lock = Lock(path)
        try:
            last = db.examine(path)
            if confirmed_position(path) > last:
                raise JournalError(path, f"ends at {last}, before what was confirmed: it is not pruned")
            with closing(db.connect_to_append(path)) as database:
                db.settle(database)
                archive = _archive(database, path, through)
                _replace(database, path, through, base)
            return archive
        finally:
            lock.release()


def archives(path: Path, base: int) -> list[Path]:
    """The archives of the rows up to `base` that are still beside the journal, the oldest first."""
    found: list[Path] = []
    while base:
        candidates = sorted(path.parent.glob(f"{path.stem}-*-{base}{path.suffix}"))
        if len(candidates) != 1:
            break
        found.insert(0, candidates[0])
        with db.translated(candidates[0]), closing(db.connect_to_read(candidates[0])) as database:
            base = base_position(database, candidates[0])
    return found


def _archive(database: sqlite3.Connection, path: Path, through: int) -> Path:
    first = database.execute("SELECT min(position) FROM facts").fetchone()[0]
    archive = archive_path(path, first, through)
    temporary = archive.with_name(f"{archive.name}.unfinished")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640))
    base = base_position(database, path)
    try:
        database.execute("ATTACH ? AS archive", (str(temporary),))
        _copy(database, through)
        database.execute("DETACH archive")
        with closing(sqlite3.connect(temporary)) as copy:
            read_base(copy, temporary)
            copied = sum(1 for _ in read(copy, temporary, base))  # proves each
        rows = database.execute("SELECT count(*) FROM facts WHERE position <= ?", (through,)).fetchone()[0]
        if copied != rows:
            raise JournalError(path, f"is not pruned: {copied} of {rows} rows reached {temporary}")
        _sync(temporary)
        temporary.replace(archive)
        db.sync_directory(archive)
    finally:
        temporary.unlink(missing_ok=True)
    return archive


def _copy(database: sqlite3.Connection, through: int) -> None:
    tables = (BASE_SCHEMA + SCHEMA).split("CREATE VIEW")[0].replace("CREATE TABLE ", "CREATE TABLE archive.")
    database.executescript(f"BEGIN; {tables} COMMIT;")
    database.execute("BEGIN")
    database.execute("INSERT INTO archive.facts SELECT * FROM main.facts WHERE position <= ?", (through,))
    database.execute(
        "INSERT INTO archive.opens SELECT * FROM main.opens WHERE first_position <= ?", (through,)
    )
    database.execute("INSERT INTO archive.base SELECT * FROM main.base")
    database.execute("COMMIT")
    database.execute(f"PRAGMA archive.application_id={APPLICATION_ID}")
    database.execute(f"PRAGMA archive.user_version={SCHEMA_VERSION}")


def _replace(database: sqlite3.Connection, path: Path, through: int, base: bytes) -> None:
    database.execute("PRAGMA synchronous=FULL")
    database.execute("BEGIN IMMEDIATE")
    try:
        write_base(database, through, base)
        database.execute("DELETE FROM facts WHERE position <= ?", (through,))
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("VACUUM")  # gives the room back; needs as much again while it works
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
