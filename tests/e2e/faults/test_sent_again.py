"""Faults 14 and 15: the same ClOrdID(11) again, with and without PossResend(97) (FIX 4.4, Appendix D, F.1.b)."""

from __future__ import annotations

from tests.e2e.faults.invariants import assert_invariants
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.fix_client import Message
from tests.support.oms import Oms

AGAIN = {97: "Y"}


async def killed_and_back(daemon: Daemon, oms: Oms) -> None:
    await daemon.kill()
    await oms.close()
    await daemon.start()
    await oms.connect(daemon)


async def refused_again(oms: Oms, cl_ord_id: str) -> Message:
    """The answer to this repetition; after a crash an earlier one may be told once more, 97=Y."""
    while (report := await oms.report(cl_ord_id, "8", t103="6")).get(97) == "Y":
        pass
    return report


async def test_fault_14_a_clordid_used_before_is_refused_with_the_first_orders_status(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """While the order is open, after it is over, after our own refusal, and after a restart."""
    resting = await oms.order(px="50000.00")
    filled = await oms.order(type="1")
    refused = await oms.order(px="50000.001")
    first = {
        resting: (await oms.report(resting, "0"), "0"),
        filled: (await oms.report(filled, "F"), "2"),
        refused: (await oms.report(refused, "8"), "8"),
    }
    for _ in range(2):
        for order, (report, ord_status) in first.items():
            await oms.order(order, px="51000.00")
            again = await refused_again(oms, order)
            assert (again[39], again[37]) == (ord_status, report[37])
            assert "used before in this session" in again[58]
        await killed_and_back(daemon, oms)
    x = await oms.cancel(resting)
    await oms.report(x, "4")
    await oms.order(x, px="51000.00")
    assert (await oms.report(x, "8"))[103] == "6", "a cancel's ClOrdID is used as well"

    told = await venue.placements()
    assert set(told) == {first[resting][0][526], first[filled][0][526]}
    assert all(count["received"] == 1 for count in told.values())
    # Refusals of repetitions are no orders: the books compare first uses.
    duplicates = [m for m in oms.client.handled if m.get(103) == "6"]
    oms.client.handled = [m for m in oms.client.handled if m not in duplicates]
    await assert_invariants(venue, daemon, oms)
    assert len({m[17] for m in duplicates}) == 7


async def test_fault_15_a_possible_resend_is_answered_by_status_if_known_and_taken_if_new(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    resting = await oms.order(px="50000.00", qty="0.02")
    name = (await oms.report(resting, "0"))[526]
    await daemon.event("stream_up")
    await venue.sim("fill", clientOrderId=name, quantity="0.005")
    await oms.report(resting, "F")
    for _ in range(2):
        await oms.order(resting, header=AGAIN, px="50000.00", qty="0.02")
        status = await oms.report(resting, "I")
        assert (status[39], status[14], status[151], status[17]) == ("1", "0.005", "0.015", "0")
        await killed_and_back(daemon, oms)

    new = await oms.order(header=AGAIN, px="50000.00")
    assert (await oms.report(new, "0"))[39] == "0"
    cancel = await oms.cancel(new, header=AGAIN)
    await oms.report(cancel, "6")
    await oms.report(cancel, "4")
    await oms.cancel(new, header=AGAIN, cl_ord_id=cancel)
    assert (await oms.report(new, "I"))[39] == "4"
    await oms.client.expect_silence(0.3)
    assert len(await venue.placements()) == 2
    await assert_invariants(venue, daemon, oms)
