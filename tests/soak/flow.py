"""One OMS: it trades at random, loses its connection, comes back with its own numbers, and keeps its blotter."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TextIO

from tests.soak.blotter import Blotter, Order
from tests.soak.market import SYMBOLS_OF, Symbol
from tests.soak.terms import draw_terms
from tests.support.daemon import PASSWORD, USER
from tests.support.fix_client import FixClient, utc_now
from tests.support.oms import TAGS

OPEN_AT_MOST = 22  # per session; the venue takes 200 in a symbol
FINISHED_KEPT = 200  # ClOrdIDs remembered to be repeated, asked for and cancelled too late
TROUBLE = (OSError, AssertionError, TimeoutError, KeyError)  # of a connection whose other end is being killed


class Trader:
    """One FIX session's client side, over all its connections."""

    def __init__(
        self,
        comp_id: str,
        *,
        accounts: tuple[str, ...],
        market: dict[str, Symbol],
        chance: Random,
        port: Callable[[], Awaitable[int]],
        log: Path,
    ) -> None:
        """`accounts`: the first is the session's default; `port` waits until the daemon listens."""
        self.blotter = Blotter(comp_id)
        self.client = FixClient(comp_id, "CONNECTOR", USER, PASSWORD)
        self.connections = 0
        self.log_file = log
        self._accounts = accounts
        self._market = market
        self._chance = chance
        self._port = port
        self._log: TextIO = log.open("a", encoding="utf-8")
        self._numbers = itertools.count(1)
        self._past: deque[str] = deque(maxlen=FINISHED_KEPT)
        self._cancels: deque[str] = deque(maxlen=FINISHED_KEPT)

    async def trade(self, rate_per_s: float, stop: asyncio.Event) -> None:
        """Do something `rate_per_s` times a second until `stop`."""
        while not stop.is_set():
            await self.stay_connected()
            self.read()
            with suppress(ConnectionError):  # sent all the same: it is in the store, and will be asked for
                await self._act()
            await asyncio.sleep(self._chance.expovariate(rate_per_s))

    async def stay_connected(self) -> None:
        """Connect and log on if need be; tried until it succeeds."""
        while self.client.closed.is_set() or not self.connections:
            port = await self._port()
            await self.client.close()
            try:
                await self.client.connect("127.0.0.1", port)
                await self.client.logon(timeout_s=3)
                self.connections += 1
            except TROUBLE:
                await self.client.close()
                await asyncio.sleep(0.2)
            self.read()

    def read(self) -> None:
        """Take what arrived into the blotter and the log."""
        client = self.client
        for message in client.handled:
            self._log.write(f"{utc_now()} in  {message}\n")
            self.blotter.take(message)
        self.blotter.strangers += [f"session rules: {fault}" for fault in client.faults]
        for inbox in (client.handled, client.seen, client.inbox, client.faults):
            inbox.clear()

    async def agree(self) -> list[str]:
        """Log out and on again: nobody may have to ask the other for anything (numbers agree)."""
        client = self.client
        await self.stay_connected()
        self.read()
        try:
            await client.logout()
            await client.connect("127.0.0.1", await self._port())
            sent, received = client.next_out, client.next_in
            answer = await client.logon()
            await asyncio.sleep(0.5)
        except TROUBLE as error:
            return [f"{self.blotter.session}: no clean logout and logon: {error!r}"]
        asked = [message for message in client.seen if message[35] in ("2", "4")]
        found = [f"{self.blotter.session}: had to resend after a clean logon: {one}" for one in asked]
        if int(answer[34]) != received or client.next_out != sent + 1:
            found.append(
                f"{self.blotter.session}: Logon 34={answer[34]}, {received} expected; "
                f"{client.next_out - sent} messages sent"
            )
        self.read()
        return found

    async def close(self) -> None:
        """Close connection and log."""
        await self.client.close()
        self.read()
        self._log.close()

    # -- what it does ---------------------------------------------------------------------------------------

    async def _act(self) -> None:
        drawn = self._chance.random()
        crowded = len(self.blotter.open) > OPEN_AT_MOST
        if drawn < 0.02:
            for _ in range(self._chance.randrange(4, 10)):
                await self._order()
        elif drawn < 0.56 and not crowded:
            order = await self._order()
            if self._chance.random() < 0.12:  # before its acknowledgement can have come
                await self._cancel(order)
        elif drawn < 0.82:
            await self._cancel_something()
        elif drawn < 0.89:
            await self._ask_something()
        elif drawn < 0.94:
            await self._repeat(self._chance.choice(list(self._past)) if self._past else None)
        elif drawn < 0.96 and self._cancels:
            cancel = self.blotter.cancels[self._chance.choice(list(self._cancels))]
            await self._send_cancel(cancel.cl_ord_id, cancel.orig, resend=self._chance.random() < 0.5)
        elif drawn < 0.965:
            await self._leave()

    async def _order(self) -> Order:
        account = self._chance.choice(self._accounts)
        symbol = self._market[self._chance.choice(SYMBOLS_OF[account])]
        terms = draw_terms(self._chance, symbol)
        if account != self._accounts[0] or self._chance.random() < 0.3:
            terms["account"] = account
        order = self.blotter.sent(f"{self.blotter.session}-{next(self._numbers)}", terms)
        self._past.append(order.cl_ord_id)
        await self._send_order(order.cl_ord_id, terms)
        return order

    async def _cancel_something(self) -> None:
        drawn = self._chance.random()
        if drawn < 0.85 and self.blotter.open:
            order = self._chance.choice(list(self.blotter.open.values()))
        elif drawn < 0.97 and self._past:
            order = self.blotter.orders[self._chance.choice(list(self._past))]
        else:
            await self._cancel(Order(self.blotter.session, "never-sent", {"symbol": "BTCUSDT", "side": "1"}))
            return
        await self._cancel(order)

    async def _cancel(self, order: Order) -> None:
        cl_ord_id = f"{self.blotter.session}-x{next(self._numbers)}"
        self.blotter.sent_cancel(cl_ord_id, order.cl_ord_id)
        self._cancels.append(cl_ord_id)
        await self._send_cancel(cl_ord_id, order.cl_ord_id, order=order)

    async def _ask_something(self) -> None:
        if not self._past:
            return
        order = self.blotter.orders[self._chance.choice(list(self._past)[-50:])]
        await self._send("H", {11: order.cl_ord_id, 55: order.terms["symbol"], 54: order.terms["side"]})

    async def _repeat(self, cl_ord_id: str | None) -> None:
        """An old ClOrdID again: 97=Y as it was, or by mistake with other terms and without 97."""
        if cl_ord_id is None:
            return
        order = self.blotter.orders[cl_ord_id]
        if self._chance.random() < 0.5:
            await self._send_order(cl_ord_id, order.terms, resend=True)
        else:
            symbol = self._market[order.terms["symbol"]]
            await self._send_order(cl_ord_id, {**order.terms, **draw_terms(self._chance, symbol)})

    async def _leave(self) -> None:
        """Go away: politely, or as a host that crashed."""
        if self._chance.random() < 0.5:
            with suppress(*TROUBLE):
                await self.client.logout(timeout_s=2)
        else:
            with suppress(*TROUBLE):
                await self.client.reset_connection()
        await self.client.close()

    # -- messages -------------------------------------------------------------------------------------------

    async def _send_order(self, cl_ord_id: str, terms: dict[str, str], *, resend: bool = False) -> None:
        values = {TAGS[name]: value for name, value in terms.items()}
        await self._send("D", {11: cl_ord_id, 60: utc_now(), **values}, resend=resend)

    async def _send_cancel(
        self, cl_ord_id: str, orig: str, *, resend: bool = False, order: Order | None = None
    ) -> None:
        order = order or self.blotter.orders.get(orig)
        terms = order.terms if order else {"symbol": "BTCUSDT", "side": "1"}
        fields = {11: cl_ord_id, 41: orig, 55: terms["symbol"], 54: terms["side"], 60: utc_now()}
        await self._send("F", fields, resend=resend)

    async def _send(self, kind: str, fields: dict[int, str], *, resend: bool = False) -> None:
        text = "|".join(f"{tag}={value}" for tag, value in fields.items())
        self._log.write(f"{utc_now()} out 35={kind}|34={self.client.next_out}|{text}{'|97=Y' * resend}\n")
        await self.client.send(kind, fields, header={97: "Y"} if resend else {})
