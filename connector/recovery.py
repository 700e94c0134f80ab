"""From a journal to the book it amounts to: the newest snapshot that can be trusted, then the rows after it.

Used by the daemon's start, by the snapshot writer and by who reads a journal, so that all believe the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connector.core.book import Book
from connector.core.order import ContradictionError
from connector.core.records import Entry, decode
from connector.core.router import Router
from connector.core.snapshot import SnapshotError, decode_book, encode_book
from connector.journal import (
    JournalDamagedError,
    JournalVersionError,
    Row,
    Snapshot,
    read_snapshot,
    write_snapshot,
)


class Source(Protocol):
    """A journal open to write or to read."""

    @property
    def path(self) -> Path: ...

    def base(self) -> Snapshot | None: ...

    def crc_at(self, position: int) -> int | None: ...

    def replay(self, after: int | None = None) -> Iterator[Row]: ...


@dataclass(frozen=True, slots=True)
class Start:
    """Where a replay may begin."""

    book: Book
    position: int  # of the last fact in the book
    from_snapshot: bool  # not from the rows, nor from the journal's own base


def from_base(journal: Source) -> Start:
    """What the journal itself begins with: nothing, or what its pruned rows amount to.

    Raises:
        JournalDamagedError: the base is not what was written.
        JournalVersionError: it was written by a release this one cannot follow.
    """
    base = journal.base()
    if base is None:
        return Start(Book(), 0, from_snapshot=False)
    try:
        book, position = decode_book(base.body)
    except SnapshotError as error:
        text = f"what was kept of its pruned rows: {error}; run a release of the journal's age"
        raise JournalVersionError(journal.path, text) from error
    return Start(book, position, from_snapshot=False)


def start_of(journal: Source) -> Start:
    """The newest book that can be trusted: of the snapshot beside the journal, else the journal's own."""
    snapshot = read_snapshot(journal.path)
    if snapshot is not None and journal.crc_at(snapshot.position) == snapshot.row_crc:
        try:
            book, position = decode_book(snapshot.body)
            if position == snapshot.position:
                return Start(book, position, from_snapshot=True)
        except SnapshotError:
            pass  # of another release: a shortcut less, nothing lost
    return from_base(journal)


def entry(path: Path, row: Row) -> Entry:
    """The fact of one row.

    Raises:
        JournalVersionError: no fact this release knows.
    """
    try:
        return Entry(row.position, row.at_ns, decode(row.body))
    except ValueError as error:
        text = (
            f"position {row.position} is no fact this release knows ({error}): run the release that wrote it"
        )
        raise JournalVersionError(path, text) from error


def entries(journal: Source, after: int | None = None) -> Iterator[Entry]:
    """Every fact behind `after`, else every one the journal has.

    Raises:
        JournalDamagedError, JournalVersionError: at the first one that cannot be believed.
    """
    return (entry(journal.path, row) for row in journal.replay(after))


def replay_into(router: Router, journal: Source) -> tuple[Start, int]:
    """Make the router know what the journal says; from where it was read, and how many rows.

    Raises:
        JournalDamagedError, JournalVersionError: the journal cannot be believed.
    """
    start, count = start_of(journal), 0
    router.resume(start.book, start.position)
    for fact in entries(journal, start.position):
        try:
            router.replay(fact)
        except (ContradictionError, LookupError) as error:
            raise contradicted(journal.path, fact, error) from error
        count += 1
    return start, count


def apply_all(book: Book, path: Path, facts: Iterable[Entry]) -> int:
    """Let the facts be true; the position of the last, 0 for none.

    Raises:
        JournalDamagedError: one cannot follow from those before it.
    """
    last = 0
    for fact in facts:
        try:
            book.apply(fact)
        except (ContradictionError, LookupError) as error:
            raise contradicted(path, fact, error) from error
        book.orders.rest(0)
        last = fact.position
    return last


def contradicted(path: Path, fact: Entry, error: Exception) -> JournalDamagedError:
    """The rows are whole and yet cannot be one journal's."""
    return JournalDamagedError(path, fact.position, f"its fact cannot follow from those before it ({error})")


def take_snapshot(journal: Source, through: int) -> tuple[int, int]:
    """Write `<journal>.snapshot` of everything up to `through`; its position and its size in bytes.

    `through` must be on stable storage: a snapshot that survives a power cut must not know more than the
    journal that survives it.

    Raises:
        JournalError: the journal cannot be believed.
        OSError: the disk refused.
    """
    start = start_of(journal)
    facts = (fact for fact in entries(journal, start.position) if fact.position <= through)
    position = apply_all(start.book, journal.path, facts)
    crc = journal.crc_at(position)
    if crc is None:  # nothing after the start
        return start.position, 0
    body = encode_book(start.book, position)
    write_snapshot(journal.path, Snapshot(position, crc, body))
    return position, len(body)


def base_of(journal: Source, through: int) -> bytes:
    """What all rows up to `through` amount to, proved row by row: the base of a pruned journal.

    Raises:
        JournalError: the journal cannot be believed.
    """
    start = from_base(journal)
    apply_all(start.book, journal.path, (fact for fact in entries(journal) if fact.position <= through))
    return encode_book(start.book, through)
