"""exchangeInfo as instruments. Unknown fields and unknown filters are skipped; see `mappers.filters` for
the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from mappers.decimals import is_amount
from mappers.filters import TRADING, Bounds, Instrument, Notional, check
from mappers.text import printable

__all__ = ["TRADING", "Bounds", "ExchangeInfoError", "Instrument", "Notional", "check", "read_exchange_info"]


class ExchangeInfoError(ValueError):
    """The body is not an exchangeInfo answer."""


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    min_price: Decimal = Decimal(0)
    max_price: Decimal = Decimal(0)
    tick_size: Decimal = Decimal(0)
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    step_size: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(0)
    limit: Decimal = Decimal(0)


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    order_types: list[str]
    filters: list[msgspec.Raw]
    base_asset_precision: int | None = None
    quote_asset_precision: int | None = None
    iceberg_allowed: bool = True
    quote_order_qty_market_allowed: bool = True
    is_margin_trading_allowed: bool = True
    allowed_self_trade_prevention_modes: list[str] = []


class _SymbolName(msgspec.Struct):
    symbol: str


class _FilterName(msgspec.Struct, rename="camel"):
    filter_type: str


class _ExchangeInfo(msgspec.Struct):
    symbols: list[msgspec.Raw]


_INFO = msgspec.json.Decoder(_ExchangeInfo, strict=False)
_SYMBOL = msgspec.json.Decoder(_Symbol, strict=False)
_SYMBOL_NAME = msgspec.json.Decoder(_SymbolName)
_FILTER = msgspec.json.Decoder(_Filter, strict=False)
_FILTER_NAME = msgspec.json.Decoder(_FilterName)

_MOST_DECIMALS = 40
_PRICE_LIMITS = ("minPrice", "maxPrice", "tickSize")
_LOT_LIMITS = ("minQty", "maxQty", "stepSize")
_CHECKED = frozenset(
    {"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL", "NOTIONAL", "ICEBERG_PARTS"}
)


def read_exchange_info(body: bytes) -> dict[str, Instrument]:
    """Every symbol of an exchangeInfo answer, by name.

    One symbol that cannot be read does not take the others along: it is kept with the reason in
    `unreadable`, and `check` refuses its orders saying so.

    Raises:
        ExchangeInfoError: the body as a whole is not an exchangeInfo answer.
    """
    try:
        symbols = _INFO.decode(body).symbols
    except (msgspec.MsgspecError, ValueError) as error:
        raise ExchangeInfoError(f"exchangeInfo cannot be read: {printable(str(error), 200)}") from None
    instruments = (_instrument(symbol) for symbol in symbols)
    return {instrument.symbol: instrument for instrument in instruments}


def _instrument(raw: msgspec.Raw) -> Instrument:
    try:
        return _read(_SYMBOL.decode(raw))
    except (msgspec.MsgspecError, ValueError) as error:
        reason = printable(str(error), 200)
    try:
        name = _SYMBOL_NAME.decode(raw).symbol
    except (msgspec.MsgspecError, ValueError):
        raise ExchangeInfoError(f"exchangeInfo has a symbol without a name: {reason}") from None
    return Instrument(symbol=name, unreadable=reason)


def _read(symbol: _Symbol) -> Instrument:
    for precision in (symbol.base_asset_precision, symbol.quote_asset_precision):
        if precision is not None and not 0 <= precision <= _MOST_DECIMALS:
            raise ValueError(f"an asset precision of {precision}")
    filters = _filters(symbol.filters)
    parts = filters.get("ICEBERG_PARTS")
    return Instrument(
        symbol=symbol.symbol,
        status=symbol.status,
        base=symbol.base_asset,
        quote=symbol.quote_asset,
        base_precision=symbol.base_asset_precision,
        quote_precision=symbol.quote_asset_precision,
        order_types=frozenset(symbol.order_types),
        stp_modes=frozenset(symbol.allowed_self_trade_prevention_modes),
        iceberg_allowed=symbol.iceberg_allowed,
        quote_order_qty_allowed=symbol.quote_order_qty_market_allowed,
        margin_allowed=symbol.is_margin_trading_allowed,
        price_filter=_price_filter(filters.get("PRICE_FILTER")),
        lot_size=_lot_filter(filters.get("LOT_SIZE")),
        market_lot_size=_lot_filter(filters.get("MARKET_LOT_SIZE")),
        notionals=tuple(
            Notional(filter=name, minimum=found.min_notional, maximum=found.max_notional)
            for name, found in filters.items()
            if name in {"MIN_NOTIONAL", "NOTIONAL"}
        ),
        iceberg_parts=0 if parts is None else int(parts.limit),
    )


def _filters(raw: list[msgspec.Raw]) -> Mapping[str, _Filter]:
    """The filters checked here; others are not even looked into, so a new kind cannot break an old one."""
    found = {}
    for one in raw:
        name = _FILTER_NAME.decode(one).filter_type
        if name not in _CHECKED:
            continue
        decoded = _FILTER.decode(one)
        for value in msgspec.structs.astuple(decoded)[1:]:
            if not is_amount(value) or value < 0:
                raise ValueError(f"{name} with {value}")
        found[name] = decoded
    return found


def _price_filter(found: _Filter | None) -> Bounds | None:
    if found is None:
        return None
    return Bounds(
        filter=found.filter_type,
        names=_PRICE_LIMITS,
        minimum=found.min_price,
        maximum=found.max_price,
        step=found.tick_size,
    )


def _lot_filter(found: _Filter | None) -> Bounds | None:
    if found is None:
        return None
    return Bounds(
        filter=found.filter_type,
        names=_LOT_LIMITS,
        minimum=found.min_qty,
        maximum=found.max_qty,
        step=found.step_size,
    )
