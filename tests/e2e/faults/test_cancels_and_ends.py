"""Faults 23 and 24: cancels that race, and orders that end by themselves (FIX 4.4, Appendix D, B.1 and F)."""

from __future__ import annotations

from tests.e2e.faults.invariants import assert_invariants, exec_types
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.fix_client import Message
from tests.support.oms import Oms

PLACE, CANCEL = "POST /sapi/v1/margin/order", "DELETE /sapi/v1/margin/order"
TOO_LATE, UNKNOWN_ORDER = "0", "1"  # CxlRejReason(102)


async def placed(oms: Oms, **terms: str) -> Message:
    return await oms.report(await oms.order(**({"px": "50000.00"} | terms)), "0")


async def test_fault_23_a_cancel_of_an_open_order_and_of_one_that_fills_meanwhile(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """B.1.a, b, c: a fill during 150=6 carries the order's own ClOrdID; filled beats canceled."""
    await daemon.event("stream_up")
    idle = await placed(oms)
    cancel = await oms.cancel(idle[11])
    pending, canceled = await oms.report(cancel, "6"), await oms.report(cancel, "4")
    assert (pending[39], canceled[39], canceled[41], canceled[151]) == ("6", "4", idle[11], "0")

    part = await placed(oms, qty="0.03")
    await venue.sim("faults", route=CANCEL, action="delay_request", delay_ms=500)
    cancel = await oms.cancel(part[11])
    await oms.report(cancel, "6")
    await venue.sim("fill", clientOrderId=part[526], quantity="0.01")
    fill = await oms.report(part[11], "F")
    assert (fill[39], fill[14], fill[151], fill.get(41)) == ("6", "0.01", "0.02", None)
    canceled = await oms.report(cancel, "4")
    assert (canceled[39], canceled[41], canceled[14], canceled[151]) == ("4", part[11], "0.01", "0")
    assert exec_types(oms, part[11]) == "06F4"

    whole = await placed(oms)
    await venue.sim("faults", route=CANCEL, action="delay_request", delay_ms=500)
    cancel = await oms.cancel(whole[11])
    await oms.report(cancel, "6")
    await venue.sim("fill", clientOrderId=whole[526])
    fill = await oms.report(whole[11], "F")
    assert (fill[39], fill[14], fill[151]) == ("2", "0.01", "0")
    refused = await oms.client.expect("9", {11: cancel})
    assert (refused[102], refused[39], refused[434], refused[41]) == (TOO_LATE, "2", "1", whole[11])
    assert exec_types(oms, whole[11]) == "06F"
    await assert_invariants(venue, daemon, oms)


async def test_fault_23_a_cancel_before_the_acknowledgement_and_one_that_crosses_it(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """B.1.d, e: the venue refuses a cancel that comes before its order (-2011); acceptance sends it again (P8)."""
    await daemon.event("stream_up")
    for action in ("delay_request", "delay_reply"):
        await venue.sim("faults", route=PLACE, action=action, delay_ms=400)
        order = await oms.order(px="50000.00")
        cancel = await oms.cancel(order)

        assert (await oms.report(cancel, "6"))[39] == "6"
        assert (await oms.report(order, "0"))[39] == "6"
        assert (await oms.report(cancel, "4"))[39] == "4"
        assert exec_types(oms, order) == "604"
    await venue.sim("faults", route=CANCEL, action="request_lost", count=2)
    order = (await placed(oms))[11]
    cancel = await oms.cancel(order)
    assert (await oms.report(cancel, "4", timeout_s=8))[39] == "4", "settled by asking and cancelling again"
    await assert_invariants(venue, daemon, oms)


async def test_fault_23_a_cancel_of_an_unknown_a_finished_or_another_pending_order_is_refused(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """B.1.f: 35=9 with 434=1; 102=1 unknown, 0 too late, 3 already pending."""
    cancel = await oms.cancel("never-sent")
    refused = await oms.client.expect("9", {11: cancel})
    assert (refused[102], refused[39], refused[434], refused[37]) == (UNKNOWN_ORDER, "8", "1", "NONE")

    filled = await oms.order(type="1")
    await oms.report(filled, "F")
    cancel = await oms.cancel(filled)
    refused = await oms.client.expect("9", {11: cancel})
    assert (refused[102], refused[39], refused[434], refused[41]) == (TOO_LATE, "2", "1", filled)

    order = await placed(oms)
    await venue.sim("faults", route=CANCEL, action="delay_request", delay_ms=300)
    first = await oms.cancel(order[11])
    second = await oms.cancel(order[11])
    refused = await oms.client.expect("9", {11: second})
    assert (refused[102], refused[39], refused[434]) == ("3", "6", "1")
    await oms.report(first, "4")
    await assert_invariants(venue, daemon, oms)


async def test_fault_24_what_an_ioc_or_fok_cannot_trade_expires_with_its_fills_kept(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    await daemon.event("stream_up")
    await venue.sim("liquidity", symbol="BTCUSDT", action="clear")
    await house_sells(venue, "60006", "0.004")
    ioc = await oms.order(px="60006.00", tif="3")

    fill, expired = await oms.report(ioc, "F"), await oms.report(ioc, "C")

    assert (fill[39], fill[14], fill[151]) == ("1", "0.004", "0.006")
    assert (expired[39], expired[14], expired[151], expired[6]) == ("C", "0.004", "0", "60006")
    await house_sells(venue, "60006", "0.004")
    fok = await oms.order(px="60006.00", tif="4")
    expired = await oms.report(fok, "C")
    assert (expired[39], expired[14], expired[151]) == ("C", "0", "0")
    assert (exec_types(oms, ioc), exec_types(oms, fok)) == ("0FC", "0C")
    await assert_invariants(venue, daemon, oms)


async def test_fault_24_self_trade_prevention_ends_a_partly_filled_order_and_says_what_it_took(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """EXPIRED_IN_MATCH: 150=C, the reason and the prevented quantity in Text(58)."""
    await daemon.event("stream_up")
    await venue.sim("liquidity", symbol="BTCUSDT", action="clear")
    await house_sells(venue, "60006", "0.004")
    resting = await placed(oms, side="2", px="60006.00", qty="0.006")
    taking = await oms.order(px="60006.00", stp="EXPIRE_TAKER")

    assert (await oms.report(taking, "F"))[14] == "0.004"
    expired = await oms.report(taking, "C")
    assert (expired[39], expired[14], expired[151]) == ("C", "0.004", "0")
    assert expired[58] == "EXPIRED_IN_MATCH: self-trade prevention; prevented quantity 0.006"
    taking = await oms.order(px="60006.00", qty="0.002", stp="EXPIRE_MAKER")
    await oms.report(taking, "0")
    expired = await oms.report(resting[11], "C")
    assert "prevented quantity 0.006" in expired[58]
    assert (await oms.ask(taking))[39] == "0"
    await assert_invariants(venue, daemon, oms)


async def house_sells(venue: Exchange, price: str, quantity: str) -> None:
    await venue.sim("liquidity", symbol="BTCUSDT", action="add", side="SELL", price=price, quantity=quantity)
