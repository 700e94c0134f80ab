"""What is appended comes back, in order, unchanged; positions are never given twice."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from connector.journal import (
    Journal,
    JournalBusyError,
    JournalDamagedError,
    JournalUnwritableError,
    JournalVersionError,
    Row,
)
from connector.journal.database import LEAP


def bodies(journal: Journal) -> list[str]:
    return [row.body.decode() for row in journal.replay()]


def test_a_new_journal_is_empty_and_starts_at_one(open_journal) -> None:
    journal = open_journal()

    assert list(journal.replay()) == []
    assert journal.next_position == 1


def test_rows_come_back_in_order_and_unchanged(open_journal, write) -> None:
    journal = open_journal()
    batch = [
        Row(1, 17, b'{"symbol":"BTCUSDT"}'),
        Row(2, 18, '{"text":"Grüße €"}'.encode()),
        Row(9, 16, b"{}"),
    ]

    journal.append(batch[:1])
    journal.append(batch[1:])

    assert list(journal.replay()) == batch
    assert journal.next_position == 10


def test_rows_of_a_closed_journal_are_there_at_the_next_open(open_journal, write, path: Path) -> None:
    journal = open_journal()
    write(journal, '{"n":1}', '{"n":2}')
    journal.close()

    assert not Path(f"{path}-wal").exists()  # one file to copy: a backup of a stopped daemon
    assert bodies(open_journal()) == ['{"n":1}', '{"n":2}']


def test_an_append_is_whole_or_absent(open_journal) -> None:
    """A second row that cannot be written takes the first of its unit with it."""
    journal = open_journal()

    with pytest.raises(JournalUnwritableError):
        journal.append([Row(1, 1, b"{}"), Row(2**63, 1, b"{}")])  # no SQLite integer

    with pytest.raises(JournalUnwritableError):
        journal.append([Row(1, 1, b"{}")])  # a journal that refused once is not trusted again
    journal.close()
    assert list(open_journal().replay()) == []


@pytest.mark.parametrize("positions", [(1, 1), (2, 1), (0,)])
def test_a_position_that_does_not_rise_is_our_bug(open_journal, positions: tuple[int, ...]) -> None:
    """ExecIDs and client order ids derive from positions: one position is one fact, for ever."""
    journal = open_journal()

    with pytest.raises(AssertionError):
        journal.append([Row(position, 1, b"{}") for position in positions])

    assert list(journal.replay()) == []


def test_positions_leap_at_every_open_even_if_nothing_was_written(open_journal, write) -> None:
    """A power cut may take a row whose position was already spoken of; the next open stays clear of it."""
    firsts = []
    for _ in range(3):
        journal = open_journal()
        firsts.append(journal.next_position)
        journal.close()
    journal = open_journal()
    last = write(journal, "{}")
    journal.close()

    assert all(later - earlier >= LEAP for earlier, later in pairwise(firsts))
    assert open_journal().next_position - last >= LEAP


def test_what_nobody_awaited_is_synced_long_before_it_fills_a_leap(open_journal) -> None:
    """Else a power cut could take rows beyond the positions that the next open leaves free."""
    synced: list[str] = []
    journal = open_journal(hook=synced.append)

    journal.append([Row(LEAP // 2, 1, b"{}")])
    assert "after_sync" not in synced
    journal.append([Row(LEAP // 2 + 1, 1, b"{}")])

    assert "after_sync" in synced


def test_operators_read_a_live_journal_with_their_own_tools(open_journal, write, path: Path) -> None:
    journal = open_journal()
    write(journal, '{"cl_ord_id":"c-1"}', '{"cl_ord_id":"c-2"}')

    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as tool:
        found = tool.execute(
            "SELECT position, at FROM story WHERE json_extract(body, '$.cl_ord_id') = 'c-2'"
        ).fetchall()
    tool.close()

    assert found == [(2, "2023-11-14T22:13:20.000000Z")]
    assert write(journal, "{}") == 3  # nor did the reader get in the way


def test_a_second_daemon_on_the_same_journal_is_refused(open_journal, path: Path) -> None:
    journal = open_journal()
    second = (
        "import sys; from pathlib import Path; from connector.journal import *\n"
        "try: Journal.open(Path(sys.argv[1]), product_version='1')\n"
        "except JournalBusyError as error: print(error)"
    )

    told = subprocess.run(
        [sys.executable, "-c", second, str(path)], capture_output=True, text=True, check=True
    ).stdout

    assert f"already in use by process {os.getpid()}" in told
    with pytest.raises(JournalBusyError):
        Journal.open(path, product_version="1")
    journal.close()
    open_journal()


def test_a_removed_lock_file_locks_nobody_out(open_journal, path: Path) -> None:
    open_journal().close()
    Path(f"{path}.lock").unlink()

    open_journal()


def refused_untouched(path: Path, open_journal: Callable[[], Journal]) -> str:
    before = path.read_bytes()
    with pytest.raises(JournalVersionError) as refusal:
        open_journal()
    assert path.read_bytes() == before
    return str(refusal.value)


@pytest.mark.parametrize(("version", "age"), [(3, "newer format 3"), (-1, "older format -1")])
def test_another_format_is_refused_and_not_touched(open_journal, path: Path, version: int, age: str) -> None:
    open_journal().close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version={version}")
    other.close()

    assert age in refused_untouched(path, open_journal)


def test_another_programs_database_is_refused_and_not_touched(open_journal, path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE facts (position)")
    other.close()

    assert "another program's database" in refused_untouched(path, open_journal)


def test_a_file_that_is_no_database_is_damaged(open_journal, path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)

    with pytest.raises(JournalDamagedError, match="not a database"):
        open_journal()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(JournalUnwritableError, match=r"file/journal\.db"):
        Journal.open(tmp_path / "file" / "journal.db", product_version="1")


def test_a_crash_while_making_the_file_leaves_a_new_journal(open_journal, path: Path) -> None:
    """The tables are made in one transaction: an empty file is all that a crash can leave."""
    path.touch()

    assert open_journal().next_position == 1
