"""Everything bad that happens at the venue and between it and us, and the market that goes on meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.soak.blotter import Blotter, Order
from tests.soak.market import Symbol
from tests.soak.venue import ACCOUNTS
from tests.support.exchange import Exchange

PLACE = "POST /sapi/v1/margin/order"
CANCEL = "DELETE /sapi/v1/margin/order"
QUESTIONS = (
    "GET /sapi/v1/margin/order",
    "GET /sapi/v1/margin/openOrders",
    "GET /sapi/v1/margin/myTrades",
    "GET /sapi/v1/margin/allOrders",
    "GET *",
)
EVENTS = ("executionReport", "outboundAccountPosition", "*")
RECV_WINDOW_MS = 3000
HTML = {"body": "<html>Bad Gateway</html>", "content_type": "text/html"}

Fault = dict[str, Any]

LOST: tuple[Fault, ...] = (
    {"action": "reply_lost"},
    {"action": "request_lost"},
    {"action": "error_after", "status": 503, "code": -1000},
    {"action": "error_after", "status": 400, "code": -1006},
    {"action": "error_after", "status": 400, "code": -1007},
    {"action": "error_after", "status": 502, **HTML},
    {"action": "error_before", "status": 503, "code": -1000},
    {"action": "error_before", "status": 400, "code": -1007},
    {"action": "error_before", "status": 502, **HTML},
)
REFUSED: tuple[Fault, ...] = (
    {"action": "429", "retry_after": 1},
    {"action": "418", "retry_after": 2},
    {"action": "error_before", "status": 400, "code": -3007},
)
HELD: tuple[Fault, ...] = (
    {"action": "429"},
    {"action": "error_before", "status": 403, **HTML},
)  # for a minute


class Chaos:
    """Acts at random on the simulator until told to stop; `heal` undoes what lasts."""

    def __init__(
        self,
        venue: Exchange,
        market: Mapping[str, Symbol],
        blotters: tuple[Blotter, ...],
        chance: Random,
        log: Path,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._venue = venue
        self._market = market
        self._blotters = blotters
        self._chance = chance
        self._log = log.open("a", encoding="utf-8")
        self._acts: dict[Callable[[], Awaitable[None]], float] = {
            self._lose_a_placement: 9,
            self._delay_a_placement: 5,
            self._refuse_a_placement: 2,
            self._hold: 0.15,
            self._lose_a_cancel: 5,
            self._lose_an_answer: 6,
            self._disturb_events: 10,
            self._cut: 2,
            self._freeze: 2,
            self._break_streams: 2,
            self._refuse_streams: 1,
            self._shift_clock: 1,
            self._fill: 18,
            self._venue_cancel: 3,
            self._trigger: 2,
            self._jump: 3,
            self._step: 14,
            self._refill: 5,
            self._liquidate: 0.3,
        }

    async def rage(self, rate_per_s: float, stop: asyncio.Event) -> None:
        """About `rate_per_s` acts a second."""
        acts, weights = list(self._acts), list(self._acts.values())
        while not stop.is_set():
            act = self._chance.choices(acts, weights)[0]
            self.counts[act.__name__.strip("_").replace("_", " ")] += 1
            await act()
            await asyncio.sleep(self._chance.expovariate(rate_per_s))

    async def heal(self) -> None:
        """From here on the venue is a good one."""
        await self._do("faults", clear=True)
        await self._do("streams", action="thaw")
        await self._do("clock", offsetMs=0)
        await self._do("ban", seconds=0)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    # -- requests -----------------------------------------------------------------------------------------

    async def _lose_a_placement(self) -> None:
        await self._fault(route=PLACE, **self._chance.choice(LOST))

    async def _refuse_a_placement(self) -> None:
        await self._fault(route=PLACE, **self._chance.choice(REFUSED))

    async def _hold(self) -> None:
        """A refusal that does not say for how long: new orders are refused until the window's end or a kill."""
        await self._fault(route=PLACE, **self._chance.choice(HELD))

    async def _delay_a_placement(self) -> None:
        action = self._chance.choice(("delay_reply", "delay_request", "event_first"))
        most = RECV_WINDOW_MS + 300  # some are answered in time, some come after we gave up, some are too old
        await self._fault(route=PLACE, action=action, delay_ms=self._chance.randrange(50, most))

    async def _lose_a_cancel(self) -> None:
        await self._fault(route=CANCEL, **self._chance.choice((*LOST, *REFUSED)))

    async def _lose_an_answer(self) -> None:
        await self._fault(route=self._chance.choice(QUESTIONS), **self._chance.choice((*LOST, REFUSED[0])))

    # -- the stream ---------------------------------------------------------------------------------------

    async def _disturb_events(self) -> None:
        action = self._chance.choice(
            ("drop_events", "duplicate_events", "duplicate_events", "reorder_events", "delay_events", "cut")
        )
        delay = {"delay_ms": self._chance.randrange(20, 3000)} if action == "delay_events" else {}
        count = self._chance.randrange(1, 4) if action != "cut" else 1
        await self._do("faults", action=action, event=self._chance.choice(EVENTS), count=count, **delay)

    async def _cut(self) -> None:
        await self._do("streams", action="cut", account=self._chance.choice(ACCOUNTS))

    async def _freeze(self) -> None:
        """Silent, with live pings; no more than a few seconds, and what was missed stays missed."""
        account = self._chance.choice(ACCOUNTS)
        await self._do("streams", action="freeze", account=account)
        await asyncio.sleep(self._chance.uniform(0.2, 4))
        await self._do("streams", action="thaw", account=account)

    async def _break_streams(self) -> None:
        await self._do(
            "streams", action=self._chance.choice(("expire", "shutdown", "broken_frame", "empty_frame"))
        )

    async def _refuse_streams(self) -> None:
        await self._do("faults", action=self._chance.choice(("token_refused", "subscribe_refused")))
        await self._cut()

    async def _shift_clock(self) -> None:
        """Mostly within recvWindow, now and then far enough for -1021."""
        most = 300 if self._chance.random() < 0.8 else 2500
        await self._do("clock", offsetMs=self._chance.randrange(-most, most))

    # -- the market ---------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Somebody takes a resting order, or a part of it."""
        order = self._resting()
        if order is None:
            return
        symbol = self._market[order.terms["symbol"]]
        left = Decimal(order.terms["qty"]) - order.cum
        part = symbol.lots(left * Decimal(self._chance.randrange(5, 100)) / 100)
        quantity = left if self._chance.random() < 0.4 else part
        await self._do("fill", clientOrderId=order.client_order_id, quantity=str(quantity))

    async def _venue_cancel(self) -> None:
        if (order := self._resting()) is not None:
            await self._do("cancel", clientOrderId=order.client_order_id)

    async def _trigger(self) -> None:
        if (order := self._resting(stop=True)) is not None:
            await self._do("trigger", clientOrderId=order.client_order_id)

    async def _jump(self) -> None:
        symbol = self._symbol()
        price = min(max(float(symbol.price / symbol.start), 0.8), 1.25) * self._chance.uniform(0.99, 1.01)
        text = str((symbol.start * Decimal(f"{price:.6f}")).quantize(Decimal("0.01")))
        self._see(await self._do("price", symbol=symbol.name, price=text))

    async def _step(self) -> None:
        self._see(await self._do("step", symbol=self._symbol().name))

    async def _refill(self) -> None:
        await self._do("liquidity", symbol=self._symbol().name, action="refill")

    async def _liquidate(self) -> None:
        symbol, account = self._chance.choice((("BTCUSDT", "main"), ("ETHUSDT", "desk2")))
        await self._do(
            "liquidate",
            account=account,
            symbol=symbol,
            side=self._chance.choice(("BUY", "SELL")),
            quantity="0.01",
            isIsolated=account == "desk2",
        )

    # -- inside -------------------------------------------------------------------------------------------

    def _symbol(self) -> Symbol:
        return self._market[self._chance.choice(list(self._market))]

    def _resting(self, *, stop: bool = False) -> Order | None:
        """An order of ours that the venue has, as far as an OMS knows."""
        known = [
            order
            for blotter in self._blotters
            for order in blotter.open.values()
            if order.client_order_id and "qty" in order.terms and ("stop" in order.terms) is stop
        ]
        return self._chance.choice(known) if known else None

    def _see(self, markets: dict[str, Any]) -> None:
        for name, told in markets.items():
            if name in self._market:
                self._market[name].price = Decimal(told["lastPrice"])

    async def _fault(self, **fault: Any) -> None:
        count = 1 if self._chance.random() < 0.7 else self._chance.randrange(2, 4)
        await self._do("faults", count=count, **fault)

    async def _do(self, path: str, **values: Any) -> dict[str, Any]:
        """One control request; a refusal (the order has just ended) is part of the game."""
        stamp = time.strftime("%H:%M:%S")
        async with self._venue.http.post(f"{self._venue.url}/sim/{path}", json=values) as reply:
            body: dict[str, Any] = await reply.json()
            note = "" if reply.status == 200 else f" refused: {body.get('error')}"
            self._log.write(
                f"{stamp}.{time.time_ns() // 1_000_000 % 1000:03d} {path} {json.dumps(values)}{note}\n"
            )
        assert reply.status in (200, 400), (path, values, body)
        return body if reply.status == 200 else {}
