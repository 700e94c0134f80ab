"""Orders of one account that meet: the taker's mode decides."""

from decimal import Decimal

import pytest

from connector.simulator.errors import VenueError
from connector.simulator.orders import Status
from tests.simulator.kit import Desk


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        ("EXPIRE_TAKER", Status.EXPIRED_IN_MATCH, Status.NEW),
        ("EXPIRE_MAKER", Status.NEW, Status.EXPIRED_IN_MATCH),
        ("EXPIRE_BOTH", Status.EXPIRED_IN_MATCH, Status.EXPIRED_IN_MATCH),
        ("NONE", Status.FILLED, Status.FILLED),
    ],
)
def test_the_takers_mode_says_who_expires(mode: str, taker: Status, maker: Status) -> None:
    desk = Desk()
    resting = desk.sell("0.1", "60000")

    crossing = desk.buy("0.1", "60000", selfTradePreventionMode=mode)

    assert (crossing.status, resting.status) == (taker, maker)
    assert desk.locked("BTC") == (Decimal("0.1") if resting.is_open else 0)


def test_the_symbols_default_mode_applies_when_none_is_sent() -> None:
    desk = Desk()
    resting = desk.sell("0.1", "60000")

    assert desk.buy("0.1", "60000").stp_mode == "EXPIRE_MAKER"
    assert resting.status is Status.EXPIRED_IN_MATCH


def test_expire_maker_goes_on_to_strangers_orders() -> None:
    desk = Desk()
    own = desk.sell("0.1", "60000")
    desk.sell("0.1", "60001", desk.b)

    taker = desk.buy("0.1", "60001", selfTradePreventionMode="EXPIRE_MAKER")

    assert own.status is Status.EXPIRED_IN_MATCH
    assert taker.status is Status.FILLED


def test_what_traded_before_the_prevented_match_stays_traded() -> None:
    desk = Desk()
    desk.sell("0.05", "60000", desk.b)
    desk.sell("0.1", "60001")

    taker = desk.buy("0.1", "60001", selfTradePreventionMode="EXPIRE_TAKER")

    assert (taker.status, taker.executed) == (Status.EXPIRED_IN_MATCH, Decimal("0.05"))


def test_cross_and_isolated_are_separate_accounts() -> None:
    desk = Desk()
    isolated = desk.exchange.users["a"].isolated["BTCUSDT"]
    desk.sell("0.1", "60000", isolated)

    assert desk.buy("0.1", "60000", selfTradePreventionMode="EXPIRE_BOTH").status is Status.FILLED


def test_the_prevented_match_is_told_and_recorded() -> None:
    desk = Desk()
    maker = desk.sell("0.1", "60000")
    desk.exchange.take_events()

    taker = desk.buy("0.04", "60000", selfTradePreventionMode="EXPIRE_MAKER")

    reports = [e for e in desk.events() if e["e"] == "executionReport"]
    assert [(e["x"], e["X"], e["i"]) for e in reports] == [
        ("NEW", "NEW", taker.order_id),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", maker.order_id),
    ]
    told = reports[1]
    assert (told["A"], told["U"], told["pl"], told["pL"]) == (
        "0.10000000",
        taker.order_id,
        "0.04000000",
        "60000.00000000",
    )
    row = desk.a.prevented["BTCUSDT"][0]
    assert (row.taker_order_id, row.maker_order_id, row.maker_quantity) == (
        taker.order_id,
        maker.order_id,
        Decimal("0.1"),
    )


@pytest.mark.parametrize("mode", ["DECREMENT", "TRANSFER"])
def test_spots_modes_are_refused_by_the_margin_endpoint(mode: str) -> None:
    with pytest.raises(VenueError, match="-1013: This symbol does not allow the specified self-trade"):
        Desk().buy("0.1", "59000", selfTradePreventionMode=mode)


def test_a_market_buy_is_funded_for_the_price_it_pays_after_its_own_orders_expire() -> None:
    """The cheap order is the account's own: it expires, and the next level costs more."""
    desk = Desk()
    desk.sell("0.1", "60000")
    desk.sell("0.1", "65000", desk.b)

    taker = desk.market_order("BUY", quantity="0.1", selfTradePreventionMode="EXPIRE_MAKER")

    assert (taker.status, taker.executed_quote) == (Status.FILLED, Decimal(6500))
