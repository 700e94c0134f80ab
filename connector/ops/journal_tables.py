"""What a journal tells, on a terminal, in a pipe, or as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.ops.journal_story import OpenOrder, Step, Story

_UNWRAPPED = 500  # columns for pipes and files: a line that can be searched for
_COLOURS = {"OMS": "cyan", "venue": "green", "connector": "yellow"}


def at(ns: int) -> str:
    """`2026-11-20 14:02:01.123456Z`: UTC, as in FIX and in the logs."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1000:06}Z"


def print_facts(steps: list[Step], count: int) -> None:
    """Facts of all orders, with the order each is about."""
    console = _console()
    table = _table(
        "position", "time (UTC)", "ClOrdID", "by", "what", "price", "filled", "left", "OMS is told"
    )
    for step in steps:
        table.add_row(
            str(step.position), at(step.at_ns), step.cl_ord_id or step.client_order_id, *_common(step)
        )
    console.print(table)
    shown = f"the last {len(steps)} of {count}" if len(steps) < count else f"all {count}"
    hint = "; --last 0 shows all" if len(steps) < count else ""
    console.print(Text(f"{shown} facts{hint}"))


def print_stories(stories: list[Story]) -> None:
    """One table for each order."""
    console = _console()
    for story in stories:
        console.print(Text(story.title, style="bold"))
        table = _table("time (UTC)", "by", "what", "price", "filled", "left", "OMS is told")
        for step in story.steps:
            table.add_row(at(step.at_ns), *_common(step))
        console.print(table)
        console.print(Text(f"now: {story.now}\n"))


def print_open(orders: list[OpenOrder]) -> None:
    """Unsettled orders."""
    console = _console()
    table = _table(
        "since (UTC)",
        "session",
        "ClOrdID",
        "client order id",
        "venue id",
        "account",
        "order",
        "filled",
        "left",
        "state",
    )
    for order in orders:
        table.add_row(
            at(order.since_ns),
            order.session,
            order.cl_ord_id,
            order.client_order_id,
            str(order.order_id or ""),
            order.account,
            Text(order.terms),
            order.filled,
            order.left,
            order.state,
        )
    console.print(table)
    console.print(Text(f"{len(orders)} unsettled"))


def print_json(value: object) -> None:
    """One JSON object on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def step_json(step: Step) -> dict[str, Any]:
    """A step for programs: as shown, and with its times in both forms."""
    return {
        "position": step.position,
        "at": at(step.at_ns),
        "at_ns": step.at_ns,
        "by": step.by,
        "what": step.what,
        "price": step.price or None,
        "session": step.session,
        "cl_ord_id": step.cl_ord_id,
        "client_order_id": step.client_order_id or None,
        "filled": step.filled or None,
        "left": step.left or None,
        "report": step.report or None,
        "told": [at(ns) for ns in step.told_ns],
    }


def story_json(story: Story) -> dict[str, Any]:
    """A story for programs."""
    return {"title": story.title, "now": story.now, "steps": [step_json(step) for step in story.steps]}


def open_json(orders: Iterable[OpenOrder]) -> list[dict[str, Any]]:
    """Unsettled orders for programs."""
    return [{**asdict(order), "since": at(order.since_ns)} for order in orders]


def _common(step: Step) -> tuple[Text | str, ...]:
    by = Text(step.by, style=_COLOURS[step.by])
    return by, Text(step.what), step.price, step.filled, step.left, Text(_told(step))


def _told(step: Step) -> str:
    if not step.report:
        return ""
    if not step.told_ns:
        return f"{step.report} (not handed over yet)"
    again = f" ({len(step.told_ns)} times, 97=Y)" if len(step.told_ns) > 1 else ""
    return step.report + again


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in headings:
        right = heading in ("price", "filled", "left")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    return table


def _console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, highlight=False, width=None if terminal else _UNWRAPPED)
