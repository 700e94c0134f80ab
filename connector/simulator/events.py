"""User data events (reference section 4). Times are microseconds until a stream renders them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from connector.simulator.numbers import ZERO, padded
from connector.simulator.orders import Order, PreventedMatch, Status, Trade
from connector.simulator.wallets import Wallet

Event: TypeAlias = dict[str, object]

# Keys that hold times, by event: the same letter means other things elsewhere ("u", "O").
TIME_KEYS: Mapping[str, tuple[str, ...]] = {
    "executionReport": ("E", "T", "O", "W", "D"),
    "outboundAccountPosition": ("E", "u"),
    "balanceUpdate": ("E", "T"),
    "eventStreamTerminated": ("E",),
    "serverShutdown": ("E",),
}
ZERO_TEXT = padded(ZERO)


def execution_report(
    order: Order,
    execution_type: str,
    execution_id: int,
    now_us: int,
    *,
    trade: Trade | None = None,
    cancel_id: str | None = None,
    prevention: PreventedMatch | None = None,
) -> Event:
    """Build an `executionReport` of the order's state now.

    `cancel_id` is the id of the cancel request: on CANCELED it stands in `c` and the order's own in `C`.
    """
    event: Event = {
        "e": "executionReport",
        "E": now_us,
        "s": order.symbol.name,
        "c": order.client_order_id if cancel_id is None else cancel_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": padded(order.quantity),
        "p": padded(order.price),
        "P": padded(order.stop_price),
        "F": padded(order.iceberg_qty),
        "g": -1,
        "C": "" if cancel_id is None else order.client_order_id,
        "x": execution_type,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": ZERO_TEXT if trade is None else padded(trade.quantity),
        "z": padded(order.executed),
        "L": ZERO_TEXT if trade is None else padded(trade.price),
        "n": "0" if trade is None else padded(trade.commission),
        "N": None if trade is None else trade.commission_asset,
        "T": now_us,
        "t": -1 if trade is None else trade.trade_id,
        "I": execution_id,
        "w": _is_on_book(order, trade),
        "m": trade is not None and trade.is_maker,
        "M": trade is not None,
        "O": order.created_us,
        "Z": padded(order.executed_quote),
        "Y": ZERO_TEXT if trade is None else padded(trade.quote),
        "Q": padded(order.quote_order_qty),
        "V": order.stp_mode,
    }
    _add_conditional(event, order, prevention)
    return event


def _is_on_book(order: Order, trade: Trade | None) -> bool:
    """`w` is false for untriggered stops, for taker fills and for finished orders."""
    if trade is not None and not trade.is_maker:
        return False
    return order.is_open and order.is_working


def _add_conditional(event: Event, order: Order, prevention: PreventedMatch | None) -> None:
    if order.working_us:
        event["W"] = order.working_us
    if order.trailing_delta:
        event["d"] = order.trailing_delta
        if order.trailing_us:
            event["D"] = order.trailing_us
    if order.status is Status.EXPIRED and order.expiry_reason:
        event["eR"] = order.expiry_reason
    if prevention is not None:
        is_taker = order.order_id == prevention.taker_order_id
        mine = prevention.taker_quantity if is_taker else prevention.maker_quantity
        event |= {
            "v": prevention.prevented_match_id,
            "A": padded(mine),
            "B": padded(mine),
            "u": -1,
            "U": prevention.maker_order_id if is_taker else prevention.taker_order_id,
            "Cs": order.symbol.name,
            "pl": padded(prevention.quantity),
            "pL": padded(prevention.price),
            "pY": padded(prevention.price * prevention.quantity),
        }


def account_position(wallet: Wallet, assets: Sequence[str], now_us: int) -> Event:
    """Tell free and locked of the assets that changed; debt is not part of it."""
    return {
        "e": "outboundAccountPosition",
        "E": now_us,
        "u": now_us,
        "B": [
            {"a": asset, "f": padded(wallet.balance(asset).free), "l": padded(wallet.balance(asset).locked)}
            for asset in assets
        ],
    }


def balance_update(asset: str, delta: Decimal, now_us: int) -> Event:
    """A deposit, withdrawal or transfer."""
    return {"e": "balanceUpdate", "E": now_us, "a": asset, "d": padded(delta), "T": now_us}


def stream_terminated(now_us: int) -> Event:
    return {"e": "eventStreamTerminated", "E": now_us}


def server_shutdown(now_us: int) -> Event:
    return {"e": "serverShutdown", "E": now_us}


def rendered(event: Event, *, microseconds: bool) -> Event:
    """Return the event in the unit a connection asked for."""
    if microseconds:
        return event
    copy = dict(event)
    for key in TIME_KEYS.get(str(event["e"]), ()):
        value = copy.get(key)
        if isinstance(value, int):
            copy[key] = value // 1000
    return copy
