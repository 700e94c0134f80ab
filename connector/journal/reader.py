"""Reading a journal without holding it: of a running daemon, of a dead one, or an archive of pruned rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.journal.base import base_position, read_base
from connector.journal.database import connect_to_read, refuse_foreign
from connector.journal.errors import JournalDamagedError, JournalError, JournalVersionError
from connector.journal.guard import confirmed_position
from connector.journal.rows import Row, crc_at, read
from connector.journal.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening of the journal by a daemon."""

    first_position: int
    at_ns: int  # wall clock, nanoseconds since 1970 UTC
    product_version: str


class Reading:
    """A journal as it was at one moment, however long the reading takes."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        # Before the rows are fixed: what was confirmed by then must be among them.
        self.confirmed = confirmed_position(path)
        self._database = database
        database.execute("BEGIN")  # the first SELECT fixes the moment

    def opens(self) -> list[Opened]:
        """Every opening, the oldest first."""
        lines = self._database.execute("SELECT first_position, at_ns, product_version FROM opens ORDER BY 1")
        return [Opened(*line) for line in lines]

    @property
    def base_position(self) -> int:
        """The position of the last row that was pruned; 0 when none was."""
        return base_position(self._database, self.path)

    def base(self) -> Snapshot | None:
        """What the pruned rows amount to; None when none were.

        Raises:
            JournalDamagedError: it is not what was written.
        """
        return read_base(self._database, self.path)

    def crc_at(self, position: int) -> int | None:
        """The checksum of the row at `position`; None: no such row."""
        return crc_at(self._database, position)

    def replay(self, after: int | None = None) -> Iterator[Row]:
        """Every row behind `after`, else every one there is: in order, each proved whole and each proved to
        follow the one before it; and proved to be all that was confirmed.

        Raises:
            JournalDamagedError: at the first row that cannot be vouched for, or that is gone.
        """
        last = base_position(self._database, self.path) if after is None else after
        for row in read(self._database, self.path, last):
            yield row
            last = row.position
        if self.confirmed > last:
            text = f"it ends at {last}, but {self.confirmed} was on stable storage: rows are lost"
            raise JournalDamagedError(self.path, last + 1, text)


@contextmanager
def reading(path: Path) -> Iterator[Reading]:
    """Open the journal at `path` to read; a daemon may go on writing it meanwhile.

    Raises:
        JournalError: there is none, it cannot be read, or it is another program's or another version's.
    """
    if not path.is_file():
        raise JournalError(path, "is a directory" if path.is_dir() else "there is no such file")
    try:
        with closing(_connected(path)) as database:
            refuse_foreign(database, path)
            yield Reading(path, database)
    except sqlite3.OperationalError as error:
        raise JournalError(path, f"cannot be read ({error})") from error
    except sqlite3.DatabaseError as error:
        raise JournalDamagedError(path, 1, f"SQLite cannot read it ({error})") from error


def _connected(path: Path) -> sqlite3.Connection:
    """A read-only connection; from a read-only directory too, where nobody can be writing."""
    database = connect_to_read(path)
    try:
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        database.close()
        if Path(f"{path}-wal").exists():
            raise
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, isolation_level=None)
    except sqlite3.DatabaseError as error:
        database.close()
        raise JournalVersionError(path, f"is no journal ({error})") from error
    return database
