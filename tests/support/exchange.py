"""The bundled simulator in its own process, and its control port."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass
class Exchange:
    """A running simulator. `ed25519` and `hmac` are its demo keys: (apiKey, apiSecret)."""

    url: str
    ws_url: str
    keys: dict[tuple[str, str], tuple[str, str]]  # (account, kind) -> key pair
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession

    def key(self, account: str = "main", kind: str = "ED25519") -> tuple[str, str]:
        return self.keys[account, kind]

    async def sim(self, path: str, method: str = "POST", **values: Any) -> Any:
        """One control request; its JSON."""
        async with self.http.request(method, f"{self.url}/sim/{path}", json=values or None) as reply:
            body = await reply.json()
            assert reply.status == 200, f"{path}: {body}"
            return body

    async def state(self) -> dict[str, Any]:
        result: dict[str, Any] = await self.sim("state", "GET")
        return result

    async def order(self, client_order_id: str) -> dict[str, Any] | None:
        """The venue's view of one order."""
        orders = (await self.state())["orders"]
        return next((order for order in orders if order["clientOrderId"] == client_order_id), None)

    async def placements(self) -> dict[str, Any]:
        """How often each client order id was received for placing."""
        result: dict[str, Any] = (await self.state())["placements"]
        return result


@asynccontextmanager
async def exchange(*arguments: str) -> AsyncIterator[Exchange]:
    """A simulator on a free port; prices stand still unless moved."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connector.simulator", "--port", "0", "--json", "--no-moves", *arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
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
