"""The facts the journal keeps. State is nothing but these, applied in order (`connector.core.book`).

They are facts (requested, doubted, stated by the venue, reported), not inputs: replaying them needs no
decision, so an old journal means the same under new deciding code. Each names its account.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from connector.core.order import Life
from mappers.model import (
    CancelOrder,
    NewOrder,
    OrderStatement,
    Refusal,
    RefusedCancel,
    RefusedOrder,
    Trade,
    Value,
)
from mappers.reports import OrdStatus


class Requested(Value, frozen=True, kw_only=True):
    """The OMS asked for an order and we took it: P1's write ahead. Its position is its sequence number."""

    account: str
    client_order_id: str  # newClientOrderId at the venue, unique in this journal for ever
    order: NewOrder


class Refused(Value, frozen=True, kw_only=True):
    """The OMS asked for an order and we did not take it; nothing went to the venue."""

    account: str
    order: NewOrder | RefusedOrder
    refusal: Refusal
    duplicate: bool = False  # ClOrdID(11) was used before: the first use stays what it was
    ord_status: OrdStatus = OrdStatus.REJECTED  # of the first order when this is a duplicate
    order_id: int | None = None  # of the first order when this is a duplicate


class CancelRequested(Value, frozen=True, kw_only=True):
    """The OMS asked to cancel an order that may be open."""

    account: str
    client_order_id: str  # of the order to cancel
    cancel_client_id: str | None  # newClientOrderId of the cancel itself; None: the venue makes one up
    cancel: CancelOrder


class CancelRefused(Value, frozen=True, kw_only=True):
    """A cancel that cannot concern an open order, or one the OMS phrased wrongly; nothing went out."""

    account: str
    cancel: CancelOrder | RefusedCancel
    refusal: Refusal
    duplicate: bool = False
    ord_status: OrdStatus = OrdStatus.REJECTED
    order_id: int | None = None


class Doubted(Value, frozen=True, kw_only=True):
    """Whether the order reached the venue is unknown; it is being asked for (P4)."""

    account: str
    client_order_id: str
    cause: str


class Accepted(Value, frozen=True, kw_only=True):
    """The venue has the order."""

    account: str
    client_order_id: str
    order_id: int
    time_ms: int  # venue time, epoch ms
    quantity: Decimal | None = None  # the venue's size of a CashOrderQty(152) order


class Traded(Value, frozen=True, kw_only=True):
    """One execution, counted once (P5)."""

    account: str
    client_order_id: str
    trade: Trade
    completes: bool = False  # with it the order is filled


class EndStated(Value, frozen=True, kw_only=True):
    """The venue stated the end, but trades it counts have not been heard: not settled yet (P6)."""

    account: str
    client_order_id: str
    life: Life
    executed: Decimal
    reason: str | None = None


class Ended(Value, frozen=True, kw_only=True):
    """The order is over and every trade of it is told."""

    account: str
    client_order_id: str
    life: Life  # CANCELED, EXPIRED, REJECTED; FILLED only where no trade of ours said so
    time_ms: int  # venue time, epoch ms; ours where the venue said none
    refusal: Refusal | None = None
    reason: str | None = None
    order_id: int | None = None  # of an order whose first word from the venue is REJECTED


class CancelFailed(Value, frozen=True, kw_only=True):
    """A requested cancel will not happen."""

    account: str
    client_order_id: str
    cancel_client_id: str | None
    refusal: Refusal
    time_ms: int


class Foreign(Value, frozen=True, kw_only=True):
    """The venue stated an order that no OMS sent through us: liquidation, web, another program (P7)."""

    account: str
    statement: OrderStatement


class Reported(Value, frozen=True, kw_only=True):
    """The reports born at these positions are in the FIX engine's store."""

    positions: tuple[int, ...]
    numbers: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)  # see `NumbersSaved`


class NumbersSaved(Value, frozen=True, kw_only=True):
    """The engine's sequence numbers, kept outside its store so that a lost or an old store is noticed."""

    numbers: dict[str, tuple[int, int]]  # session -> MsgSeqNum(34) due next: ours, the client's


class ReportsRead(Value, frozen=True, kw_only=True):
    """The client proved to have read every report born up to this position (it answered our TestRequest)."""

    session: str
    through: int


class StoreForgotten(Value, frozen=True, kw_only=True):
    """What the engine kept for the session is gone, or about to go: what is unread is to be told again."""

    session: str
    reset: bool  # the client asked (141=Y): both numbers become 1; else the store was lost or is an old one


Record = (
    Requested
    | Refused
    | CancelRequested
    | CancelRefused
    | Doubted
    | Accepted
    | Traded
    | EndStated
    | Ended
    | CancelFailed
    | Foreign
    | Reported
    | NumbersSaved
    | ReportsRead
    | StoreForgotten
)
OF_SESSIONS = (Reported, NumbersSaved, ReportsRead, StoreForgotten)  # not of an order


class Entry(NamedTuple):
    """One record at its place in the journal. ExecID(17) and SEQUENCE ids are positions."""

    position: int
    at_ns: int  # our clock, epoch ns
    record: Record


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """JSON, readable with any tool."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """The record of one journal row.

    Raises:
        ValueError: this is not a record this version knows.
    """
    try:
        record: Record = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    return record
