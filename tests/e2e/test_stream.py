"""The user data stream breaks in every way it can; each fill is told once (P5)."""

from __future__ import annotations

from tests.support.books import assert_books_agree
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms


async def test_a_venue_cancel_and_a_liquidation_reach_the_owner_and_the_log(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """P7: the order's owner gets an unsolicited report; an order that is nobody's reaches the log."""
    await daemon.event("stream_up")
    order = await oms.order(px="50000.00")
    name = (await oms.report(order, "0"))[526]

    await venue.sim("cancel", clientOrderId=name)
    expired = await oms.report(order, "C")
    assert (expired[39], expired[58]) == ("C", "EXCHANGE_CANCELED")

    await venue.sim("liquidate", symbol="BTCUSDT", side="SELL", quantity="0.5")
    foreign = await daemon.event("foreign_order")
    assert foreign["symbol"] == "BTCUSDT"
    await assert_books_agree(venue, oms)
