"""A journal of another release is read as what it is, upgraded, or refused with a sentence; never misread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from connector import recovery
from connector.core.router import Router
from connector.journal import Journal, JournalDamagedError, JournalVersionError, Row, reading
from connector.journal.rows import APPLICATION_ID, INSERT, laid_out

# The tables of format 1, word for word as that release made them.
FORMAT_1 = """
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
BODIES = (b'{"is":"Reported","positions":[1]}', b'{"is":"Reported","positions":[2,3]}')


@pytest.fixture
def old(path: Path) -> Path:
    """A journal of format 1 with two rows."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(FORMAT_1)
    database.execute("INSERT INTO opens VALUES (1, 5, '0.0.9')")
    database.executemany(INSERT, laid_out([Row(n, n, body) for n, body in enumerate(BODIES, 1)], 0))
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    database.execute("PRAGMA user_version=1")
    database.commit()
    database.close()
    return path


def test_a_journal_of_format_1_is_upgraded_and_keeps_every_row(
    old: Path, open_journal: Callable[[], Journal]
) -> None:
    journal = open_journal()

    assert [row.body for row in journal.replay()] == list(BODIES)
    journal.append([Row(journal.next_position, 9, b"{}")])
    journal.close()
    with reading(old) as read:
        assert [row.body for row in read.replay()] == [*BODIES, b"{}"]
        assert [opened.product_version for opened in read.opens()] == ["0.0.9", "1.2.3"]
    database = sqlite3.connect(old)
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    database.close()


def test_a_journal_of_format_1_is_read_without_being_changed(old: Path) -> None:
    before = old.read_bytes()

    with reading(old) as read:
        assert [row.body for row in read.replay()] == list(BODIES)
        assert read.base() is None

    assert old.read_bytes() == before


@pytest.mark.parametrize(("version", "age"), [(3, "newer format 3"), (-1, "older format -1")])
def test_who_only_reads_refuses_other_formats_too(old: Path, version: int, age: str) -> None:
    with sqlite3.connect(old) as database:
        database.execute(f"PRAGMA user_version={version}")
    database.close()

    with pytest.raises(JournalVersionError, match=age), reading(old):
        pass


def test_a_fact_of_a_newer_release_is_refused_by_its_position(open_journal: Callable[[], Journal]) -> None:
    """The tables are the same, a row says something this release has no word for: leaving it out would lie."""
    journal = open_journal()
    journal.append([Row(1, 1, BODIES[0]), Row(2, 2, b'{"is":"Teleported","to":"the moon"}')])

    with pytest.raises(JournalVersionError, match=r"position 2 is no fact this release knows .*Teleported"):
        recovery.replay_into(Router({}), journal)


def test_a_fact_that_cannot_follow_is_damage(open_journal: Callable[[], Journal]) -> None:
    """Whole rows of another journal, say: the checksums agree and the story does not."""
    journal = open_journal()
    journal.append(
        [Row(1, 1, b'{"is":"Accepted","account":"A","client_order_id":"7","order_id":7,"time_ms":1}')]
    )

    with pytest.raises(JournalDamagedError, match="position 1: its fact cannot follow"):
        recovery.replay_into(Router({}), journal)
