"""The simulator of a soak: like `python -m connector.simulator`, with request weights that a soak cannot use up.

A daemon is not killed every five seconds in any trade. Each start asks for every order in doubt, and the starts
of one soak's minute together pass the venue's weight limits, so that most of a soak would be spent banned. What
limits do is not lost: 429 and 418 come as faults.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from connector.simulator.cli import announce
from connector.simulator.config import SimulatorConfig
from connector.simulator.limits import RateLimits
from connector.simulator.server import run
from tests.support.exchange import Exchange

ACCOUNTS = ("main", "desk2")
TIMES = 20  # the venue's weights
USUAL = RateLimits()


@asynccontextmanager
async def exchange(seed: int) -> AsyncIterator[Exchange]:
    """A simulator in its own process, on a free port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.soak.venue", str(seed), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        keys = {(key["account"], key["kind"]): (key["apiKey"], key["apiSecret"]) for key in told["keys"]}
        async with aiohttp.ClientSession() as http:
            yield Exchange(told["url"], told["wsUrl"], keys, process, http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def serve(seed: int) -> None:
    """Run it until SIGTERM."""
    limits = RateLimits(
        ip_weight=USUAL.ip_weight * TIMES,
        uid_weight=USUAL.uid_weight * TIMES,
        api_weight=USUAL.api_weight * TIMES,
        connections=USUAL.connections * TIMES,
    )
    config = SimulatorConfig(seed=seed, demo_accounts=ACCOUNTS, price_moves=False, limits=limits)
    run(config, lambda simulator: announce(simulator, sys.stdout, as_json=True))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
