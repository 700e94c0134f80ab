"""Snapshots are shortcuts that may be wrong in any way and change nothing; pruned rows are never lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connector import exits, recovery
from connector.core.book import Book
from connector.core.records import Entry, decode
from connector.core.router import Router
from connector.journal import Journal, JournalDamagedError, Row, reading
from connector.journal.snapshot import Snapshot, read_snapshot, snapshot_path, write_snapshot
from connector.journal_app import app
from tests.core.test_snapshot import observed
from tests.simulation.world import World

SEED = 3  # any: a few orders of every kind
DAY_NS = 86_400 * 1_000_000_000
Open = Callable[[], Journal]


def desk_rows() -> list[Row]:
    """One simulated desk's facts, the first half ten days old."""
    world = World(SEED)
    world.run()
    now_ns = time.time_ns()
    half = len(world.disk.rows) // 2
    return [
        Row(position, now_ns - 10 * DAY_NS + n if n < half else now_ns, body)
        for n, (position, _, body) in enumerate(world.disk.rows)
    ]


ROWS = desk_rows()
HALF = ROWS[len(ROWS) // 2 - 1].position


def book_of(rows: list[Row]) -> dict[str, object]:
    book = Book()
    for row in rows:
        book.apply(Entry(row.position, row.at_ns, decode(row.body)))
    return observed(book)


WHOLE = book_of(ROWS)


@pytest.fixture
def filled(path: Path, open_journal: Open) -> Path:
    journal = open_journal()
    for row in ROWS:
        journal.append([row])
    journal.close()
    return path


def started(open_journal: Open) -> tuple[recovery.Start, int, dict[str, object]]:
    router, journal = Router({}), open_journal()
    start, count = recovery.replay_into(router, journal)
    journal.close()
    return start, count, observed(router.state.book)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_start_reads_the_snapshot_and_only_the_rows_after_it(filled: Path, open_journal: Open) -> None:
    with reading(filled) as read:
        assert recovery.take_snapshot(read, HALF)[0] == HALF

    start, count, book = started(open_journal)

    assert (start.from_snapshot, start.position) == (True, HALF)
    assert count == len(ROWS) - len(ROWS) // 2
    assert book == WHOLE


def test_a_snapshot_is_made_of_the_snapshot_before_it(filled: Path, open_journal: Open) -> None:
    for through in (HALF // 2, HALF, ROWS[-1].position):
        assert run("snapshot", filled, "--through", through).exit_code == exits.OK

    start, count, book = started(open_journal)

    assert (start.position, count) == (ROWS[-1].position, 0)
    assert book == WHOLE


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"BTCUSDT", b"BTCUSDC", 1)),
        lambda path: path.write_bytes(b"FMXS 1 1 1 1 00000000\nx"),
    ],
    ids=["gone", "empty", "cut", "flipped", "made up"],
)
def test_without_a_whole_snapshot_all_rows_are_read(
    filled: Path, open_journal: Open, spoil: Callable[[Path], None]
) -> None:
    run("snapshot", filled, "--through", HALF)
    spoil(snapshot_path(filled))

    start, count, book = started(open_journal)

    assert (start.from_snapshot, count) == (False, len(ROWS))
    assert book == WHOLE


def test_a_snapshot_that_knows_more_than_its_journal_is_not_believed(
    filled: Path, open_journal: Open
) -> None:
    """A power cut may take rows from the journal and leave a snapshot of them: they never happened."""
    run("snapshot", filled)
    taken = read_snapshot(filled)
    assert taken is not None
    assert taken.position == ROWS[-1].position
    with sqlite3.connect(filled) as other:
        other.execute("DELETE FROM facts WHERE position > ?", (HALF,))
    other.close()
    Path(f"{filled}.mark").unlink()

    start, _, book = started(open_journal)

    assert not start.from_snapshot
    assert book == book_of(ROWS[: len(ROWS) // 2])


def test_the_snapshot_of_another_journal_is_not_believed(filled: Path, open_journal: Open) -> None:
    """Two journals have the same positions; the checksum of the row tells them apart."""
    run("snapshot", filled, "--through", HALF)
    taken = read_snapshot(filled)
    assert taken is not None
    write_snapshot(filled, Snapshot(taken.position, taken.row_crc ^ 1, taken.body))

    start, _, book = started(open_journal)

    assert not start.from_snapshot
    assert book == WHOLE


def test_pruning_moves_old_rows_to_an_archive_and_forgets_nothing(filled: Path, open_journal: Open) -> None:
    before = json.loads(run("verify", filled, "--json").stdout)
    story = run("show", filled, "--last", 0).stdout

    done = run("prune", filled, "--keep-days", 5)

    assert done.exit_code == exits.OK, done.output
    archive = filled.with_name(f"journal-1-{HALF}.db")
    assert str(archive) in done.stdout
    after = json.loads(run("verify", filled, "--json").stdout)
    assert (after["pruned"], after["rows"]) == (HALF, before["rows"] - len(ROWS) // 2)
    assert json.loads(run("verify", archive, "--json").stdout)["rows"] == len(ROWS) // 2
    start, _, book = started(open_journal)
    assert (start.position, start.from_snapshot) == (HALF, False)
    assert book == WHOLE
    assert run("show", filled, "--last", 0).stdout == story  # with its archive beside it


def test_a_pruned_journal_is_pruned_again_and_starts_without_its_archives(
    filled: Path, open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archives belong to the archive: nothing but the journal is needed to start (design, section 8)."""
    run("prune", filled, "--keep-days", 5)
    assert run("prune", filled, "--keep-days", 0).exit_code == exits.OK
    archives = sorted(filled.parent.glob("journal-*-*.db"))
    assert len(archives) == 2
    assert run("verify", archives[1]).exit_code == exits.OK
    everything = run("show", filled, "--last", 0).stdout
    assert f"all {sum(1 for row in ROWS if b'Reported' not in row.body)} facts" in everything
    for archive in archives:
        archive.unlink()

    _, count, book = started(open_journal)

    assert count == 0
    assert book == WHOLE
    order = json.loads(next(row.body for row in ROWS if b'"Requested"' in row.body))["client_order_id"]
    told = run("show", filled, "--order", order)
    assert told.exit_code == exits.OK
    assert "its beginning is in an archive that is not here" in told.stdout
    journal = open_journal()
    journal.append([Row(journal.next_position, 1, b'{"is":"Reported","positions":[]}')])
    journal.close()
    assert run("verify", filled).exit_code == exits.OK


def test_a_crash_between_archive_and_pruning_loses_and_doubles_nothing(
    filled: Path, open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object) -> None:
        raise MemoryError("as if killed")

    with monkeypatch.context() as patch:
        patch.setattr("connector.journal.pruning._replace", die)
        assert run("prune", filled, "--keep-days", 5).exit_code != exits.OK
    assert started(open_journal)[2] == WHOLE

    assert run("prune", filled, "--keep-days", 5).exit_code == exits.OK
    assert started(open_journal)[2] == WHOLE
    assert run("verify", filled.with_name(f"journal-1-{HALF}.db")).exit_code == exits.OK


def test_a_journal_in_use_is_not_pruned(filled: Path, open_journal: Open) -> None:
    journal = open_journal()
    done = run("prune", filled, "--keep-days", 0)
    assert done.exit_code == exits.JOURNAL
    assert "already in use" in done.output
    assert len(list(journal.replay())) == len(ROWS)
    assert not list(filled.parent.glob("journal-*"))


def test_a_damaged_base_refuses_to_start(filled: Path, open_journal: Open, tmp_path: Path) -> None:
    run("prune", filled, "--keep-days", 5)
    with sqlite3.connect(filled) as other:
        other.execute("UPDATE base SET body = substr(body, 2)")
    other.close()

    with pytest.raises(JournalDamagedError, match="pruned rows"):
        started(open_journal)
    assert run("verify", filled).exit_code == exits.JOURNAL


def test_a_missing_base_refuses_to_start(filled: Path, open_journal: Open) -> None:
    run("prune", filled, "--keep-days", 5)
    with sqlite3.connect(filled) as other:
        other.execute("DELETE FROM base")
    other.close()

    with pytest.raises(JournalDamagedError, match="position 1"):
        started(open_journal)


def test_damage_in_rows_that_are_to_be_archived_is_found_first(filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    content[content.index(b'"Requested"') + 1] ^= 1
    filled.write_bytes(content)
    before = filled.read_bytes()

    assert run("prune", filled, "--keep-days", 5).exit_code == exits.JOURNAL
    assert filled.read_bytes() == before


def test_a_copy_without_its_snapshot_is_a_whole_backup(
    filled: Path, open_journal: Open, tmp_path: Path
) -> None:
    run("snapshot", filled)
    to = tmp_path / "restored" / "journal.db"
    to.parent.mkdir()
    shutil.copy(filled, to)
    journal = Journal.open(to, product_version="1")
    router = Router({})
    recovery.replay_into(router, journal)
    journal.close()
    assert observed(router.state.book) == WHOLE
