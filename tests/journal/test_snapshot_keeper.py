"""The daemon's snapshots are made by a child process, while rows go on being written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector import snapshots
from connector.journal import Journal, Row, read_snapshot
from connector.snapshots import Snapshots

Open = Callable[[], Journal]
BODY = b'{"is":"Reported","positions":[%d]}'


class Log:
    """What was said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **keys: Any) -> None:
        self.said.append((event, keys))

    error = info


async def test_a_snapshot_is_written_every_so_many_rows_without_holding_up_the_loop(
    path: Path, open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "LOOK_EVERY_S", 0.02)
    journal, log = open_journal(), Log()
    keeper = Snapshots(journal, unread=0, from_snapshot=False, log=log, every_rows=100)
    task = asyncio.create_task(keeper.keep())
    longest, until = 0.0, time.monotonic() + 20
    while len(log.said) < 2 and time.monotonic() < until:
        journal.append([Row(journal.next_position, 1, BODY % journal.next_position)])
        await journal.durable(journal.next_position - 1)
        begun = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - begun)
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert [event for event, _ in log.said] == ["snapshot_written"] * 2, log.said
    taken = read_snapshot(path)
    assert taken is not None
    assert log.said[0][1]["position"] >= 100
    assert taken.position >= log.said[1][1]["position"] >= 200
    assert longest < 0.1


async def test_damage_that_a_quick_start_did_not_read_is_told_to_the_operator(
    path: Path, open_journal: Open
) -> None:
    """The rows before a snapshot do not decide anything any more; that they are damaged must be known."""
    journal = open_journal()
    journal.append([Row(n, 1, BODY % n) for n in range(1, 101)])
    journal.close()
    content = bytearray(path.read_bytes())
    content[content.index(b'"positions":[50]') + 13] ^= 1
    path.write_bytes(content)
    log = Log()

    task = asyncio.create_task(
        Snapshots(open_journal(), unread=0, from_snapshot=True, log=log).keep(),
    )
    async with asyncio.timeout(20):
        while not log.said:
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    ((event, keys),) = log.said
    assert event == "journal_damaged"
    assert "damaged at position 50" in keys["text"]


async def test_a_snapshot_that_fails_is_told_and_does_not_stop_the_daemon(
    path: Path, open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, log = open_journal(), Log()
    journal.append([Row(n, 1, BODY % n) for n in range(1, 11)])
    await journal.durable(10)
    Path(f"{path}.snapshot").mkdir()  # in the way

    task = asyncio.create_task(
        Snapshots(journal, unread=0, from_snapshot=False, log=log, every_rows=5).keep()
    )
    async with asyncio.timeout(20):
        while not log.said:
            await asyncio.sleep(0.02)

    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert log.said[0][0] == "snapshot_failed"
    assert str(path) in log.said[0][1]["text"]
    assert not list(path.parent.glob("*.snapshot.*"))
