"""The filters an order must pass, checked here before anything is sent (P9).

Checked: everything that needs only the order and exchangeInfo (reference, section 6.2). Left to the venue:
what needs a price (PERCENT_PRICE*, the notional of a market order), other orders (MAX_NUM_*), or the
account (MAX_POSITION). A field of 0 disables its rule, as at the venue. A refusal names the tag, the value,
the limit and the filter.
"""

from __future__ import annotations

from decimal import Decimal

from mappers.fix_tags import named
from mappers.model import EXACT, NewOrder, OrderType, Refusal, SelfTradePreventionMode, Value, plain
from mappers.reasons import (
    EXCEEDS_LIMIT,
    EXCHANGE_CLOSED,
    INCORRECT_QUANTITY,
    OTHER,
    UNKNOWN_SYMBOL,
    UNSUPPORTED,
)

TRADING = "TRADING"


class Bounds(Value, frozen=True, kw_only=True):
    """A filter of one number: PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE. 0 disables a limit."""

    filter: str
    names: tuple[str, str, str]  # the venue's names of the three limits
    minimum: Decimal
    maximum: Decimal
    step: Decimal


class Notional(Value, frozen=True, kw_only=True):
    """MIN_NOTIONAL or NOTIONAL: price x quantity, quote units. 0 disables a limit."""

    filter: str
    minimum: Decimal
    maximum: Decimal


class Instrument(Value, frozen=True, kw_only=True):
    """One symbol as exchangeInfo describes it."""

    symbol: str
    status: str = TRADING
    base: str = ""
    quote: str = ""
    base_precision: int | None = None  # decimals of quantities; None: not said
    quote_precision: int | None = None  # decimals of prices
    order_types: frozenset[str] = frozenset()
    stp_modes: frozenset[str] = frozenset()  # empty: not said
    iceberg_allowed: bool = True
    quote_order_qty_allowed: bool = True
    margin_allowed: bool = True
    price_filter: Bounds | None = None
    lot_size: Bounds | None = None
    market_lot_size: Bounds | None = None
    notionals: tuple[Notional, ...] = ()
    iceberg_parts: int = 0  # 0: no limit
    unreadable: str | None = None  # why its description could not be read: no order of it is let through


def check(order: NewOrder, instrument: Instrument | None) -> Refusal | None:
    """Why the venue would refuse this order whatever its market does, or None."""
    if instrument is None:
        return Refusal(text=f"Symbol(55)={order.symbol}: the venue does not list it", reason=UNKNOWN_SYMBOL)
    return (
        _check_symbol(order, instrument)
        or _check_features(order, instrument)
        or _check_prices(order, instrument)
        or _check_quantities(order, instrument)
        or _check_iceberg(order, instrument)
        or _check_notional(order, instrument)
    )


def _check_symbol(order: NewOrder, instrument: Instrument) -> Refusal | None:
    if instrument.unreadable is not None:
        text = f"Symbol(55)={order.symbol}: its exchangeInfo cannot be read: {instrument.unreadable}"
        return Refusal(text=text, reason=OTHER)
    if instrument.status != TRADING:
        text = f"Symbol(55)={order.symbol}: its status is {instrument.status}, new orders need {TRADING}"
        return Refusal(text=text, reason=EXCHANGE_CLOSED)
    if not instrument.margin_allowed:
        text = f"Symbol(55)={order.symbol}: the venue does not trade it on margin (isMarginTradingAllowed)"
        return Refusal(text=text, reason=UNSUPPORTED)
    return None


def _check_features(order: NewOrder, instrument: Instrument) -> Refusal | None:
    kind, mode = order.type.value, order.stp_mode
    if kind not in instrument.order_types:
        allowed = ", ".join(sorted(instrument.order_types))
        text = f"OrdType(40): {kind} is not among the orderTypes of {order.symbol}: {allowed}"
        return Refusal(text=text, reason=UNSUPPORTED)
    if instrument.stp_modes and mode.value not in instrument.stp_modes:
        allowed = ", ".join(own for own in SelfTradePreventionMode if own in instrument.stp_modes)
        text = (
            f"SelfTradePreventionMode(6102)={mode.value} is not allowed for {order.symbol} "
            f"(allowedSelfTradePreventionModes); of ours it takes {allowed or 'none'}"
        )
        return Refusal(text=text, reason=UNSUPPORTED)
    if order.quote_quantity is not None and not instrument.quote_order_qty_allowed:
        shown = f"CashOrderQty(152)={plain(order.quote_quantity)}"
        text = f"{shown}: {order.symbol} takes no quote quantity (quoteOrderQtyMarketAllowed)"
        return Refusal(text=text, reason=UNSUPPORTED)
    if order.iceberg_quantity is not None and not instrument.iceberg_allowed:
        shown = f"MaxFloor(111)={plain(order.iceberg_quantity)}"
        text = f"{shown}: {order.symbol} takes no icebergs (icebergAllowed)"
        return Refusal(text=text, reason=UNSUPPORTED)
    return None


def _check_prices(order: NewOrder, instrument: Instrument) -> Refusal | None:
    for tag, price in ((44, order.price), (99, order.stop_price)):
        if price is None:
            continue
        refusal = _outside(tag, price, instrument.price_filter, OTHER)
        refusal = refusal or _too_fine(tag, price, instrument.quote_precision, "quoteAssetPrecision", OTHER)
        if refusal is not None:
            return refusal
    return None


def _check_quantities(order: NewOrder, instrument: Instrument) -> Refusal | None:
    precision, name = instrument.base_precision, "baseAssetPrecision"
    for tag, quantity in ((38, order.quantity), (111, order.iceberg_quantity)):
        if quantity is None:
            continue
        refusal = _outside(tag, quantity, instrument.lot_size, INCORRECT_QUANTITY)
        refusal = refusal or _too_fine(tag, quantity, precision, name, INCORRECT_QUANTITY)
        if refusal is None and order.type is OrderType.MARKET:
            refusal = _outside(tag, quantity, instrument.market_lot_size, INCORRECT_QUANTITY)
        if refusal is not None:
            return refusal
    if order.quote_quantity is None:
        return None
    precision, name = instrument.quote_precision, "quoteAssetPrecision"
    return _too_fine(152, order.quote_quantity, precision, name, INCORRECT_QUANTITY)


def _check_iceberg(order: NewOrder, instrument: Instrument) -> Refusal | None:
    quantity, iceberg = order.quantity, order.iceberg_quantity
    if iceberg is None or quantity is None:
        return None
    shown = f"MaxFloor(111)={plain(iceberg)}"
    if iceberg > quantity:
        text = f"{shown} is above OrderQty(38)={plain(quantity)}"
        return Refusal(text=text, reason=INCORRECT_QUANTITY)
    limit = instrument.iceberg_parts
    if limit and quantity > EXACT.multiply(iceberg, Decimal(limit)):  # ceil(quantity / iceberg) > limit
        text = f"{shown} cuts OrderQty(38)={plain(quantity)} into more than {limit} parts (ICEBERG_PARTS)"
        return Refusal(text=text, reason=INCORRECT_QUANTITY)
    return None


def _check_notional(order: NewOrder, instrument: Instrument) -> Refusal | None:
    """Price x quantity where the order has both; a market order's is the venue's to know."""
    if order.price is None or order.quantity is None:
        return None
    notional = EXACT.multiply(order.price, order.quantity)
    shown = f"Price(44)={plain(order.price)} x OrderQty(38)={plain(order.quantity)} = {plain(notional)}"
    for limits in instrument.notionals:
        if notional < limits.minimum:
            text = f"{shown} is below minNotional {plain(limits.minimum)} ({limits.filter})"
            return Refusal(text=text, reason=INCORRECT_QUANTITY)
        if limits.maximum and notional > limits.maximum:
            text = f"{shown} is above maxNotional {plain(limits.maximum)} ({limits.filter})"
            return Refusal(text=text, reason=EXCEEDS_LIMIT)
    return None


def _outside(tag: int, value: Decimal, bounds: Bounds | None, reason: int) -> Refusal | None:
    """Minimum, maximum, then multiple: the venue's order and rule (value % step == 0)."""
    if bounds is None:
        return None
    if value < bounds.minimum:
        broken = f"is below {bounds.names[0]} {plain(bounds.minimum)}"
    elif bounds.maximum and value > bounds.maximum:
        broken = f"is above {bounds.names[1]} {plain(bounds.maximum)}"
    elif bounds.step and EXACT.remainder(value, bounds.step):
        broken = f"is not a multiple of {bounds.names[2]} {plain(bounds.step)}"
    else:
        return None
    return Refusal(text=f"{named(tag)}={plain(value)} {broken} ({bounds.filter})", reason=reason)


def _too_fine(tag: int, value: Decimal, precision: int | None, name: str, reason: int) -> Refusal | None:
    """-1111; zeros at the end are the venue's to judge."""
    if precision is None or not EXACT.remainder(value, Decimal(1).scaleb(-precision)):
        return None
    return Refusal(
        text=f"{named(tag)}={plain(value)} has more than {precision} decimals ({name})", reason=reason
    )
