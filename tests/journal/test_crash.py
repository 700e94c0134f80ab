"""kill -9 takes nothing that was promised; a cut tail ends at the last whole row; a full disk is told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector.journal import Journal, JournalDamagedError, Row
from connector.journal.database import ROOM, examine

WRITER = Path(__file__).with_name("writer.py")
ROOT = WRITER.parents[2]


def start(path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )


def promised(output: str, what: str) -> list[int]:
    whole = output[: output.rfind("\n") + 1].splitlines()
    return [int(line.split()[1]) for line in whole if line.startswith(what + " ")]


def replayed(path: Path) -> list[int]:
    journal = Journal.open(path, product_version="1")
    try:
        return [row.position for row in journal.replay()]
    finally:
        journal.close()


@pytest.mark.parametrize("mode", ["append", "batch", "durable", "group"])
def test_kill_9_at_any_instant_loses_no_acknowledged_row(path: Path, mode: str) -> None:
    """P2: a MsgSeqNum is consumed once its order survives kill -9. Three lives of one journal."""
    acknowledged: list[int] = []
    for life in range(3):
        process = start(path, mode)
        assert process.stdout
        assert process.stdout.readline().startswith("open ")
        time.sleep(0.15 + 0.05 * life)
        process.kill()
        output, _ = process.communicate()
        acknowledged += promised(output, "appended")

    found = replayed(path)

    assert len(acknowledged) > 50
    assert set(acknowledged) <= set(found)
    if mode == "batch":
        assert len(found) % 3 == 0  # a unit is whole or absent


@pytest.mark.parametrize(
    ("point", "surviving"), [("before_append", 4), ("after_append", 5), ("before_sync", 5), ("after_sync", 5)]
)
def test_kill_9_at_each_step_of_an_order_leaves_what_that_step_promised(
    path: Path, point: str, surviving: int
) -> None:
    """Design, section 3: before Append nothing, after it the request."""
    process = start(path, "durable", f"{point}:5")
    output, _ = process.communicate(timeout=20)

    assert process.returncode == -signal.SIGKILL
    assert promised(output, "durable") == [1, 2, 3, 4]
    assert replayed(path) == list(range(1, surviving + 1))


@pytest.mark.parametrize("point", ["before_sync:4", "after_sync:4"])
def test_kill_9_in_the_middle_of_a_grouped_sync_keeps_every_appended_row(path: Path, point: str) -> None:
    """Issue 3, shown item 4. Several orders wait for one fdatasync when the process dies inside it: none of
    them was told to be durable, all of them survive kill -9, and the journal goes on behind them."""
    output, _ = start(path, "group", point).communicate(timeout=20)

    appended, durable = promised(output, "appended"), promised(output, "durable")
    assert len(appended) - len(durable) > 1, "no group was waiting"
    assert set(durable) < set(appended)
    found = replayed(path)
    assert set(appended) <= set(found)
    assert found == list(range(1, len(found) + 1))
    output, _ = start(path, "group", "after_sync:2").communicate(timeout=20)
    assert set(promised(output, "appended")) <= set(replayed(path))


def test_a_restart_after_kill_9_never_gives_a_position_twice(path: Path) -> None:
    firsts, lasts = [], []
    for _ in range(3):
        output, _ = start(path, "append", "after_append:5").communicate(timeout=20)
        firsts += promised(output, "open")
        lasts.append(firsts[-1] + 4)

    assert firsts[0] == 1
    assert firsts[1] > lasts[0]
    assert firsts[2] > lasts[1]
    assert len(replayed(path)) == 15


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A journal of ten rows as kill -9 left it, none of them awaited."""
    origin = tmp_path / "origin" / "journal.db"
    start(origin, "append", "after_append:10").communicate(timeout=20)
    return origin


def copy(origin: Path, to: Path, wal: bytes) -> Path:
    to.mkdir(exist_ok=True)
    for name in to.iterdir():
        name.unlink()
    shutil.copy(origin, to / origin.name)
    (to / f"{origin.name}-wal").write_bytes(wal)
    return to / origin.name


FRAME = 24 + 4096  # a WAL frame: its header and one page; one row makes one frame here


def frames_of(wal: Path) -> bytes:
    """The WAL without the room behind its frames, which carry the salts of its header."""
    content = wal.read_bytes()
    end = 32
    while content[end + 8 : end + 16] == content[16:24]:
        end += FRAME
    return content[:end]


def rows_left(wal: bytes, kept: int) -> int:
    return 10 - (len(wal) - 32) // FRAME + (kept - 32) // FRAME


def test_a_journal_cut_at_any_byte_of_its_last_three_rows_keeps_all_whole_rows(crashed: Path) -> None:
    """A power cut may keep any prefix of what was not synced (design, section 3, "mid-write")."""
    wal = Path(f"{crashed}-wal")
    whole = frames_of(wal)
    assert len(whole) > 10 * FRAME

    for kept in range(len(whole), len(whole) - 3 * FRAME - 1, -1):
        os.truncate(wal, kept)
        assert examine(crashed) == rows_left(whole, kept), f"cut at {kept} of {len(whole)}"


@pytest.mark.parametrize("into", [0, 1, 23, 24, 25, FRAME // 2, FRAME - 1])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_cut_journal_opens_goes_on_and_replays(
    crashed: Path, tmp_path: Path, frames: int, into: int
) -> None:
    wal = frames_of(Path(f"{crashed}-wal"))
    kept = len(wal) - frames * FRAME + into
    path = copy(crashed, tmp_path / "cut", wal[:kept])
    expected = list(range(1, rows_left(wal, kept) + 1))

    journal = Journal.open(path, product_version="1")
    new = journal.next_position
    journal.append([Row(new, 1, b"{}")])
    journal.close()

    assert replayed(path) == [*expected, new]


def test_a_journal_cut_at_any_byte_opens_whole_and_takes_the_next_row(
    crashed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole start, not only the look before it. EVERY=1 tries every byte (two minutes)."""
    monkeypatch.setattr("connector.journal.database.ROOM", 0)  # 10 MB of zeros each time prove nothing here
    wal = frames_of(Path(f"{crashed}-wal"))
    step = int(os.environ.get("EVERY", "97"))

    for kept in range(len(wal) - 3 * FRAME, len(wal) + 1, step):
        path = copy(crashed, tmp_path / "cut", wal[:kept])
        journal = Journal.open(path, product_version="1")
        new = journal.next_position
        journal.append([Row(new, 1, b"{}")])
        found = [row.position for row in journal.replay()]
        journal.close()
        assert found == [*range(1, rows_left(wal, kept) + 1), new], f"cut at {kept} of {len(wal)}"


@pytest.mark.parametrize("lost", ["tail", "wal"])
def test_rows_that_had_been_confirmed_and_are_gone_are_never_passed_over(
    tmp_path: Path, path: Path, lost: str
) -> None:
    """SQLite drops all behind a bad frame without a word, and a removed WAL entirely."""
    start(path, "durable", "after_sync:10").communicate(timeout=20)
    wal = Path(f"{path}-wal")
    before = wal.read_bytes()
    if lost == "wal":
        wal.unlink()
    else:
        damaged = bytearray(before)
        damaged[len(frames_of(wal)) - 5 * FRAME] ^= 1
        wal.write_bytes(damaged)

    with pytest.raises(JournalDamagedError, match="rows are lost") as refusal:
        Journal.open(path, product_version="1")

    assert refusal.value.position == (1 if lost == "wal" else 6)
    if lost == "tail":
        assert wal.read_bytes() == bytes(damaged)  # left as found for whoever has to save it


def test_a_full_disk_fails_the_append_and_nothing_claims_to_be_durable(path: Path) -> None:
    """Scenario 27: stop before anything is lost. RLIMIT_FSIZE refuses writes as a full disk does."""
    output, _ = start(path, "durable", "never", str(ROOM)).communicate(timeout=60)

    *_, last = output.splitlines()
    assert last.startswith("failed ")
    assert str(path) in last
    durable = promised(output, "durable")
    assert len(durable) > 10
    found = replayed(path)
    assert found[: len(durable)] == durable
    assert len(found) - len(durable) <= 1
