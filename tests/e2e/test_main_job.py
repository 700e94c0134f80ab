"""An order over FIX becomes a margin order and comes back as fills."""

from __future__ import annotations

from tests.support.books import assert_books_agree
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms


async def test_a_market_order_is_accepted_and_filled(venue: Exchange, oms: Oms) -> None:
    order = await oms.order(type="1", qty="0.01000")

    new = await oms.report(order, "0")
    fill = await oms.report(order, "F")

    assert new[39] == "0"
    assert (fill[39], fill[14], fill[151]) == ("2", "0.01", "0")
    assert fill[38] == "0.01000", "the OMS's own digits (P9)"
    assert (fill[137], fill[138], fill[139], fill[851], fill[1057]) == ("0.00001", "BTC", "4", "2", "Y")
    await assert_books_agree(venue, oms)


async def test_a_resting_order_fills_in_parts_as_the_stream_tells(venue: Exchange, oms: Oms) -> None:
    order = await oms.order(px="50000.00", qty="0.03")
    new = await oms.report(order, "0")

    for quantity in ("0.01", "0.02"):
        await venue.sim("fill", clientOrderId=new[526], quantity=quantity)
        fill = await oms.report(order, "F")
        assert (fill[32], fill[31], fill[851]) == (quantity, "50000", "1")

    assert (fill[39], fill[6]) == ("2", "50000")
    await assert_books_agree(venue, oms)


async def test_a_resting_order_is_cancelled_by_origclordid(venue: Exchange, oms: Oms) -> None:
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")

    cancel = await oms.cancel(order)

    pending = await oms.report(cancel, "6")
    canceled = await oms.report(cancel, "4")
    assert (pending[39], pending[41]) == ("6", order)
    assert (canceled[39], canceled[41], canceled[151]) == ("4", order, "0")
    await assert_books_agree(venue, oms)


async def test_a_slow_venue_is_waited_for(venue: Exchange, daemon: Daemon, oms: Oms) -> None:
    route = "POST /sapi/v1/margin/order"
    await venue.sim("faults", route=route, action="delay_reply", delay_ms=3000)

    order = await oms.order(px="50000.00")

    assert (await oms.report(order, "0", timeout_s=5))[39] == "0"
    await assert_books_agree(venue, oms)


async def test_sigterm_says_logout_and_ends_well(daemon: Daemon, oms: Oms) -> None:
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")

    code = await daemon.stop(15)

    await oms.client.expect("5")
    assert code == 0
