"""Stops, take-profits and trailing stops (reference section 2.1)."""

from decimal import Decimal

import pytest

from connector.simulator.errors import VenueError
from connector.simulator.ledger import Rules
from connector.simulator.orders import Status
from tests.simulator.kit import Desk, fills

SIDES = [
    ("STOP_LOSS", "BUY", "60500", "60500"),
    ("TAKE_PROFIT", "SELL", "60500", "60500"),
    ("STOP_LOSS", "SELL", "59500", "59500"),
    ("TAKE_PROFIT", "BUY", "59500", "59500"),
]


@pytest.mark.parametrize(("kind", "side", "stop", "touch"), SIDES)
def test_a_market_stop_trades_when_the_last_price_reaches_it(
    kind: str, side: str, stop: str, touch: str
) -> None:
    desk = Desk()
    order = desk.place(side=side, type=kind, quantity="0.1", stopPrice=stop)
    assert (order.is_working, order.status) == (False, Status.NEW)

    desk.operation().move_price(Decimal(touch))

    assert (order.status, order.executed) == (Status.FILLED, Decimal("0.1"))


@pytest.mark.parametrize(("kind", "side", "stop", "touch"), SIDES)
def test_a_stop_whose_price_was_passed_is_refused(kind: str, side: str, stop: str, touch: str) -> None:
    desk = Desk()
    desk.operation().move_price(Decimal(touch))

    with pytest.raises(VenueError, match=r"-2010: Order would trigger immediately\."):
        desk.place(side=side, type=kind, quantity="0.1", stopPrice=stop)


def test_a_stop_limit_rests_at_its_limit_after_the_trigger() -> None:
    desk = Desk()
    order = desk.place(side="SELL", type="STOP_LOSS_LIMIT", quantity="0.1", price="59600", stopPrice="59500")
    desk.events()
    desk.now_us += 1_000_000

    desk.operation().move_price(Decimal(59500))

    assert (order.status, order.is_working, order.working_us) == (Status.NEW, True, desk.now_us)
    assert desk.story() == ["NEW/NEW"]
    desk.operation().move_price(Decimal(59600))
    assert fills(order) == [("59600", "0.1")]


def test_the_second_new_of_a_trigger_can_be_switched_off() -> None:
    """No document shows the event of a trigger, so clients must live with both shapes."""
    desk = Desk(rules=Rules(trigger_repeats_new=False))
    desk.place(side="SELL", type="STOP_LOSS_LIMIT", quantity="0.1", price="59600", stopPrice="59500")
    desk.events()

    desk.operation().move_price(Decimal(59500))

    assert desk.story() == []


def test_waiting_stops_say_so_in_their_events() -> None:
    desk = Desk()
    desk.place(side="BUY", type="STOP_LOSS_LIMIT", quantity="0.1", price="60600", stopPrice="60500")

    report = desk.events()[0]

    assert (report["x"], report["w"], "W" in report, report["P"]) == ("NEW", False, False, "60500.00000000")


def test_a_trade_between_customers_triggers_too_and_stops_cascade() -> None:
    desk = Desk()
    desk.house("BUY", "59000", "1")
    first = desk.place(desk.b, side="SELL", type="STOP_LOSS", quantity="0.1", stopPrice="59900")
    second = desk.place(desk.b, side="SELL", type="STOP_LOSS", quantity="0.1", stopPrice="59100")

    desk.house("BUY", "59900", "0.01")
    desk.sell("0.01", "59900")

    assert fills(first) == [("59000", "0.1")]
    assert fills(second) == [("59000", "0.1")]


def test_a_stop_that_cannot_be_paid_when_it_triggers_expires() -> None:
    """Locked at the stop price; the market it meets costs more than the account has."""
    desk = Desk()
    desk.house("SELL", "90000", "1")
    order = desk.place(side="BUY", type="STOP_LOSS", quantity="1", stopPrice="60500")
    desk.buy("0.6", "59000")
    desk.events()

    desk.operation().print_price(Decimal(60500))

    assert (order.status, order.expiry_reason) == (Status.EXPIRED, "REJECTED")
    report = desk.events()[0]
    assert (report["x"], report["X"], report["eR"]) == ("EXPIRED", "EXPIRED", "REJECTED")
    assert desk.locked("USDT") == 35_400


def test_cancelling_a_waiting_stop_disarms_it() -> None:
    desk = Desk()
    order = desk.place(side="SELL", type="STOP_LOSS", quantity="0.1", stopPrice="59500")

    desk.cancel(order)
    desk.operation().move_price(Decimal(59000))

    assert (order.status, order.executed) == (Status.CANCELED, 0)
    assert desk.locked("BTC") == 0


def test_a_trailing_stop_follows_the_best_price() -> None:
    """SELL from the maximum downward: 100 BIPS off 61000 is 60390."""
    desk = Desk()
    order = desk.place(side="SELL", type="STOP_LOSS", quantity="0.1", trailingDelta="100")
    for price in ("60000", "61000", "60400"):
        desk.operation().move_price(Decimal(price))
        assert order.status is Status.NEW

    desk.operation().move_price(Decimal(60390))

    assert order.status is Status.FILLED


def test_a_trailing_stop_with_a_stop_price_starts_there() -> None:
    desk = Desk()
    order = desk.place(side="BUY", type="TAKE_PROFIT", quantity="0.1", stopPrice="59000", trailingDelta="100")
    desk.operation().move_price(Decimal(60700))  # would be 1 % off the start, but tracking has not begun
    assert order.trailing_us == 0
    desk.operation().move_price(Decimal(58500))

    desk.operation().move_price(Decimal(59085))

    assert order.status is Status.FILLED
