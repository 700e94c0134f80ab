"""`/api/v3`: public market data. The WS-API serves the same answers."""

import json

from connector.simulator.call import Call, Endpoint, Handler, Pool, Routes, Security
from connector.simulator.errors import refusal
from connector.simulator.market import Market
from connector.simulator.numbers import ZERO, padded
from connector.simulator.orders import Side
from connector.simulator.symbols import symbol_json

MAX_DEPTH = 5000
MAX_TRADES = 1000


def ping(_: Call) -> object:
    return {}


def time(call: Call) -> object:
    return {"serverTime": call.time(call.now_us)}


def exchange_info(call: Call) -> object:
    """Symbols, filters and limits (reference section 6.1)."""
    limits = call.world.config.limits
    return {
        "timezone": "UTC",
        "serverTime": call.time(call.now_us),
        "rateLimits": [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, limits.api_weight),
            _limit("ORDERS", "SECOND", 10, limits.orders_10s),
            _limit("ORDERS", "DAY", 1, limits.orders_1d),
            _limit("RAW_REQUESTS", "MINUTE", 5, limits.raw_requests),
        ],
        "exchangeFilters": [],
        "symbols": [symbol_json(market.spec) for market in _chosen(call)],
        "sors": [],
    }


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _chosen(call: Call) -> list[Market]:
    """Return the markets `symbol`, `symbols` (a JSON array) or `symbolStatus` select.

    Raises:
        VenueError: -1121 unknown symbol, -1128 several selectors, -1100 `symbols` is no JSON array.
    """
    symbol, symbols = call.params.text("symbol"), call.params.text("symbols")
    status = call.params.text("symbolStatus")
    exchange = call.world.exchange
    if sum(value is not None for value in (symbol, symbols, status)) > 1:
        raise refusal(-1128)
    if symbol is not None:
        return [exchange.market(symbol)]
    if symbols is not None:
        return [exchange.market(name) for name in _symbol_list(symbols)]
    return [m for m in exchange.markets.values() if status is None or m.spec.status == status]


def _symbol_list(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise refusal(-1100, "symbols", '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$')
    return names


def _market(call: Call) -> Market:
    return call.world.exchange.market(call.params.required("symbol"))


def depth(call: Call) -> object:
    market = _market(call)
    limit = min(call.params.integer("limit") or 100, MAX_DEPTH)
    return {
        "lastUpdateId": market.update_id,
        "bids": [[padded(price), padded(qty)] for price, qty in market.book.depth(Side.BUY, limit)],
        "asks": [[padded(price), padded(qty)] for price, qty in market.book.depth(Side.SELL, limit)],
    }


def trades(call: Call) -> object:
    market = _market(call)
    limit = min(call.params.integer("limit") or 500, MAX_TRADES)
    return [
        {
            "id": trade.trade_id,
            "price": padded(trade.price),
            "qty": padded(trade.quantity),
            "quoteQty": padded(trade.price * trade.quantity),
            "time": call.time(trade.time_us),
            "isBuyerMaker": trade.buyer_is_maker,
            "isBestMatch": True,
        }
        for trade in list(market.trades)[-limit:]
    ]


def price_ticker(call: Call) -> object:
    rows = [{"symbol": m.spec.name, "price": padded(m.last_price)} for m in _chosen(call)]
    return rows[0] if "symbol" in call.params else rows


def book_ticker(call: Call) -> object:
    rows = [_touch(market) for market in _chosen(call)]
    return rows[0] if "symbol" in call.params else rows


def _touch(market: Market) -> dict[str, object]:
    bid = next(iter(market.book.depth(Side.BUY, 1)), (ZERO, ZERO))
    ask = next(iter(market.book.depth(Side.SELL, 1)), (ZERO, ZERO))
    return {
        "symbol": market.spec.name,
        "bidPrice": padded(bid[0]),
        "bidQty": padded(bid[1]),
        "askPrice": padded(ask[0]),
        "askQty": padded(ask[1]),
    }


def average_price(call: Call) -> object:
    """The reference price: here always the last one, so that a moved market can be traded at once."""
    market = _market(call)
    return {"mins": 5, "price": padded(market.reference_price), "closeTime": call.time(call.now_us)}


def _public(handler: Handler, weight: int) -> Endpoint:
    return Endpoint(handler, Security.NONE, Pool.API, weight)


ROUTES: Routes = {
    ("GET", "/api/v3/ping"): _public(ping, 1),
    ("GET", "/api/v3/time"): _public(time, 1),
    ("GET", "/api/v3/exchangeInfo"): _public(exchange_info, 20),
    ("GET", "/api/v3/depth"): _public(depth, 5),
    ("GET", "/api/v3/trades"): _public(trades, 25),
    ("GET", "/api/v3/ticker/price"): _public(price_ticker, 4),
    ("GET", "/api/v3/ticker/bookTicker"): _public(book_ticker, 4),
    ("GET", "/api/v3/avgPrice"): _public(average_price, 2),
}
