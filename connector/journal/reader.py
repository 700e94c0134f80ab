"""Reading a journal without holding it: of a running daemon, of a dead one, or an archive of pruned rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.journal.database import connect_to_read, refuse_foreign
from connector.journal.errors import JournalDamagedError, JournalError, JournalVersionError
from connector.journal.guard import confirmed_position
from connector.journal.rows import Row, read


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

    def rows(self) -> Iterator[Row]:
        """Every row in order, each proved whole and each proved to follow the one before it; and the end.

        Raises:
            JournalDamagedError: at the first row that cannot be vouched for, or that is gone.
        """
        last = 0
        for row in read(self._database, self.path):
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
