"""`GET /sim/state`: the venue's whole truth, for tests and for people."""

from collections.abc import Iterable

from connector.simulator.account import TradingAccount
from connector.simulator.numbers import stripped
from connector.simulator.orders import Order, Side, Trade
from connector.simulator.request_log import LoggedRequest
from connector.simulator.world import World

Json = dict[str, object]


def whole_state(world: World, *, account: str | None = None, symbol: str | None = None) -> Json:
    """Everything, or what concerns one user and one symbol. Times in milliseconds, amounts as text."""
    accounts = [a for a in world.exchange.accounts() if account in (None, a.user)]
    return {
        "serverTime": world.clock.now_us() // 1000,
        "clockOffsetMs": world.clock.offset_us // 1000,
        "priceMoves": world.price_moves,
        "markets": _markets(world, symbol),
        "orders": [order_json(order) for order in _orders(accounts, symbol)],
        "trades": [
            trade_json(a, trade)
            for a in accounts
            for name, trades in a.trades.items()
            if symbol in (None, name)
            for trade in trades
        ],
        "wallets": {a.key: wallet_json(a) for a in accounts if a.wallet.balances},
        "placements": placements_json(world),
        "requests": {"total": sum(world.log.routes.values()), "byRoute": world.log.routes},
        "streams": streams_json(world),
        "troubles": list(world.troubles),
    }


def _orders(accounts: Iterable[TradingAccount], symbol: str | None) -> list[Order]:
    return [
        order
        for account in accounts
        for name, orders in account.orders.items()
        if symbol in (None, name)
        for order in orders.values()
    ]


def order_json(order: Order) -> Json:
    """One order with everything the exchange knows of it."""
    account = order.account
    assert account is not None
    return {
        "account": account.key,
        "symbol": order.symbol.name,
        "orderId": order.order_id,
        "clientOrderId": order.client_order_id,
        "side": order.side,
        "type": order.type,
        "timeInForce": order.time_in_force,
        "sideEffectType": order.side_effect,
        "selfTradePreventionMode": order.stp_mode,
        "status": order.status,
        "expiryReason": order.expiry_reason,
        "isWorking": order.is_working,
        "quantity": stripped(order.quantity),
        "price": stripped(order.price),
        "stopPrice": stripped(order.stop_price),
        "icebergQty": stripped(order.iceberg_qty),
        "executedQty": stripped(order.executed),
        "cummulativeQuoteQty": stripped(order.executed_quote),
        "locked": stripped(order.locked),
        "borrowed": stripped(order.borrowed),
        "tradeIds": [trade.trade_id for trade in order.trades],
        "time": order.created_us // 1000,
        "updateTime": order.updated_us // 1000,
    }


def trade_json(account: TradingAccount, trade: Trade) -> Json:
    """One side of a trade, with the client order id the API does not give."""
    order = account.orders[trade.symbol][trade.order_id]
    return {
        "account": account.key,
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "clientOrderId": order.client_order_id,
        "side": order.side,
        "price": stripped(trade.price),
        "qty": stripped(trade.quantity),
        "commission": stripped(trade.commission),
        "commissionAsset": trade.commission_asset,
        "isMaker": trade.is_maker,
        "time": trade.time_us // 1000,
    }


def wallet_json(account: TradingAccount) -> Json:
    return {
        asset: {
            "free": stripped(balance.free),
            "locked": stripped(balance.locked),
            "borrowed": stripped(balance.borrowed),
            "interest": stripped(balance.interest),
        }
        for asset, balance in account.wallet.balances.items()
    }


def placements_json(world: World) -> Json:
    """Placement requests per newClientOrderId: received more than once means sent more than once."""
    return {
        name: {"received": counts.received, "accepted": counts.accepted}
        for name, counts in world.log.placements.items()
    }


def request_json(entry: LoggedRequest) -> Json:
    return {
        "number": entry.number,
        "time": entry.time_us // 1000,
        "request": entry.route,
        "params": entry.params,
        "status": entry.status,
        "code": entry.code,
        "faults": entry.faults,
    }


def streams_json(world: World) -> Json:
    return {
        "sessions": len(world.hub.sessions),
        "subscriptions": sorted(
            subscription.account.key
            for session in world.hub.sessions
            for subscription in session.subscriptions.values()
        ),
        "frozen": sorted(world.hub.frozen),
        "deliveredEvents": world.hub.delivered_events,
        "lostEvents": world.hub.lost_events,
    }


def _markets(world: World, symbol: str | None) -> Json:
    return {
        name: {
            "status": market.spec.status,
            "lastPrice": stripped(market.last_price),
            "bids": [[stripped(p), stripped(q)] for p, q in market.book.depth(Side.BUY, 5)],
            "asks": [[stripped(p), stripped(q)] for p, q in market.book.depth(Side.SELL, 5)],
        }
        for name, market in world.exchange.markets.items()
        if symbol in (None, name)
    }
