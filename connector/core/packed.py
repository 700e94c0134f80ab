"""Orders by client order id; those that are over rest as bytes until somebody asks for them.

A desk's past grows without end, and hardly any of it is asked for again: a settled order as objects takes
some 2 kB, packed a few hundred bytes. What comes out is what went in, to the last trade id, so that a late
fill, a repetition or a status request finds the order as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from connector.core.order import Life, Order
from mappers.model import NewOrder

REQUEST_FIELDS: Final = NewOrder.__struct_fields__
_Request: Final[Any] = msgspec.defstruct(
    "_Request", [(field.name, field.type) for field in msgspec.structs.fields(NewOrder)], array_like=True
)


class _Packed(msgspec.Struct, array_like=True):
    """What is left of an order that is over; the request's values in the order of `REQUEST_FIELDS`."""

    request: _Request
    position: int
    life: Life
    order_id: int | None
    quantity: Decimal | None
    cum: Decimal
    cum_quote: Decimal
    trade_ids: list[int]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


def is_quiet(order: Order) -> bool:
    """Nothing is under way any more: all that is known of it fits into `pack`."""
    return order.settled and order.cancel is None and order.stated_end is None and not order.doubted


def pack(order: Order) -> bytes:
    """A quiet order as bytes."""
    assert is_quiet(order), order
    request = order.request
    return _encoder.encode(
        (
            tuple([getattr(request, name) for name in REQUEST_FIELDS]),
            order.position,
            order.life,
            order.order_id,
            order.quantity,
            order.cum,
            order.cum_quote,
            sorted(order.trade_ids),
        )
    )


def unpack(client_order_id: str, content: bytes) -> Order:
    """The order that `pack` was given."""
    packed = _decoder.decode(content)
    request = NewOrder(**{name: getattr(packed.request, name) for name in REQUEST_FIELDS})
    order = Order(request, client_order_id, packed.position)
    order.life, order.order_id = packed.life, packed.order_id
    order.quantity, order.cum, order.cum_quote = packed.quantity, packed.cum, packed.cum_quote
    order.trade_ids = set(packed.trade_ids)
    return order


def repacked(content: bytes, fields: Sequence[str]) -> bytes:
    """The same order, packed by a release whose requests had `fields`.

    Raises:
        ValueError: a field this release needs is missing, or has another meaning.
    """
    request, *rest = msgspec.msgpack.decode(content)
    values = {name: value for name, value in zip(fields, request, strict=True) if value is not None}
    known = msgspec.convert(values | {"is": NewOrder.__name__}, NewOrder, strict=False)
    return _encoder.encode((tuple([getattr(known, name) for name in REQUEST_FIELDS]), *rest))


class Orders(Mapping[str, Order]):
    """A mapping of client order id to order. The same order is the same object for as long as one turn of
    the router lasts: only `rest`, called between turns, packs."""

    def __init__(self) -> None:
        self._cells: dict[str, Order | bytes] = {}
        self._unpacked: deque[str] = deque()  # those that may be over, the longest in use first

    def __getitem__(self, client_order_id: str) -> Order:
        cell = self._cells[client_order_id]
        if isinstance(cell, Order):
            return cell
        order = self._cells[client_order_id] = unpack(client_order_id, cell)
        self._unpacked.append(client_order_id)
        return order

    def __setitem__(self, client_order_id: str, order: Order) -> None:
        self._cells[client_order_id] = order

    def __contains__(self, client_order_id: object) -> bool:
        return client_order_id in self._cells

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def over(self, client_order_id: str) -> None:
        """The order is settled: it may be packed by and by."""
        self._unpacked.append(client_order_id)

    def rest(self, keep: int) -> None:
        """Pack the orders that are over, but for the last `keep`. Nobody may hold one from before."""
        while len(self._unpacked) > keep:
            name = self._unpacked.popleft()
            cell = self._cells[name]
            if isinstance(cell, Order) and is_quiet(cell):
                self._cells[name] = pack(cell)

    def cells(self) -> Mapping[str, Order | bytes]:
        """Every order, packed ones as they are: for snapshots."""
        return self._cells

    def put(self, client_order_id: str, content: bytes) -> None:
        """Take a packed order: from a snapshot."""
        self._cells[client_order_id] = content
