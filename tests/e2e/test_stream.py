"""The user data stream breaks in every way it can; each fill is told once (P5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.support.books import assert_books_agree
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms

STALE_S = 2


async def test_a_frozen_stream_is_replaced_within_the_stale_timeout_and_a_second(
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
    await assert_books_agree(venue, oms)


async def test_a_cut_stream_is_resumed_and_what_happened_meanwhile_is_told_once(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    resting = await oms.order(px="50000.00", qty="0.03")
    name = (await oms.report(resting, "0"))[526]
    await daemon.event("stream_up")

    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    await venue.sim("streams", action="cut")
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    await venue.sim("fill", clientOrderId=name, quantity="0.01")

    for _ in range(3):
        fill = await oms.report(resting, "F")
    assert (fill[39], fill[14]) == ("2", "0.03")
    await assert_books_agree(venue, oms)


@pytest.mark.parametrize("action", ["duplicate_events", "reorder_events", "drop_events", "delay_events"])
async def test_events_doubled_reordered_lost_or_late(
    venue: Exchange, make_daemon: Callable[..., Daemon], action: str
) -> None:
    daemon, oms = make_daemon(settings={"reconcileInterval": "1s"}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await daemon.event("stream_up")
    await venue.sim("faults", action=action, count=0, delay_ms=300)
    orders = [await oms.order(px="50000.00", qty="0.03") for _ in range(5)]
    for order in orders:
        name = (await oms.report(order, "0"))[526]
        await venue.sim("fill", clientOrderId=name, quantity="0.01")
        await venue.sim("fill", clientOrderId=name, quantity="0.02")
    for order in orders:
        await oms.report(order, "F", timeout_s=8, t39="2")
    await assert_books_agree(venue, oms)


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


async def test_an_expired_token_and_an_announced_shutdown_lose_nothing(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    await daemon.event("stream_up")
    order = await oms.order(px="50000.00", qty="0.03")
    name = (await oms.report(order, "0"))[526]

    await venue.sim("streams", action="expire")
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    assert (await oms.report(order, "F", timeout_s=8))[14] == "0.01"
    await daemon.event("stream_up", count=2)
    await venue.sim("streams", action="shutdown")
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    assert (await oms.report(order, "F", timeout_s=8))[14] == "0.02"
    await daemon.event("stream_up", count=3)
    for action in ("broken_frame", "empty_frame"):
        await venue.sim("streams", action=action)
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    assert (await oms.report(order, "F", timeout_s=8))[14] == "0.03"
    await assert_books_agree(venue, oms)


async def test_tokens_are_renewed_on_the_same_connection(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """websocketHeartbeatInterval decides: validity twice the interval, renewed each interval."""
    daemon = make_daemon(settings={"websocketHeartbeatInterval": "1s"})
    await daemon.start()
    await daemon.event("stream_subscribed", count=4, timeout_s=10)

    assert len(daemon.events("stream_connecting")) == 1
    assert len(daemon.events("stream_up")) == 1
