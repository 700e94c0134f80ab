"""Two books of the same orders, read from the FIX client's own log and from the venue's state. Pure.

Nothing the connector believes can help the FIX side: it is made of messages alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connector.demo.messages import ORD_STATUSES, Pairs, values

ZERO = Decimal(0)

Json = Mapping[str, Any]

STATUSES: Mapping[str, str] = {  # the venue's word -> the OrdStatus(39) it should have become
    "NEW": "New",
    "PARTIALLY_FILLED": "PartiallyFilled",
    "FILLED": "Filled",
    "CANCELED": "Canceled",
    "EXPIRED": "Expired",
    "EXPIRED_IN_MATCH": "Expired",
    "REJECTED": "Rejected",
}


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade as one side tells it. `fee` in `fee_asset`."""

    trade_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str


@dataclass(slots=True, kw_only=True)
class Book:
    """One order as one side tells it. `average`: None while nothing is filled."""

    status: str
    executed: Decimal = ZERO  # base units, as stated beside the fills
    average: Decimal | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def quantity(self) -> Decimal:
        """The sum of the fills, base units."""
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def worth(self) -> Decimal:
        """The sum of quantity x price, quote units."""
        return sum((fill.quantity * fill.price for fill in self.fills), ZERO)


@dataclass(slots=True, kw_only=True)
class FixBook(Book):
    """What the FIX client knows of one of its orders."""

    symbol: str
    side: str  # BUY or SELL
    client_order_id: str = ""  # SecondaryClOrdID(526): the venue's clientOrderId
    exec_ids: set[str] = field(default_factory=set)


def fix_books(sent: Iterable[Pairs], received: Iterable[Pairs]) -> dict[str, FixBook]:
    """ClOrdID(11) -> order. A fill repeated with PossResend(97)=Y and its old ExecID(17) is the same fill."""
    books: dict[str, FixBook] = {}
    for fields in map(values, sent):
        if fields.get(35) == "D":
            side = "BUY" if fields[54] == "1" else "SELL"
            books[fields[11]] = FixBook(status="(no report)", symbol=fields[55], side=side)
    for fields in map(values, received):
        if fields.get(35) != "8" or fields.get(150) == "I":  # a status is no execution
            continue
        book = books.get(fields.get(41) or fields[11]) or books.get(fields[11])
        if book is not None:
            _report(book, fields)
    return books


def _report(book: FixBook, fields: Mapping[int, str]) -> None:
    book.status = ORD_STATUSES.get(fields[39], fields[39])
    book.executed = Decimal(fields[14])
    book.average = Decimal(fields[6]) if book.executed else None
    book.client_order_id = fields.get(526, book.client_order_id)
    repeated = fields.get(97) == "Y" and fields[17] in book.exec_ids
    book.exec_ids.add(fields[17])
    if fields[150] == "F" and not repeated:
        book.fills.append(
            Fill(
                fields.get(1003, ""),
                Decimal(fields[32]),
                Decimal(fields[31]),
                Decimal(fields.get(137, "0")),
                fields.get(138, ""),
            )
        )


def venue_books(state: Json) -> dict[str, Book]:
    """Client order id -> order, from `GET /sim/state`."""
    books: dict[str, Book] = {}
    for order in state["orders"]:
        executed, quote = Decimal(order["executedQty"]), Decimal(order["cummulativeQuoteQty"])
        books[order["clientOrderId"]] = Book(
            status=STATUSES.get(order["status"], order["status"]),
            executed=executed,
            average=quote / executed if executed else None,
        )
    for trade in state["trades"]:
        fill = Fill(
            str(trade["id"]),
            Decimal(trade["qty"]),
            Decimal(trade["price"]),
            Decimal(trade["commission"]),
            trade["commissionAsset"],
        )
        books[trade["clientOrderId"]].fills.append(fill)
    return books


def plain(value: Decimal | None) -> str:
    """Digits without trailing zeros and exponent, at most ten decimals; nothing for None."""
    if value is None:
        return ""
    text = format(round(value, 10), "f").rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
