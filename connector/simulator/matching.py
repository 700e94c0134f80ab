"""The taker phase: what an order that reaches the book trades with, and what self-trade prevention stops."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from connector.simulator.book import Book
from connector.simulator.numbers import ZERO, floored
from connector.simulator.orders import Order, Side, StpMode


class Sink(Protocol):
    """Whoever keeps wallets and tells clients; called in matching order."""

    def traded(self, taker: Order, maker: Order, price: Decimal, quantity: Decimal) -> None:
        """`quantity` changed hands at the maker's price; both `executed` are already raised."""

    def prevented(self, taker: Order, maker: Order) -> None:
        """The two belong to one account: close whichever `taker.stp_mode` says."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a taker would get right now."""

    quantity: Decimal
    quote: Decimal


def prevents(taker: Order, maker: Order) -> bool:
    """Self-trade prevention is the taker's choice and only within one account."""
    return taker.stp_mode is not StpMode.NONE and taker.account is not None and taker.account is maker.account


def plan(book: Book, taker: Order, limit: Decimal | None) -> Plan:
    """Walk the book as `match` would, changing nothing."""
    quantity = quote = ZERO
    for maker in book.walk(taker.side, limit):
        if quantity == taker.remaining:
            break
        if prevents(taker, maker):
            if taker.stp_mode is StpMode.EXPIRE_MAKER:
                continue
            break
        part = min(taker.remaining - quantity, maker.remaining)
        quantity += part
        quote += part * maker.price
    return Plan(quantity, quote)


def quantity_for_quote(book: Book, side: Side, budget: Decimal, step: Decimal) -> Decimal:
    """Turn quoteOrderQty into the step-sized quantity whose cost comes nearest without exceeding it."""
    quantity, left = ZERO, budget
    for maker in book.walk(side, None):
        part = min(maker.remaining, floored(left / maker.price, step))
        quantity += part
        left -= part * maker.price
        if part < maker.remaining:
            break
    return floored(quantity, step)


def match(book: Book, taker: Order, limit: Decimal | None, sink: Sink) -> None:
    """Trade until the taker is done, closed by prevention, or nothing within `limit` is left."""
    while taker.is_open and taker.remaining > 0:
        maker = book.first_against(taker.side, limit)
        if maker is None:
            return
        if prevents(taker, maker):
            sink.prevented(taker, maker)
            continue
        quantity = min(taker.remaining, maker.visible)
        taker.executed += quantity
        maker.executed += quantity
        book.filled(maker, quantity)
        sink.traded(taker, maker, maker.price, quantity)
