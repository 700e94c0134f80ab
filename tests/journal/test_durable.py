"""`durable` returns when the rows are on stable storage, and never again after a sync has failed."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from connector.journal import Journal, JournalError, JournalUnwritableError
from connector.journal.guard import Mark


class Disk:
    """A hook that counts syncs, can hold one up, and can break one."""

    def __init__(self) -> None:
        self.syncs = 0
        self.broken = False
        self.let_go = threading.Event()
        self.let_go.set()

    def __call__(self, point: str) -> None:
        if point == "before_sync":
            self.syncs += 1
            assert self.let_go.wait(10)
            if self.broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO))


async def under_way(disk: Disk, syncs: int) -> None:
    while disk.syncs < syncs:
        await asyncio.sleep(0.001)


async def test_waiters_share_one_sync_and_the_next_group_collects(open_journal, write) -> None:
    """A sync costs the same for one and for a hundred (performance.md, "The journal")."""
    disk = Disk()
    journal = open_journal(hook=disk)
    disk.let_go.clear()
    first = asyncio.create_task(journal.durable(write(journal, "{}")))
    await under_way(disk, 1)

    group = [asyncio.create_task(journal.durable(write(journal, "{}"))) for _ in range(100)]
    await asyncio.sleep(0.01)
    assert disk.syncs == 1  # one in flight
    assert not first.done()
    disk.let_go.set()
    await asyncio.gather(first, *group)

    assert disk.syncs == 2


async def test_a_row_appended_during_a_sync_waits_for_the_next(open_journal, write) -> None:
    disk = Disk()
    journal = open_journal(hook=disk)
    disk.let_go.clear()
    early = write(journal, "{}")
    first = asyncio.create_task(journal.durable(early))
    await under_way(disk, 1)
    late = asyncio.create_task(journal.durable(write(journal, "{}")))
    also_early = asyncio.create_task(journal.durable(early))
    await asyncio.sleep(0)

    disk.let_go.set()
    await asyncio.gather(first, also_early)
    assert not late.done()
    await late
    assert disk.syncs == 2


async def test_a_row_already_on_stable_storage_costs_no_sync(open_journal, write) -> None:
    disk = Disk()
    journal = open_journal(hook=disk)
    position = write(journal, "{}", "{}")
    await journal.durable(position)

    await journal.durable(position - 1)

    assert disk.syncs == 1


async def test_one_waiter_that_gives_up_does_not_stop_the_others(open_journal, write) -> None:
    disk = Disk()
    journal = open_journal(hook=disk)
    disk.let_go.clear()
    position = write(journal, "{}")
    impatient, patient = (asyncio.create_task(journal.durable(position)) for _ in range(2))
    await under_way(disk, 1)

    impatient.cancel()
    await asyncio.sleep(0)
    disk.let_go.set()

    await patient
    assert impatient.cancelled()


async def test_after_a_failed_sync_nothing_is_durable_ever_again(open_journal, write) -> None:
    """The kernel reports a lost page once; a second fsync that succeeds proves nothing (P12)."""
    disk = Disk()
    journal = open_journal(hook=disk)
    kept = write(journal, "{}")
    await journal.durable(kept)
    position = write(journal, "{}")
    disk.broken = True
    with pytest.raises(JournalUnwritableError, match="Input/output error"):
        await journal.durable(position)

    disk.broken = False  # the disk seems well again
    with pytest.raises(JournalUnwritableError):
        await journal.durable(position)
    with pytest.raises(JournalUnwritableError):
        await journal.durable(kept)
    with pytest.raises(JournalUnwritableError):
        write(journal, "{}")
    assert disk.syncs == 2


async def test_a_failed_sync_is_told_to_those_who_came_after_it_began(open_journal, write) -> None:
    disk = Disk()
    journal = open_journal(hook=disk)
    disk.let_go.clear()
    disk.broken = True
    first = asyncio.create_task(journal.durable(write(journal, "{}")))
    await under_way(disk, 1)
    second = asyncio.create_task(journal.durable(write(journal, "{}")))
    await asyncio.sleep(0)
    disk.let_go.set()

    told = await asyncio.gather(first, second, return_exceptions=True)

    assert [type(error) for error in told] == [JournalUnwritableError] * 2
    assert disk.syncs == 1


async def test_a_bug_in_the_worker_reaches_those_who_wait(open_journal, write) -> None:
    """A worker that died silently would leave a daemon that accepts orders and sends none (P12)."""

    def hook(point: str) -> None:
        if point == "after_sync":
            raise ZeroDivisionError

    journal = open_journal(hook=hook)

    with pytest.raises(ZeroDivisionError):
        await journal.durable(write(journal, "{}"))


@pytest.mark.parametrize("lost", ["journal.db", "journal.db-wal"])
async def test_files_removed_under_a_running_daemon_are_noticed(
    open_journal, write, tmp_path: Path, lost: str
) -> None:
    """The kernel syncs a removed file without complaint; the rows would be gone at the next start."""
    journal = open_journal()
    (tmp_path / lost).unlink()

    with pytest.raises(JournalUnwritableError):
        await journal.durable(write(journal, "{}"))


async def test_the_mark_never_runs_ahead_of_what_was_synced(open_journal, write, path: Path) -> None:
    disk = Disk()
    journal = open_journal(hook=disk)
    confirmed = write(journal, "{}")
    await journal.durable(confirmed)
    disk.broken = True

    with pytest.raises(JournalError):
        await journal.durable(write(journal, "{}"))

    mark = Mark(path)
    assert mark.read() == confirmed
    mark.close()


async def test_closing_syncs_what_nobody_awaited(path: Path, write) -> None:
    disk = Disk()
    journal = Journal.open(path, product_version="1", hook=disk)
    write(journal, "{}")

    journal.close()
    journal.close()  # twice is once

    assert disk.syncs == 1
    with pytest.raises(JournalError, match="closed"):
        await journal.durable(1)
    with pytest.raises(JournalError, match="closed"):
        write(journal, "{}")


async def test_two_journals_in_one_process_know_nothing_of_each_other(tmp_path: Path, write) -> None:
    """Two connectors can live in one process of a test (design, section 8)."""
    broken, well = Disk(), Disk()
    one = Journal.open(tmp_path / "one.db", product_version="1", hook=broken)
    other = Journal.open(tmp_path / "other.db", product_version="1", hook=well)
    broken.broken = True

    with pytest.raises(JournalUnwritableError):
        await one.durable(write(one, "{}"))
    await other.durable(write(other, "{}"))

    one.close()
    other.close()
