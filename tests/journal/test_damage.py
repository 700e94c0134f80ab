"""Damage in the middle refuses to start and says where (design, section 3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.journal import Journal, JournalDamagedError
from connector.journal.guard import Mark

ROWS = 400  # several pages of rows, so that the middle is not the first page


@pytest.fixture
def closed(path: Path, open_journal: Callable[[], Journal], write: Callable[..., int]) -> Path:
    journal = open_journal()
    write(journal, *(f'{{"cl_ord_id":"order-{n:04}","filler":"{"x" * 100}"}}' for n in range(1, ROWS + 1)))
    journal.close()
    return path


def altered(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()


def refusal(open_journal: Callable[[], Journal]) -> JournalDamagedError:
    with pytest.raises(JournalDamagedError) as raised:
        list(open_journal().replay())
    assert f"position {raised.value.position}" in str(raised.value)
    assert "journal.db" in str(raised.value)
    return raised.value


@pytest.mark.parametrize("victim", [1, 200, ROWS])
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_bit_in_a_body_is_found_and_named(
    closed: Path, open_journal: Callable[[], Journal], victim: int, bit: int
) -> None:
    """0x80 makes the text bad UTF-8, which must reach our check, not fail in the driver."""
    content = bytearray(closed.read_bytes())
    content[content.index(b"order-%04d" % victim)] ^= bit
    closed.write_bytes(content)

    damage = refusal(open_journal)

    assert damage.position == victim
    assert "checksum" in str(damage)


@pytest.mark.parametrize(
    "change", ["at_ns = at_ns + 1", "crc = crc + 1", "crc = 'x'", "body = x'00'", "position = 1000"]
)
def test_every_part_of_a_row_is_checked(
    closed: Path, open_journal: Callable[[], Journal], change: str
) -> None:
    altered(closed, f"UPDATE facts SET {change} WHERE position = {ROWS}")

    assert refusal(open_journal).position == (1000 if "position" in change else ROWS)


def test_a_hole_in_the_middle_is_found_even_though_positions_may_leap(
    closed: Path, open_journal: Callable[[], Journal]
) -> None:
    altered(closed, "DELETE FROM facts WHERE position BETWEEN 50 AND 60")

    damage = refusal(open_journal)

    assert damage.position == 50
    assert "between 49 and 61" in str(damage)


def test_a_missing_beginning_is_found(closed: Path, open_journal: Callable[[], Journal]) -> None:
    altered(closed, "DELETE FROM facts WHERE position < 10")

    assert refusal(open_journal).position == 1


def test_a_missing_end_is_found(closed: Path, open_journal: Callable[[], Journal]) -> None:
    """The rows that are left look whole; only the mark knows that there were more."""
    altered(closed, "DELETE FROM facts WHERE position > 390")

    damage = refusal(open_journal)

    assert damage.position == 391
    assert f"ends at 390, but {ROWS} was on stable storage" in str(damage)


@pytest.mark.parametrize("page", range(8))
def test_a_page_of_zeros_is_never_passed_over(
    closed: Path, open_journal: Callable[[], Journal], page: int
) -> None:
    """Whatever page a disk loses: refused, never a shorter history."""
    content = bytearray(closed.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = bytes(4096)
    closed.write_bytes(content)

    try:
        found = [row.position for row in open_journal().replay()]
    except JournalDamagedError:
        return
    assert found == list(range(1, ROWS + 1))  # a page without rows: nothing of the story is missing


def test_a_shortened_file_is_refused(closed: Path, open_journal: Callable[[], Journal]) -> None:
    content = closed.read_bytes()
    closed.write_bytes(content[: len(content) // 2])

    refusal(open_journal)


def test_a_journal_that_is_gone_is_not_begun_anew(closed: Path, open_journal: Callable[[], Journal]) -> None:
    """A new journal would give the same client order ids to other orders."""
    closed.unlink()

    assert refusal(open_journal).position == 1
    assert not closed.exists()


@pytest.mark.parametrize("content", [b"", bytes(30), b"17", b"x" * 64])
def test_an_illegible_mark_states_nothing(
    closed: Path, open_journal: Callable[[], Journal], content: bytes
) -> None:
    """The mark is never synced: a power cut may leave anything in it, which must not stop a whole journal."""
    Path(f"{closed}.mark").write_bytes(content)

    assert len(list(open_journal().replay())) == ROWS
    mark = Mark(closed)
    assert mark.read() == ROWS  # stated again
    mark.close()
