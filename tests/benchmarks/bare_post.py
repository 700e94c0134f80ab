"""Bare aiohttp signed POSTs against the stand-in: what the venue side costs with no connector around it.

python -m tests.benchmarks.bare_post URL ORDERS IN_FLIGHT - one JSON object on stdout: per-request ns of the
sequential run, then seconds for the run with IN_FLIGHT under way. Ed25519 by PyNaCl, parameters in the query,
uvloop, keep-alive: the same means as the connector's own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from urllib.parse import quote

import aiohttp
import uvloop
from nacl.signing import SigningKey
from yarl import URL

KEY = SigningKey(bytes(range(32)))


class Poster:
    """Places the same order under a new id each time."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._count = 0

    async def post(self) -> None:
        """One signed POST, its JSON reply read."""
        self._count += 1
        query = (
            f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01000&price=65000.10"
            f"&newClientOrderId=bare{self._count}&sideEffectType=NO_SIDE_EFFECT&isIsolated=FALSE"
            f"&selfTradePreventionMode=EXPIRE_MAKER&newOrderRespType=FULL&timestamp={int(time.time() * 1000)}"
        )
        signature = quote(base64.b64encode(KEY.sign(query.encode()).signature), safe="")
        url = URL(f"{self._url}/sapi/v1/margin/order?{query}&signature={signature}", encoded=True)
        async with self._session.post(url, headers={"X-MBX-APIKEY": "benchmark"}) as reply:
            stated = json.loads(await reply.read())
        assert stated["status"] == "NEW", stated


async def measure(url: str, orders: int, in_flight: int) -> dict[str, object]:
    """The sequential run, then the one with `in_flight` under way."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:
        poster = Poster(session, url)
        for _ in range(min(200, orders)):
            await poster.post()
        sequential = []
        for _ in range(orders):
            begun = time.monotonic_ns()
            await poster.post()
            sequential.append(time.monotonic_ns() - begun)

        async def worker(count: int) -> None:
            for _ in range(count):
                await poster.post()

        share = -(-orders // in_flight)
        await asyncio.gather(*(worker(2) for _ in range(in_flight)))
        begun = time.monotonic_ns()
        await asyncio.gather(*(worker(share) for _ in range(in_flight)))
        elapsed_s = (time.monotonic_ns() - begun) / 1e9
    return {"sequential_ns": sequential, "posts": share * in_flight, "elapsed_s": elapsed_s}


if __name__ == "__main__":
    given_url, given_orders, given_in_flight = sys.argv[1:]
    print(json.dumps(uvloop.run(measure(given_url, int(given_orders), int(given_in_flight)))))
