"""Faults 7 and 8: kill -9 on both sides of the moment the request leaves (design, section 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.e2e.faults.invariants import assert_invariants, assert_numbers_agree, exec_types, journalled
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms

SHORT = {"recvWindow": 500}  # P4's time is then 10.5 s and the clock's share
APPENDS = ("before_append", "after_append")  # the first is the logon's: sequence numbers


async def killed_at(point: str, daemon: Daemon, oms: Oms, **terms: str) -> str:
    """Start the daemon to die at `point`, send one order, see it die; the order's ClOrdID."""
    await daemon.start("--kill-at", f"{point}:2" if point in APPENDS else point)
    await oms.connect(daemon)
    order = await oms.order(**terms)
    assert await daemon.ended() == -9
    await oms.close()
    return order


async def restarted(daemon: Daemon, oms: Oms) -> None:
    await daemon.start()
    await oms.connect(daemon)


async def sent_again(oms: Oms) -> str:
    """Send the last order once more as a session does that knows no better: its number, 43=Y; its ClOrdID."""
    number, sent = next(
        (number, sent) for number, sent in reversed(oms.client.store.items()) if sent.fields[0][1] == "D"
    )
    header = {43: "Y", 122: sent.sending_time}
    await oms.client.send("D", sent.fields[1:], seq=number, header=header)
    return dict(sent.fields)[11]


async def test_fault_07_an_order_journalled_but_not_sent_is_asked_for_and_never_sent_late(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Three deaths between journal and socket, each with its own connector. A late order is a stale order: after a
    restart it is asked for (P3) and believed lost only when it could no longer arrive (P4)."""

    async def story(point: str) -> None:
        daemon, oms = make_daemon(settings=SHORT | {"clientOrderIdPrefix": f"{point}-"}), Oms()
        order = await killed_at(point, daemon, oms, px="50000.00")
        [name] = journalled(daemon)
        assert name.startswith(f"{point}-")

        await restarted(daemon, oms)

        assert "asking the venue" in (await oms.report(order, "A"))[58]
        if point == "appended":  # the engine had not counted it yet and asked again: known, not new (P2)
            assert (await oms.report(order, "I"))[39] == "A"
        rejected = await oms.report(order, "8", timeout_s=20)
        assert (rejected[39], rejected[151]) == ("8", "0")
        assert "never reached the venue" in rejected[58]
        assert await sent_again(oms) == order
        await oms.client.expect_silence(0.3)
        assert exec_types(oms, order).replace("I", "") == "A8"
        await assert_numbers_agree(oms, daemon)
        await oms.close()

    await asyncio.gather(*(story(point) for point in ("appended", "before_sync", "durable")))
    assert await venue.placements() == {}


@pytest.mark.parametrize(("terms", "told"), [({"px": "50000.00"}, "A0"), ({"type": "1"}, "A0F")])
async def test_fault_08_an_order_the_venue_took_before_the_death_is_told_and_not_placed_twice(
    venue: Exchange, make_daemon: Callable[..., Daemon], terms: dict[str, str], told: str
) -> None:
    """The client's own repetition, 43=Y or 97=Y, finds the order there."""
    daemon, oms = make_daemon(), Oms()
    order = await killed_at("answered", daemon, oms, **terms)
    assert [count["accepted"] for count in (await venue.placements()).values()] == [1]

    await restarted(daemon, oms)

    for exec_type in told:
        report = await oms.report(order, exec_type)
    assert report[39] == {"0": "0", "F": "2"}[told[-1]]
    assert await sent_again(oms) == order
    await oms.client.expect_silence(0.5)
    await oms.order(order, header={97: "Y"}, **terms)
    assert (await oms.report(order, "I"))[39] == report[39]
    assert exec_types(oms, order) == told + "I"
    await assert_invariants(venue, daemon, oms)
