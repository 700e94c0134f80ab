"""`connector journal ...`: the journal read by operators and programs, also while a daemon writes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer

from connector import exits
from connector.core.order import ContradictionError
from connector.core.records import Entry, decode
from connector.journal import JournalError, Reading, Row, reading
from connector.ops import journal_story, journal_tables

app = typer.Typer(
    name="journal",
    help="Read a journal, also of a running connector: it is never changed by reading.",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The journal: the configuration's journal.path.")]
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
def verify(file: File, as_json: Json = False) -> None:
    """Prove every row: whole, and following the one before it. Exit code 3 names the damaged position."""
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


def _show(read: Reading, order: str | None, only_open: bool, last: int, as_json: bool) -> None:
    def entries() -> Iterator[Entry]:
        return _entries(read)

    if order is not None:
        stories = journal_story.stories(entries, order)
        if as_json:
            journal_tables.print_json([journal_tables.story_json(story) for story in stories])
        elif stories:
            journal_tables.print_stories(stories)
        if not stories:
            _refuse(f"journal {read.path}: no order is called {order}", exits.USAGE)
    elif only_open:
        orders = journal_story.open_orders(entries())
        if as_json:
            journal_tables.print_json(journal_tables.open_json(orders))
        else:
            journal_tables.print_open(orders)
    else:
        steps, count = journal_story.facts(entries(), last)
        if as_json:
            for step in steps:
                journal_tables.print_json(journal_tables.step_json(step))
        else:
            journal_tables.print_facts(steps, count)


def _verify(read: Reading, as_json: bool) -> None:
    count = first = end = 0
    for row in read.rows():
        _decoded(read, row)
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
        found = {"rows": count, "first_position": first, "last_position": end, "opens": versions}
        journal_tables.print_json({"ok": True, "file": str(read.path)} | found)
        return
    typer.echo(f"journal {read.path}: whole")
    typer.echo(
        f"{count} rows, positions {first} to {end}; {read.confirmed} confirmed to be on stable storage"
    )
    for each in opens:
        typer.echo(
            f"opened {journal_tables.at(each.at_ns)} by version {each.product_version}, "
            f"positions from {each.first_position}"
        )


def _export(read: Reading, stream: TextIO, first: int, to: int | None) -> None:
    for row in read.rows():
        if to is not None and row.position > to:
            return
        if row.position >= first:
            body = row.body.decode()
            stream.write(f'{{"position":{row.position},"at_ns":{row.at_ns},"fact":{body}}}\n')


def _entries(read: Reading) -> Iterator[Entry]:
    for row in read.rows():
        yield _decoded(read, row)


def _decoded(read: Reading, row: Row) -> Entry:
    try:
        return Entry(row.position, row.at_ns, decode(row.body))
    except ValueError as error:
        text = f"position {row.position} is no fact this release knows ({error}): use a newer release"
        raise JournalError(read.path, text) from error


def _on(file: Path, work: Callable[[Reading], None], *, as_json: bool = False) -> None:
    """Work on a journal; every trouble is one sentence and an exit code."""
    try:
        with reading(file) as read:
            work(read)
    except (JournalError, ContradictionError) as error:
        if as_json:
            position = getattr(error, "position", None)
            found = {"ok": False, "file": str(file), "position": position, "text": str(error)}
            sys.stdout.write(json.dumps(found) + "\n")
        missing = not file.is_file()
        _refuse(str(error), exits.USAGE if missing else exits.JOURNAL)
    except BrokenPipeError:  # `| head`
        sys.stderr.close()
        raise typer.Exit(exits.OK) from None


def _refuse(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
