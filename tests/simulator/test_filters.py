"""Filters and engine refusals, with the venue's codes and texts."""

from dataclasses import replace
from decimal import Decimal

import pytest

from connector.simulator.errors import VenueError
from connector.simulator.symbols import DEFAULT_SYMBOLS
from tests.simulator.kit import Desk

BTCUSDT = next(spec for spec in DEFAULT_SYMBOLS if spec.name == "BTCUSDT")
FAILURES = [
    ({"price": "59000.001"}, "PRICE_FILTER"),
    ({"price": "0.001"}, "PRICE_FILTER"),
    ({"price": "1000000.01"}, "PRICE_FILTER"),
    ({"price": "300000.01"}, "PERCENT_PRICE_BY_SIDE"),
    ({"price": "11999.99"}, "PERCENT_PRICE_BY_SIDE"),
    ({"quantity": "0.000001"}, "LOT_SIZE"),
    ({"quantity": "0.000015"}, "LOT_SIZE"),
    ({"quantity": "9000.00001"}, "LOT_SIZE"),
    ({"quantity": "0.00008", "price": "59000"}, "NOTIONAL"),
    ({"quantity": "0.2", "icebergQty": "0.000001"}, "LOT_SIZE"),
    ({"quantity": "1", "icebergQty": "0.009"}, "ICEBERG_PARTS"),
]


@pytest.mark.parametrize(("change", "name"), FAILURES)
def test_a_limit_order_that_breaks_a_filter_is_named_so(change: dict[str, str], name: str) -> None:
    params = {"side": "BUY", "quantity": "0.1", "price": "59000"} | change

    with pytest.raises(VenueError) as refused:
        Desk().place(**params)

    assert (refused.value.status, refused.value.code, refused.value.msg) == (
        400,
        -1013,
        f"Filter failure: {name}",
    )


@pytest.mark.parametrize("price", ["12000", "300000"])
def test_the_percent_bounds_themselves_are_allowed(price: str) -> None:
    assert Desk().place(side="SELL", quantity="0.1", price=price).is_open


def test_the_percent_bounds_follow_the_last_price() -> None:
    desk = Desk()
    desk.operation().move_price(Decimal(1000))

    with pytest.raises(VenueError, match="PERCENT_PRICE_BY_SIDE"):
        desk.buy("0.1", "59000")


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"type": "MARKET", "quantity": "180.00001"}, "MARKET_LOT_SIZE"),
        ({"type": "MARKET", "quantity": "0.00008"}, "NOTIONAL"),
        ({"type": "MARKET", "quoteOrderQty": "4.99"}, "NOTIONAL"),
        ({"type": "STOP_LOSS", "quantity": "181", "stopPrice": "61000"}, "MARKET_LOT_SIZE"),
        ({"type": "STOP_LOSS", "quantity": "0.1", "stopPrice": "61000.001"}, "PRICE_FILTER"),
        ({"type": "STOP_LOSS", "quantity": "0.1", "trailingDelta": "9"}, "TRAILING_DELTA"),
        ({"type": "STOP_LOSS", "quantity": "0.1", "trailingDelta": "2001"}, "TRAILING_DELTA"),
    ],
)
def test_unpriced_orders_have_filters_of_their_own(params: dict[str, str], name: str) -> None:
    with pytest.raises(VenueError, match=f"-1013: Filter failure: {name}"):
        Desk().place(side="BUY", **params)


def test_a_market_order_may_exceed_the_maximum_notional() -> None:
    """`applyMaxToMarket` is false; for limit orders the maximum counts."""
    desk = Desk()
    with pytest.raises(VenueError, match="NOTIONAL"):
        desk.sell("160", "60000")
    with pytest.raises(VenueError, match="insufficient balance"):
        desk.market_order("SELL", quantity="160")


@pytest.mark.parametrize(
    ("field", "limit", "params", "name"),
    [
        ("max_orders", 2, {}, "MAX_NUM_ORDERS"),
        ("max_iceberg_orders", 2, {"icebergQty": "0.05"}, "MAX_NUM_ICEBERG_ORDERS"),
        ("max_algo_orders", 2, {"type": "STOP_LOSS_LIMIT", "stopPrice": "60500"}, "MAX_NUM_ALGO_ORDERS"),
    ],
)
def test_open_orders_are_counted_per_account(
    field: str, limit: int, params: dict[str, str], name: str
) -> None:
    desk = Desk(symbols=[replace(BTCUSDT, **{field: limit})])
    first = desk.buy("0.1", "59000", **params)
    desk.buy("0.1", "59000", **params)

    with pytest.raises(VenueError, match=f"-1013: Filter failure: {name}"):
        desk.buy("0.1", "59000", **params)
    desk.buy("0.1", "59000", desk.b, **params)
    desk.cancel(first)
    assert desk.buy("0.1", "59000", **params).is_open


def test_a_position_limit_counts_holdings_and_open_buys() -> None:
    desk = Desk(symbols=[replace(BTCUSDT, max_position=Decimal("2.5"))])  # 2 BTC are held
    desk.buy("0.4", "59000")

    with pytest.raises(VenueError, match="MAX_POSITION"):
        desk.buy("0.2", "59000")
    assert desk.buy("0.1", "59000").is_open


@pytest.mark.parametrize(("kind", "words"), [("STOP_LOSS", "Stop loss"), ("TAKE_PROFIT", "Take profit")])
def test_a_type_the_symbol_does_not_list_is_refused(kind: str, words: str) -> None:
    """LTCUSDT has no market stops, like many symbols of the venue."""
    with pytest.raises(VenueError) as refused:
        Desk().place(symbol="LTCUSDT", side="BUY", type=kind, quantity="1", stopPrice="70")

    assert (refused.value.code, refused.value.msg) == (
        -1013,
        f"{words} orders are not supported for this symbol.",
    )


@pytest.mark.parametrize(
    ("field", "params", "words"),
    [
        ("allows_iceberg", {"icebergQty": "0.05"}, "Iceberg"),
        ("allows_quote_qty", {"type": "MARKET", "quoteOrderQty": "100"}, "Quote order qty market"),
        ("allows_trailing", {"type": "STOP_LOSS", "trailingDelta": "100"}, "Trailing stop"),
    ],
)
def test_a_flag_of_the_symbol_that_is_off_is_named(field: str, params: dict[str, str], words: str) -> None:
    desk = Desk(symbols=[replace(BTCUSDT, **{field: False})])
    kind = params.get("type", "LIMIT")
    priced = {"LIMIT": {"quantity": "0.1", "price": "59000"}, "STOP_LOSS": {"quantity": "0.1"}}.get(kind, {})

    with pytest.raises(VenueError, match=f"{words} orders are not supported for this symbol"):
        desk.place(side="BUY", **{**priced, **params})


def test_a_halted_symbol_takes_no_orders_but_cancels() -> None:
    desk = Desk()
    order = desk.buy("0.1", "59000")
    desk.market.spec = replace(desk.market.spec, status="HALT")

    with pytest.raises(VenueError, match=r"-1013: Market is closed\."):
        desk.buy("0.1", "59000")
    desk.cancel(order)
    assert not order.is_open


def test_filters_come_before_the_matching_engine() -> None:
    """Reference section 10.5: a duplicate id that also breaks a filter is refused by the filter."""
    desk = Desk()
    desk.buy("0.1", "59000", newClientOrderId="x")

    with pytest.raises(VenueError, match="LOT_SIZE"):
        desk.buy("0.000001", "59000", newClientOrderId="x")
