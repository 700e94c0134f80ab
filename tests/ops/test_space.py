"""New orders stop before the disk is full, and start again when there is room (design, P8 and P12)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.ops.space import SpaceWatch, free_bytes

MIB = 1024 * 1024
JOURNAL, STORE = Path("/journal"), Path("/store")


class Bench:
    """A watch over two disks whose room the test sets."""

    def __init__(self) -> None:
        self.room: dict[Path, int | OSError] = {JOURNAL: 1000 * MIB, STORE: 1000 * MIB}
        self.held: list[str | None] = []
        self.said: list[str] = []
        self.watch = SpaceWatch(
            paths=(JOURNAL, STORE), least_bytes=256 * MIB, hold=self.held.append, log=self, free=self.free
        )

    def free(self, path: Path) -> int:
        room = self.room[path]
        if isinstance(room, OSError):
            raise room
        return room

    def error(self, event: str, **_keys: Any) -> None:
        self.said.append(event)

    info = error

    def look(self, **room: int | OSError) -> None:
        self.room |= {Path(f"/{name}"): free for name, free in room.items()}
        self.watch.look()


def test_new_orders_are_held_once_by_a_reason_that_names_the_setting() -> None:
    bench = Bench()
    bench.look()
    assert bench.held == []

    bench.look(journal=255 * MIB)
    bench.look(journal=200 * MIB)

    assert bench.held == [
        "the connector's disk is nearly full: 255 MiB free, journal.minFreeSpace is 256 MiB"
    ]
    assert bench.said == ["disk_space_low"]


def test_they_are_taken_again_with_a_tenth_more_than_the_least() -> None:
    bench = Bench()
    bench.look(journal=255 * MIB)
    bench.look(journal=270 * MIB)
    assert len(bench.held) == 1

    bench.look(journal=282 * MIB)

    assert bench.held[1:] == [None]
    assert bench.said == ["disk_space_low", "disk_space_enough"]


def test_the_fix_store_counts_as_well() -> None:
    """A report that cannot be stored stops the process: its disk is as needed as the journal's."""
    bench = Bench()
    bench.look(store=1 * MIB)
    assert len(bench.held) == 1


def test_a_disk_that_does_not_answer_holds_orders_too() -> None:
    bench = Bench()
    bench.look(journal=OSError(5, "Input/output error"))
    assert "Input/output error" in str(bench.held)
    bench.look(journal=1000 * MIB)
    assert bench.held[-1] is None


def test_the_room_of_a_directory_that_is_not_there_yet_is_its_parents(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
