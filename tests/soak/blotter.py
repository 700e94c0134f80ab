"""What one OMS sent and what it was told: the first of the three books, kept as the messages come.

It knows FIX and nothing of the connector. Whatever a single message proves wrong (a CumQty(14) that falls, a
trade told under two ExecIDs, a report after the end) is noted against its order at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from tests.support.fix_client import Message

TRANSPORT = frozenset({8, 9, 10, 34, 43, 49, 52, 56, 97, 122})  # differ when the same report is told again
DUPLICATE = "6"  # OrdRejReason(103), CxlRejReason(102)
STATUS_EXEC_ID = "0"


@dataclass(frozen=True)
class Trade:
    """One execution, in the words all three books share."""

    quantity: Decimal
    price: Decimal
    fee: Decimal | None
    fee_asset: str | None
    maker: bool | None


@dataclass
class Cancel:
    """One OrderCancelRequest(F). `answers`: `4` or `9 <CxlRejReason>`; exactly one is right."""

    cl_ord_id: str
    orig: str
    answers: list[str] = field(default_factory=list)


@dataclass
class Order:
    """One order as sent and as told."""

    session: str
    cl_ord_id: str
    terms: dict[str, str]
    client_order_id: str | None = None  # SecondaryClOrdID(526)
    accepted: bool = False
    doubted: bool = False
    pending_cancel: str | None = None
    cum: Decimal = Decimal(0)
    trades: dict[str, Trade] = field(default_factory=dict)  # TradeID(1003)
    end: str | None = None  # OrdStatus(39) of the terminal report
    text: str | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """OrdStatus(39) as it follows from what was told; empty: nothing was."""
        if self.end is not None:
            return self.end
        if self.pending_cancel is not None:
            return "6"
        if self.cum:
            return "1"
        if self.accepted:
            return "0"
        return "A" if self.doubted else ""

    @property
    def described(self) -> str:
        """Its terms on one line."""
        return " ".join(self.terms.values())


class Blotter:
    """The book of one OMS."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}  # of these, without a terminal report
        self.cancels: dict[str, Cancel] = {}
        self.exec_ids: dict[str, int] = {}  # ExecID(17) -> what its report said
        self.strangers: list[str] = []  # faults that belong to no order of ours
        self.counts: Counter[str] = Counter()

    def sent(self, cl_ord_id: str, terms: dict[str, str]) -> Order:
        """A NewOrderSingle with a ClOrdID(11) not used before."""
        order = Order(self.session, cl_ord_id, terms)
        self.orders[cl_ord_id] = self.open[cl_ord_id] = order
        self.counts["orders"] += 1
        return order

    def sent_cancel(self, cl_ord_id: str, orig: str) -> None:
        """An OrderCancelRequest with a ClOrdID(11) not used before."""
        self.cancels[cl_ord_id] = Cancel(cl_ord_id, orig)
        self.counts["cancels"] += 1

    @property
    def waiting(self) -> int:
        """Orders and cancels that still have to be told something."""
        unsure = sum(order.status in ("", "A", "6") for order in self.open.values())
        return unsure + sum(not cancel.answers for cancel in self.cancels.values())

    def take(self, message: Message) -> None:
        """Believe one message."""
        kind = message[35]
        if kind == "9":
            self._cancel_reject(message)
        elif kind == "8" and message[150] == "I":
            self._status(message)
        elif kind == "8":
            self._report(message)
        elif kind in ("3", "j"):
            self.strangers.append(f"refused as malformed: {message}")

    # -- inside -------------------------------------------------------------------------------------------

    def _report(self, message: Message) -> None:
        order = self.orders.get(message.get(41) or message[11])
        if order is None:
            self.strangers.append(f"a report of no order of ours: {message}")
            return
        said = hash(tuple(pair for pair in message.fields if pair[0] not in TRANSPORT))
        if message[17] in self.exec_ids:
            self._repeated(order, message, same=self.exec_ids[message[17]] == said)
            return
        self.exec_ids[message[17]] = said
        if message[150] == "8" and message.get(103) == DUPLICATE:
            self.counts["duplicates refused"] += 1
            return
        if order.end is not None:
            order.faults.append(f"150={message[150]} 39={message[39]} told after its end 39={order.end}")
        self._believe(order, message)
        if message[39] != order.status:
            order.faults.append(f"39={message[39]} where 39={order.status} follows (150={message[150]})")
        if order.end is not None:
            self.open.pop(order.cl_ord_id, None)

    def _repeated(self, order: Order, message: Message, *, same: bool) -> None:
        self.counts["told again"] += 1
        if not same:
            order.faults.append(f"ExecID(17)={message[17]} said two things")
        if message.get(97) != "Y" and message.get(43) != "Y":
            order.faults.append(f"ExecID(17)={message[17]} told twice without 97=Y")

    def _believe(self, order: Order, message: Message) -> None:
        kind, cum = message[150], Decimal(message[14])
        order.client_order_id = message.get(526) or order.client_order_id
        order.text = message.get(58) or order.text
        if cum < order.cum:
            order.faults.append(f"CumQty(14) fell from {order.cum} to {cum}")
        order.cum = cum
        if kind == "A":
            order.doubted = True
            self.counts["unknown outcomes"] += 1
        elif kind == "0":
            order.accepted = True
        elif kind == "6":
            order.pending_cancel = message[11]
        elif kind == "F":
            self._trade(order, message)
        elif kind == "D":
            order.faults.append(f"restated: {message.get(58)}")
        if kind == "4" and order.pending_cancel is not None:
            self._answer(order.pending_cancel, message[11], "4")
        if kind in ("4", "C", "8") or message[39] == "2":
            order.end = message[39]
            self.counts[f"ended {order.end}"] += 1

    def _trade(self, order: Order, message: Message) -> None:
        self.counts["fills"] += 1
        name = message[1003]
        if name in order.trades:
            order.faults.append(f"trade {name} told twice")
        fee = message.get(137)
        order.trades[name] = Trade(
            Decimal(message[32]),
            Decimal(message[31]),
            None if fee is None else Decimal(fee),
            message.get(138),
            None if message.get(1057) is None else message[1057] == "N",
        )
        total = sum(trade.quantity for trade in order.trades.values())
        if total != order.cum:
            order.faults.append(f"CumQty(14)={order.cum} but the fills add up to {total}")

    def _answer(self, pending: str, cl_ord_id: str, answer: str) -> None:
        cancel = self.cancels.get(cl_ord_id)
        if cancel is None or pending != cl_ord_id:
            self.strangers.append(f"{cl_ord_id}: cancelled, but {pending} was pending")
            return
        cancel.answers.append(answer)

    def _cancel_reject(self, message: Message) -> None:
        cancel = self.cancels.get(message[11])
        if cancel is None:
            self.strangers.append(f"a reject of no cancel of ours: {message}")
            return
        if message[102] == DUPLICATE:
            self.counts["duplicates refused"] += 1
            return
        answer = f"9 {message[102]}"
        if answer in cancel.answers and message.get(97) == "Y":
            self.counts["told again"] += 1
            return
        cancel.answers.append(answer)
        self.counts["cancels refused"] += 1
        order = self.orders.get(cancel.orig)
        if order is not None and order.pending_cancel == cancel.cl_ord_id:
            order.pending_cancel = None

    def _status(self, message: Message) -> None:
        """150=I says nothing new: it must agree with what was told before it."""
        self.counts["status answers"] += 1
        order = self.orders.get(message[11])
        if order is None:
            return
        if message[17] != STATUS_EXEC_ID:
            order.faults.append(f"150=I with ExecID(17)={message[17]}")
        if Decimal(message[14]) != order.cum:
            order.faults.append(f"150=I says CumQty(14)={message[14]}, told was {order.cum}")
        if message[39] != (order.status or "A"):
            order.faults.append(f"150=I says 39={message[39]}, told was {order.status or 'nothing'}")
