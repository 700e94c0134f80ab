"""Faults 25 and 26: what only margin accounts meet, and an exchange that is not there."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from yarl import URL

from tests.e2e.faults.invariants import assert_invariants, exec_types
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms
from tests.support.relay import Authority, Relay

PLACE = "POST /sapi/v1/margin/order"


async def test_fault_25_a_refused_borrow_is_told_with_the_venues_code_and_words(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """-3006 and -3045 are refusals. -3007 (another loan is under way) proves nothing: it is asked for."""
    daemon, oms = make_daemon(settings={"sideEffectType": "MARGIN_BUY", "recvWindow": 300}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await daemon.event("stream_up")
    busy = {"route": PLACE, "status": 400, "code": -3007}
    await venue.sim("faults", action="error_before", **busy)
    pending = await oms.order(px="50000.00")
    assert "-3007" in (await oms.report(pending, "A"))[58]
    await venue.sim("faults", action="error_after", **busy)
    taken = await oms.order(px="50000.00")
    assert (await oms.report(taken, "0"))[39] == "0", "it was placed all the same"

    refused = await oms.report(await oms.order(px="50000.00", qty="170"), "8")
    assert (refused[103], refused[25016]) == ("3", "-3006")
    assert refused[58] == "-3006 Your borrow amount has exceed maximum borrow amount."
    await venue.sim("faults", route=PLACE, action="error_before", status=400, code=-3045)
    refused = await oms.report(await oms.order(px="50000.00"), "8")
    assert (refused[103], refused[25016]) == ("3", "-3045")
    assert refused[58] == "-3045 The system does not have enough asset now."

    assert "never reached the venue" in (await oms.report(pending, "8", timeout_s=16))[58]
    assert exec_types(oms, pending) == "A8"
    await assert_invariants(venue, daemon, oms)


async def test_fault_25_an_isolated_pair_that_is_not_enabled_is_named(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    api_key, secret = venue.key()
    key = {"apiKey": api_key, "apiSecret": secret.strip().replace("\n", "#")}
    keys = [key | {"account": "CROSS"}, key | {"account": "ISO", "isolatedSymbols": ["BTCUSDT"]}]
    daemon, oms = make_daemon(settings={"apiKeys": keys}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await venue.sim("faults", route=PLACE, action="error_before", status=400, code=-11001)

    refused = await oms.report(await oms.order(px="50000.00", account="ISO"), "8")

    assert (refused[103], refused[25016], refused[1]) == ("15", "-11001", "ISO")
    assert refused[58] == "-11001 Isolated margin account does not exist."
    assert (await oms.report(await oms.order(px="50000.00", account="CROSS"), "0"))[39] == "0"
    await assert_invariants(venue, daemon, oms)


async def test_fault_25_a_liquidation_ends_the_owners_orders_and_its_own_order_reaches_the_log(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """P7: the owner gets an unsolicited report; an order that is nobody's is no crash and no report of another's."""
    await daemon.event("stream_up")
    canceled, liquidated = [await oms.order(px="50000.00") for _ in range(2)]
    name = (await oms.report(canceled, "0"))[526]
    await oms.report(liquidated, "0")

    await venue.sim("cancel", clientOrderId=name)
    expired = await oms.report(canceled, "C")
    assert (expired[39], expired[58], expired.get(41)) == ("C", "EXCHANGE_CANCELED", None)
    order = await venue.sim("liquidate", symbol="BTCUSDT", side="SELL", quantity="0.5")

    assert (await oms.report(liquidated, "C"))[151] == "0"
    foreign = await daemon.event("foreign_order")
    assert (foreign["symbol"], foreign["order_id"]) == ("BTCUSDT", order["orderId"])
    assert foreign["client_order_id"].startswith("autoclose-")
    await oms.report(await oms.order(type="1"), "F")
    assert not [m for m in oms.client.seen if m.get(37) == str(order["orderId"])]
    await assert_invariants(venue, daemon, oms)


@pytest.fixture
async def relay(venue: Exchange) -> AsyncIterator[Relay]:
    async with Relay(URL(venue.url).port or 0) as made:
        yield made


async def away_and_back(
    venue: Exchange, daemon: Daemon, oms: Oms, away: Callable[[], object], back: Callable[[], object]
) -> None:
    """Orders rest, the exchange goes away, comes back: who was open stays so until known otherwise."""
    filled, canceled, resting = [await oms.order(px="50000.00") for _ in range(3)]
    names = [(await oms.report(order, "0"))[526] for order in (filled, canceled, resting)]
    ups = len(daemon.events("stream_up"))
    await away()  # type: ignore[misc]
    await venue.sim("fill", clientOrderId=names[0])

    begun = time.monotonic()
    refused = await oms.report(await oms.order(px="50000.00"), "8", timeout_s=2)
    assert time.monotonic() - begun < 1, "at once, rather than waiting for ever"
    assert refused[58].startswith("Binance cannot be reached, the order was not sent")
    cancel = await oms.cancel(canceled)
    assert (await oms.report(cancel, "6"))[39] == "6"
    assert [(await oms.ask(order))[39] for order in (filled, canceled, resting)] == ["0", "6", "0"]
    await back()  # type: ignore[misc]

    assert (await oms.report(filled, "F", timeout_s=15))[39] == "2"
    assert (await oms.report(cancel, "4", timeout_s=15))[39] == "4"
    await daemon.event("stream_up", timeout_s=15, count=ups + 1)
    await oms.report(await oms.order(type="1"), "F")
    assert exec_types(oms, resting).replace("I", "") == "0"


async def test_fault_26_while_the_exchange_refuses_connections_orders_are_refused_and_open_ones_stay(
    venue: Exchange, make_daemon: Callable[..., Daemon], relay: Relay
) -> None:
    await relay.start()
    address = f"127.0.0.1:{relay.port}"
    urls = {"restUrl": f"http://{address}", "websocketUrl": f"ws://{address}{URL(venue.ws_url).path}"}
    daemon, oms = make_daemon(settings=urls), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await daemon.event("stream_up")

    await away_and_back(venue, daemon, oms, relay.stop, relay.start)

    assert daemon.events("stream_down")
    await assert_invariants(venue, daemon, oms)


async def test_fault_26_an_expired_certificate_stops_orders_until_it_is_replaced(
    venue: Exchange,
    make_daemon: Callable[..., Daemon],
    relay: Relay,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Connections under way would outlive it: the restart that brings the certificate cuts them."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    valid, expired = authority.server(days=1), authority.server(days=-1)
    await relay.start(valid)
    address = f"127.0.0.1:{relay.port}"
    urls = {"restUrl": f"https://{address}", "websocketUrl": f"wss://{address}{URL(venue.ws_url).path}"}
    daemon, oms = make_daemon(settings=urls), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await daemon.event("stream_up")

    async def away() -> None:
        await relay.stop()
        await relay.start(expired)

    async def back() -> None:
        await relay.stop()
        await relay.start(valid)

    await away_and_back(venue, daemon, oms, away, back)
    refused = next(m for m in oms.client.handled if m[35] == "8" and "cannot be reached" in (m.get(58) or ""))
    assert "certificate" in refused[58].lower()
    await assert_invariants(venue, daemon, oms)


async def test_fault_26_an_exchange_that_hangs_keeps_an_order_pending_and_nothing_is_doubled(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """SIGSTOP: connections are accepted by the kernel, nobody answers; the order waited for is told afterwards."""
    resting = await oms.order(px="50000.00")
    await oms.report(resting, "0")
    await daemon.event("stream_up")
    venue.process.send_signal(signal.SIGSTOP)
    order = await oms.order(px="50000.00")
    assert (await oms.ask(order))[39] == "A"
    assert (await oms.ask(resting))[39] == "0"
    await asyncio.sleep(1.5)
    assert not oms.client.inbox, "nothing is claimed while nothing is known"
    venue.process.send_signal(signal.SIGCONT)

    assert (await oms.report(order, "0"))[39] == "0"
    await assert_invariants(venue, daemon, oms)
