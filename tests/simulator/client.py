"""A small signed client for these tests, written from the venue's signing rules."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from yarl import URL

from connector.simulator.keys import DemoKey
from connector.simulator.server import RunningSimulator

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


def now_ms() -> int:
    return int(time.time() * 1000)


def sign(key: DemoKey, payload: bytes) -> str:
    if key.kind == "HMAC":
        return hmac.new(key.secret.encode(), payload, hashlib.sha256).hexdigest()
    private = load_pem_private_key(key.secret.encode(), None)
    return base64.b64encode(private.sign(payload)).decode()  # type: ignore[union-attr,call-arg]


def encoded(params: Mapping[str, object]) -> str:
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())


class Answer:
    """Status, headers and parsed body of a reply."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, int, str]:
        return self.status, self.json["code"], self.json["msg"]


class Client:
    """Talks to a started simulator as one API key."""

    def __init__(self, simulator: RunningSimulator, session: aiohttp.ClientSession, key: DemoKey) -> None:
        self.simulator, self.session, self.key = simulator, session, key
        self.streams: list[Stream] = []

    def as_key(self, key: DemoKey) -> "Client":
        other = Client(self.simulator, self.session, key)
        other.streams = self.streams
        return other

    async def close(self) -> None:
        """Close every stream this client, or another made of it, has opened."""
        for stream in self.streams:
            await stream.socket.close()

    async def raw(self, method: str, target: str, **options: Any) -> Answer:
        headers = {"X-MBX-APIKEY": self.key.api_key} | options.pop("headers", {})
        url = URL(self.simulator.url + target, encoded=True)
        async with self.session.request(method, url, headers=headers, **options) as reply:
            return Answer(reply.status, dict(reply.headers), await reply.read())

    async def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **params: object
    ) -> Answer:
        """Send a signed request, parameters in the query."""
        params.setdefault("timestamp", now_ms())
        query = encoded(params)
        query += f"&signature={quote(sign(self.key, query.encode()), safe='')}"
        return await self.raw(method, f"{path}?{query}", headers=headers or {})

    async def order(self, **params: object) -> Answer:
        return await self.call("POST", "/sapi/v1/margin/order", **params)

    async def limit(self, price: object, quantity: object, **params: object) -> Answer:
        return await self.order(**{**LIMIT, "price": price, "quantity": quantity, **params})

    async def sim(self, path: str, **body: object) -> Any:
        async with self.session.post(f"{self.simulator.url}/sim/{path}", json=body) as reply:
            answer = await reply.json()
            assert reply.status == 200, answer
            return answer

    async def state(self) -> Any:
        async with self.session.get(f"{self.simulator.url}/sim/state") as reply:
            return await reply.json()

    async def stream(self, **token: object) -> "Stream":
        """Open a WS-API connection subscribed to the cross account (or what `token` params say)."""
        stream = await self.socket()
        await stream.subscribe(self, **token)
        return stream

    async def socket(self, query: str = "") -> "Stream":
        self.streams.append(Stream(await self.session.ws_connect(self.simulator.ws_url + query)))
        return self.streams[-1]


class Stream:
    """A WS-API connection that keeps events and answers apart."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[Any] = []
        self._number = 0

    async def subscribe(self, client: Client, **token: object) -> Any:
        body = await client.raw("POST", f"/sapi/v1/userListenToken?{encoded(token)}")
        assert body.status == 200, body.body
        answer = await self.request("userDataStream.subscribe.listenToken", listenToken=body.json["token"])
        assert answer["status"] == 200, answer
        return answer["result"]

    async def request(self, method: str, **params: object) -> Any:
        self._number += 1
        await self.socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            frame = await asyncio.wait_for(self.socket.receive_json(), 5)
            if "id" in frame:
                return frame
            self.events.append(frame)

    async def next(self, timeout: float = 5) -> Any:
        """Return the next event frame."""
        if self.events:
            return self.events.pop(0)
        return await asyncio.wait_for(self.socket.receive_json(), timeout)

    async def take(self, count: int) -> list[Any]:
        return [(await self.next())["event"] for _ in range(count)]

    async def reports(self, count: int) -> list[Any]:
        """Return the next executionReports, leaving position events out."""
        found: list[Any] = []
        while len(found) < count:
            event = (await self.next())["event"]
            if event["e"] == "executionReport":
                found.append(event)
        return found

    async def silent(self, seconds: float = 0.1) -> bool:
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False


def ws_signed(client: Client, **params: Any) -> dict[str, Any]:
    """Sort, join raw, sign: no percent-encoding on the WS-API."""
    params = {"apiKey": client.key.api_key, "timestamp": now_ms()} | params
    payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    return params | {"signature": sign(client.key, payload.encode())}
