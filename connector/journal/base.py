"""The journal's base: what its pruned rows amount to, in the same file and as well checked as a row.

Unlike `<journal>.snapshot` it is no shortcut: the rows it stands for are in an archive, or gone.
"""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path
from typing import Final

from connector.journal.errors import JournalDamagedError
from connector.journal.snapshot import Snapshot

PART: Final = 16 * 1024 * 1024  # bytes; one SQLite value may not be larger than 1 GB


def base_position(database: sqlite3.Connection, path: Path) -> int:
    """The position of the last row that was pruned; 0 when none was.

    Raises:
        JournalDamagedError: SQLite cannot tell.
    """
    try:
        if not _has_table(database):
            return 0
        return int(database.execute("SELECT coalesce(max(position), 0) FROM base").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise JournalDamagedError(path, 1, f"SQLite cannot read its base ({error})") from error


def read_base(database: sqlite3.Connection, path: Path) -> Snapshot | None:
    """The base, proved whole; None when no row was ever pruned.

    Raises:
        JournalDamagedError: a part fails its checksum, or is missing.
    """
    if not _has_table(database):
        return None
    try:
        lines = database.execute(
            "SELECT part, parts, position, crc, CAST(body AS BLOB) FROM base ORDER BY part"
        ).fetchall()
    except sqlite3.DatabaseError as error:
        raise JournalDamagedError(path, 1, f"SQLite cannot read its base ({error})") from error
    if not lines:
        return None
    for expected, (part, parts, position, crc, body) in enumerate(lines):
        try:
            whole = part == expected and parts == len(lines) and _check(part, parts, position, body) == crc
        except TypeError:  # a damaged cell may even have another type
            whole = False
        if not whole:
            raise JournalDamagedError(path, 1, "what was kept of its pruned rows does not match its checksum")
    return Snapshot(int(lines[0][2]), 0, b"".join(line[4] for line in lines))


def write_base(database: sqlite3.Connection, position: int, body: bytes) -> None:
    """Put `body` in the place of the base, within the caller's transaction."""
    parts = max(1, -(-len(body) // PART))
    database.execute("DELETE FROM base")
    for part in range(parts):
        content = body[part * PART : (part + 1) * PART]
        line = (part, parts, position, _check(part, parts, position, content), content)
        database.execute("INSERT INTO base VALUES (?, ?, ?, ?, ?)", line)


def _check(part: int, parts: int, position: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(b"%d %d %d " % (part, parts, position)))


def _has_table(database: sqlite3.Connection) -> bool:
    """Format 1 has none."""
    return bool(database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'base'").fetchone()[0])
