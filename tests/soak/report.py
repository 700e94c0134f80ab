"""What people see of a soak: progress while it runs, the per-order table and the stories when it fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tests.soak.books import Difference
from tests.support.exchange import Exchange

if TYPE_CHECKING:
    from tests.soak.run import Soak

EVERY_S = 15.0  # a line of progress where there is no terminal
ROWS = 40  # of the table; the rest is in the file


async def progress(soak: Soak, console: Console) -> None:
    """Show how it goes until cancelled."""
    if console.is_terminal:
        with Live(_panel(soak), console=console, refresh_per_second=2) as live:
            while True:
                await asyncio.sleep(0.5)
                live.update(_panel(soak))
    while True:
        await asyncio.sleep(EVERY_S)
        console.print(line(soak), highlight=False, soft_wrap=True)


def line(soak: Soak) -> str:
    """One line of progress."""
    return "  ".join(f"{name} {value}" for name, value in soak.numbers().items())


def _panel(soak: Soak) -> Table:
    table = Table(title=f"soak, seed {soak.seed}: {soak.phase}", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for name, value in soak.numbers().items():
        table.add_row(str(value), name)
    return table


def table_of(differences: list[Difference]) -> Table:
    """The per-order table."""
    table = Table(title=f"{len(differences)} differences", show_lines=True)
    for name in ("order", "terms", "OMS was told", "journal", "venue", "what is wrong"):
        table.add_column(name, overflow="fold")
    for found in differences:
        table.add_row(*_row(found))
    return table


def _row(found: Difference) -> tuple[str, ...]:
    order, journal, venue = found.order, found.journal, found.venue
    told = kept = there = name = terms = ""
    if order is not None:
        name, terms = order.cl_ord_id, order.described
        told = f"39={order.status or '?'} 14={order.cum} fills {len(order.trades)}"
    if journal is not None:
        name = f"{name}\n{journal.client_order_id}"
        kept = f"39={journal.status} {journal.cum} fills {len(journal.trades)}"
    if venue is not None:
        there = f"{venue['status']} {venue['executedQty']} fills {len(venue['tradeIds'])}"
    return name, terms, told, kept, there, "\n".join(found.problems)


async def write_stories(
    differences: list[Difference], soak: Soak, venue: Exchange, file: Path, at_most: int = 25
) -> None:
    """The whole story of the orders that differ: FIX both ways, journal facts, venue requests, log lines."""
    with file.open("w", encoding="utf-8") as out:
        console = Console(file=out, width=220)
        console.print(table_of(differences))
        for found in [found for found in differences if found.order is not None][:at_most]:
            assert found.order is not None
            name = found.journal.client_order_id if found.journal else found.order.client_order_id
            words = {found.order.cl_ord_id, *([name] if name else [])}
            out.write(f"\n==== {found.order.cl_ord_id} {name}\n")
            for source in (soak.directory / f"{found.order.session}.fix", soak.daemon.log_file):
                out.write(f"-- {source.name}\n")
                out.writelines(_lines_with(source, words))
            if name:
                out.write("-- venue\n")
                answer = await venue.sim(f"requests?clientOrderId={name}", "GET")
                out.writelines(f"{json.dumps(entry)}\n" for entry in answer["requests"])


def _lines_with(file: Path, words: set[str]) -> list[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        return [text for text in lines if words & _words(text)]


def _words(text: str) -> set[str]:
    for separator in ('"', "|", "=", ",", " ", "\n"):
        text = text.replace(separator, "\0")
    return set(text.split("\0"))


def summary(counts: Mapping[str, Any], title: str) -> Table:
    """Names and numbers."""
    table = Table(title=title, show_header=False)
    for name, count in sorted(counts.items()):
        table.add_row(str(name), str(count))
    return table


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return time.strftime("%M:%S" if seconds < 3600 else "%H:%M:%S", time.gmtime(seconds))
