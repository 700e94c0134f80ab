"""P12: the acceptor is asked by a client of its own, which nobody else can be."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from connector.fix.prober import reserved_session
from connector.settings.model import COMP_ID
from tests.fix.conftest import Desk, order, raw_exchange, report
from tests.support.fix_client import frame, utc_now


class Proofs:
    count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def proofs() -> Proofs:
    return Proofs()


@pytest.fixture
def desk_options(proofs: Proofs) -> dict[str, Any]:
    return {"proved": proofs, "prove_every_s": 0.05}


async def until(proofs: Proofs, count: int) -> None:
    async with asyncio.timeout(5):
        while proofs.count < count:
            await asyncio.sleep(0.01)


async def test_proofs_keep_coming_and_nobody_is_told_of_the_session(desk: Desk, proofs: Proofs) -> None:
    client = await desk.logged_on()
    await until(proofs, 5)
    await client.send("D", order("c1"))
    await desk.received(1)
    assert desk.send(report("e1"))
    await client.expect("8", {17: "e1"})

    assert desk.app.logons == [("OMS1->GW", False)]
    assert [event for _, event, values in desk.log.events if "WATCHDOG" in str(values)] == []
    assert sorted(path.name for path in desk.store.glob("*WATCHDOG*")) == [], "its numbers are kept apart"
    assert desk.acceptor is not None
    assert set(desk.acceptor.numbers()) == {"OMS1->GW", "OMS2->GW"}


async def test_no_proof_when_the_engine_no_longer_polls(desk: Desk, proofs: Proofs) -> None:
    """A process that accepts and reads, and does nothing."""
    await until(proofs, 2)
    assert desk.acceptor is not None
    desk.acceptor._engine.poll = lambda times=1: None  # type: ignore[method-assign]
    await asyncio.sleep(0.2)
    seen = proofs.count
    await asyncio.sleep(0.5)
    assert proofs.count == seen


async def test_a_cut_dialogue_is_begun_again(desk: Desk, proofs: Proofs) -> None:
    await until(proofs, 2)
    assert desk.acceptor is not None
    (session,) = [key for key in desk.acceptor._front.connected if "WATCHDOG" in key]
    desk.acceptor._front.connected[session].abort()
    seen = proofs.count
    await until(proofs, seen + 2)
    assert desk.log.named("fix_proof_missing")


async def test_the_reserved_session_is_refused_to_whoever_does_not_know_its_password(
    desk: Desk, proofs: Proofs
) -> None:
    await until(proofs, 1)
    assert desk.acceptor is not None
    (session,) = [key for key in desk.acceptor._front.connected if "WATCHDOG" in key]
    head = {35: "A", 34: "1", 49: session.partition("->")[0], 52: utc_now(), 56: "#FRONT"}
    body = {98: "0", 108: "30", 141: "Y", 553: "watchdog", 554: "guess"}
    assert await raw_exchange(desk.port, frame({**head, **body})) == b""
    assert "Password(554)" in desk.log.named("fix_logon_refused")[0]["reason"]
    seen = proofs.count
    await until(proofs, seen + 1)


async def test_the_reserved_session_is_refused_from_another_machine(
    desk: Desk, proofs: Proofs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with the password."""
    await until(proofs, 1)
    assert desk.acceptor is not None
    assert desk.acceptor._prober is not None
    spec = desk.acceptor._prober._spec
    await desk.acceptor._prober.stop()
    async with asyncio.timeout(5):
        while desk.acceptor._front.connected:
            await asyncio.sleep(0.01)
    monkeypatch.setattr("connector.fix.front.ClientConnection._from_this_machine", lambda self: False)
    head = {35: "A", 34: "1", 49: spec.target_comp_id, 52: utc_now(), 56: "#FRONT"}
    body = {98: "0", 108: "30", 141: "Y", 553: "watchdog", 554: spec.password or ""}
    assert await raw_exchange(desk.port, frame({**head, **body})) == b""
    assert "from another machine" in desk.log.named("fix_logon_refused")[0]["reason"]


def test_no_configuration_can_name_it_and_no_two_processes_share_it() -> None:
    one, two = reserved_session(), reserved_session()
    assert one.target_comp_id != two.target_comp_id
    assert one.password != two.password
    assert re.fullmatch(COMP_ID.pattern, one.target_comp_id) is None
    assert one.password not in repr(one)
