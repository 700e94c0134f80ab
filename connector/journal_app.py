"""`connector journal ...`: the journal read by operators and programs, also while a daemon writes it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer

from connector import exits, recovery
from connector.core.book import Book
from connector.core.records import Entry
from connector.journal import JournalError, Reading, archives, last_row_before, reading
from connector.journal import prune as prune_rows
from connector.ops import journal_story, journal_tables

app = typer.Typer(
    name="journal",
    help="Read a journal, also of a running connector: it is never changed by reading.",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The journal: the configuration's journal.path.")]
LowPriority = Annotated[bool, typer.Option("--low-priority", help="Leave the processor to others.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def show(
    file: File,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            help="One order's whole story, by ClOrdID, client order id, venue order id or SYMBOL:order id.",
        ),
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="The unsettled orders.")] = False,
    last: Annotated[int, typer.Option("--last", min=0, help="This many facts from the end; 0: all.")] = 100,
    as_json: Json = False,
) -> None:
    """What happened, in words: all facts, one order's story, or the unsettled orders."""
    _on(file, lambda read: _show(read, order, only_open, last, as_json))


@app.command()
def verify(file: File, as_json: Json = False, low_priority: LowPriority = False) -> None:
    """Prove every row: whole, and following the one before it. Exit code 3 names the damaged position."""
    _lower(low_priority)
    _on(file, lambda read: _verify(read, as_json), as_json=as_json)


@app.command()
def export(
    file: File,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to this new file, not to standard output.")
    ] = None,
    first: Annotated[int, typer.Option("--from", min=1, help="First position.")] = 1,
    to: Annotated[int | None, typer.Option("--to", min=1, help="Last position.")] = None,
) -> None:
    """Every fact as one line of JSON: position, at_ns and the fact itself."""
    if out is None:
        _on(file, lambda read: _export(read, sys.stdout, first, to))
        return
    try:
        with out.open("x", encoding="utf-8") as stream:
            _on(file, lambda read: _export(read, stream, first, to))
    except OSError as error:
        _refuse(f"{out}: cannot be written ({error.strerror})", exits.USAGE)


@app.command()
def snapshot(
    file: File,
    through: Annotated[
        int | None,
        typer.Option("--through", min=0, help="Last position; else all that is on stable storage."),
    ] = None,
    low_priority: LowPriority = False,
) -> None:
    """Write FILE.snapshot, which makes the next start short. A running connector does so by itself."""
    _lower(low_priority)

    def take(read: Reading) -> None:
        position, size = recovery.take_snapshot(read, read.confirmed if through is None else through)
        typer.echo(f"journal {file}: snapshot up to position {position}, {size} bytes")

    _on(file, take)


@app.command()
def prune(
    file: File,
    keep: Annotated[
        int, typer.Option("--keep-days", min=0, help="Rows of the last so many days stay in the journal.")
    ],
) -> None:
    """Move old rows to an archive beside FILE. The connector must be stopped; no order is forgotten."""
    before_ns = time.time_ns() - keep * 86_400 * 1_000_000_000

    def move(read: Reading) -> None:
        through = last_row_before(file, before_ns)
        if not through:
            typer.echo(f"journal {file}: no row is older than {keep} days")
            return
        archive = prune_rows(file, through, recovery.base_of(read, through))
        typer.echo(f"journal {file}: rows up to position {through} are in {archive}")

    _on(file, move)


def _lower(wanted: bool) -> None:
    if wanted:
        os.nice(15)


def _show(read: Reading, order: str | None, only_open: bool, last: int, as_json: bool) -> None:
    past = _Past(read)
    if order is not None:
        stories = journal_story.stories(past.entries, order, past.book)
        if as_json:
            journal_tables.print_json([journal_tables.story_json(story) for story in stories])
        elif stories:
            journal_tables.print_stories(stories)
        if not stories:
            _refuse(f"journal {read.path}: no order is called {order}", exits.USAGE)
    elif only_open:
        orders = journal_story.open_orders(past.entries(), past.book())
        if as_json:
            journal_tables.print_json(journal_tables.open_json(orders))
        else:
            journal_tables.print_open(orders)
    else:
        steps, count = journal_story.facts(past.entries(), last, past.book())
        if as_json:
            for step in steps:
                journal_tables.print_json(journal_tables.step_json(step))
        else:
            journal_tables.print_facts(steps, count)


class _Past:
    """A journal with those of its archives that lie beside it, as if nothing had been pruned."""

    def __init__(self, read: Reading) -> None:
        self._read = read
        self._archives = archives(read.path, read.base_position)

    def book(self) -> Book:
        """What happened before the oldest fact there is."""
        if not self._archives:
            return recovery.from_base(self._read).book
        with reading(self._archives[0]) as oldest:
            return recovery.from_base(oldest).book

    def entries(self) -> Iterator[Entry]:
        for archive in self._archives:
            with reading(archive) as read:
                yield from recovery.entries(read)
        yield from recovery.entries(self._read)


def _verify(read: Reading, as_json: bool) -> None:
    recovery.from_base(read)
    count = first = end = 0
    for row in read.replay():
        recovery.entry(read.path, row)
        count, first, end = count + 1, first or row.position, row.position
    opens = read.opens()
    if as_json:
        versions = [
            {
                "first_position": each.first_position,
                "at": journal_tables.at(each.at_ns),
                "version": each.product_version,
            }
            for each in opens
        ]
        found = {
            "pruned": read.base_position,
            "rows": count,
            "first_position": first,
            "last_position": end,
            "opens": versions,
        }
        journal_tables.print_json({"ok": True, "file": str(read.path)} | found)
        return
    typer.echo(f"journal {read.path}: whole")
    if read.base_position:
        typer.echo(f"rows up to position {read.base_position} were pruned")
    typer.echo(
        f"{count} rows, positions {first} to {end}; {read.confirmed} confirmed to be on stable storage"
    )
    for each in opens:
        typer.echo(
            f"opened {journal_tables.at(each.at_ns)} by version {each.product_version}, "
            f"positions from {each.first_position}"
        )


def _export(read: Reading, stream: TextIO, first: int, to: int | None) -> None:
    for row in read.replay():
        if to is not None and row.position > to:
            return
        if row.position >= first:
            body = row.body.decode()
            stream.write(f'{{"position":{row.position},"at_ns":{row.at_ns},"fact":{body}}}\n')


def _on(file: Path, work: Callable[[Reading], None], *, as_json: bool = False) -> None:
    """Work on a journal; every trouble is one sentence and an exit code."""
    try:
        with reading(file) as read:
            work(read)
    except JournalError as error:
        if as_json:
            position = getattr(error, "position", None)
            found = {"ok": False, "file": str(file), "position": position, "text": str(error)}
            sys.stdout.write(json.dumps(found) + "\n")
        missing = not file.is_file()
        _refuse(str(error), exits.USAGE if missing else exits.JOURNAL)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `| head`
            sys.stderr.close()
            raise typer.Exit(exits.OK) from None
        _refuse(f"journal {file}: {error}", exits.JOURNAL)


def _refuse(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
