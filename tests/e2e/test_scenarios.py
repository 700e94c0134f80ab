"""A real daemon through a shipped rehearsal: at its end the OMS, the journal's owner and the venue agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.books import differences
from tests.support.daemon import Daemon, config
from tests.support.exchange import Exchange, exchange
from tests.support.oms import Oms

SPEED = 5  # bad-day's minute and a half, in twenty seconds; the venue's own 10 s limit stays 10 s
SETTINGS = {"recvWindow": 500, "staleWebsocketTimeout": "1s", "reconcileInterval": "1s"}
SENT_ONCE_MORE = (-1021,)  # refused for its timestamp, so sending again is no doubling


@asynccontextmanager
async def trading(oms: Oms) -> AsyncIterator[None]:
    """A steady flow: most orders rest, some trade at once, some are cancelled."""

    async def flow() -> None:
        for number in count(1):
            price = {"type": "1"} if number % 5 == 0 else {"px": "59500.00" if number % 2 else "50000.00"}
            order = await oms.order(qty="0.02", **price)
            await asyncio.sleep(0.15)
            if number % 4 == 0:
                await oms.cancel(order)

    task = asyncio.create_task(flow())
    try:
        yield
    finally:
        task.cancel()


async def finished(venue: Exchange, timeout_s: float) -> dict[str, Any]:
    async with asyncio.timeout(timeout_s):
        while (told := await venue.sim("scenario", "GET"))["state"] == "running":
            await asyncio.sleep(0.2)
    assert isinstance(told, dict)
    return told


async def placed_twice(venue: Exchange) -> list[str]:
    """Client order ids received more than once without each time but the last having been refused for its time."""
    found = []
    for name, times in (await venue.placements()).items():
        log = (await venue.sim(f"requests?clientOrderId={name}", "GET"))["requests"]
        placings = [
            one for one in log if one["request"].startswith("POST") and "newClientOrderId" in one["params"]
        ]
        if times["accepted"] > 1 or any(one["code"] not in SENT_ONCE_MORE for one in placings[:-1]):
            found.append(f"{name}: {times}, {[one['code'] for one in placings]}")
    return found


async def disagreements(venue: Exchange, oms: Oms) -> list[str]:
    """What the books disagree on; sendings are judged by `placed_twice`."""
    found = await differences(venue, oms)
    return [text for text in found if not text.endswith(" times")] + await placed_twice(venue)


async def agreed(venue: Exchange, oms: Oms, timeout_s: float) -> list[str]:
    """Wait for the books to agree; what they still disagree on when the time is up."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while (found := await disagreements(venue, oms)) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.3)
    return found


async def test_the_books_agree_after_a_bad_day(tmp_path: Path) -> None:
    """P3, P5, P6, P7 under config/scenarios/bad-day.yaml: nothing lost, nothing doubled, nothing restarted."""
    async with exchange("--scenario", "bad-day", "--time-scale", str(SPEED)) as venue:
        daemon, oms = Daemon(tmp_path, config(venue, tmp_path, settings=SETTINGS)), Oms()
        try:
            await daemon.start()
            await oms.connect(daemon)
            async with trading(oms):
                told = await finished(venue, 60)
            left = await agreed(venue, oms, 20)

            assert not left, "\n".join(left)
            odd = [line for line in told["progress"] if line["result"] in ("failed", "skipped")]
            assert (told["state"], odd) == ("finished", [])
            state = await venue.state()
            assert len(state["orders"]) > 30
            assert {order["status"] for order in state["orders"]} >= {
                "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH",
            }  # fmt: skip
            assert daemon.process is not None
            assert daemon.process.returncode is None
        finally:
            await oms.close()
            await daemon.clean_up()
