"""A real quickfix initiator in its own process against our acceptor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.fix.conftest import DICTIONARY, PASSWORD, Desk, order, report
from tests.support.quickfix_initiator import QuickfixInitiator


def initiator(desk: Desk, store: Path, **changes: Any) -> QuickfixInitiator:
    return QuickfixInitiator(
        **{
            "host": "127.0.0.1",
            "port": desk.port,
            "sender": "OMS1",
            "target": "GW",
            "username": "user-OMS1",
            "password": PASSWORD,
            "store": str(store),
            "dictionary": str(DICTIONARY),
            **changes,
        }
    )


async def test_it_logs_on_trades_is_refused_and_logs_out(desk: Desk, tmp_path: Path) -> None:
    client = initiator(desk, tmp_path / "client")
    await client.start()
    await client.expect_event("logon")

    await client.send({35: "D", **order("c1", t6101="MARGIN_BUY")})
    async with asyncio.timeout(5):
        while not desk.app.messages:
            await asyncio.sleep(0.01)
    assert "\x016101=MARGIN_BUY\x01" in desk.app.messages[0][1]
    assert desk.send(report("e1", t25016="-2010", t1003="99", t1057="Y"))
    got = await client.expect("8", {17: "e1"})
    assert (got[25016], got[1003], got[1057]) == ("-2010", "99", "Y")

    await client.send({35: "D", **order("c2"), 9999: "1"})
    reject = await client.expect("3")
    assert (reject[371], reject[373]) == ("9999", "0")

    assert await client.stop() == 0
    assert desk.app.logouts == ["OMS1->GW"]


async def test_a_refused_logon_leaves_its_numbers_in_step(desk: Desk, tmp_path: Path) -> None:
    """It counts the Logout it is told with, and so do we."""
    store = tmp_path / "client"
    wrong = initiator(desk, store, heartbeat_s=600)
    await wrong.start()
    logout = await wrong.expect("5")
    assert "HeartBtInt(108)=600 is not allowed, allowed: 1 to 60 seconds" in logout[58]
    await wrong.kill()
    secret = initiator(desk, store, password="wrong")
    await secret.start()
    await asyncio.sleep(1.5)
    await secret.kill()
    assert desk.app.logons == []

    right = initiator(desk, store)
    await right.start()
    await right.expect_event("logon")
    assert desk.send(report("e1"))
    await right.expect("8", {17: "e1"})
    assert await right.stop() == 0


async def test_killed_and_started_again_it_gets_what_it_missed(desk: Desk, tmp_path: Path) -> None:
    store = tmp_path / "client"
    first = initiator(desk, store)
    await first.start()
    await first.expect_event("logon")
    await first.kill()
    async with asyncio.timeout(5):
        while not desk.app.logouts:
            await asyncio.sleep(0.01)
    for number in range(5):
        assert desk.send(report(f"e{number}"))

    second = initiator(desk, store)
    await second.start()
    for number in range(5):
        assert (await second.expect("8", {17: f"e{number}"}))[43] == "Y"
    assert await second.stop() == 0
