"""What we ask of the venue: one `VenueRequest` per call, as names and plain texts.

The REST client adds recvWindow, timestamp and signature and percent-encodes; nothing else changes a digit
(P9).

Choices:

- `isIsolated` goes with every request, FALSE too. The parameter's absence means FALSE, and an isolated order
  queried without it "does not exist" (-2013), which is the most dangerous wrong answer there is. Saying it
  always keeps the account visible in every logged request and leaves no path that forgets it.
- `newOrderRespType=FULL` always: stop orders would answer a bare ACK by default.
- `selfTradePreventionMode` and `sideEffectType` always: what is in force is what was sent, not a symbol's
  default.
- `autoRepayAtCancel` only when configured: its default is the venue's (true).
- Quantities and prices keep the OMS's own digits, trailing zeros included.
"""

from __future__ import annotations

from enum import StrEnum

from mappers.model import NewOrder, OrderType, Value, plain


class Operation(StrEnum):
    """What a request is for; decides how its answer is read and what a refusal means."""

    NEW_ORDER = "NEW_ORDER"
    CANCEL = "CANCEL"
    QUERY = "QUERY"
    OPEN_ORDERS = "OPEN_ORDERS"
    ALL_ORDERS = "ALL_ORDERS"
    TRADES = "TRADES"
    LISTEN_TOKEN = "LISTEN_TOKEN"  # noqa: S105 (the name of a call)
    TIME = "TIME"
    EXCHANGE_INFO = "EXCHANGE_INFO"
    ACCOUNT = "ACCOUNT"  # a harmless signed question: is this key good?


class Security(StrEnum):
    """What the call needs (reference, section 1.3)."""

    NONE = "NONE"
    API_KEY = "API_KEY"  # X-MBX-APIKEY header only
    SIGNED = "SIGNED"  # header, timestamp, signature


class VenueRequest(Value, frozen=True, kw_only=True):
    """One REST call, before time and signature."""

    operation: Operation
    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    security: Security = Security.SIGNED


ORDER_PATH = "/sapi/v1/margin/order"
MAX_ORDERS_PAGE = 500  # documented maximum of allOrders; 1000 appears only in an older schema
MAX_TRADES_PAGE = 1000

_TIMED = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


def new_order(
    order: NewOrder, client_order_id: str, *, auto_repay_at_cancel: bool | None = None
) -> VenueRequest:
    """Place an order. `timeInForce` is left out where the venue refuses it (-1106)."""
    params = [("symbol", order.symbol), ("side", order.side.value), ("type", order.type.value)]
    if order.time_in_force is not None:
        assert order.type in _TIMED, order.type
        params.append(("timeInForce", order.time_in_force.value))
    for name, value in (
        ("quantity", order.quantity),
        ("quoteOrderQty", order.quote_quantity),
        ("price", order.price),
        ("stopPrice", order.stop_price),
        ("icebergQty", order.iceberg_quantity),
    ):
        if value is not None:
            params.append((name, plain(value)))
    params += (
        ("newClientOrderId", client_order_id),
        ("sideEffectType", order.side_effect.on_wire(order.side).value),
        ("isIsolated", _flag(order.isolated)),
        ("selfTradePreventionMode", order.stp_mode.value),
        ("newOrderRespType", "FULL"),
    )
    if auto_repay_at_cancel is not None:
        params.append(("autoRepayAtCancel", _flag(auto_repay_at_cancel)))
    return VenueRequest(operation=Operation.NEW_ORDER, method="POST", path=ORDER_PATH, params=tuple(params))


def cancel(
    symbol: str,
    isolated: bool,
    orig_client_order_id: str,
    cancel_client_id: str | None,
    order_id: int | None = None,
) -> VenueRequest:
    """Cancel one order; with `order_id` the venue finds it by number and checks that our id agrees (-2011
    if not).
    """
    params = [("symbol", symbol), ("isIsolated", _flag(isolated))]
    if order_id is not None:
        params.append(("orderId", str(order_id)))
    params.append(("origClientOrderId", orig_client_order_id))
    if cancel_client_id is not None:
        params.append(("newClientOrderId", cancel_client_id))
    return VenueRequest(operation=Operation.CANCEL, method="DELETE", path=ORDER_PATH, params=tuple(params))


def query(symbol: str, isolated: bool, client_order_id: str) -> VenueRequest:
    """Ask for one order by our id: the question after every unknown outcome (P3)."""
    params = (("symbol", symbol), ("isIsolated", _flag(isolated)), ("origClientOrderId", client_order_id))
    return VenueRequest(operation=Operation.QUERY, method="GET", path=ORDER_PATH, params=params)


def open_orders(symbol: str | None, isolated: bool) -> VenueRequest:
    """Every open order of a symbol, or of all cross symbols; an isolated account has no question without a
    symbol.
    """
    assert symbol is not None or not isolated, "openOrders of an isolated account needs its symbol"
    params = [] if symbol is None else [("symbol", symbol)]
    params.append(("isIsolated", _flag(isolated)))
    return _ask(Operation.OPEN_ORDERS, "/sapi/v1/margin/openOrders", params)


def orders_page(limit: int) -> int:
    """The page `all_orders` really asks for: a page of this many is full, and there may be more."""
    return min(limit, MAX_ORDERS_PAGE)


def all_orders(symbol: str, isolated: bool, from_order_id: int | None, limit: int) -> VenueRequest:
    """Orders of a symbol from an order id on, ascending; without an id the last 24 hours. See
    `orders_page`.
    """
    params = [("symbol", symbol), ("isIsolated", _flag(isolated))]
    if from_order_id is not None:
        params.append(("orderId", str(from_order_id)))
    params.append(("limit", str(orders_page(limit))))
    return _ask(Operation.ALL_ORDERS, "/sapi/v1/margin/allOrders", params)


def trades_of_order(symbol: str, isolated: bool, order_id: int, limit: int | None = None) -> VenueRequest:
    """The executions of one order; the venue's own page size (500) unless told."""
    params = [("symbol", symbol), ("isIsolated", _flag(isolated)), ("orderId", str(order_id))]
    if limit is not None:
        params.append(("limit", str(min(limit, MAX_TRADES_PAGE))))
    return _ask(Operation.TRADES, "/sapi/v1/margin/myTrades", params)


def trades_from(symbol: str, isolated: bool, from_id: int | None, limit: int) -> VenueRequest:
    """Executions of a symbol from a trade id on (that one included); without an id the last 24 hours."""
    params = [("symbol", symbol), ("isIsolated", _flag(isolated))]
    if from_id is not None:
        params.append(("fromId", str(from_id)))
    params.append(("limit", str(min(limit, MAX_TRADES_PAGE))))
    return _ask(Operation.TRADES, "/sapi/v1/margin/myTrades", params)


def listen_token(
    symbol: str | None = None, isolated: bool = False, validity_ms: int | None = None
) -> VenueRequest:
    """A token for the user data stream of the cross account, or of one isolated symbol.

    `isIsolated` is a BOOLEAN here, unlike elsewhere, and the clients in use send it in lower case.
    """
    params: list[tuple[str, str]] = []
    if isolated:
        assert symbol is not None, "the listen token of an isolated account needs its symbol"
        params += [("symbol", symbol), ("isIsolated", "true")]
    if validity_ms is not None:
        params.append(("validity", str(validity_ms)))
    return VenueRequest(
        operation=Operation.LISTEN_TOKEN,
        method="POST",
        path="/sapi/v1/userListenToken",
        params=tuple(params),
        security=Security.API_KEY,
    )


def server_time() -> VenueRequest:
    """The venue's clock, epoch ms."""
    return VenueRequest(operation=Operation.TIME, method="GET", path="/api/v3/time", security=Security.NONE)


def exchange_info() -> VenueRequest:
    """Every symbol with its filters (weight 20 of the /api pool, some megabytes)."""
    return VenueRequest(
        operation=Operation.EXCHANGE_INFO, method="GET", path="/api/v3/exchangeInfo", security=Security.NONE
    )


def key_check(symbol: str | None = None, isolated: bool = False) -> VenueRequest:
    """A signed question that needs the right to trade and changes nothing: the order count in use."""
    params = [("isIsolated", _flag(isolated))]
    if symbol is not None:
        params.append(("symbol", symbol))
    return _ask(Operation.ACCOUNT, "/sapi/v1/margin/rateLimit/order", params)


def _ask(operation: Operation, path: str, params: list[tuple[str, str]]) -> VenueRequest:
    return VenueRequest(operation=operation, method="GET", path=path, params=tuple(params))


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"
