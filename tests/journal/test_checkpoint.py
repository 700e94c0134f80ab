"""The WAL is folded into the database beside the loop; no promise depends on when."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from connector.journal import Journal, JournalUnwritableError, Row, checkpoint
from connector.journal.database import ROOM

FILLER = "x" * 300


def row(journal: Journal) -> Row:
    return Row(journal.next_position, 1, b'{"filler":"%s"}' % FILLER.encode())


async def fill(journal: Journal, commits: int) -> None:
    for n in range(commits):
        journal.append([row(journal)])
        if n % 20 == 19:
            await journal.durable(journal.next_position - 1)


async def test_the_wal_does_not_grow_with_the_history(
    open_journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start-up reads the whole WAL; and the disk is finite."""
    monkeypatch.setattr("connector.journal.store.COMMITS_BETWEEN", 100)
    journal = open_journal()

    for _ in range(20):
        await fill(journal, 100)
        await asyncio.sleep(0.02)  # a moment without orders, in which the copying catches up

    assert path.stat().st_size > 2000 * 300
    assert Path(f"{path}-wal").stat().st_size < ROOM + 1000 * 4096
    assert len(list(journal.replay())) == 2000


async def test_a_load_without_pause_is_held_up_rather_than_let_the_wal_grow_for_ever(
    open_journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.journal.store.COMMITS_BETWEEN", 50)
    monkeypatch.setattr(checkpoint, "INSIST_ABOVE_FRAMES", 200)
    journal = open_journal()

    await fill(journal, 4000)

    assert Path(f"{path}-wal").stat().st_size < ROOM + 200 * 4096
    assert len(list(journal.replay())) == 4000


async def test_a_reader_that_stays_delays_the_checkpoint_and_nothing_else(
    open_journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's shell left in a transaction must not stop orders."""
    monkeypatch.setattr("connector.journal.store.COMMITS_BETWEEN", 50)
    monkeypatch.setattr(checkpoint, "INSIST_ABOVE_FRAMES", 100)
    journal = open_journal()
    await fill(journal, 10)
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM facts").fetchone() == (10,)

    slowest = 0.0
    for _ in range(500):
        before = time.perf_counter()
        journal.append([row(journal)])
        slowest = max(slowest, time.perf_counter() - before)
    await journal.durable(journal.next_position - 1)

    assert slowest < 0.5  # far below the second that a locked database may take
    assert reader.execute("SELECT count(*) FROM facts").fetchone() == (10,)
    reader.close()
    assert len(list(journal.replay())) == 510


async def test_a_failed_checkpoint_ends_the_journal(
    open_journal, write, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database file that takes no page any more is a broken disk, wherever it shows first (P12)."""
    monkeypatch.setattr("connector.journal.store.COMMITS_BETWEEN", 1)

    def broken(database: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(checkpoint.Checkpointer, "_checkpoint", staticmethod(broken))
    journal = open_journal()

    write(journal, "{}")
    await asyncio.to_thread(journal._checkpointer._thread.join, 10)
    with pytest.raises(JournalUnwritableError, match="checkpoint failed"):
        write(journal, "{}")
    with pytest.raises(JournalUnwritableError, match="checkpoint failed"):
        await journal.durable(1)
