"""The story for people: rows as they happen, in any width, with or without a terminal."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

from connector.demo.compare import Comparison
from connector.demo.ground import Access
from connector.demo.messages import Direction, Row
from connector.demo.scenes import Scene
from connector.demo.summary import access_lines, asset_table, difference_lines, order_table, verdict

WIDE = 132  # columns from which price and text have their own place
PLAIN_WIDTH = 140  # of tables where there is no terminal to ask
RESTS = frozenset({"Rejected", "Canceled", "Expired"})


@dataclass(frozen=True, slots=True)
class Column:
    """Where a part of a row stands; `width` in characters."""

    title: str
    width: int


TIME, WAY, MESSAGE = Column("UTC", 12), Column("", 5), Column("message", 29)
ORDER, STATUS, FILLED = Column("ClOrdID", 11), Column("status", 15), Column("filled/left", 11)
PRICE = Column("price", 8)
WIDE_COLUMNS = (TIME, WAY, MESSAGE, ORDER, STATUS, FILLED, PRICE)
NARROW_COLUMNS = (Column("UTC", 8), WAY, Column("message", 24), ORDER, STATUS, Column("fill/left", 10))

STYLES: Mapping[Direction, str] = {
    Direction.FROM_OMS: "cyan",
    Direction.TO_OMS: "green",
    Direction.SIMULATOR: "magenta",
    Direction.VENUE: "dim",
}


class Paper(Console):
    """A console that lets its user decide what follows when nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        """Instead of exiting on the spot, which would skip the clean-up."""
        raise BrokenPipeError


class TableScreen:
    """A table that grows downwards; under it, on a terminal, what is being waited for."""

    def __init__(self, out: TextIO, *, verbose: bool) -> None:
        self.console = Paper(file=out, highlight=False, soft_wrap=False, emoji=False)
        self._verbose = verbose
        self._rows_wrap = self.console.is_terminal or "COLUMNS" in os.environ
        if not self._rows_wrap:
            self.console.width = PLAIN_WIDTH
        self._wide = self.console.width >= WIDE
        self._columns = WIDE_COLUMNS if self._wide else NARROW_COLUMNS
        unicode = (self.console.encoding or "").lower().startswith("utf")
        self._ways = {
            Direction.FROM_OMS: "OMS→" if unicode else "OMS->",
            Direction.TO_OMS: "→OMS" if unicode else "->OMS",
            Direction.SIMULATOR: "sim",
            Direction.VENUE: "venue",
        }
        self._status = self._spinner() if self.console.is_terminal else None

    @property
    def live(self) -> bool:
        """Whether somebody watches, so that pauses make sense."""
        return self.console.is_terminal

    def waiting(self, text: str) -> None:
        """What comes next; shown on terminals only."""
        if self._status is not None:
            self._status.update(Text(text, style="dim"))
            self._status.start()

    def progress(self, text: str, seconds: float) -> None:
        """A step of the start is done."""
        self._line(Text.assemble("  ready  ", text, (f"  ({seconds:.1f} s)", "dim")))

    def scene(self, number: int, scene: Scene) -> None:
        """Title, what will happen and why, and the head of the table."""
        self._line(Text())
        self._line(Text(f"{number}. {scene.title}", style="bold"))
        for line in textwrap.wrap(scene.line, self.console.width - 4):
            self._line(Text(f"   {line}"))
        titles = [column.title.ljust(column.width) for column in self._columns]
        self._line(
            Text(" ".join([*titles, "text"] if self._wide else titles).rstrip(), style="dim underline")
        )

    def show(self, row: Row) -> None:
        """One message."""
        cells = self._cells(row)
        style = STYLES[row.direction]
        line, end = Text(), 0
        for column, cell in zip(self._columns, cells, strict=True):
            end += column.width + 1  # a cell too long takes its room from the next ones
            line.append(cell.ljust(end - 1 - len(line)) + " ", style=_style(column, row, style))
        for part in self._with_text(line, row):
            self._line(part)
        if self._verbose and row.fix:
            self._line(Text("|".join(f"{tag}={value}" for tag, value in row.fix) + "|", style="dim"))

    def summary(self, comparison: Comparison, trouble: str | None, logs: Path | None) -> None:
        """Both books, and whether they agree."""
        self._rest()
        self.console.print()
        self.console.print(order_table(comparison))
        self.console.print(asset_table(comparison))
        for line in difference_lines(comparison):
            self.console.print(Text(line, style="red"))
        if trouble is not None:
            self.console.print(Text(f"The story did not go as announced: {trouble}", style="red"))
        if logs is not None:
            self._kept(logs)
        self.console.print(verdict(comparison))

    def access(self, access: Access) -> None:
        """How to get in (`--keep`)."""
        for line in access_lines(access):
            self._line(Text(line))

    def failure(self, sentence: str, tail: Sequence[str], logs: Path) -> None:
        """What went wrong and the end of the log of whoever it was."""
        self._rest()
        self.console.print(Text(sentence, style="bold red"))
        for line in tail:
            self._line(Text(f"  | {line}", style="dim"))
        self._kept(logs)

    def stopping(self) -> None:
        """Everything is being stopped; the verdict stays the last line."""
        self.waiting("stopping")

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._rest()

    def _kept(self, logs: Path) -> None:
        self._line(Text(f"Logs and journal: {logs}"))

    def _spinner(self) -> Status | None:
        return None if self.console.is_dumb_terminal else self.console.status("")

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()

    def _cells(self, row: Row) -> list[str]:
        moment = datetime.fromtimestamp(row.at_ns // 1_000_000_000, UTC)
        time = f"{moment:%H:%M:%S}.{row.at_ns // 1_000_000 % 1000:03d}"
        cells = [time, self._ways[row.direction], row.message, row.cl_ord_id, row.status, row.filled]
        if self._wide:
            return [*cells, row.price]
        cells[0] = time[:8]
        return cells

    def _with_text(self, line: Text, row: Row) -> list[Text]:
        """The row with its text beside it when wide, under it when narrow."""
        indent = sum(column.width + 1 for column in self._columns) if self._wide else 15
        price = f"at {row.price}" if row.price and not self._wide else ""
        said = ", ".join(filter(None, (price, row.text)))
        room = max(24, self.console.width - indent)
        parts = textwrap.wrap(said, room) if self._rows_wrap else [said]
        if self._wide and parts:
            line.append(parts.pop(0))
        line.rstrip()
        return [line, *(Text(" " * indent + part) for part in parts if part)]

    def _line(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)


def _style(column: Column, row: Row, style: str) -> str:
    if column.title == "UTC":
        return "dim"
    if column is STATUS and row.status in RESTS:
        return "yellow"
    return style
