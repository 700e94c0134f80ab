"""A journal in a directory of its own, and the few moves every test makes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.journal import Journal, Row

Open = Callable[..., Journal]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def open_journal(path: Path) -> Iterator[Open]:
    """Opens the journal at `path`; whatever is still open at the end is closed."""
    opened: list[Journal] = []

    def opener(**how: object) -> Journal:
        journal = Journal.open(path, product_version="1.2.3", **how)  # type: ignore[arg-type]
        opened.append(journal)
        return journal

    yield opener
    for journal in opened:
        journal.close()


def rows(journal: Journal, *bodies: str) -> list[Row]:
    first = journal.next_position
    return [Row(first + n, 1_700_000_000_000_000_000 + n, body.encode()) for n, body in enumerate(bodies)]


@pytest.fixture
def write() -> Callable[..., int]:
    """Appends bodies as one unit and gives the last position."""

    def writer(journal: Journal, *bodies: str) -> int:
        batch = rows(journal, *bodies)
        journal.append(batch)
        return batch[-1].position

    return writer
