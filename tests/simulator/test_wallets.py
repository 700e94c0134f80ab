"""Borrowing at placement, repaying at fill and at cancel (reference section 2.1, side effects)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from connector.simulator.account import AccountKind
from connector.simulator.errors import VenueError
from connector.simulator.ledger import Rules
from connector.simulator.symbols import DEFAULT_ASSETS
from tests.simulator.kit import Desk


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.operation().start()
    return desk


def test_without_side_effect_only_own_money_is_spent(desk: Desk) -> None:
    with pytest.raises(VenueError) as refused:
        desk.buy("2", "60000")

    assert (refused.value.status, refused.value.code, refused.value.msg) == (
        400,
        -2010,
        "Account has insufficient balance for requested action.",
    )


@pytest.mark.parametrize("effect", ["MARGIN_BUY", "AUTO_BORROW_REPAY"])
def test_a_margin_buy_borrows_the_shortfall_when_it_is_placed(desk: Desk, effect: str) -> None:
    order = desk.buy("2", "59000", sideEffectType=effect)

    assert order.borrowed == desk.borrowed("USDT") == 18_000
    assert (desk.free("USDT"), desk.locked("USDT")) == (0, 118_000)


def test_a_short_sale_borrows_the_base_asset(desk: Desk) -> None:
    order = desk.sell("3", "61000", sideEffectType="MARGIN_BUY")

    assert (order.borrowed, desk.borrowed("BTC")) == (1, 1)


def test_a_margin_buy_with_enough_own_money_borrows_nothing(desk: Desk) -> None:
    assert desk.buy("1", "59000", sideEffectType="MARGIN_BUY").borrowed == 0


@pytest.mark.parametrize(("at_cancel", "left"), [("TRUE", 0), ("FALSE", 18_000)])
def test_a_cancel_repays_what_the_order_borrowed_if_asked(desk: Desk, at_cancel: str, left: int) -> None:
    order = desk.buy("2", "59000", sideEffectType="MARGIN_BUY", autoRepayAtCancel=at_cancel)

    desk.cancel(order)

    assert desk.borrowed("USDT") == left
    assert desk.free("USDT") == 100_000 + left


def test_repaying_at_cancel_is_the_default_and_leaves_what_was_spent(desk: Desk) -> None:
    order = desk.buy("2", "59000", sideEffectType="MARGIN_BUY")
    desk.operation().fill(order, Decimal("1.9"))

    desk.cancel(order)

    assert desk.borrowed("USDT") == 18_000 - 5_900


@pytest.mark.parametrize("effect", ["AUTO_REPAY", "AUTO_BORROW_REPAY"])
def test_a_fill_repays_the_received_asset_interest_first(desk: Desk, effect: str) -> None:
    desk.sell("3", "61000", sideEffectType="MARGIN_BUY")
    desk.a.wallet.balance("BTC").interest = Decimal("0.01")

    desk.place(side="BUY", type="MARKET", quantity="0.5", sideEffectType=effect)

    balance = desk.a.wallet.balance("BTC")
    assert balance.interest == 0
    assert balance.borrowed == 1 - (Decimal("0.4995") - Decimal("0.01"))
    assert balance.free == 0


def test_a_repay_never_pays_more_than_the_debt(desk: Desk) -> None:
    desk.a.wallet.balance("BTC").borrowed = Decimal("0.1")

    desk.place(side="BUY", type="MARKET", quantity="0.5", sideEffectType="AUTO_REPAY")

    assert desk.borrowed("BTC") == 0
    assert desk.free("BTC") == 2 + Decimal("0.4995") - Decimal("0.1")


def test_leverage_limits_the_loan(desk: Desk) -> None:
    """Net worth is 250,000 USDT: 100,000 + 2 BTC at 60,000 + 10 ETH at 3,000; five times that is the most."""
    lender = desk.exchange.ledger.lender
    assert lender.max_borrowable(desk.a, "USDT") == 4 * 250_000

    with pytest.raises(VenueError, match="-3006: Your borrow amount has exceed maximum borrow amount"):
        desk.buy("19", "60000", sideEffectType="MARGIN_BUY")


def test_the_venue_can_run_out_of_an_asset(desk: Desk) -> None:
    desk.exchange.ledger.lender.inventory["USDT"] = Decimal(17_999)

    with pytest.raises(VenueError, match="-3045: The system does not have enough asset now"):
        desk.buy("2", "59000", sideEffectType="MARGIN_BUY")


def test_an_asset_may_not_be_borrowable() -> None:
    assets = [replace(spec, is_borrowable=False) for spec in DEFAULT_ASSETS]

    with pytest.raises(VenueError, match="-3012: Borrow is banned for this asset"):
        Desk(assets=assets).buy("2", "59000", sideEffectType="MARGIN_BUY")


def test_loans_of_a_user_are_granted_one_at_a_time() -> None:
    """The venue needs about 100 ms for each; a second one meanwhile is refused with -3007."""
    desk = Desk(loan_job_us=100_000)
    desk.buy("2", "59000", sideEffectType="MARGIN_BUY")

    with pytest.raises(VenueError, match="-3007: You have pending transaction, please try again later"):
        desk.buy("0.1", "59000", sideEffectType="MARGIN_BUY")
    desk.now_us += 100_000
    assert desk.buy("0.1", "59000", sideEffectType="MARGIN_BUY").borrowed == 5900


def test_auto_borrow_repay_can_be_refused() -> None:
    """One client says the venue retired it on 2026-10-14; nobody else confirms."""
    desk = Desk(rules=Rules(accepts_auto_borrow_repay=False))

    with pytest.raises(VenueError, match="-1130: Data sent for parameter 'sideEffectType' is not valid"):
        desk.buy("0.1", "59000", sideEffectType="AUTO_BORROW_REPAY")


def test_isolated_accounts_have_their_own_money(desk: Desk) -> None:
    isolated = desk.exchange.users["a"].isolated["BTCUSDT"]

    desk.buy("0.5", "59000", isolated)

    assert desk.locked("USDT", isolated) == 29_500
    assert desk.free("USDT") == 100_000


def test_an_isolated_account_that_does_not_exist_is_named(desk: Desk) -> None:
    with pytest.raises(VenueError, match=r"-11001: Isolated margin account does not exist\."):
        desk.exchange.users["a"].margin_account("DOGEUSDT", is_isolated=True)


def test_a_transfer_moves_money_and_is_told_on_both_sides(desk: Desk) -> None:
    user = desk.exchange.users["a"]
    desk.exchange.take_events()

    desk.exchange.transfer(user.spot, user.cross, "USDT", Decimal(400), desk.now_us)

    assert (user.spot.wallet.balance("USDT").free, desk.free("USDT")) == (600, 100_400)
    told = [(owner.kind, event["e"], event["d"]) for owner, event in desk.exchange.take_events()]
    assert told == [
        (AccountKind.SPOT, "balanceUpdate", "-400.00000000"),
        (AccountKind.CROSS, "balanceUpdate", "400.00000000"),
    ]


def test_money_that_secures_a_debt_cannot_be_transferred_away(desk: Desk) -> None:
    user = desk.exchange.users["a"]
    desk.exchange.ledger.lender.borrow(user, desk.a, "USDT", Decimal(200_000), desk.now_us, row_type="MANUAL")

    with pytest.raises(VenueError, match="-3020"):
        desk.exchange.transfer(user.cross, user.spot, "USDT", Decimal(200_000), desk.now_us)
    assert desk.free("USDT") == 300_000


def test_an_order_that_expires_repays_its_loan_too(desk: Desk) -> None:
    desk.operation().remove_liquidity(None, None)
    desk.house("SELL", "60000", "0.1")

    order = desk.buy("2", "60000", sideEffectType="MARGIN_BUY", timeInForce="IOC")

    assert order.borrowed == 20_000
    assert desk.borrowed("USDT") == 0


def test_amounts_never_have_more_than_eight_decimals(desk: Desk) -> None:
    """ETHBTC: a tick of 0.00001 times a lot of 0.0001 has nine."""
    desk.operation("ETHBTC").start()
    desk.place(symbol="ETHBTC", side="BUY", type="MARKET", quantity="0.0333", sideEffectType="AUTO_REPAY")
    resting = desk.buy("0.0333", "0.04999", symbol="ETHBTC")
    desk.operation("ETHBTC").fill(resting, Decimal("0.0111"), Decimal("0.04998"))

    balance = desk.a.wallet.balance("BTC")

    assert balance.free == round(balance.free, 8)
    assert balance.locked == resting.locked == round(balance.locked, 8)
    desk.cancel(resting)
    assert balance.locked == 0
