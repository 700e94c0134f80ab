"""kill -9 at the steps of the table in design section 3 that are no fault of their own, and while orders rest (P1-P5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.books import assert_books_agree
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


async def test_death_before_the_journal_is_as_if_the_order_came_later(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """P2: its MsgSeqNum was not consumed, so the engine asks for it again, 43=Y."""
    daemon, oms = make_daemon(), Oms()
    order = await killed_at("before_append", daemon, oms, px="50000.00")
    assert await venue.placements() == {}

    await restarted(daemon, oms)

    new = await oms.report(order, "0")
    assert list(await venue.placements()) == [new[526]]
    await assert_books_agree(venue, oms)


@pytest.mark.parametrize("point", ["before_report", "after_report"])
async def test_a_report_that_may_not_have_been_told_is_told_again_with_the_same_exec_id(
    venue: Exchange, make_daemon: Callable[..., Daemon], point: str
) -> None:
    """P5: after a crash the same report may be repeated, PossResend(97)=Y, never with another ExecID(17)."""
    daemon, oms = make_daemon(), Oms()
    order = await killed_at(point, daemon, oms, px="50000.00")

    await restarted(daemon, oms)

    new = await oms.report(order, "0", t97="Y")
    everything = [message for message in oms.client.seen if message.get(150) == "0"]
    assert {message[17] for message in everything} == {new[17]}
    await assert_books_agree(venue, oms)


async def test_orders_rest_and_fill_while_the_connector_is_dead(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """The fill is reported once, ids continue, nothing is sent twice."""
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    first, second, third = [await oms.order(px="50000.00") for _ in range(3)]
    names = [(await oms.report(order, "0"))[526] for order in (first, second, third)]
    await daemon.kill()
    await venue.sim("fill", clientOrderId=names[0], quantity="0.01")
    await venue.sim("fill", clientOrderId=names[1], quantity="0.004")
    await oms.close()

    await restarted(daemon, oms)

    assert (await oms.report(first, "F"))[39] == "2"
    assert (await oms.report(second, "F"))[14] == "0.004"
    assert (await oms.ask(third))[39] == "0"
    fourth = await oms.order(px="50000.00")
    assert int((await oms.report(fourth, "0"))[526]) > int(names[-1])
    await asyncio.sleep(1.0)
    assert all(message.get(97) == "Y" for message in oms.client.inbox), "only what may not have been told"
    await assert_books_agree(venue, oms)


async def test_a_cancel_in_flight_at_death_is_carried_out_after_the_restart(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """P8: the OMS was told 150=6; the order must not stay open because we died."""
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    await venue.sim("faults", route="DELETE /sapi/v1/margin/order", action="request_lost", count=0)
    cancel = await oms.cancel(order)
    await oms.report(cancel, "6")
    await daemon.kill()
    await oms.close()
    await venue.sim("faults", clear=True)

    await restarted(daemon, oms)

    assert (await oms.report(cancel, "4", timeout_s=10))[39] == "4"
    await assert_books_agree(venue, oms)


async def test_twenty_orders_and_a_kill_in_their_middle(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon, oms = make_daemon(settings=SHORT), Oms()
    await daemon.start("--kill-at", "answered:8")
    await oms.connect(daemon)
    orders = [
        await oms.order(type="1" if n % 2 else "2", **({} if n % 2 else {"px": "50000.00"}))
        for n in range(20)
    ]
    assert await daemon.ended() == -9
    await oms.close()

    await restarted(daemon, oms)

    async def settled() -> bool:
        told = oms.told
        return all(order in told and told[order].ord_status in "0128" for order in orders)

    async with asyncio.timeout(30):
        while not await settled():
            await asyncio.sleep(0.1)
    await assert_books_agree(venue, oms)
