"""The venue's REST answers as outcomes.

Margin answers are no clones of spot's (reference, sections 0.9, 2.3-2.9): `orderId` is a string after a
cancel and a number elsewhere, zeros are stripped, `marginBuyBorrowAmount` is a JSON number, commissions may
be null, fields come and go. So numbers are read from text or from number tokens alike (digit by digit,
never through a float), unknown fields are skipped, and what cannot be read is "unknown", never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from mappers.binance_requests import Operation
from mappers.decimals import is_amount
from mappers.model import (
    OrderStatement,
    OrderType,
    Outcome,
    OutcomeUnknown,
    RefusalKind,
    Side,
    Stated,
    Trade,
    TradesStated,
    Value,
    VenueRefused,
    VenueStatus,
)
from mappers.reasons import judge, refusal
from mappers.text import printable

SIDES: Mapping[str, Side] = {side.value: side for side in Side}
TYPES: Mapping[str, OrderType] = {kind.value: kind for kind in OrderType}

NO_REASON = frozenset({None, "", "NONE"})

UNREADABLE = (msgspec.MsgspecError, ValueError, InvalidOperation)
"""What reading a venue text can raise: everything else is our bug."""


class _Error(msgspec.Struct):
    code: int
    msg: str = ""


class _Fill(msgspec.Struct):
    price: Decimal
    qty: Decimal
    trade_id: int = msgspec.field(name="tradeId")
    commission: Decimal | None = None
    commission_asset: str | None = msgspec.field(name="commissionAsset", default=None)


class _Order(msgspec.Struct, rename="camel"):
    """Every answer about one order: POST (ACK, RESULT, FULL), DELETE, GET and the rows of the lists."""

    symbol: str
    order_id: int
    client_order_id: str
    orig_client_order_id: str | None = None
    status: str | None = None
    orig_qty: Decimal | None = None
    executed_qty: Decimal | None = None
    price: Decimal | None = None
    side: str | None = None
    type: str | None = None
    transact_time: int | None = None
    update_time: int | None = None
    time: int | None = None
    expiry_reason: str | None = None
    prevented_quantity: Decimal | None = None
    margin_buy_borrow_amount: Decimal | None = None
    margin_buy_borrow_asset: str | None = None
    fills: list[_Fill] | None = None


class _TradeRow(msgspec.Struct, rename="camel"):
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    time: int
    commission: Decimal | None = None
    commission_asset: str | None = None
    is_maker: bool | None = None


class _Token(msgspec.Struct, rename="camel"):
    token: str | None = None
    listen_token: str | None = None  # a second spelling one client is prepared for
    expiration_time: int | None = None


class _Time(msgspec.Struct, rename="camel"):
    server_time: int


# strict=False: numbers as text and the other way round, and "null" for null
_ERROR = msgspec.json.Decoder(_Error, strict=False)
_ORDER = msgspec.json.Decoder(_Order, strict=False)
_ORDERS = msgspec.json.Decoder(list[_Order], strict=False)
_TRADES = msgspec.json.Decoder(list[_TradeRow], strict=False)
_TOKEN = msgspec.json.Decoder(_Token, strict=False)
_TIME = msgspec.json.Decoder(_Time, strict=False)


class ListenToken(Value, frozen=True, kw_only=True):
    """A credential for one user data stream. Never logged."""

    token: str
    expires_ms: int | None  # epoch ms; None: not said

    def __repr__(self) -> str:
        """Without the token (P11)."""
        return f"ListenToken(expires_ms={self.expires_ms})"


def read_reply(
    operation: Operation,
    http: int,
    body: bytes,
    retry_after_s: str | None = None,
    page_limit: int | None = None,
) -> Outcome:
    """What an answer to `operation` means. Never raises on anything the venue, or something before it, sends.

    Args:
        operation: what was asked.
        http: HTTP status.
        body: as received, possibly empty or HTML.
        retry_after_s: the Retry-After header, seconds.
        page_limit: the page asked for; a page of that many is `full_page`.
    """
    if http != 200:
        return _failed(operation, http, body, retry_after_s)
    reader = _READERS.get(operation)
    if reader is None:
        return Stated()
    try:
        return reader(body, page_limit)
    except UNREADABLE as error:
        return OutcomeUnknown(cause=f"HTTP 200 with a body that cannot be read: {printable(str(error), 200)}")


def read_listen_token(http: int, body: bytes, retry_after_s: str | None = None) -> ListenToken | Outcome:
    """The token of `listen_token`, or why there is none."""
    if http != 200:
        return _failed(Operation.LISTEN_TOKEN, http, body, retry_after_s)
    try:
        reply = _TOKEN.decode(body)
    except UNREADABLE:
        reply = _Token()
    token = reply.token or reply.listen_token
    if not token:  # without the decoder's words: they could quote the token
        return OutcomeUnknown(cause="HTTP 200 without a listen token that can be read")
    return ListenToken(token=token, expires_ms=epoch_ms(reply.expiration_time))


def read_server_time(http: int, body: bytes, retry_after_s: str | None = None) -> int | Outcome:
    """The venue's clock, epoch ms, or why it is not known."""
    if http != 200:
        return _failed(Operation.TIME, http, body, retry_after_s)
    try:
        return _TIME.decode(body).server_time
    except UNREADABLE as error:
        return OutcomeUnknown(cause=f"HTTP 200 with a body that cannot be read: {printable(str(error), 200)}")


def epoch_ms(value: int | None) -> int | None:
    """Milliseconds from a time that the venue gives in ms or in us, told apart by magnitude (section 1.7)."""
    return value // 1000 if value is not None and value >= 10**15 else value


def amount(value: Decimal | None) -> Decimal | None:
    """`value`, once it can be a number of money.

    Raises:
        ValueError: NaN, Infinity, or an exponent no market has.
    """
    if value is not None and not is_amount(value):
        raise ValueError(f"{value} is not an amount")
    return value


def _failed(operation: Operation, http: int, body: bytes, retry_after_s: str | None) -> Outcome:
    code, text = _read_error(body)
    kind = judge(operation, http, code, text)
    if kind is None:
        words = printable(text, 200)
        return OutcomeUnknown(cause=f"HTTP {http}" if code is None else f"HTTP {http} {code} {words}")
    return VenueRefused(
        kind=kind,
        refusal=refusal(operation, http, code, text),
        retry_after_ms=_retry_after_ms(retry_after_s) if kind is RefusalKind.BACK_OFF else None,
    )


def _read_error(body: bytes) -> tuple[int | None, str]:
    try:
        error = _ERROR.decode(body)
    except UNREADABLE:
        return None, ""
    return error.code, error.msg


def _retry_after_ms(header: str | None) -> int | None:
    """Retry-After in ms: whole seconds by the venue's documents; anything else is as good as absent."""
    text = (header or "").strip()
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _placed(body: bytes, page_limit: int | None) -> Outcome:  # noqa: ARG001 (one signature for all readers)
    order = _ORDER.decode(body)
    time_ms = order.transact_time or 0
    trades = tuple(_fill(fill, time_ms) for fill in order.fills or ())
    # an ACK has no status: the order was taken, and nothing else is said
    status = VenueStatus.NEW if order.status is None else VenueStatus(order.status)
    return Stated(statements=(_statement(order, order.client_order_id, status, time_ms, trades),))


def _cancelled(body: bytes, page_limit: int | None) -> Outcome:  # noqa: ARG001
    order = _ORDER.decode(body)
    if not order.orig_client_order_id:  # clientOrderId is the cancel's own here
        raise ValueError("origClientOrderId is missing")
    time_ms = order.transact_time or order.update_time or 0
    return Stated(statements=(_statement(order, order.orig_client_order_id, _status(order), time_ms),))


def _queried(body: bytes, page_limit: int | None) -> Outcome:  # noqa: ARG001
    return Stated(statements=(_row(_ORDER.decode(body)),))


def _listed(body: bytes, page_limit: int | None) -> Outcome:  # noqa: ARG001
    return Stated(statements=tuple(_row(order) for order in _ORDERS.decode(body)))


def _traded(body: bytes, page_limit: int | None) -> Outcome:
    rows = _TRADES.decode(body)
    rows.sort(key=lambda row: row.id)
    trades = tuple((row.order_id, _trade(row)) for row in rows)
    return TradesStated(trades=trades, full_page=page_limit is not None and len(rows) >= page_limit)


_READERS: Mapping[Operation, Callable[[bytes, int | None], Outcome]] = {
    Operation.NEW_ORDER: _placed,
    Operation.CANCEL: _cancelled,
    Operation.QUERY: _queried,
    Operation.OPEN_ORDERS: _listed,
    Operation.ALL_ORDERS: _listed,
    Operation.TRADES: _traded,
}


def _status(order: _Order) -> VenueStatus:
    if order.status is None:
        raise ValueError("status is missing")
    return VenueStatus(order.status)  # ValueError: a status we do not know proves nothing


def _row(order: _Order) -> OrderStatement:
    time_ms = order.update_time or order.time or order.transact_time or 0
    return _statement(order, order.client_order_id, _status(order), time_ms)


def _statement(
    order: _Order, client_order_id: str, status: VenueStatus, time_ms: int, trades: tuple[Trade, ...] = ()
) -> OrderStatement:
    return OrderStatement(
        symbol=order.symbol,
        order_id=order.order_id,
        client_order_id=client_order_id,
        status=status,
        quantity=amount(order.orig_qty),
        executed=amount(order.executed_qty),
        time_ms=time_ms,
        trades=trades,
        reason=None if order.expiry_reason in NO_REASON else printable(str(order.expiry_reason), 100),
        side=SIDES.get(order.side or ""),
        type=TYPES.get(order.type or ""),
        price=amount(order.price),
        prevented_quantity=amount(order.prevented_quantity),
        borrowed=amount(order.margin_buy_borrow_amount),
        borrowed_asset=order.margin_buy_borrow_asset,
    )


def _fill(fill: _Fill, time_ms: int) -> Trade:
    """A fill of the placement's own reply: the order has just arrived, so it took (`maker` is not said)."""
    return Trade(
        trade_id=fill.trade_id,
        quantity=_traded_quantity(fill.qty),
        price=_positive_or_zero(fill.price),
        commission=amount(fill.commission),
        commission_asset=fill.commission_asset,
        maker=False,
        time_ms=time_ms,
    )


def _trade(row: _TradeRow) -> Trade:
    return Trade(
        trade_id=row.id,
        quantity=_traded_quantity(row.qty),
        price=_positive_or_zero(row.price),
        commission=amount(row.commission),
        commission_asset=row.commission_asset,
        maker=row.is_maker,
        time_ms=row.time,
    )


def _traded_quantity(value: Decimal) -> Decimal:
    if not is_amount(value) or value <= 0:
        raise ValueError(f"a trade of {value}")
    return value


def _positive_or_zero(value: Decimal) -> Decimal:
    if not is_amount(value) or value < 0:
        raise ValueError(f"a trade at {value}")
    return value
