"""Outcomes that are not known: asked for, never guessed, never sent again (P3, P4)."""

from __future__ import annotations

import pytest

from tests.support.books import assert_books_agree
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms

PLACE = "POST /sapi/v1/margin/order"


async def test_a_refused_timestamp_is_sent_once_more_after_measuring_the_clock(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """-1021 is a refusal, so sending again is safe (fault 21)."""
    await venue.sim("clock", offsetMs=20_000)

    order = await oms.order(px="50000.00")

    new = await oms.report(order, "0")
    assert (await venue.placements())[new[526]]["accepted"] == 1
    await venue.sim("clock", offsetMs=0)


@pytest.mark.parametrize("retry_after", [2, None])
async def test_a_rate_limit_refuses_new_orders_at_once_and_lets_cancels_through(
    venue: Exchange, daemon: Daemon, oms: Oms, retry_after: int | None
) -> None:
    resting = await oms.order(px="50000.00")
    await oms.report(resting, "0")
    await venue.sim("faults", route=PLACE, action="429", retry_after=retry_after)

    refused = await oms.report(await oms.order(px="50000.00"), "8")
    assert refused[25016] in ("-1003", "-1015")
    held = await oms.report(await oms.order(px="50000.00"), "8")
    assert "Binance asked to wait" in held[58]
    assert (await oms.report(await oms.cancel(resting), "4"))[39] == "4"


async def test_an_unreachable_venue_refuses_orders_by_name_and_recovers(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    venue.process.terminate()
    await venue.process.wait()

    refused = await oms.report(await oms.order(px="50000.00"), "8", timeout_s=20)

    assert "Binance cannot be reached, the order was not sent" in refused[58]


async def test_a_slow_venue_is_waited_for(venue: Exchange, daemon: Daemon, oms: Oms) -> None:
    await venue.sim("faults", route=PLACE, action="delay_reply", delay_ms=3000)

    order = await oms.order(px="50000.00")

    assert (await oms.report(order, "0", timeout_s=5))[39] == "0"
    await assert_books_agree(venue, oms)


async def test_a_cancel_whose_reply_is_lost_is_settled_by_asking(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    await venue.sim("faults", route="DELETE /sapi/v1/margin/order", action="request_lost", count=2)

    cancel = await oms.cancel(order)

    assert (await oms.report(cancel, "4", timeout_s=8))[39] == "4"
    await assert_books_agree(venue, oms)
