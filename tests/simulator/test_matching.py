"""Price-time priority, order types and times in force."""

from decimal import Decimal

import pytest

from connector.simulator.errors import VenueError
from connector.simulator.orders import Side, Status
from tests.simulator.kit import Desk, fills


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_better_prices_trade_first_and_equal_prices_in_order_of_arrival(desk: Desk) -> None:
    late_but_cheap = None
    first = desk.sell("0.1", "60010", desk.b)
    second = desk.sell("0.1", "60010", desk.b)
    late_but_cheap = desk.sell("0.1", "60005", desk.b)

    taker = desk.buy("0.25", "60010")

    assert fills(taker) == [("60005", "0.1"), ("60010", "0.1"), ("60010", "0.05")]
    assert (late_but_cheap.status, first.status, second.status) == ("FILLED", "FILLED", "PARTIALLY_FILLED")


def test_the_taker_pays_the_makers_price(desk: Desk) -> None:
    desk.sell("0.1", "60000", desk.b)
    before = desk.free("USDT")

    desk.buy("0.1", "61000")

    assert desk.free("USDT") == before - 6000
    assert desk.locked("USDT") == 0


def test_a_limit_order_rests_with_what_nobody_sold(desk: Desk) -> None:
    desk.sell("0.04", "60000", desk.b)

    order = desk.buy("0.1", "60000")

    assert (order.status, order.remaining) == (Status.PARTIALLY_FILLED, Decimal("0.06"))
    assert desk.market.book.best(Side.BUY) == 60000
    assert desk.locked("USDT") == 3600


@pytest.mark.parametrize(
    ("time_in_force", "status", "executed", "reason"),
    [
        ("IOC", Status.EXPIRED, "0.04", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("FOK", Status.EXPIRED, "0", "UNFILLED_FOK_ORDER_EXPIRED"),
        ("GTC", Status.PARTIALLY_FILLED, "0.04", ""),
    ],
)
def test_time_in_force_decides_the_remainder(
    desk: Desk, time_in_force: str, status: Status, executed: str, reason: str
) -> None:
    desk.sell("0.04", "60000", desk.b)

    order = desk.buy("0.1", "60000", timeInForce=time_in_force)

    assert (order.status, order.executed, order.expiry_reason) == (status, Decimal(executed), reason)


def test_fok_fills_whole_over_several_levels(desk: Desk) -> None:
    desk.sell("0.04", "60000", desk.b)
    desk.sell("0.06", "60001", desk.b)

    order = desk.buy("0.1", "60001", timeInForce="FOK")

    assert order.status is Status.FILLED


def test_a_market_order_expires_with_what_the_book_did_not_have(desk: Desk) -> None:
    """Reference section 4.1: REST says EXPIRED with HTTP 200, the stream NEW, TRADE, EXPIRED."""
    desk.house("SELL", "60000", "0.03")

    order = desk.market_order("BUY", quantity="0.1")

    assert (order.status, order.executed) == (Status.EXPIRED, Decimal("0.03"))
    assert desk.story() == ["NEW/NEW", "TRADE/PARTIALLY_FILLED", "EXPIRED/EXPIRED", "position"]
    assert desk.locked("USDT") == 0


def test_quote_order_quantity_buys_the_nearest_lot_that_costs_no_more(desk: Desk) -> None:
    desk.house("SELL", "60000", "0.01")
    desk.house("SELL", "61000", "1")

    order = desk.market_order("BUY", quoteOrderQty="1000")

    assert order.status is Status.FILLED
    assert order.executed == Decimal("0.01655")  # 600 for the first 0.01, then 0.00655 at 61000
    assert order.executed_quote <= 1000 < order.executed_quote + Decimal("0.00001") * 61000


def test_quote_order_quantity_needs_a_lot_on_the_book(desk: Desk) -> None:
    with pytest.raises(VenueError, match="Order book liquidity is less than `LOT_SIZE`"):
        desk.market_order("BUY", quoteOrderQty="1000")


def test_limit_maker_rests_or_is_refused(desk: Desk) -> None:
    desk.sell("0.1", "60000", desk.b)

    with pytest.raises(VenueError, match=r"-2010: Order would immediately match and take\."):
        desk.buy("0.1", "60000", type="LIMIT_MAKER")
    resting = desk.buy("0.1", "59999.99", type="LIMIT_MAKER")

    assert resting.status is Status.NEW


def test_an_iceberg_shows_slices_and_loses_priority_with_each(desk: Desk) -> None:
    iceberg = desk.sell("0.3", "60000", desk.b, icebergQty="0.1")
    plain = desk.sell("0.1", "60000", desk.a)
    assert desk.market.book.depth(Side.SELL, 1) == [(Decimal(60000), Decimal("0.2"))]

    desk.house("BUY", "60000", "0.15")  # takes the first slice, then half of the plain order

    assert (iceberg.executed, plain.executed) == (Decimal("0.1"), Decimal("0.05"))
    desk.house("BUY", "60000", "0.1")
    assert (iceberg.executed, plain.executed) == (Decimal("0.15"), Decimal("0.1"))


def test_hidden_iceberg_quantity_counts_for_fok_and_for_market_cost(desk: Desk) -> None:
    desk.sell("0.3", "60000", desk.b, icebergQty="0.1")

    assert desk.buy("0.3", "60000", timeInForce="FOK").status is Status.FILLED


def test_trades_of_a_symbol_have_increasing_ids_shared_by_both_sides(desk: Desk) -> None:
    maker = desk.sell("0.2", "60000", desk.b)
    one, two = desk.buy("0.1", "60000"), desk.buy("0.1", "60000")

    ids = [trade.trade_id for trade in maker.trades]
    assert ids == [one.trades[0].trade_id, two.trades[0].trade_id]
    assert ids[1] == ids[0] + 1


def test_each_symbol_numbers_its_orders_from_the_same_start(desk: Desk) -> None:
    """Order ids are unique per symbol only; a client that believes otherwise should find out here."""
    btc = desk.buy("0.1", "59000")
    eth = desk.buy("1", "2900", symbol="ETHUSDT")

    assert btc.order_id == eth.order_id


def test_commission_is_taken_from_what_is_received(desk: Desk) -> None:
    maker = desk.sell("0.1", "60000", desk.b)
    taker = desk.buy("0.1", "60000")

    assert [(t.commission, t.commission_asset, t.is_maker) for t in taker.trades] == [
        (Decimal("0.0001"), "BTC", False)
    ]
    assert [(t.commission, t.commission_asset, t.is_maker) for t in maker.trades] == [
        (Decimal(6), "USDT", True)
    ]
    assert desk.free("BTC") == 2 + Decimal("0.0999")
    assert desk.free("USDT", desk.b) == 100_000 + 5994


def test_a_live_client_id_is_refused_and_a_finished_one_may_return(desk: Desk) -> None:
    """Reference section 2.2: unique among open orders only."""
    first = desk.buy("0.1", "59000", newClientOrderId="x")
    with pytest.raises(VenueError, match=r"-2010: Duplicate order sent\."):
        desk.buy("0.1", "58000", newClientOrderId="x")
    desk.cancel(first)

    second = desk.buy("0.1", "59000", newClientOrderId="x")

    assert second.order_id != first.order_id
    assert desk.a.find("BTCUSDT", None, "x") is second


def test_a_refused_order_leaves_no_trace(desk: Desk) -> None:
    with pytest.raises(VenueError, match="insufficient balance"):
        desk.buy("100", "59000")

    assert desk.events() == []
    assert desk.a.orders == {}
    assert desk.buy("0.1", "59000").order_id == 7_712_345_001


def test_cancel_gives_the_lock_back_and_ends_the_order(desk: Desk) -> None:
    order = desk.buy("0.1", "59000", newClientOrderId="mine")
    desk.events()

    desk.cancel(order, "cxl-1")

    report, position = desk.events()
    assert (report["x"], report["X"], report["c"], report["C"], report["w"]) == (
        "CANCELED",
        "CANCELED",
        "cxl-1",
        "mine",
        False,
    )
    assert position["B"] == [{"a": "USDT", "f": "100000.00000000", "l": "0.00000000"}]
    with pytest.raises(VenueError, match=r"-2011: Unknown order sent\."):
        desk.cancel(order)


def test_a_fill_is_told_to_taker_and_maker_with_one_transaction_time(desk: Desk) -> None:
    desk.sell("0.1", "60000", desk.b)
    desk.exchange.take_events()
    desk.now_us += 5_000_000

    desk.buy("0.04", "60000")

    told = desk.exchange.take_events()
    taker = [event for owner, event in told if owner is desk.a]
    maker = [event for owner, event in told if owner is desk.b]
    assert [e.get("x", e["e"]) for e in taker] == ["NEW", "TRADE", "outboundAccountPosition"]
    assert [e.get("x", e["e"]) for e in maker] == ["TRADE", "outboundAccountPosition"]
    assert {e["T"] for e in (*taker[:2], maker[0])} == {desk.now_us}
    assert (taker[1]["m"], taker[1]["w"], maker[0]["m"], maker[0]["w"]) == (False, False, True, True)
    assert taker[1]["I"] > taker[0]["I"]
    assert (maker[0]["l"], maker[0]["z"], maker[0]["L"], maker[0]["Y"]) == (
        "0.04000000",
        "0.04000000",
        "60000.00000000",
        "2400.00000000",
    )
