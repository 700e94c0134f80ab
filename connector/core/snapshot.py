"""A book at one position as bytes, so that a start need not read the whole past again.

Equal to replaying every fact up to that position: what is decided and told afterwards is the same
(`tests/core/test_snapshot.py`). Settled orders stay packed on both sides, so a hundred thousand of them are
read in a fraction of a second. Field names travel with the values: a later release, whose requests may have
more fields, reads an older snapshot, and one that it does not understand is refused, never misread.
"""

from __future__ import annotations

from decimal import Decimal
from sys import intern
from typing import Final

import msgspec

from connector.core.book import Book
from connector.core.order import Life, Order, PendingCancel, StatedEnd
from connector.core.packed import REQUEST_FIELDS, is_quiet, pack, repacked
from mappers.model import NewOrder
from mappers.reports import Report

FORMAT: Final = 1


class SnapshotError(Exception):
    """This release cannot read the snapshot."""


class _Open(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An order about which something may still happen."""

    client_order_id: str
    request: NewOrder
    position: int
    life: Life
    order_id: int | None = None
    quantity: Decimal | None = None
    cum: Decimal
    cum_quote: Decimal
    trade_ids: list[int]
    stated_end: StatedEnd | None = None
    cancel: PendingCancel | None = None
    doubted: bool = False


class _Snapshot(msgspec.Struct, kw_only=True):
    """`names` are client order ids; everything else speaks of them by their number in that list."""

    format: int
    position: int
    request_fields: tuple[str, ...]
    names: list[str]
    packed: list[bytes | None]  # as many as names; None: among `open`
    open: list[_Open]
    live: list[int]
    canceling: list[int]
    named: list[tuple[str, str, str, int | bytes]]  # session, source id, ClOrdID -> an order or a record
    by_order_id: list[tuple[str, str, int, int]]  # account, symbol, orderId -> an order
    last_trade_id: list[tuple[str, str, int]]
    untold: list[tuple[int, Report]]
    unread: dict[str, list[tuple[int, Report]]] = {}
    numbers: dict[str, tuple[int, int]] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Snapshot)


def encode_book(book: Book, position: int) -> bytes:
    """The book, which is the sum of all facts up to `position`."""
    names = list(book.orders)
    number = {name: n for n, name in enumerate(names)}
    packed: list[bytes | None] = []
    unfinished = []
    for name, cell in book.orders.cells().items():
        if isinstance(cell, bytes):
            packed.append(cell)
        elif is_quiet(cell):
            packed.append(pack(cell))
        else:
            packed.append(None)
            unfinished.append(_open(name, cell))
    return _encoder.encode(
        _Snapshot(
            format=FORMAT,
            position=position,
            request_fields=REQUEST_FIELDS,
            names=names,
            packed=packed,
            open=unfinished,
            live=[number[name] for name in book.live],
            canceling=[number[name] for name in book.canceling],
            named=[
                (*key, number[value] if isinstance(value, str) else value)
                for key, value in book.named.items()
            ],
            by_order_id=[(*place, number[name]) for place, name in book.by_order_id.items()],
            last_trade_id=[(*place, last) for place, last in book.last_trade_id.items()],
            untold=list(book.untold.items()),
            unread={session: list(reports.items()) for session, reports in book.unread.items()},
            numbers=book.numbers,
        )
    )


def decode_book(content: bytes) -> tuple[Book, int]:
    """The book and the position of the last fact in it.

    Raises:
        SnapshotError: written by a release this one cannot follow.
    """
    try:
        snapshot = _decoder.decode(content)
        if snapshot.format != FORMAT:
            raise SnapshotError(f"snapshot format {snapshot.format}, this release reads {FORMAT}")
        return _book(snapshot), snapshot.position
    except (msgspec.MsgspecError, ValueError, LookupError) as error:
        raise SnapshotError(f"the snapshot cannot be read ({error})") from error


def _book(snapshot: _Snapshot) -> Book:
    book, names = Book(), snapshot.names
    unfinished = {one.client_order_id: one for one in snapshot.open}
    same_fields = snapshot.request_fields == REQUEST_FIELDS
    for name, content in zip(names, snapshot.packed, strict=True):
        if content is None:
            book.orders[name] = _order(unfinished[name])
        else:
            book.orders.put(name, content if same_fields else repacked(content, snapshot.request_fields))
    book.live = {names[n]: book.orders[names[n]] for n in snapshot.live}
    book.canceling = {names[n]: book.orders[names[n]] for n in snapshot.canceling}
    book.named = {
        (intern(session), intern(source), cl_ord_id): names[value] if isinstance(value, int) else value
        for session, source, cl_ord_id, value in snapshot.named
    }
    book.by_order_id = {
        (intern(account), intern(symbol), order_id): names[n]
        for account, symbol, order_id, n in snapshot.by_order_id
    }
    book.last_trade_id = {(account, symbol): last for account, symbol, last in snapshot.last_trade_id}
    book.untold = dict(snapshot.untold)
    book.unread = {session: dict(reports) for session, reports in snapshot.unread.items()}
    book.numbers = snapshot.numbers
    return book


def _open(name: str, order: Order) -> _Open:
    return _Open(
        client_order_id=name,
        request=order.request,
        position=order.position,
        life=order.life,
        order_id=order.order_id,
        quantity=order.quantity,
        cum=order.cum,
        cum_quote=order.cum_quote,
        trade_ids=sorted(order.trade_ids),
        stated_end=order.stated_end,
        cancel=order.cancel,
        doubted=order.doubted,
    )


def _order(one: _Open) -> Order:
    order = Order(one.request, one.client_order_id, one.position)
    order.life, order.order_id = one.life, one.order_id
    order.quantity, order.cum, order.cum_quote = one.quantity, one.cum, one.cum_quote
    order.trade_ids = set(one.trade_ids)
    order.stated_end, order.cancel, order.doubted = one.stated_end, one.cancel, one.doubted
    return order
