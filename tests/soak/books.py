"""The journal's book, the venue's book, and the comparison of all three, order by order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector.core import records
from connector.core.order import Life
from connector.journal.database import connect_to_read
from connector.journal.rows import read
from tests.soak.blotter import Blotter, Order, Trade

LIFE = {Life.FILLED: "2", Life.CANCELED: "4", Life.EXPIRED: "C", Life.REJECTED: "8"}
VENUE_STATUS = {
    "NEW": "0", "PARTIALLY_FILLED": "1", "FILLED": "2", "CANCELED": "4", "EXPIRED": "C", "EXPIRED_IN_MATCH": "C",
    "REJECTED": "8",
}  # fmt: skip
SIDES = {"1": "BUY", "2": "SELL"}


@dataclass
class Journalled:
    """One order as the journal tells it; its own sum of the facts, not the daemon's."""

    client_order_id: str
    order_id: int | None = None
    doubted: bool = False
    trades: dict[str, Trade] = field(default_factory=dict)
    end: str | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def cum(self) -> Decimal:
        return sum((trade.quantity for trade in self.trades.values()), Decimal(0))

    @property
    def status(self) -> str:
        """OrdStatus(39) without pending cancels."""
        if self.end is not None:
            return self.end
        if self.cum:
            return "1"
        return "0" if self.order_id is not None else "A"


class JournalBook:
    """The facts of a journal, by order."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], Journalled] = {}  # comp id, ClOrdID(11)
        self.refused: set[tuple[str, str]] = set()
        self.reports: dict[str, set[str]] = defaultdict(set)  # comp id -> ExecIDs its facts give birth to
        self.cancels: dict[tuple[str, str], list[str]] = defaultdict(list)  # -> outcomes
        self._by_name: dict[str, tuple[str, Journalled]] = {}
        self._canceling: dict[str, str] = {}

    @classmethod
    def of(cls, path: Path) -> JournalBook:
        """Read the journal file of a daemon, running or not."""
        book = cls()
        with closing(connect_to_read(path)) as database:
            for row in read(database, path):
                book._take(row.position, records.decode(row.body))
        return book

    def _take(self, position: int, fact: records.Record) -> None:
        match fact:
            case records.Requested():
                order = Journalled(fact.client_order_id)
                self.orders[fact.order.source_id, fact.order.cl_ord_id] = order
                self._by_name[fact.client_order_id] = fact.order.source_id, order
            case records.Refused():
                self.reports[fact.order.source_id].add(str(position))
                if not fact.duplicate:
                    self.refused.add((fact.order.source_id, fact.order.cl_ord_id))
            case records.CancelRequested():
                comp_id, _ = self._by_name[fact.client_order_id]
                self.reports[comp_id].add(str(position))
                self._canceling[fact.client_order_id] = fact.cancel.cl_ord_id
            case records.CancelRefused():
                if not fact.duplicate:
                    self.cancels[fact.cancel.source_id, fact.cancel.cl_ord_id].append("9")
            case records.CancelFailed():
                comp_id, _ = self._by_name[fact.client_order_id]
                self.cancels[comp_id, self._canceling.pop(fact.client_order_id)].append("9")
            case records.Doubted() | records.Accepted() | records.Traded() | records.Ended():
                comp_id, order = self._by_name[fact.client_order_id]
                self.reports[comp_id].add(str(position))
                self._of_order(comp_id, order, fact)
            case _:
                pass

    def _of_order(
        self,
        comp_id: str,
        order: Journalled,
        fact: records.Doubted | records.Accepted | records.Traded | records.Ended,
    ) -> None:
        if order.end is not None:
            order.faults.append(f"journal: {type(fact).__name__} after the end")
        if isinstance(fact, records.Accepted):
            order.order_id = fact.order_id
        elif isinstance(fact, records.Traded):
            trade = fact.trade
            name = str(trade.trade_id)
            if name in order.trades:
                order.faults.append(f"journal: trade {name} twice")
            order.trades[name] = Trade(
                trade.quantity, trade.price, trade.commission, trade.commission_asset, trade.maker
            )
            if fact.completes:
                order.end = "2"
        elif isinstance(fact, records.Ended):
            order.end = LIFE[fact.life]
            canceled = self._canceling.get(order.client_order_id)
            if canceled is not None and fact.life is Life.CANCELED:
                self.cancels[comp_id, self._canceling.pop(order.client_order_id)].append("4")


class VenueBook:
    """`GET /sim/state`, by client order id."""

    def __init__(self, state: Mapping[str, Any], clock_refused: Collection[str] = ()) -> None:
        """`clock_refused`: the orders whose first placement was refused with -1021."""
        self.clock_refused = clock_refused
        self.placements: Mapping[str, Mapping[str, int]] = state["placements"]
        self.orders: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for order in state["orders"]:
            self.orders[order["clientOrderId"]].append(order)
        self._trades: dict[tuple[str, str], dict[str, Trade]] = defaultdict(dict)
        for trade in state["trades"]:
            self._trades[trade["account"], trade["clientOrderId"]][str(trade["id"])] = Trade(
                Decimal(trade["qty"]),
                Decimal(trade["price"]),
                Decimal(trade["commission"]),
                trade["commissionAsset"],
                trade["isMaker"],
            )

    def trades(self, order: Mapping[str, Any]) -> dict[str, Trade]:
        return self._trades[order["account"], order["clientOrderId"]]

    def ours(self) -> set[str]:
        """The orders that came by an API key; the venue's own (liquidations) did not."""
        return {name for name in self.orders if name in self.placements}


@dataclass
class Difference:
    """One order on which the books disagree, or a fault of no order (`order` None)."""

    problems: list[str]
    order: Order | None = None
    journal: Journalled | None = None
    venue: Mapping[str, Any] | None = None


def compare(blotters: tuple[Blotter, ...], journal: JournalBook, venue: VenueBook) -> list[Difference]:
    """Every order on which the three do not say the same, and what belongs to nobody."""
    found = []
    named = set()
    for blotter in blotters:
        for order in blotter.orders.values():
            kept = journal.orders.get((blotter.session, order.cl_ord_id))
            name = kept.client_order_id if kept else order.client_order_id
            there = venue.orders.get(name or "", [])
            named.add(name)
            problems = [
                *order.faults,
                *(kept.faults if kept else ()),
                *_of_order(order, kept, there, venue, journal),
            ]
            if problems:
                found.append(Difference(problems, order, kept, there[0] if there else None))
        found += [Difference([text]) for text in (*blotter.strangers, *_of_session(blotter, journal))]
    for name in sorted(venue.ours() - named):
        found.append(
            Difference(
                [f"{name}: at the venue, but of no order an OMS sent"], None, None, venue.orders[name][0]
            )
        )
    return found


def _of_order(
    order: Order,
    kept: Journalled | None,
    there: list[Mapping[str, Any]],
    venue: VenueBook,
    journal: JournalBook,
) -> Iterator[str]:
    if not order.status:
        yield "the OMS was told nothing"
    if order.status in ("A", "6"):
        yield f"still pending: 39={order.status}"
    if kept is None:
        if (order.session, order.cl_ord_id) not in journal.refused:
            yield "not in the journal"
        elif order.status != "8":
            yield f"refused in the journal, told 39={order.status}"
        if there:
            yield "at the venue although it was refused here"
        return
    if order.client_order_id not in (None, kept.client_order_id):
        yield f"told 526={order.client_order_id}, journal {kept.client_order_id}"
    if order.trades != kept.trades:
        yield f"trades told {_text(order.trades)}, journal {_text(kept.trades)}"
    if order.status != kept.status and order.status != "6":
        yield f"told 39={order.status}, journal 39={kept.status}"
    yield from _placed(kept.client_order_id, there, venue)
    if not there:
        if order.status != "8":
            yield f"told 39={order.status}, not at the venue"
        return
    yield from _at_venue(order, there[0], venue)


def _placed(name: str, there: list[Mapping[str, Any]], venue: VenueBook) -> Iterator[str]:
    """P3: at most one order, whatever was received; a second request only after a refusal for the clock."""
    count = venue.placements.get(name, {"received": 0, "accepted": 0})
    if count["accepted"] > 1 or len(there) > 1:
        yield f"placed {count['accepted']} times"
    if count["received"] > (2 if name in venue.clock_refused else 1):
        yield f"sent {count['received']} times"
    if count["accepted"] != len(there):
        yield f"accepted {count['accepted']} times, {len(there)} orders at the venue"


def _at_venue(order: Order, there: Mapping[str, Any], venue: VenueBook) -> Iterator[str]:
    if order.status != VENUE_STATUS[there["status"]]:
        yield f"told 39={order.status}, at the venue {there['status']}"
    if order.cum != Decimal(there["executedQty"]):
        yield f"told CumQty(14)={order.cum}, at the venue {there['executedQty']}"
    quote = sum((trade.quantity * trade.price for trade in order.trades.values()), Decimal(0))
    if quote != Decimal(there["cummulativeQuoteQty"]):
        yield f"fills told cost {quote}, at the venue {there['cummulativeQuoteQty']}"
    if order.trades != venue.trades(there):
        yield f"trades told {_text(order.trades)}, at the venue {_text(venue.trades(there))}"
    sent = {
        "symbol": order.terms["symbol"],
        "side": SIDES[order.terms["side"]],
        **{
            key: order.terms[name]
            for name, key in (("px", "price"), ("stop", "stopPrice"))
            if name in order.terms
        },
        **({"quantity": order.terms["qty"]} if "qty" in order.terms else {}),
    }
    for key, value in sent.items():
        same = (
            Decimal(there[key]) == Decimal(value)
            if key in ("price", "stopPrice", "quantity")
            else there[key] == value
        )
        if not same:
            yield f"sent {key} {value}, at the venue {there[key]}"


def _of_session(blotter: Blotter, journal: JournalBook) -> Iterator[str]:
    """Every fact told, nothing told that is no fact; every cancel answered once."""
    told, facts = set(blotter.exec_ids), journal.reports[blotter.session]
    for exec_id in sorted(facts - told, key=int):
        yield f"{blotter.session}: ExecID(17)={exec_id} is in the journal and was never told"
    for exec_id in sorted(told - facts):
        yield f"{blotter.session}: ExecID(17)={exec_id} was told and is not in the journal"
    for cancel in blotter.cancels.values():
        answers = [answer[0] for answer in cancel.answers]
        if len(answers) != 1:
            yield f"cancel {cancel.cl_ord_id} of {cancel.orig}: answered {cancel.answers or 'never'}"
        if answers != journal.cancels[blotter.session, cancel.cl_ord_id]:
            yield (
                f"cancel {cancel.cl_ord_id} of {cancel.orig}: told {answers}, "
                f"journal {journal.cancels[blotter.session, cancel.cl_ord_id]}"
            )


def _text(trades: Mapping[str, Trade]) -> str:
    rows = (f"{n}: {t.quantity}@{t.price} fee {t.fee} {t.fee_asset}" for n, t in sorted(trades.items()))
    return "[" + ", ".join(rows) + "]"
