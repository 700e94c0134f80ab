"""The story for programs: one JSON object a line, `type` first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from connector.demo.books import Book, plain
from connector.demo.compare import NOT_SENT, Comparison
from connector.demo.ground import Access
from connector.demo.messages import Row
from connector.demo.scenes import Scene
from connector.demo.summary import difference_lines


class JsonScreen:
    """`message` for each message, one `summary`; `access` with --keep; `error` when something failed."""

    live = False

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._scene = 0

    def waiting(self, text: str) -> None:
        """Nothing for programs."""

    def progress(self, text: str, seconds: float) -> None:
        """Nothing for programs."""

    def stopping(self) -> None:
        """Nothing for programs."""

    def close(self) -> None:
        """Nothing to leave."""

    def scene(self, number: int, scene: Scene) -> None:
        """Messages name their scene."""
        del scene
        self._scene = number

    def show(self, row: Row) -> None:
        """One message; empty values are left out."""
        moment = datetime.fromtimestamp(row.at_ns // 1_000_000_000, UTC)
        values = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{row.at_ns // 1_000_000 % 1000:03d}Z",
            "scene": self._scene,
            "direction": row.direction.value,
            "message": row.message,
            "cl_ord_id": row.cl_ord_id,
            "status": row.status,
            "filled": row.filled,
            "price": row.price,
            "text": row.text,
            "fix": row.fix,
        }
        self._say("message", **{name: value for name, value in values.items() if value})

    def summary(self, comparison: Comparison, trouble: str | None, logs: Path | None) -> None:
        """Both books. `story`: what did not go as announced; `logs`: where they were left; else null."""
        self._say(
            "summary",
            agree=comparison.agrees,
            story=trouble,
            logs=str(logs) if logs else None,
            orders=[
                {
                    "cl_ord_id": line.cl_ord_id,
                    "client_order_id": None if line.client_order_id == NOT_SENT else line.client_order_id,
                    "fix": _book(line.fix),
                    "venue": _book(line.venue),
                    "differences": line.differences,
                }
                for line in comparison.orders
            ],
            assets=[
                {
                    "asset": line.asset,
                    "held": plain(line.held),
                    "debt": plain(line.debt),
                    "change": plain(line.change),
                    "by_fix": plain(line.by_fills),
                    "agree": line.agrees,
                }
                for line in comparison.assets
            ],
            differences=list(difference_lines(comparison)),
        )

    def access(self, access: Access) -> None:
        """How to get in (`--keep`)."""
        self._say("access", **{name: _plain(value) for name, value in asdict(access).items()})

    def failure(self, sentence: str, tail: Sequence[str], logs: Path) -> None:
        """What went wrong."""
        self._say("error", text=sentence, log=tail, logs=str(logs))

    def _say(self, kind: str, **values: Any) -> None:
        self._out.write(json.dumps({"type": kind, **values}) + "\n")
        self._out.flush()


def _book(book: Book | None) -> dict[str, Any] | None:
    if book is None:
        return None
    return {
        "status": book.status,
        "executed": plain(book.executed),
        "fills": len(book.fills),
        "average": plain(book.average),
        "trade_ids": [fill.trade_id for fill in book.fills],
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
