"""`/sapi/v1/margin`: placing, cancelling and querying orders (reference section 2)."""

from collections.abc import Iterable
from typing import TypeVar

from connector.simulator import render
from connector.simulator.account import TradingAccount
from connector.simulator.call import Call, Endpoint, Pool, Routes, Security
from connector.simulator.errors import VenueError, refusal
from connector.simulator.limits import DAY_US
from connector.simulator.order_params import client_id, parse_order, parse_resp_type
from connector.simulator.orders import BORROWING, Order, PreventedMatch, Trade
from connector.simulator.params import Params

ORDER_PAGE = 500
TRADE_PAGE = 1000
LISTS_TEXT = " Order lists (OCO, OTO, OTOCO) are not simulated yet."

T = TypeVar("T", Order, Trade)


def place_order(call: Call) -> object:
    new = parse_order(call.params, call.world.exchange)
    resp_type = parse_resp_type(call.params)
    account = call.margin_account()
    if not account.is_isolated and not new.symbol.allows_cross:
        raise refusal(-3021)
    order = call.world.exchange.place(account, new, call.now_us)
    call.headers |= account.counter.headers(call.now_us)
    if "newClientOrderId" in call.params:
        call.world.log.placement(new.client_order_id).accepted += 1
    return render.placed(call, order, resp_type)


def cancel_order(call: Call) -> object:
    call.params.required("symbol")
    account = call.margin_account()
    order = _named_order(call, account, for_cancel=True)
    cancel_id = client_id(call.params, "newClientOrderId", call.world.random)
    order = call.world.exchange.cancel(account, order, cancel_id, call.now_us)
    return render.cancelled(order, cancel_id)


def query_order(call: Call) -> object:
    call.params.required("symbol")
    order = _named_order(call, call.margin_account(), for_cancel=False)
    if order is None:
        raise refusal(-2013)
    return render.queried(call, order)


def _named_order(call: Call, account: TradingAccount, *, for_cancel: bool) -> Order | None:
    """Find by orderId, origClientOrderId, or both (which must then agree).

    Raises:
        VenueError: -1102 neither was sent; ids disagree: -2011 for a cancel, -2039 for a query.
    """
    order_id = call.params.integer("orderId")
    client_order_id = call.params.text("origClientOrderId")
    if order_id is None and client_order_id is None:
        text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        raise VenueError(-1102, text)
    try:
        return account.find(call.params.required("symbol"), order_id, client_order_id)
    except VenueError as disagreement:
        if not for_cancel:
            raise
        raise refusal(-2011, "Cancel order is invalid. Check origClOrdId and orderId.") from disagreement


def open_orders(call: Call) -> object:
    """Without a symbol: those of all cross symbols."""
    account = call.margin_account()
    symbol = call.params.text("symbol")
    symbols = account.open if symbol is None else (symbol,)
    orders = [order for name in symbols for order in account.open_orders(name)]
    return [render.queried(call, order) for order in orders]


def cancel_open_orders(call: Call) -> object:
    symbol = call.params.required("symbol")
    account = call.margin_account()
    cancel_id = client_id(call.params, "newClientOrderId", call.world.random)
    orders = call.world.exchange.cancel_all(account, symbol, cancel_id, call.now_us)
    return [render.cancelled_of_many(order, cancel_id) for order in orders]


def all_orders(call: Call) -> object:
    symbol = call.params.required("symbol")
    orders = call.margin_account().orders.get(symbol, {}).values()
    first = call.params.integer("orderId")
    if first is not None:
        chosen: Iterable[Order] = (order for order in orders if order.order_id >= first)
    else:
        begin, end = _period(call)
        chosen = (order for order in orders if begin <= order.created_us <= end)
    limit = _limit(call, ORDER_PAGE, ORDER_PAGE)
    page = _page(list(chosen), limit, newest=first is None and "startTime" not in call.params)
    return [render.queried(call, order) for order in page]


def my_trades(call: Call) -> object:
    symbol = call.params.required("symbol")
    account = call.margin_account()
    trades = account.trades.get(symbol, [])
    order_id, first = call.params.integer("orderId"), call.params.integer("fromId")
    chosen: Iterable[Trade] = trades
    if order_id is not None:
        chosen = (trade for trade in chosen if trade.order_id == order_id)
    if first is not None:
        chosen = (trade for trade in chosen if trade.trade_id >= first)
    elif order_id is None or "startTime" in call.params or "endTime" in call.params:
        begin, end = _period(call)
        chosen = (trade for trade in chosen if begin <= trade.time_us <= end)
    limit = _limit(call, ORDER_PAGE, TRADE_PAGE)
    page = _page(list(chosen), limit, newest=first is None and "startTime" not in call.params)
    return [render.traded(call, trade, is_isolated=account.is_isolated) for trade in page]


def _page(rows: list[T], limit: int, *, newest: bool) -> list[T]:
    """Ascending; the latest rows when nothing says where to begin."""
    return rows[-limit:] if newest else rows[:limit]


def _limit(call: Call, default: int, maximum: int) -> int:
    limit = call.params.integer("limit")
    return min(default if limit is None else max(1, limit), maximum)


def _period(call: Call) -> tuple[int, int]:
    """Return startTime and endTime in microseconds; by default the last 24 hours.

    Raises:
        VenueError: -1127 more than 24 hours apart.
    """
    start, end = (_micros(call.params.integer(name)) for name in ("startTime", "endTime"))
    if start is None and end is None:
        return call.now_us - DAY_US, call.now_us
    if start is None:
        assert end is not None
        return end - DAY_US, end
    if end is None:
        return start, start + DAY_US
    if end - start > DAY_US:
        raise refusal(-1127, 24)
    return start, end


def _micros(value: int | None) -> int | None:
    if value is None or value >= 10**15:
        return value
    return value * 1000 if value * 1000 < 10**17 else value


def order_rate_limit(call: Call) -> object:
    return call.margin_account().counter.rows(call.now_us)


def prevented_matches(call: Call) -> object:
    symbol = call.params.required("symbol")
    rows: Iterable[PreventedMatch] = call.margin_account().prevented.get(symbol, [])
    match_id, order_id = call.params.integer("preventedMatchId"), call.params.integer("orderId")
    if match_id is None and order_id is None:
        raise refusal(-1128)
    if match_id is not None:
        rows = (row for row in rows if row.prevented_match_id == match_id)
    if order_id is not None:
        first = call.params.integer("fromPreventedMatchId") or 0
        rows = (
            row
            for row in rows
            if order_id in (row.taker_order_id, row.maker_order_id) and row.prevented_match_id >= first
        )
    return [render.prevented(call, row) for row in list(rows)[:ORDER_PAGE]]


def liquidations(call: Call) -> object:
    isolated = call.params.text("isolatedSymbol")
    account = call.owner.margin_account(isolated or "", is_isolated=isolated is not None)
    rows = [render.liquidated(call, order) for order in reversed(account.liquidations)]
    size = min(call.params.integer("size") or 10, 100)
    start = ((call.params.integer("current") or 1) - 1) * size
    return {"rows": rows[start : start + size], "total": len(rows)}


def order_lists(_: Call) -> object:
    raise refusal(-1020, LISTS_TEXT)


def _placement_weight(params: Params) -> int:
    return 1500 if params.values.get("sideEffectType") in BORROWING else 6


def _open_orders_weight(params: Params) -> int:
    return 10 if "symbol" in params else 40


_BASE = "/sapi/v1/margin"
_LIST = Endpoint(order_lists, Security.SIGNED, Pool.UID, 1)
ROUTES: Routes = {
    ("POST", f"{_BASE}/order"): Endpoint(place_order, Security.TRADE, Pool.UID, _placement_weight),
    ("DELETE", f"{_BASE}/order"): Endpoint(cancel_order, Security.TRADE, Pool.IP, 10),
    ("GET", f"{_BASE}/order"): Endpoint(query_order, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_BASE}/openOrders"): Endpoint(open_orders, Security.SIGNED, Pool.IP, _open_orders_weight),
    ("DELETE", f"{_BASE}/openOrders"): Endpoint(cancel_open_orders, Security.TRADE, Pool.IP, 1),
    ("GET", f"{_BASE}/allOrders"): Endpoint(all_orders, Security.SIGNED, Pool.IP, 200),
    ("GET", f"{_BASE}/myTrades"): Endpoint(my_trades, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_BASE}/rateLimit/order"): Endpoint(order_rate_limit, Security.TRADE, Pool.IP, 20),
    ("GET", f"{_BASE}/myPreventedMatches"): Endpoint(prevented_matches, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_BASE}/forceLiquidationRec"): Endpoint(liquidations, Security.SIGNED, Pool.IP, 1),
    ("POST", f"{_BASE}/order/oco"): _LIST,
    ("POST", f"{_BASE}/order/oto"): _LIST,
    ("POST", f"{_BASE}/order/otoco"): _LIST,
    ("DELETE", f"{_BASE}/orderList"): _LIST,
    ("GET", f"{_BASE}/orderList"): _LIST,
    ("GET", f"{_BASE}/allOrderList"): _LIST,
    ("GET", f"{_BASE}/openOrderList"): _LIST,
    ("GET", f"{_BASE}/oto/openOrderList"): _LIST,
}
