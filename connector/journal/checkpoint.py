"""Moving what the WAL holds into the database file, beside the loop instead of inside a commit."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from connector.journal.errors import JournalUnwritableError

COMMITS_BETWEEN: Final = 2000  # about 8 MB of WAL: a second of full load, minutes of an ordinary day
INSIST_ABOVE_FRAMES: Final = 65_536  # 256 MB of WAL


class Checkpointer:
    """Checkpoints on a thread and a connection of its own, so that neither loop nor sync waits.

    PASSIVE copies while others write and never makes them wait, but the WAL starts again from its
    beginning only when a writer finds it copied to the last frame, which a load without a pause may
    never allow. Beyond `INSIST_ABOVE_FRAMES` one RESTART holds the writer up for the few frames
    written since the PASSIVE before it. A reader that stays in a transaction (an operator's shell)
    can delay both: then the WAL grows until it has finished, and nothing is lost.
    """

    def __init__(self, path: Path) -> None:
        self.failure: JournalUnwritableError | None = None  # final, read by the loop
        self._path = path
        self._requests: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def request(self) -> None:
        """Checkpoint soon; returns at once."""
        self._requests.put(True)

    def stop(self) -> None:
        """End the thread once the checkpoint under way, if any, is done."""
        self._requests.put(False)
        self._thread.join()

    def _work(self) -> None:
        try:
            # No busy timeout: RESTART would keep the writer waiting for as long as a reader reads.
            database = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            try:
                # NORMAL syncs the WAL before its frames are copied and the database before the WAL
                # may start again, so no confirmed row ever depends on an unsynced page.
                database.execute("PRAGMA synchronous=NORMAL")
                while self._requests.get():
                    self._checkpoint(database)
            finally:
                database.close()
        except sqlite3.Error as error:
            self.failure = JournalUnwritableError(self._path, f"checkpoint failed ({error})")

    @staticmethod
    def _checkpoint(database: sqlite3.Connection) -> None:
        _, frames, _ = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if frames > INSIST_ABOVE_FRAMES:
            database.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
