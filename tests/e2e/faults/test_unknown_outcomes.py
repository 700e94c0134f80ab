"""Faults 1 to 3: whether an order arrived is not known. It is asked for, never guessed, never sent again (P3, P4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.e2e.faults.invariants import assert_invariants, exec_types
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms

PLACE = "POST /sapi/v1/margin/order"
QUERY = "GET /sapi/v1/margin/order"
P4_S = 10.3  # recvWindow of 300 ms and the venue's 10 s of processing

HTML = {"body": "<html>Bad Gateway</html>", "content_type": "text/html"}
ARRIVED: tuple[dict[str, object], ...] = (
    {"action": "reply_lost"},
    {"action": "error_after", "status": 503, "code": -1000},
    {"action": "error_after", "status": 400, "code": -1006},
    {"action": "error_after", "status": 400, "code": -1007},
    {"action": "error_after", "status": 502, **HTML},
)
NEVER_ARRIVED: tuple[dict[str, object], ...] = (
    {"action": "request_lost"},
    {"action": "error_before", "status": 503, "code": -1000},
    {"action": "error_before", "status": 400, "code": -1007},
)


async def test_fault_01_an_order_whose_answer_is_lost_is_pending_until_the_venue_tells(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """5xx, -1006, -1007, HTML, a dead socket: 150=A, then New and Filled once, found by asking alone."""
    await daemon.event("stream_up")
    await venue.sim("faults", action="drop_events", count=0)
    await venue.sim("faults", route=QUERY, action="error_before", status=503, count=len(ARRIVED) + 2)
    filled, resting = [], []
    for fault in ARRIVED:
        await venue.sim("faults", route=PLACE, count=2, **fault)
        for found, terms in ((filled, {"type": "1"}), (resting, {"px": "50000.00"})):
            found.append(await oms.order(**terms))
            pending = await oms.report(found[-1], "A")
            assert pending[39] == "A"
            assert "asking the venue" in pending[58]

    for order in filled:
        assert (await oms.report(order, "F", timeout_s=8))[39] == "2"
        assert exec_types(oms, order) == "A0F"
    for order in resting:
        assert (await oms.report(order, "0", timeout_s=8))[39] == "0"
        assert exec_types(oms, order) == "A0"
    await assert_invariants(venue, daemon, oms)


async def test_fault_02_no_such_order_is_believed_only_after_the_order_could_no_longer_arrive(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """-2013 before recvWindow + 10 s have passed proves nothing."""
    daemon, oms = make_daemon(settings={"recvWindow": 300}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    orders = []
    for fault in NEVER_ARRIVED:
        await venue.sim("faults", route=PLACE, **fault)
        orders.append(await oms.order(px="50000.00"))
        assert "asking the venue" in (await oms.report(orders[-1], "A"))[58]

    await oms.client.expect_silence(P4_S - 1.0)
    for order in orders:
        rejected = await oms.report(order, "8", timeout_s=8)
        assert rejected[39] == "8"
        assert "never reached the venue" in rejected[58]
        assert exec_types(oms, order) == "A8"
    await assert_invariants(venue, daemon, oms)


async def test_fault_02_a_fill_of_an_order_that_was_given_up_is_told_with_an_alarm(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """The venue breaks its own rules: with its clock put back, the order acts after recvWindow and 10 s."""
    daemon, oms = make_daemon(settings={"recvWindow": 300}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await daemon.event("stream_up")
    await venue.sim("faults", route=PLACE, action="delay_request", delay_ms=15_000)
    sent = time.monotonic()
    order = await oms.order(type="1")
    await oms.report(order, "8", timeout_s=14.5)
    assert time.monotonic() - sent > P4_S
    await venue.sim("clock", offsetMs=-17_000)

    restated = await oms.report(order, "D", timeout_s=10)
    fill = await oms.report(order, "F")

    await venue.sim("clock", offsetMs=0)
    assert (restated[39], restated[58]) == ("0", "reported as rejected before, but the venue has it")
    assert (fill[39], fill[14], fill[151]) == ("2", "0.01", "0")
    [alarm] = daemon.events("rejected_order_is_at_the_venue")
    assert (alarm["level"], alarm["cl_ord_id"]) == ("error", order)
    assert exec_types(oms, order) == "A8DF"
    await assert_invariants(venue, daemon, oms)


async def test_fault_03_duplicate_order_sent_means_it_is_there_already(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """A resend below us (a proxy, a load balancer) is refused; the first one was taken: report that, no reject."""
    await daemon.event("stream_up")
    duplicate = {"action": "error_after", "status": 400, "code": -2010, "msg": "Duplicate order sent."}
    await venue.sim("faults", action="drop_events", count=0)
    await venue.sim("faults", route=PLACE, count=2, **duplicate)

    resting, filled = await oms.order(px="50000.00"), await oms.order(type="1")

    assert (await oms.report(resting, "0"))[39] == "0"
    assert (await oms.report(filled, "F"))[39] == "2"
    await asyncio.sleep(0.3)
    assert (exec_types(oms, resting), exec_types(oms, filled)) == ("A0", "A0F")
    await assert_invariants(venue, daemon, oms)
