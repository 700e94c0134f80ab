"""Faults 21 and 22: clocks that disagree, and a venue that asks us to wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.faults.invariants import assert_invariants, exec_types
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.fix_client import frame
from tests.support.oms import Oms, now

PLACE = "POST /sapi/v1/margin/order"


async def test_fault_21_an_order_refused_for_its_timestamp_is_sent_once_more_with_the_clock_measured(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """-1021 is a refusal, so sending again is safe; twice refused is a reject, not a loop."""
    await daemon.event("reconciled", count=2)  # at the start and with the stream: nothing else asks now
    await venue.sim("clock", offsetMs=20_000)
    order = await oms.order(px="50000.00")
    retried = (await oms.report(order, "0"))[526]
    assert (await venue.placements())[retried] == {"received": 2, "accepted": 1}
    following = (await oms.report(await oms.order(px="50000.00"), "0"))[526]
    assert (await venue.placements())[following]["received"] == 1, "the clock is known now"

    await venue.sim("faults", route=PLACE, action="error_before", status=400, code=-1021, count=0)
    refused = await oms.report(await oms.order(px="50000.00"), "8")
    assert refused[25016] == "-1021"
    await venue.sim("faults", clear=True)
    await venue.sim("clock", offsetMs=0)
    twice = refused[526]
    assert (await venue.placements())[twice] == {"received": 2, "accepted": 0}
    assert len(daemon.events("clock_refused")) == 2
    await assert_invariants(venue, daemon, oms, refused_once=(retried, twice))


@pytest.mark.parametrize("off_s", [-121, 121])
async def test_fault_21_a_message_of_another_time_is_rejected_and_ends_the_session(
    venue: Exchange, daemon: Daemon, oms: Oms, off_s: int
) -> None:
    """SendingTime(52) more than 120 s off: Reject 373=10 and Logout; no order comes of it."""
    resting = await oms.order(px="50000.00")
    await oms.report(resting, "0")
    number, oms.client.next_out = oms.client.next_out, oms.client.next_out + 1
    stamp = (datetime.now(UTC) + timedelta(seconds=off_s)).strftime("%Y%m%d-%H:%M:%S.000")
    head = [(35, "D"), (34, str(number)), (49, oms.comp_id), (52, stamp), (56, oms.target)]
    terms = [(11, "late"), (55, "BTCUSDT"), (54, "1"), (60, now()), (38, "0.01"), (40, "2"), (44, "50000.00")]
    await oms.client.send_raw(frame([*head, *terms]))

    reject = await oms.client.expect("3")
    assert (reject[45], reject[373]) == (str(number), "10")
    await oms.client.expect("5")
    await oms.client.expect_closed()

    assert len(await venue.placements()) == 1
    await oms.connect(daemon)
    assert (await oms.ask("late"))[37] == "NONE"
    await assert_invariants(venue, daemon, oms)


async def test_fault_22_a_rate_limit_refuses_new_orders_at_once_and_lets_cancels_through(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """429, 418 and 403 with and without Retry-After; what the venue asked for is waited for, then orders pass again."""
    for limit in (
        {"action": "429", "retry_after": 1},
        {"action": "418", "retry_after": 1},
        {"action": "429", "code": -1015},  # no Retry-After: to the end of the 10 s window
    ):
        resting = await oms.order(px="50000.00")
        await oms.report(resting, "0")
        await venue.sim("faults", route=PLACE, **limit)

        refused = await oms.report(await oms.order(px="50000.00"), "8", timeout_s=1)
        held = await oms.report(await oms.order(px="50000.00"), "8", timeout_s=1)

        code = str(limit.get("code", -1003))
        assert (refused[103], refused[25016]) == ("3", code)
        assert "Binance asked to wait" in held[58]
        cancel = await oms.cancel(resting)
        assert (await oms.report(cancel, "4"))[39] == "4", "P8"
        wait_s = float(held[58].split("asked to wait ")[1].split(" ms")[0]) / 1000
        assert wait_s <= (1 if "retry_after" in limit else 10)
        await asyncio.sleep(min(wait_s, 1.0))
    await assert_invariants(venue, daemon, oms)


async def test_fault_22_a_ban_delays_a_cancel_and_loses_none(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """While the whole address is banned nothing passes; the cancel goes out again when the ban is over (P8)."""
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    await venue.sim("ban", seconds=2)

    cancel = await oms.cancel(order)
    assert (await oms.report(cancel, "6"))[39] == "6"
    refused = await oms.report(await oms.order(px="50000.00"), "8", timeout_s=1)
    assert refused[103] in ("0", "3")

    assert (await oms.report(cancel, "4", timeout_s=8))[39] == "4"
    assert exec_types(oms, order) == "064"
    await assert_invariants(venue, daemon, oms)
