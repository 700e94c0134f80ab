"""Fault 27: a lost or outdated message store never makes the numbers start again (fact 12)."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from connector.fix.numbers import LEAP, Numbers, behind
from connector.fix.session import SessionSpec
from connector.fix.store_check import check_store
from tests.fix.conftest import Desk, order, report
from tests.support.fix_client import FixClient

SPEC = SessionSpec(sender_comp_id="GW", target_comp_id="OMS1")


@pytest.mark.parametrize(
    ("stored", "saved", "less"),
    [((5, 5), (5, 5), False), ((6, 9), (5, 5), False), ((4, 5), (5, 5), True), ((5, 4), (5, 5), True)],
)
def test_a_store_is_behind_when_either_number_is(
    stored: tuple[int, int], saved: tuple[int, int], less: bool
) -> None:
    assert behind(Numbers(*stored), Numbers(*saved)) is less


async def worked(desk: Desk) -> tuple[FixClient, Numbers]:
    """A client that read some reports and sent some orders; the numbers the journal would have, a little old."""
    client = await desk.logged_on()
    for number in range(20):
        assert desk.send(report(f"e{number}"))
    await client.expect("8", {17: "e19"})
    await client.send("D", order("c1"))
    await desk.received(1)
    assert desk.acceptor is not None
    saved = Numbers(*desk.acceptor.numbers()["OMS1->GW"])
    assert desk.send(report("e20"))
    await client.expect("8", {17: "e20"})
    await client.logout()
    client.inbox.clear()
    await desk.stop()
    return client, saved


async def test_fault_27_after_a_lost_store_the_session_goes_on_above_what_was_said(desk: Desk) -> None:
    client, saved = await worked(desk)
    shutil.rmtree(desk.store)
    assert check_store(desk.store, [SPEC], {SPEC.key: saved}) == [SPEC.key]
    desk.options["saved"] = {SPEC.key: saved}
    await desk.start()
    assert desk.send(report("after"))

    await client.connect("127.0.0.1", desk.port)
    answer = await client.logon()

    assert int(answer[34]) > saved.out + LEAP
    assert (await client.expect("8", {17: "after"}))[43] == "Y"
    await client.expect_silence(0.2)  # the gap was filled, no number is missing
    number = await client.send("D", order("c2"))
    await desk.received(2)
    await client.logout()
    assert desk.log.named("fix_numbers_restored")[0]["session"] == SPEC.key

    await desk.stop()
    await desk.start()
    assert check_store(desk.store, [SPEC], {SPEC.key: saved}) == []
    await client.close()
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    await client.expect_silence(0.2)
    assert number > saved.due


async def test_fault_27_an_old_copy_put_back_is_noticed(desk: Desk) -> None:
    client = await desk.logged_on()
    await client.logout()
    client.inbox.clear()
    await desk.stop()
    old = desk.store.with_name("old")
    shutil.copytree(desk.store, old)
    await desk.start()
    await client.close()
    client, saved = await worked_on(desk, client)
    shutil.rmtree(desk.store)
    old.rename(desk.store)
    desk.options["saved"] = {SPEC.key: saved}
    await desk.start()
    await client.close()

    await client.connect("127.0.0.1", desk.port)
    answer = await client.logon()

    assert int(answer[34]) > saved.out
    await client.send("D", order("c9"))
    async with asyncio.timeout(5):
        while "\x0111=c9\x01" not in desk.app.messages[-1][1]:
            await asyncio.sleep(0.01)
    await client.expect_silence(0.2)


async def worked_on(desk: Desk, client: FixClient) -> tuple[FixClient, Numbers]:
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    for number in range(20):
        assert desk.send(report(f"e{number}"))
    await client.expect("8", {17: "e19"})
    await client.send("D", order("c1"))
    await desk.received(1)
    assert desk.acceptor is not None
    saved = Numbers(*desk.acceptor.numbers()["OMS1->GW"])
    await client.logout()
    client.inbox.clear()
    await desk.stop()
    return client, saved


async def test_the_clients_number_is_never_restored_too_high(desk: Desk) -> None:
    """It sends again what we may not have: with 43=Y, which the journal then judges."""
    client, saved = await worked(desk)
    shutil.rmtree(desk.store)
    desk.options["saved"] = {SPEC.key: saved._replace(due=saved.due - 1)}
    desk.app.messages.clear()
    await desk.start()

    await client.connect("127.0.0.1", desk.port)
    await client.logon()

    await desk.received(1)
    assert "\x0143=Y\x01" in desk.app.messages[0][1]
    assert "\x0111=c1\x01" in desk.app.messages[0][1]


async def test_a_reset_is_told_before_the_engine_forgets(desk: Desk) -> None:
    """So that the journal can say first that the numbers will be 1."""
    client, _ = await worked(desk)
    await desk.start()
    seen: list[object] = []
    assert desk.acceptor is not None
    acceptor = desk.acceptor
    desk.app.on_reset = lambda session: seen.append(acceptor.numbers()[session])  # type: ignore[method-assign]
    await client.close()
    await client.connect("127.0.0.1", desk.port)
    await client.logon(reset=True)
    (before,) = seen
    assert before[0] > 20  # type: ignore[index]
    assert desk.acceptor.numbers()["OMS1->GW"] == (2, 2)
