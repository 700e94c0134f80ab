"""One journal row: how it is laid out in the table, checked, and read back."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connector.journal.errors import JournalDamagedError

APPLICATION_ID: Final = 0x464D584A  # "FMXJ" in the database header: this file is a journal of ours
SCHEMA_VERSION: Final = 2  # PRAGMA user_version; a change of the tables or of `checksum` raises it

# `previous` chains each row to the one before it, so that a hole in the middle is seen even where
# positions leap. `base` holds what pruned rows amount to (`connector.journal.base`), in parts. `story` is
# for people with the sqlite3 shell; nothing of ours reads it.
BASE_SCHEMA: Final = """
CREATE TABLE base (
  part INTEGER PRIMARY KEY,
  parts INTEGER NOT NULL,
  position INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  body BLOB NOT NULL
);
"""
SCHEMA: Final = """
CREATE TABLE facts (
  position INTEGER PRIMARY KEY,
  previous INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE opens (
  first_position INTEGER PRIMARY KEY,
  at_ns INTEGER NOT NULL,
  product_version TEXT NOT NULL
);
CREATE VIEW story AS
  SELECT position, strftime('%Y-%m-%dT%H:%M:%S', at_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', at_ns / 1000 % 1000000) AS at, body
  FROM facts;
"""

INSERT: Final = "INSERT INTO facts VALUES (?, ?, ?, ?, CAST(? AS TEXT))"
# CAST both ways: the body stays readable text for operators, yet a damaged byte reaches the
# checksum instead of failing as bad UTF-8 inside the driver.
_SELECT: Final = (
    "SELECT position, previous, at_ns, crc, CAST(body AS BLOB) FROM facts "
    "WHERE position > ? ORDER BY position"
)
_AT_A_TIME: Final = 1000

Line = tuple[int, int, int, int, bytes]


@dataclass(frozen=True, slots=True)
class Row:
    """One fact. `position` is given by the caller and only ever rises; `body` is one JSON object."""

    position: int
    at_ns: int  # wall clock, nanoseconds since 1970 UTC
    body: bytes  # UTF-8 JSON


def checksum(position: int, previous: int, at_ns: int, body: bytes) -> int:
    """CRC-32 over everything a row states, its place in the chain included."""
    return zlib.crc32(body, zlib.crc32(b"%d %d %d " % (position, previous, at_ns)))


def laid_out(rows: Sequence[Row], last: int) -> list[Line]:
    """The table's tuples for `rows`, chained behind position `last`."""
    lines = []
    for row in rows:
        assert row.position > last, f"position {row.position} after {last}: positions only rise"
        check = checksum(row.position, last, row.at_ns, row.body)
        lines.append((row.position, last, row.at_ns, check, row.body))
        last = row.position
    return lines


def crc_at(database: sqlite3.Connection, position: int) -> int | None:
    """The checksum written with the row at `position`; None where there is no such row."""
    found = database.execute("SELECT crc FROM facts WHERE position = ?", (position,)).fetchone()
    return None if found is None else int(found[0])


def read(database: sqlite3.Connection, path: Path, after: int = 0) -> Iterator[Row]:
    """Every row behind position `after` in order, each proved whole and proved to follow the one before it.

    Raises:
        JournalDamagedError: a row fails its checksum, rows are missing between two others, or
            SQLite itself cannot read the file; `position` is the first that cannot be vouched for.
    """
    last = after
    try:
        cursor = database.execute(_SELECT, (after,))
        while lines := cursor.fetchmany(_AT_A_TIME):
            for line in lines:
                yield _proved(line, last, path)
                last = line[0]
    except sqlite3.DatabaseError as error:
        raise JournalDamagedError(path, last + 1, f"SQLite cannot read on ({error})") from error


def _proved(line: Line, last: int, path: Path) -> Row:
    position, previous, at_ns, crc, body = line
    try:
        whole = checksum(position, previous, at_ns, body) == crc
    except TypeError:  # a damaged cell may even have another type
        whole = False
    if not whole:
        raise JournalDamagedError(path, position, "the row does not match its checksum")
    if previous != last:
        raise JournalDamagedError(
            path,
            last + 1,
            f"rows are missing between {last} and {position}, which was written after {previous}",
        )
    return Row(position, at_ns, body)
