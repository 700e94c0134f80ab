"""The symbol filters, with the venue's codes and texts (reference sections 5.3 and 6.2)."""

from decimal import ROUND_CEILING, Decimal

from connector.simulator.account import TradingAccount
from connector.simulator.errors import filter_failure, refusal
from connector.simulator.numbers import ZERO
from connector.simulator.orders import (
    STOP_LOSS_TYPES,
    STOP_TYPES,
    TAKE_PROFIT_TYPES,
    UNPRICED_TYPES,
    NewOrder,
    Order,
    OrderType,
    Side,
    StpMode,
)
from connector.simulator.symbols import SymbolSpec

# "Stop loss orders are not supported for this symbol." and its sisters.
TYPE_WORDS = {
    OrderType.MARKET: "Market",
    OrderType.STOP_LOSS: "Stop loss",
    OrderType.STOP_LOSS_LIMIT: "Stop loss limit",
    OrderType.TAKE_PROFIT: "Take profit",
    OrderType.TAKE_PROFIT_LIMIT: "Take profit limit",
    OrderType.LIMIT_MAKER: "Limit maker",
    OrderType.LIMIT: "Limit",
}


def check_order(order: NewOrder, account: TradingAccount, reference: Decimal) -> None:
    """Apply every rule of the symbol; `reference` is the symbol's reference price.

    Raises:
        VenueError: -1013 with the venue's text for the first rule broken.
    """
    _check_supported(order)
    _check_prices(order, reference)
    _check_quantity(order)
    _check_notional(order, reference)
    _check_trailing(order)
    _check_counts(order, account)


def _check_supported(order: NewOrder) -> None:
    spec = order.symbol
    if spec.status != "TRADING":
        raise refusal(-1013, "Market is closed.")
    if order.type not in spec.order_types:
        raise _unsupported(TYPE_WORDS[order.type])
    if order.iceberg_qty and not spec.allows_iceberg:
        raise _unsupported("Iceberg")
    if order.trailing_delta and not spec.allows_trailing:
        raise _unsupported("Trailing stop")
    if order.quote_order_qty and not spec.allows_quote_qty:
        raise _unsupported("Quote order qty market")
    if order.stp_mode is not StpMode.NONE and order.stp_mode not in spec.stp_modes:
        raise refusal(-1013, "This symbol does not allow the specified self-trade prevention mode.")


def _unsupported(words: str) -> Exception:
    return refusal(-1013, f"{words} orders are not supported for this symbol.")


def _check_prices(order: NewOrder, reference: Decimal) -> None:
    spec = order.symbol
    for price in (order.price, order.stop_price):
        if price and not _on_grid(price, spec.min_price, spec.max_price, spec.tick):
            raise filter_failure("PRICE_FILTER")
    low, high = reference * spec.price_down, reference * spec.price_up
    if order.price and not low <= order.price <= high:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _on_grid(value: Decimal, low: Decimal, high: Decimal, step: Decimal) -> bool:
    """Zero disables the single rule, as everywhere in the venue's filters."""
    return not ((low and value < low) or (high and value > high) or (step and value % step))


def _check_quantity(order: NewOrder) -> None:
    spec, quantity = order.symbol, order.quantity
    if order.quote_order_qty:
        return  # the engine derives a step-sized quantity
    if quantity <= 0:
        raise refusal(-1013, "Invalid quantity.")
    if not _on_grid(quantity, spec.min_qty, spec.max_qty, spec.step):
        raise filter_failure("LOT_SIZE")
    if order.type in UNPRICED_TYPES and quantity > spec.market_max_qty:
        raise filter_failure("MARKET_LOT_SIZE")
    if order.iceberg_qty:
        _check_iceberg(order)


def _check_iceberg(order: NewOrder) -> None:
    spec = order.symbol
    if order.iceberg_qty > order.quantity:
        raise refusal(-1013, "IcebergQty exceeds QTY.")
    if not _on_grid(order.iceberg_qty, spec.min_qty, spec.max_qty, spec.step):
        raise filter_failure("LOT_SIZE")
    parts = (order.quantity / order.iceberg_qty).to_integral_value(ROUND_CEILING)
    if parts > spec.iceberg_parts:
        raise filter_failure("ICEBERG_PARTS")


def _check_notional(order: NewOrder, reference: Decimal) -> None:
    """Market orders are valued at the reference price; market stops are valued when they trigger."""
    if order.type in UNPRICED_TYPES and order.type is not OrderType.MARKET:
        return
    price = order.price or reference
    notional = order.quote_order_qty or price * order.quantity
    if notional < order.symbol.min_notional:
        raise filter_failure("NOTIONAL")
    if order.type is not OrderType.MARKET and notional > order.symbol.max_notional:
        raise filter_failure("NOTIONAL")


def _check_trailing(order: NewOrder) -> None:
    spec: SymbolSpec = order.symbol
    if (
        order.trailing_delta
        and not spec.min_trailing_delta <= order.trailing_delta <= spec.max_trailing_delta
    ):
        raise filter_failure("TRAILING_DELTA")


def _check_counts(order: NewOrder, account: TradingAccount) -> None:
    spec = order.symbol
    live = account.open.get(spec.name, {})
    if order.type is not OrderType.MARKET and len(live) >= spec.max_orders:
        raise filter_failure("MAX_NUM_ORDERS")
    if order.type in STOP_TYPES and account.open_algo_count(spec.name) >= spec.max_algo_orders:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")
    if (
        order.iceberg_qty
        and sum(1 for other in live.values() if other.iceberg_qty) >= spec.max_iceberg_orders
    ):
        raise filter_failure("MAX_NUM_ICEBERG_ORDERS")
    if spec.max_position and order.side is Side.BUY:
        held = account.wallet.balance(spec.base)
        pending = sum((o.remaining for o in live.values() if o.side is Side.BUY), ZERO)
        if held.free + held.locked + pending + order.quantity > spec.max_position:
            raise filter_failure("MAX_POSITION")


def would_trigger(order: Order, last_price: Decimal) -> bool:
    """Tell whether the stop price was passed already ("Order would trigger immediately.")."""
    if order.type not in STOP_TYPES or not order.stop_price or order.trailing_delta:
        return False
    return (
        last_price >= order.stop_price
        if triggers_above(order.type, order.side)
        else (last_price <= order.stop_price)
    )


def triggers_above(kind: OrderType, side: Side) -> bool:
    """STOP_LOSS BUY and TAKE_PROFIT SELL wait above the market, the other two below."""
    return (kind in STOP_LOSS_TYPES and side is Side.BUY) or (kind in TAKE_PROFIT_TYPES and side is Side.SELL)
