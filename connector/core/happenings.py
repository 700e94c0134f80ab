"""What can happen to the router, and what it can ask of the world. Plain values, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connector.core.records import Entry
from mappers.instruments import Instrument
from mappers.model import NewOrder, OrderStatement, Outcome, Received
from mappers.reports import Report

# -- what the router asks of the venue; each names its account ----------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Place the order. Issued once in an order's life; again only after a refusal for the clock (-1021)."""

    account: str
    client_order_id: str
    order: NewOrder
    measure_clock: bool = False  # first measure the venue's clock again


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel the order; may be repeated, its outcome is the same (P8)."""

    account: str
    symbol: str
    isolated: bool
    client_order_id: str
    cancel_client_id: str | None
    order_id: int | None = None
    measure_clock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOrder:
    """What does the venue state of this order?"""

    account: str
    symbol: str
    isolated: bool
    client_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTrades:
    """Which executions does the venue count for this order?"""

    account: str
    symbol: str
    isolated: bool
    client_order_id: str
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOpen:
    """Which orders are open? `symbol` is None for a cross account: all symbols."""

    account: str
    symbol: str | None
    isolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOrdersSince:
    """One page of the order history of a symbol, from this order id on."""

    account: str
    symbol: str
    isolated: bool
    from_order_id: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTradesSince:
    """One page of the trade history of a symbol, from this trade id on."""

    account: str
    symbol: str
    isolated: bool
    from_id: int
    limit: int


Call = Submit | Cancel | AskOrder | AskTrades | AskOpen | AskOrdersSince | AskTradesSince


# -- what happens -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageArrived:
    """An OMS sent an application message."""

    received: Received


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """A client logged on; `reset` when it asked for ResetSeqNumFlag(141)=Y."""

    session: str
    reset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreGone:
    """The engine's store of a session is about to be emptied (141=Y: `reset`), or was found lost or old."""

    session: str
    reset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptGiven:
    """A client proved to have read every report born up to `through`."""

    session: str
    through: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A call to the venue has its outcome."""

    call: Call
    outcome: Outcome
    sent_ns: int  # our clock when the last byte of the request may have left


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStated:
    """The user data stream brought a statement."""

    account: str
    statement: OrderStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """The account's truth may have moved unheard: start, reconnect, staleness, period."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsLoaded:
    """The venue's trading rules for one account's connector."""

    account: str
    instruments: Mapping[str, Instrument]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewMeasured:
    """How far our idea of the venue's clock may be off."""

    account: str
    skew_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The process was asked to stop: no new orders; cancels and questions go on until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersHeld:
    """Why new orders cannot be taken for now, as the OMS is told; None: they can again. Cancels pass."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The time the router asked to be woken at has come."""


Happening = (
    MessageArrived
    | SessionOpened
    | StoreGone
    | ReceiptGiven
    | Answered
    | StreamStated
    | Reconcile
    | InstrumentsLoaded
    | SkewMeasured
    | Closing
    | OrdersHeld
    | Tick
)


# -- what was decided ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Note:
    """Something an operator may want to read: an event name and its keys."""

    level: Literal["info", "warning", "error"]
    event: str
    keys: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """To be done in this order: append the entries, send the reports, then (once durable) make the calls."""

    entries: list[Entry]
    reports: list[tuple[int | None, Report]]  # with the position that gave birth to it, None: stateless
    calls: list[Call]
    notes: list[Note]
