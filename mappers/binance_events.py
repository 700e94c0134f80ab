"""One frame of the WS-API as a value: an answer to a request of ours, or an event of a user data stream.

Events come wrapped as `{"subscriptionId":N,"event":{...}}`; the other transports send them bare or as
`{"stream":...,"data":{...}}` (reference, section 1.8), and both are read as well. A frame is decoded once,
typed; only what is not an event of a known kind is looked at a second time to learn its name.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from mappers.binance_replies import NO_REASON, SIDES, TYPES, UNREADABLE, amount
from mappers.model import OrderStatement, Trade, Value, VenueStatus
from mappers.text import printable


class Ignored(Value, frozen=True, kw_only=True):
    """An event we know of, or do not, that says nothing about an order."""

    name: str  # the venue's `e`


class StreamTerminated(Value, frozen=True, kw_only=True):
    """`eventStreamTerminated`: this subscription has ended (token expired, or unsubscribed); the socket
    lives on.
    """

    time_ms: int


class ServerShutdown(Value, frozen=True, kw_only=True):
    """`serverShutdown`: this server will go; open another connection at once."""

    time_ms: int


class Response(Value, frozen=True, kw_only=True):
    """An answer to a request of ours on this socket."""

    id: str | None  # as text, whatever it was; None: the venue answered nobody (a revoked session)
    status: int
    result: bytes  # JSON of `result`, b"" when absent
    code: int | None = None
    text: str = ""
    retry_at_ms: int | None = None  # error.data.retryAfter: an absolute epoch ms here, unlike REST's header


class Unreadable(Value, frozen=True, kw_only=True):
    """A frame that may have been about an order and cannot be read: reconcile."""

    cause: str


StreamEvent = OrderStatement | Ignored | StreamTerminated | ServerShutdown | Response | Unreadable


class StreamFrame(Value, frozen=True, kw_only=True):
    """One frame and the subscription it belongs to; several accounts may share a socket."""

    event: StreamEvent
    subscription_id: int | None = None


class _ExecutionReport(msgspec.Struct, tag_field="e", tag="executionReport"):
    """Section 4.1; the venue's one-letter names beside ours."""

    symbol: str = msgspec.field(name="s")
    client_order_id: str = msgspec.field(name="c")
    status: VenueStatus = msgspec.field(name="X")
    execution: str = msgspec.field(name="x")
    order_id: int = msgspec.field(name="i")
    quantity: Decimal = msgspec.field(name="q")
    executed: Decimal = msgspec.field(name="z")
    transaction_time: int = msgspec.field(name="T")
    side: str = msgspec.field(name="S", default="")
    type: str = msgspec.field(name="o", default="")
    price: Decimal | None = msgspec.field(name="p", default=None)
    orig_client_order_id: str | None = msgspec.field(name="C", default=None)
    reject_reason: str | None = msgspec.field(name="r", default=None)
    expiry_reason: str | None = msgspec.field(name="eR", default=None)
    trade_id: int = msgspec.field(name="t", default=-1)
    last_quantity: Decimal | None = msgspec.field(name="l", default=None)
    last_price: Decimal | None = msgspec.field(name="L", default=None)
    commission: Decimal | None = msgspec.field(name="n", default=None)
    commission_asset: str | None = msgspec.field(name="N", default=None)
    maker: bool | None = msgspec.field(name="m", default=None)
    prevented: Decimal | None = msgspec.field(name="A", default=None)


class _Terminated(msgspec.Struct, tag_field="e", tag="eventStreamTerminated"):
    event_time: int = msgspec.field(name="E", default=0)


class _Shutdown(msgspec.Struct, tag_field="e", tag="serverShutdown"):
    event_time: int = msgspec.field(name="E", default=0)


class _Position(msgspec.Struct, tag_field="e", tag="outboundAccountPosition"):
    """One comes with nearly every order: named here so that it costs one pass."""


class _Balance(msgspec.Struct, tag_field="e", tag="balanceUpdate"):
    """As `_Position`."""


_Event = _ExecutionReport | _Terminated | _Shutdown | _Position | _Balance


class _Frame(msgspec.Struct, rename={"subscription_id": "subscriptionId"}):
    event: _Event
    subscription_id: int | None = None


class _Outline(msgspec.Struct, rename={"subscription_id": "subscriptionId"}):
    """Whatever else arrives: which of the known envelopes is it?"""

    subscription_id: int | None = None
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: int | str | msgspec.UnsetType | None = msgspec.UNSET
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    e: str | None = None


class _ErrorData(msgspec.Struct):
    retry_after: int | None = msgspec.field(name="retryAfter", default=None)


class _Error(msgspec.Struct):
    code: int | None = None
    msg: str = ""
    data: _ErrorData | None = None


class _Name(msgspec.Struct):
    e: str


_FRAME = msgspec.json.Decoder(_Frame, strict=False)
_EVENT = msgspec.json.Decoder(_Event, strict=False)
_OUTLINE = msgspec.json.Decoder(_Outline, strict=False)
_ERROR = msgspec.json.Decoder(_Error | None, strict=False)
_NAME = msgspec.json.Decoder(_Name, strict=False)


def read_frame(frame: bytes | str) -> StreamFrame:
    """One text frame as received. Never raises on anything the venue sends."""
    try:
        typed = _FRAME.decode(frame)
    except UNREADABLE:
        return _read_other(frame)
    return StreamFrame(event=_value(typed.event), subscription_id=typed.subscription_id)


def read_event(event: bytes | str) -> StreamEvent:
    """One bare event object. Never raises on anything the venue sends."""
    try:
        typed = _EVENT.decode(event)
    except UNREADABLE as error:
        return _unnamed(event, error)
    return _value(typed)


def _read_other(frame: bytes | str) -> StreamFrame:
    """A response, a bare or otherwise wrapped event, an event of another kind, or nothing we can read."""
    try:
        outline = _OUTLINE.decode(frame)
    except UNREADABLE as error:
        return StreamFrame(event=Unreadable(cause=printable(str(error), 200)))
    for wrapped in (outline.event, outline.data):
        if wrapped is not msgspec.UNSET and wrapped:
            return StreamFrame(event=read_event(bytes(wrapped)), subscription_id=outline.subscription_id)
    if outline.e is not None:
        return StreamFrame(event=read_event(frame), subscription_id=outline.subscription_id)
    if outline.id is not msgspec.UNSET and outline.status is not None:
        return StreamFrame(event=_response(outline.id, outline.status, outline))
    return StreamFrame(event=Unreadable(cause="neither an event nor a response"))


def _unnamed(event: bytes | str, error: Exception) -> StreamEvent:
    """An event no type fits: ignored by its name, unless it is an order's."""
    try:
        name = _NAME.decode(event).e
    except UNREADABLE:
        return Unreadable(cause=printable(str(error), 200))
    if name == "executionReport":
        return Unreadable(cause=f"executionReport: {printable(str(error), 200)}")
    return Ignored(name=printable(name, 60))


def _response(request_id: int | str | None, status: int, outline: _Outline) -> Response:
    error = _Error()
    if outline.error is not msgspec.UNSET:
        try:
            error = _ERROR.decode(outline.error) or error
        except UNREADABLE:
            error = _Error(msg="an error that cannot be read")
    return Response(
        id=None if request_id is None else str(request_id),
        status=status,
        result=bytes(outline.result),
        code=error.code,
        text=printable(error.msg),
        retry_at_ms=None if error.data is None else error.data.retry_after,
    )


def _value(event: _Event) -> StreamEvent:
    match event:
        case _ExecutionReport():
            try:
                return _statement(event)
            except UNREADABLE as error:
                return Unreadable(cause=f"executionReport: {printable(str(error), 200)}")
        case _Terminated():
            return StreamTerminated(time_ms=event.event_time)
        case _Shutdown():
            return ServerShutdown(time_ms=event.event_time)
        case _Position():
            return Ignored(name="outboundAccountPosition")
        case _Balance():
            return Ignored(name="balanceUpdate")


def _statement(event: _ExecutionReport) -> OrderStatement:
    """`C`, when there is one, is the order's own id and `c` the cancel's (section 9, trap 9)."""
    reason = event.expiry_reason if event.expiry_reason not in NO_REASON else event.reject_reason
    return OrderStatement(
        symbol=event.symbol,
        order_id=event.order_id,
        client_order_id=event.orig_client_order_id or event.client_order_id,
        status=event.status,
        quantity=amount(event.quantity),
        executed=amount(event.executed),
        time_ms=event.transaction_time,
        trades=(_trade(event),) if event.execution == "TRADE" and event.trade_id >= 0 else (),
        reason=None if reason in NO_REASON else printable(str(reason), 100),
        side=SIDES.get(event.side),
        type=TYPES.get(event.type),
        price=amount(event.price),
        prevented_quantity=amount(event.prevented),
    )


def _trade(event: _ExecutionReport) -> Trade:
    quantity, price = amount(event.last_quantity), amount(event.last_price)
    if quantity is None or price is None or quantity <= 0 or price < 0:
        raise ValueError(f"a trade of {quantity} at {price}")
    return Trade(
        trade_id=event.trade_id,
        quantity=quantity,
        price=price,
        commission=amount(event.commission),
        commission_asset=event.commission_asset,
        maker=event.maker,
        time_ms=event.transaction_time,
    )
