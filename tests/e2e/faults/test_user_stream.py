"""Faults 4 to 6: the user data stream drops, repeats, reorders, falls silent, ends its day (P5, P6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.faults.invariants import assert_invariants, exec_types
from tests.support.daemon import Daemon, config
from tests.support.exchange import Exchange, exchange
from tests.support.oms import Oms

STALE_S = 2
DAY_S = 3  # what a connection's 24 h take below


async def test_fault_04_fills_around_a_cut_stream_are_told_once_with_their_sums(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """The socket dies right behind the first fill; two more happen before it is back: reconciliation finds them."""
    order = await oms.order(px="50000.00", qty="0.04")
    name = (await oms.report(order, "0"))[526]
    await daemon.event("stream_up")
    await venue.sim("faults", action="cut", event="executionReport")

    for quantity, price in (("0.01", "50000"), ("0.01", "49990"), ("0.02", "49980")):
        await venue.sim("fill", clientOrderId=name, quantity=quantity, price=price)

    fills = [await oms.report(order, "F") for _ in range(3)]
    assert [(fill[14], fill[151], fill[6]) for fill in fills] == [
        ("0.01", "0.03", "50000"),
        ("0.02", "0.02", "49995"),
        ("0.04", "0", "49987.5"),
    ]
    at_venue = await venue.order(name)
    assert at_venue is not None
    assert [fill[1003] for fill in fills] == [str(number) for number in at_venue["tradeIds"]]
    await daemon.event("stream_up", count=2)
    assert exec_types(oms, order) == "0FFF"
    await assert_invariants(venue, daemon, oms)


async def test_fault_04_a_stream_that_is_silent_behind_open_sockets_is_replaced(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Frozen: sockets open, pings answered, no events (trap 18). Only an order message can show it."""
    daemon, oms = make_daemon(settings={"staleWebsocketTimeout": f"{STALE_S}s"}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    resting = await oms.order(px="50000.00")
    name = (await oms.report(resting, "0"))[526]
    await daemon.event("stream_up")
    await asyncio.sleep(0.3)

    await venue.sim("streams", action="freeze")
    await venue.sim("fill", clientOrderId=name, quantity="0.004")
    sent = time.monotonic()
    await oms.order(px="50000.00")
    await asyncio.sleep(0.2)
    await venue.sim("streams", action="thaw")  # what was missed stays missed, as at the venue
    fill = await oms.report(resting, "F", timeout_s=STALE_S + 1)

    assert time.monotonic() - sent < STALE_S + 1
    assert (fill[32], fill[14]) == ("0.004", "0.004")
    assert daemon.events("stream_alarm")[0]["kind"] == "STALE"
    await venue.sim("fill", clientOrderId=name)
    assert (await oms.report(resting, "F"))[39] == "2"
    await assert_invariants(venue, daemon, oms)


async def test_fault_05_a_fill_is_told_once_whatever_repeats_reorders_loses_or_delays_its_event(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """By the reply, by the stream, by both, in any order; CumQty(14) never falls (`Told` insists)."""
    daemon, oms = make_daemon(settings={"reconcileInterval": "1s"}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await daemon.event("stream_up")
    for action in ("duplicate_events", "reorder_events", "delay_events", "drop_events"):
        await venue.sim("faults", action=action, count=0, delay_ms=300)
        resting = [await oms.order(px="50000.00", qty="0.03") for _ in range(3)]
        taking = [await oms.order(type="1") for _ in range(2)]
        for order in resting:
            name = (await oms.report(order, "0"))[526]
            await venue.sim("fill", clientOrderId=name, quantity="0.01")
            await venue.sim("fill", clientOrderId=name, quantity="0.02")
        for order in (*resting, *taking):
            await oms.report(order, "F", timeout_s=8, t39="2")
            assert exec_types(oms, order) == ("0FF" if order in resting else "0F"), action
        await venue.sim("faults", clear=True)
    await assert_invariants(venue, daemon, oms)


async def test_fault_05_an_event_that_outruns_the_reply_is_the_same_fill(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    await daemon.event("stream_up")
    await venue.sim("faults", action="event_first", route="POST /sapi/v1/margin/order", delay_ms=400)

    order = await oms.order(type="1")

    assert (await oms.report(order, "F"))[39] == "2"
    await asyncio.sleep(0.6)
    assert exec_types(oms, order) == "0F"
    await assert_invariants(venue, daemon, oms)


async def test_fault_06_an_expired_token_and_an_announced_shutdown_lose_nothing(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """A successor is up before an announced end: the stream is never down."""
    await daemon.event("stream_up")
    order = await oms.order(px="50000.00", qty="0.03")
    name = (await oms.report(order, "0"))[526]

    await venue.sim("streams", action="expire")
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    assert (await oms.report(order, "F", timeout_s=8))[14] == "0.01"
    await daemon.event("stream_up", count=2)
    downs = len(daemon.events("stream_down"))
    await venue.sim("streams", action="shutdown")
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    assert (await oms.report(order, "F", timeout_s=8))[14] == "0.02"
    assert (await daemon.event("stream_up", count=3))["reason"] == "REPLACED"
    assert len(daemon.events("stream_down")) == downs, "old and new overlap"
    for action in ("broken_frame", "empty_frame"):
        await venue.sim("streams", action=action)
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    assert (await oms.report(order, "F", timeout_s=8))[14] == "0.03"
    await assert_invariants(venue, daemon, oms)


async def test_fault_06_tokens_are_renewed_on_the_same_connection_before_they_end(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """websocketHeartbeatInterval decides: validity twice the interval, renewed each interval."""
    daemon, oms = make_daemon(settings={"websocketHeartbeatInterval": "1s"}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    order = await oms.order(px="50000.00")
    name = (await oms.report(order, "0"))[526]
    await daemon.event("stream_subscribed", count=4, timeout_s=10)

    assert len(daemon.events("stream_connecting")) == 1
    assert len(daemon.events("stream_up")) == 1
    await venue.sim("fill", clientOrderId=name)
    await oms.report(order, "F", timeout_s=1)
    await assert_invariants(venue, daemon, oms)


@pytest.fixture
async def short_day() -> AsyncIterator[Exchange]:
    """A venue that cuts every stream connection after `DAY_S`."""
    async with exchange("--time-scale", str(86_400 // DAY_S)) as running:
        yield running


async def test_fault_06_the_cut_after_24_hours_leaves_no_gap_and_no_duplicate(
    short_day: Exchange, tmp_path: Path
) -> None:
    """Fills come all the time, also while the connection is away; days of seconds end before the connector
    replaces a connection by itself (23 h), so this is the venue's own cut, twice."""
    directory = tmp_path / "daemon"
    daemon, oms = Daemon(directory, config(short_day, directory)), Oms()
    try:
        await daemon.start()
        await oms.connect(daemon)
        order = await oms.order(px="50000.00", qty="1")
        name = (await oms.report(order, "0"))[526]
        filled = Decimal(0)
        while len(daemon.events("stream_up")) < 3:
            await short_day.sim("fill", clientOrderId=name, quantity="0.001")
            filled += Decimal("0.001")
            await asyncio.sleep(0.05)
        await short_day.sim("fill", clientOrderId=name, quantity=str(1 - filled))

        await oms.report(order, "F", t39="2")
        assert len(daemon.events("stream_down")) >= 2
        assert {event["reason"] for event in daemon.events("stream_up")[1:]} == {"RECONNECTED"}
        await assert_invariants(short_day, daemon, oms)
    finally:
        await oms.close()
        await daemon.clean_up()
