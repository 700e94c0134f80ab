"""The hand on the simulated market, by its documented `/sim` control; each move is a row of the table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from connector.demo.client import StoryError
from connector.demo.messages import Direction, Row

CONTROL_S = 10.0


class Venue:
    """`url`: the simulator's base address, without a trailing slash."""

    def __init__(self, url: str, show: Callable[[Row], None]) -> None:
        self.url = url
        self._show = show
        self._http = ClientSession(timeout=ClientTimeout(total=CONTROL_S))
        self._seen = 0  # number of the last request shown

    async def close(self) -> None:
        """Close the connection."""
        await self._http.close()

    async def prepare(self, asset: str, free: str) -> None:
        """Give the account so much of its own, free to trade with."""
        await self._call("POST", "balances", asset=asset, free=free)

    async def trader(self, symbol: str, side: str, quantity: str, price: str) -> None:
        """Another trader's limit order: it takes what rests at that price or better."""
        self.tell("other trader", f"{side} {quantity} {symbol} LIMIT", price=price)
        await self._call(
            "POST", "liquidity", symbol=symbol, action="add", side=side, price=price, quantity=quantity
        )

    async def market_moves(self, symbol: str, price: str) -> None:
        """The market trades at `price`; what it crosses is filled, what it reaches is triggered."""
        self.tell("market moves", f"{symbol} trades there", price=price)
        await self._call("POST", "price", symbol=symbol, price=price)

    async def cut_streams(self) -> None:
        """Cut the user data streams, and refuse new ones until `allow_streams`."""
        self.tell("stream cut", "user data stream cut, new ones refused")
        await self._call("POST", "faults", action="subscribe_refused", count=0)
        await self._call("POST", "streams", action="cut")

    async def allow_streams(self) -> None:
        """Let streams come up again."""
        self.tell("stream allowed", "new ones accepted again")
        await self._call("DELETE", "faults")

    async def let_prices_move(self) -> None:
        """Let every market walk on its own, once a second."""
        await self._call("POST", "moves", enabled=True)

    async def state(self) -> dict[str, Any]:
        """Everything the venue knows."""
        return await self._call("GET", "state")

    async def show_requests(self) -> None:
        """Show what the connector asked since the last time; clock and market data left out."""
        log = await self._call("GET", "requests")
        for entry in log["requests"]:
            if entry["number"] > self._seen and "/sapi/" in entry["request"]:
                self._show_request(entry)
            self._seen = max(self._seen, entry["number"])

    def _show_request(self, entry: dict[str, Any]) -> None:
        hidden = {"signature", "timestamp", "recvWindow"}
        params = " ".join(f"{name}={value}" for name, value in entry["params"].items() if name not in hidden)
        code = f" code {entry['code']}" if entry["code"] else ""
        self._show(
            Row(
                at_ns=entry["time"] * 1_000_000,
                direction=Direction.VENUE,
                message=entry["request"].replace("/sapi/v1/", ""),
                status=f"{entry['status']}{code}",
                text=params,
            )
        )

    def tell(self, message: str, text: str, price: str = "") -> None:
        """Show what happens in the market or to it."""
        self._show(
            Row(
                at_ns=time.time_ns(),
                direction=Direction.SIMULATOR,
                message=message,
                price=price,
                text=text,
            )
        )

    async def _call(self, method: str, verb: str, **body: Any) -> dict[str, Any]:
        """One control request.

        Raises:
            StoryError: the simulator refuses it or does not answer.
        """
        try:
            async with self._http.request(method, f"{self.url}/sim/{verb}", json=body or None) as reply:
                answer: dict[str, Any] = await reply.json()
        except (ClientError, TimeoutError) as error:
            raise StoryError(f"the simulator does not answer {method} /sim/{verb}: {error!r}") from error
        if reply.status != 200:
            raise StoryError(f"the simulator refuses {method} /sim/{verb}: {answer.get('error')}")
        return answer
