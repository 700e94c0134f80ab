"""Assets and symbols: what `exchangeInfo` says and the filters check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from connector.simulator.numbers import ZERO, padded
from connector.simulator.orders import OrderType, StpMode

ALL_TYPES = tuple(OrderType)
WITHOUT_MARKET_STOPS = tuple(
    kind for kind in OrderType if kind not in (OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)
)
# DECREMENT and TRANSFER are listed by every spot symbol; the margin endpoints do not take them.
LISTED_STP_MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSpec:
    """A margin asset. `borrow_limit` is per account, `inventory` what the venue lends in all."""

    name: str
    full_name: str
    borrow_limit: Decimal
    inventory: Decimal
    is_borrowable: bool = True
    daily_interest: Decimal = Decimal("0.0003")


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSpec:
    """A trading pair with its filters (reference section 6.2). Prices in quote, quantities in base."""

    name: str
    base: str
    quote: str
    start_price: Decimal
    tick: Decimal
    min_price: Decimal
    max_price: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    max_notional: Decimal = Decimal(9_000_000)
    price_up: Decimal = Decimal(5)  # PERCENT_PRICE_BY_SIDE multipliers around the reference price
    price_down: Decimal = Decimal("0.2")
    max_position: Decimal = ZERO  # ZERO = the symbol has no such filter
    iceberg_parts: int = 100
    max_orders: int = 200
    max_algo_orders: int = 5
    max_iceberg_orders: int = 10
    min_trailing_delta: int = 10
    max_trailing_delta: int = 2000
    order_types: tuple[OrderType, ...] = ALL_TYPES
    stp_modes: frozenset[StpMode] = frozenset(StpMode)
    default_stp: StpMode = StpMode.EXPIRE_MAKER
    status: str = "TRADING"
    allows_cross: bool = True
    allows_isolated: bool = True
    allows_iceberg: bool = True
    allows_quote_qty: bool = True
    allows_trailing: bool = True
    house_levels: int = 10  # per side
    house_qty: Decimal = field(default=Decimal(1))  # about what each level shows


def _symbol(  # noqa: PLR0917 - a row of the table below, in its column order
    base: str,
    quote: str,
    start: str,
    tick: str,
    step: str,
    max_qty: str,
    min_notional: str,
    house_qty: str,
    order_types: tuple[OrderType, ...] = ALL_TYPES,
) -> SymbolSpec:
    return SymbolSpec(
        name=base + quote,
        base=base,
        quote=quote,
        start_price=Decimal(start),
        tick=Decimal(tick),
        min_price=Decimal(tick),
        max_price=Decimal(1_000_000),
        step=Decimal(step),
        min_qty=Decimal(step),
        max_qty=Decimal(max_qty),
        market_max_qty=Decimal(max_qty) / 50,
        min_notional=Decimal(min_notional),
        order_types=order_types,
        house_qty=Decimal(house_qty),
    )


#                     base   quote   start     tick        step       max qty  min notional, house qty
DEFAULT_SYMBOLS = (
    _symbol("BTC", "USDT", "60000", "0.01", "0.00001", "9000", "5", "0.5"),
    _symbol("ETH", "USDT", "3000", "0.01", "0.0001", "9000", "5", "8"),
    _symbol("BNB", "USDT", "600", "0.01", "0.001", "900000", "5", "40"),
    _symbol("LTC", "USDT", "80", "0.01", "0.001", "900000", "5", "200", WITHOUT_MARKET_STOPS),
    _symbol("ETH", "BTC", "0.05", "0.00001", "0.0001", "100000", "0.0001", "8"),
    _symbol("BNB", "BTC", "0.01", "0.000001", "0.001", "100000", "0.0001", "40"),
)

DEFAULT_ASSETS = tuple(
    AssetSpec(name=name, full_name=full, borrow_limit=Decimal(limit), inventory=Decimal(inventory))
    for name, full, limit, inventory in (
        ("BTC", "Bitcoin", 60, 2_000),
        ("ETH", "Ethereum", 1_000, 20_000),
        ("BNB", "BNB", 5_000, 100_000),
        ("LTC", "Litecoin", 20_000, 200_000),
        ("USDT", "TetherUS", 3_000_000, 100_000_000),
    )
)


def filters_json(spec: SymbolSpec) -> list[dict[str, object]]:
    """The `filters` array of a symbol, in the venue's order and spelling."""
    rows: list[dict[str, object]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": padded(spec.min_price),
            "maxPrice": padded(spec.max_price),
            "tickSize": padded(spec.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": padded(spec.min_qty),
            "maxQty": padded(spec.max_qty),
            "stepSize": padded(spec.step),
        },
        {"filterType": "ICEBERG_PARTS", "limit": spec.iceberg_parts},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": padded(ZERO),
            "maxQty": padded(spec.market_max_qty),
            "stepSize": padded(ZERO),
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": spec.min_trailing_delta,
            "maxTrailingAboveDelta": spec.max_trailing_delta,
            "minTrailingBelowDelta": spec.min_trailing_delta,
            "maxTrailingBelowDelta": spec.max_trailing_delta,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": str(spec.price_up),
            "bidMultiplierDown": str(spec.price_down),
            "askMultiplierUp": str(spec.price_up),
            "askMultiplierDown": str(spec.price_down),
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": padded(spec.min_notional),
            "applyMinToMarket": True,
            "maxNotional": padded(spec.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": spec.max_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": spec.max_algo_orders},
        {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": spec.max_iceberg_orders},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]
    if spec.max_position:
        rows.append({"filterType": "MAX_POSITION", "maxPosition": padded(spec.max_position)})
    return rows


def symbol_json(spec: SymbolSpec) -> dict[str, object]:
    """A symbol of `exchangeInfo` (reference section 6.1)."""
    return {
        "symbol": spec.name,
        "status": spec.status,
        "baseAsset": spec.base,
        "baseAssetPrecision": 8,
        "quoteAsset": spec.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [str(kind) for kind in spec.order_types],
        "icebergAllowed": spec.allows_iceberg,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": spec.allows_quote_qty,
        "allowTrailingStop": spec.allows_trailing,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": spec.allows_cross or spec.allows_isolated,
        "filters": filters_json(spec),
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN", "TRD_GRP_004"]],
        "defaultSelfTradePreventionMode": str(spec.default_stp),
        "allowedSelfTradePreventionModes": [
            mode for mode in LISTED_STP_MODES if mode in spec.stp_modes or mode in ("DECREMENT", "TRANSFER")
        ],
    }


def by_name(specs: tuple[SymbolSpec, ...]) -> Mapping[str, SymbolSpec]:
    return {spec.name: spec for spec in specs}
