"""exchangeInfo and the filters; figures are those of reference section 6."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from mappers.instruments import ExchangeInfoError, Instrument, check, read_exchange_info
from mappers.model import EXACT, NewOrder, OrderType, SelfTradePreventionMode, TimeInForce

FILTERS: list[dict[str, Any]] = [
    {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01000000",
        "maxPrice": "1000000.00000000",
        "tickSize": "0.01000000",
    },
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
    {"filterType": "ICEBERG_PARTS", "limit": 100},
    {
        "filterType": "MARKET_LOT_SIZE",
        "minQty": "0.00000000",
        "maxQty": "116.00000000",
        "stepSize": "0.00000000",
    },
    {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000},
    {
        "filterType": "NOTIONAL",
        "minNotional": "5.00000000",
        "applyMinToMarket": True,
        "maxNotional": "9000000.00000000",
        "applyMaxToMarket": False,
        "avgPriceMins": 5,
    },
    {"filterType": "A_FILTER_FROM_TOMORROW", "limit": {"of": "another shape"}},
]
SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": [kind.value for kind in OrderType],
    "icebergAllowed": True,
    "quoteOrderQtyMarketAllowed": True,
    "isMarginTradingAllowed": True,
    "filters": FILTERS,
    "permissions": [],
    "permissionSets": [["SPOT", "MARGIN"]],
    "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
    "allowedSelfTradePreventionModes": [
        "EXPIRE_TAKER",
        "EXPIRE_MAKER",
        "EXPIRE_BOTH",
        "DECREMENT",
        "TRANSFER",
    ],
}
MARKET = {"type": OrderType.MARKET, "time_in_force": None, "price": None}


def body(*symbols: dict[str, Any]) -> bytes:
    return json.dumps(
        {"timezone": "UTC", "serverTime": 1, "rateLimits": [], "symbols": symbols, "sors": []}
    ).encode()


def instrument(*filters: dict[str, Any], **changes: Any) -> Instrument:
    """BTCUSDT with some of it changed; `filters` replace those of their type."""
    kept = {one["filterType"]: one for one in [*FILTERS, *filters]}
    return read_exchange_info(body(SYMBOL | {"filters": list(kept.values())} | changes))["BTCUSDT"]


BTCUSDT = instrument()


def test_a_symbol_is_read_with_what_orders_are_checked_against() -> None:
    """Unknown fields and filters are skipped."""
    assert (BTCUSDT.base, BTCUSDT.quote, BTCUSDT.status, BTCUSDT.iceberg_parts) == (
        "BTC",
        "USDT",
        "TRADING",
        100,
    )
    assert BTCUSDT.price_filter is not None
    assert BTCUSDT.price_filter.step == Decimal("0.01")
    assert BTCUSDT.unreadable is None


def test_an_order_within_every_filter_passes(limit_order: NewOrder) -> None:
    """Trailing zeros are no finer a price."""
    assert check(limit_order, BTCUSDT) is None
    assert check(replace(limit_order, price=Decimal("61250.1000000000000")), BTCUSDT) is None


@pytest.mark.parametrize(
    ("changes", "text", "reason"),
    [
        (
            {"price": Decimal("100.001")},
            "Price(44)=100.001 is not a multiple of tickSize 0.01000000 (PRICE_FILTER)",
            99,
        ),
        ({"price": Decimal("0.001")}, "Price(44)=0.001 is below minPrice 0.01000000 (PRICE_FILTER)", 99),
        (
            {"price": Decimal("1000000.01")},
            "Price(44)=1000000.01 is above maxPrice 1000000.00000000 (PRICE_FILTER)",
            99,
        ),
        (
            {"type": OrderType.STOP_LOSS_LIMIT, "stop_price": Decimal("1.005")},
            "StopPx(99)=1.005 is not a multiple of tickSize 0.01000000 (PRICE_FILTER)",
            99,
        ),
        (
            {"quantity": Decimal("0.000015")},
            "OrderQty(38)=0.000015 is not a multiple of stepSize 0.00001000 (LOT_SIZE)",
            13,
        ),
        (
            {"quantity": Decimal("0.000001")},
            "OrderQty(38)=0.000001 is below minQty 0.00001000 (LOT_SIZE)",
            13,
        ),
        ({"quantity": Decimal("9000.1")}, "OrderQty(38)=9000.1 is above maxQty 9000.00000000 (LOT_SIZE)", 13),
        (
            MARKET | {"quantity": Decimal(117)},
            "OrderQty(38)=117 is above maxQty 116.00000000 (MARKET_LOT_SIZE)",
            13,
        ),
        (
            {"iceberg_quantity": Decimal("0.000015")},
            "MaxFloor(111)=0.000015 is not a multiple of stepSize 0.00001000 (LOT_SIZE)",
            13,
        ),
        ({"iceberg_quantity": Decimal("0.002")}, "MaxFloor(111)=0.002 is above OrderQty(38)=0.00150", 13),
        (
            {"quantity": Decimal("1.00001"), "iceberg_quantity": Decimal("0.01")},
            "MaxFloor(111)=0.01 cuts OrderQty(38)=1.00001 into more than 100 parts (ICEBERG_PARTS)",
            13,
        ),
        (
            {"quantity": Decimal("0.00001"), "price": Decimal(100)},
            "Price(44)=100 x OrderQty(38)=0.00001 = 0.00100 is below minNotional 5.00000000 (NOTIONAL)",
            13,
        ),
        (
            {"quantity": Decimal(9000), "price": Decimal("1000.01")},
            "Price(44)=1000.01 x OrderQty(38)=9000 = 9000090.00 is above maxNotional 9000000.00000000 (NOTIONAL)",
            3,
        ),
        (
            {"stp_mode": SelfTradePreventionMode.NONE},
            "SelfTradePreventionMode(6102)=NONE is not allowed for BTCUSDT (allowedSelfTradePreventionModes); "
            "of ours it takes EXPIRE_MAKER, EXPIRE_TAKER, EXPIRE_BOTH",
            11,
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_tag_value_filter_and_limit(
    limit_order: NewOrder, changes: dict[str, Any], text: str, reason: int
) -> None:
    """P9: no silent rounding; OrdRejReason(103) 13 for quantities."""
    refusal = check(replace(limit_order, **changes), BTCUSDT)

    assert refusal is not None
    assert (refusal.text, refusal.reason) == (text, reason)


@pytest.mark.parametrize(
    ("order", "symbol", "text", "reason"),
    [
        (
            {},
            {"status": "CANCEL_ONLY"},
            "Symbol(55)=BTCUSDT: its status is CANCEL_ONLY, new orders need TRADING",
            2,
        ),
        ({}, {"status": "BREAK"}, "its status is BREAK", 2),
        ({}, {"isMarginTradingAllowed": False}, "does not trade it on margin (isMarginTradingAllowed)", 11),
        (
            {"type": OrderType.STOP_LOSS, "time_in_force": None, "price": None, "stop_price": Decimal(1)},
            {"orderTypes": ["LIMIT", "MARKET"]},
            "OrdType(40): STOP_LOSS is not among the orderTypes of BTCUSDT: LIMIT, MARKET",
            11,
        ),
        (
            {"iceberg_quantity": Decimal("0.001")},
            {"icebergAllowed": False},
            "MaxFloor(111)=0.001: BTCUSDT takes no icebergs (icebergAllowed)",
            11,
        ),
        (
            MARKET | {"quantity": None, "quote_quantity": Decimal(50)},
            {"quoteOrderQtyMarketAllowed": False},
            "CashOrderQty(152)=50: BTCUSDT takes no quote quantity (quoteOrderQtyMarketAllowed)",
            11,
        ),
        (
            MARKET | {"quantity": None, "quote_quantity": Decimal("50.001")},
            {"quoteAssetPrecision": 2},
            "CashOrderQty(152)=50.001 has more than 2 decimals (quoteAssetPrecision)",
            13,
        ),
        (
            {"quantity": Decimal("0.00151")},
            {"baseAssetPrecision": 4},
            "OrderQty(38)=0.00151 has more than 4 decimals (baseAssetPrecision)",
            13,
        ),
    ],
)
def test_what_the_symbol_does_not_offer_is_refused_by_its_flag(
    limit_order: NewOrder, order: dict[str, Any], symbol: dict[str, Any], text: str, reason: int
) -> None:
    """Market stops, icebergs and quote quantities are per symbol (reference, section 2.1)."""
    refusal = check(replace(limit_order, **order), instrument(**symbol))

    assert refusal is not None
    assert text in refusal.text
    assert refusal.reason == reason


def test_a_symbol_the_venue_does_not_list_is_unknown(limit_order: NewOrder) -> None:
    """103=1."""
    refusal = check(replace(limit_order, symbol="NOPEUSDT"), None)
    assert refusal is not None
    assert (refusal.reason, refusal.text) == (1, "Symbol(55)=NOPEUSDT: the venue does not list it")


@pytest.mark.parametrize(
    "filter_", [
        {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": "0"},
        {"filterType": "LOT_SIZE", "minQty": "0", "maxQty": "0", "stepSize": "0.00000000"},
        {"filterType": "NOTIONAL", "minNotional": "0", "maxNotional": "0"},
        {"filterType": "ICEBERG_PARTS", "limit": 0},
    ],
)  # fmt: skip
def test_a_limit_of_zero_is_no_limit(limit_order: NewOrder, filter_: dict[str, Any]) -> None:
    """Reference section 6.2: a field equal to 0 disables that rule."""
    odd = {
        "PRICE_FILTER": {"price": Decimal("99999999.123")},
        "LOT_SIZE": {"quantity": Decimal("99999.12345678"), "price": Decimal(1)},
        "NOTIONAL": {"price": Decimal("0.01"), "quantity": Decimal("0.00001")},
        "ICEBERG_PARTS": {"quantity": Decimal(1), "iceberg_quantity": Decimal("0.00001")},
    }[filter_["filterType"]]

    loose, order = instrument(filter_), replace(limit_order, **odd)

    assert check(order, loose) is None
    assert check(order, BTCUSDT) is not None


def test_the_old_notional_filter_binds_too(limit_order: NewOrder) -> None:
    """Some symbols carry MIN_NOTIONAL, some NOTIONAL."""
    old = instrument({"filterType": "MIN_NOTIONAL", "minNotional": "100.00", "applyToMarket": True})
    refusal = check(replace(limit_order, price=Decimal(50000), quantity=Decimal("0.00100")), old)

    assert refusal is not None
    assert refusal.text.endswith("= 50.00000 is below minNotional 100.00 (MIN_NOTIONAL)")


def test_the_notional_is_multiplied_out_in_full(limit_order: NewOrder) -> None:
    """Rounded to 28 digits this product would be 5, and pass."""
    order = replace(limit_order, price=Decimal("0." + "9" * 20), quantity=Decimal("5." + "0" * 19 + "5"))
    free = [{"filterType": name, "minPrice": "0", "minQty": "0"} for name in ("PRICE_FILTER", "LOT_SIZE")]
    refusal = check(order, instrument(*free, baseAssetPrecision=None, quoteAssetPrecision=None))

    assert refusal is not None
    assert "= 4.9999999999999999999999999999999999999995 is below minNotional" in refusal.text


def test_exactly_at_a_limit_is_within_it(limit_order: NewOrder) -> None:
    """min <= q <= max, min <= notional <= max, ceil(q / iceberg) <= parts."""
    for changes in (
        {"price": Decimal("1000000.00"), "quantity": Decimal("0.00001")},
        {"price": Decimal(1000), "quantity": Decimal(9000)},
        {"price": Decimal(500000), "quantity": Decimal("0.00001")},
        {"quantity": Decimal(1), "iceberg_quantity": Decimal("0.01")},
        {"quantity": Decimal("0.00150"), "iceberg_quantity": Decimal("0.00150")},
    ):
        assert check(replace(limit_order, **changes), BTCUSDT) is None


def test_a_market_stop_is_checked_by_its_trigger_only(limit_order: NewOrder) -> None:
    """Its price is the market's: MARKET_LOT_SIZE and notional are left to the venue."""
    order = replace(
        limit_order, type=OrderType.STOP_LOSS, time_in_force=None, price=None, stop_price=Decimal("0.01")
    )
    assert check(order, BTCUSDT) is None
    assert check(replace(order, quantity=Decimal(200)), BTCUSDT) is None


@given(
    units=st.integers(1, 39).flatmap(lambda digits: st.integers(10**digits, 10 ** (digits + 1) - 1)),
    tick=st.sampled_from(["0.01", "0.00000001", "5", "0.00025", "0.00000000000000000001"]),
)
@example(units=10**39 + 7, tick="0.00000000000000000001")
@example(units=10**39 + 7, tick="0.01")
def test_the_tick_rule_is_exact_at_any_size(limit_order: NewOrder, units: int, tick: str) -> None:
    """28 digits, where decimal's default context ends, are not enough for 20 + 20."""
    price = Decimal(f"{units}e-20")
    free = {"minNotional": "0", "maxNotional": "0"}
    loose = instrument(
        {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": tick},
        {"filterType": "NOTIONAL", **free},
        quoteAssetPrecision=None,
    )
    fits = units % int(Decimal(tick).scaleb(20)) == 0

    assert (check(replace(limit_order, price=price), loose) is None) == fits


@given(ticks=st.integers(1, 10**20))
def test_a_multiple_of_the_tick_always_fits(limit_order: NewOrder, ticks: int) -> None:
    """Refusing a good price is as wrong as sending a bad one."""
    loose = instrument(
        {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": "0.00025"},
        {"filterType": "NOTIONAL", "minNotional": "0", "maxNotional": "0"},
    )
    price = Decimal(ticks * 25).scaleb(-5, context=EXACT)
    assert check(replace(limit_order, price=price), loose) is None


def test_one_symbol_nobody_can_read_does_not_take_the_others_along(limit_order: NewOrder) -> None:
    """Three thousand symbols come in one body; an order of the bad one is refused saying why."""
    bad = SYMBOL | {"symbol": "ODDUSDT", "filters": [FILTERS[0] | {"tickSize": "NaN"}]}
    worse = SYMBOL | {"symbol": "ODDUSDC", "orderTypes": "LIMIT"}
    known = read_exchange_info(body(bad, SYMBOL, worse))

    assert check(limit_order, known["BTCUSDT"]) is None
    for symbol in ("ODDUSDT", "ODDUSDC"):
        refusal = check(replace(limit_order, symbol=symbol), known[symbol])
        assert refusal is not None
        assert f"Symbol(55)={symbol}: its exchangeInfo cannot be read" in refusal.text


@pytest.mark.parametrize("broken", [b"", b"<html>", b"[]", b'{"symbols":{}}', b'{"symbols":[{}]}', b"\xff"])
def test_a_body_that_is_no_exchange_info_is_an_error(broken: bytes) -> None:
    """Without instruments nothing can be checked: the caller must know."""
    with pytest.raises(ExchangeInfoError):
        read_exchange_info(broken)


def test_new_fields_and_missing_flags_do_not_matter(limit_order: NewOrder) -> None:
    """Flags not said are the venue's to judge."""
    bare = {
        name: value
        for name, value in SYMBOL.items()
        if name in {"symbol", "status", "baseAsset", "quoteAsset", "orderTypes", "filters"}
    }
    found = read_exchange_info(body(bare | {"somethingNew": [1, 2]}))["BTCUSDT"]
    assert check(replace(limit_order, stp_mode=SelfTradePreventionMode.NONE), found) is None
    assert check(replace(limit_order, time_in_force=TimeInForce.IOC), found) is None
