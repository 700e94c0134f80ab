"""An OMS as tests need it: orders by keyword, reports kept, its own book of what it was told."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from decimal import Decimal

from tests.support.daemon import PASSWORD, USER, Daemon
from tests.support.fix_client import FixClient, Message

TAGS = {
    "side": 54, "type": 40, "qty": 38, "px": 44, "stop": 99, "tif": 59, "inst": 18, "cash": 152, "max_floor": 111,
    "account": 1, "stop_type": 6100, "side_effect": 6101, "stp": 6102, "symbol": 55,
}  # fmt: skip

_numbers = itertools.count(1)


def now() -> str:
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())


@dataclass
class Oms:
    """One FIX session's client side. `messages` survive reconnects."""

    comp_id: str = "OMS1"
    target: str = "CONNECTOR"
    password: str = PASSWORD
    client: FixClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = FixClient(self.comp_id, self.target, USER, self.password)

    async def connect(self, daemon: Daemon, *, reset: bool = False) -> None:
        """Connect and log on."""
        await self.client.connect("127.0.0.1", daemon.port)
        await self.client.logon(reset=reset)

    async def close(self) -> None:
        await self.client.close()

    async def order(
        self, cl_ord_id: str | None = None, *, header: dict[int, str] | None = None, **terms: str
    ) -> str:
        """NewOrderSingle: BUY 0.01 BTCUSDT unless told; its ClOrdID."""
        cl_ord_id = cl_ord_id or f"c{next(_numbers)}"
        terms = {"symbol": "BTCUSDT", "side": "1", "type": "2", **terms}
        if "cash" not in terms:
            terms.setdefault("qty", "0.01")
        fields = {11: cl_ord_id, 60: now(), **{TAGS[name]: value for name, value in terms.items()}}
        await self.client.send("D", fields, header=header or {})
        return cl_ord_id

    async def cancel(
        self,
        orig: str,
        *,
        symbol: str = "BTCUSDT",
        side: str = "1",
        cl_ord_id: str | None = None,
        header: dict[int, str] | None = None,
    ) -> str:
        """OrderCancelRequest; its ClOrdID."""
        cl_ord_id = cl_ord_id or f"x{next(_numbers)}"
        fields = {11: cl_ord_id, 41: orig, 55: symbol, 54: side, 60: now()}
        await self.client.send("F", fields, header=header or {})
        return cl_ord_id

    async def ask(self, cl_ord_id: str, *, symbol: str = "BTCUSDT", side: str = "1") -> Message:
        """OrderStatusRequest and its answer."""
        await self.client.send("H", {11: cl_ord_id, 55: symbol, 54: side})
        return await self.client.expect("8", {11: cl_ord_id, 150: "I"})

    async def report(self, cl_ord_id: str, exec_type: str, timeout_s: float = 5.0, **where: str) -> Message:
        """The next ExecutionReport of that order (or cancel) and ExecType(150)."""
        wanted = {11: cl_ord_id, 150: exec_type, **{int(tag[1:]): value for tag, value in where.items()}}
        return await self.client.expect("8", wanted, timeout_s=timeout_s)

    @property
    def told(self) -> dict[str, Told]:
        """What this OMS believes of each order, from every distinct ExecID(17) it ever received."""
        book: dict[str, Told] = {}
        seen: dict[str, str] = {}
        for message in self.client.handled:
            if message.get(35) != "8" or message[150] == "I":
                continue
            exec_id = message[17]
            text = f"{message[150]} {message[11]} {message.get(1003)} {message[14]}"
            assert seen.setdefault(exec_id, text) == text, (
                f"ExecID {exec_id}: {seen[exec_id]} and then {text}"
            )
            book.setdefault(message.get(41) or message[11], Told()).take(message)
        return book


@dataclass
class Told:
    """One order as told over FIX."""

    exec_ids: set[str] = field(default_factory=set)
    cum: Decimal = Decimal(0)
    trades: dict[str, Decimal] = field(default_factory=dict)  # TradeID(1003) -> LastQty(32)
    ord_status: str = ""
    terminals: int = 0
    client_order_id: str | None = None

    def take(self, message: Message) -> None:
        if message[17] in self.exec_ids:
            assert message.get(43) == "Y" or message.get(97) == "Y", f"said twice without 43 or 97: {message}"
            return
        self.exec_ids.add(message[17])
        cum = Decimal(message[14])
        assert cum >= self.cum, f"CumQty(14) fell: {message}"
        self.cum, self.ord_status = cum, message[39]
        self.client_order_id = message.get(526) or self.client_order_id
        if message[150] == "F":
            assert message[1003] not in self.trades, f"a trade told twice: {message}"
            self.trades[message[1003]] = Decimal(message[32])
            assert sum(self.trades.values()) == cum, f"CumQty(14) is not the sum of the fills: {message}"
        if message[150] == "D" and message[39] in "016":
            self.terminals = 0  # "never reached the venue" is taken back: the venue has it after all
        if message[150] in "4C8" or (message[150] == "F" and message[39] == "2"):
            self.terminals += 1
