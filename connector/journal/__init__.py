"""The write-ahead journal: facts, in order, that survive a crash.

Two verbs carry the promises. `append` is synchronous: when it returns, the rows survive kill -9
(P2). `durable` is awaited before anything leaves for the venue: when it returns, the rows survive
a power loss (P1). Both fail for ever after the first failure (P12).
"""

from connector.journal.errors import (
    JournalBusyError,
    JournalDamagedError,
    JournalError,
    JournalUnwritableError,
    JournalVersionError,
)
from connector.journal.pruning import archives, last_row_before, prune
from connector.journal.reader import Opened, Reading, reading
from connector.journal.rows import Row
from connector.journal.snapshot import Snapshot, read_snapshot, snapshot_path, write_snapshot
from connector.journal.store import Journal

__all__ = [
    "Journal",
    "JournalBusyError",
    "JournalDamagedError",
    "JournalError",
    "JournalUnwritableError",
    "JournalVersionError",
    "Opened",
    "Reading",
    "Row",
    "Snapshot",
    "archives",
    "last_row_before",
    "prune",
    "read_snapshot",
    "reading",
    "snapshot_path",
    "write_snapshot",
]
