"""The production router on a bench: one account, a clock moved by hand, every call answered by the test."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from connector.core.happenings import (
    Answered,
    AskOpen,
    Call,
    Decision,
    Happening,
    InstrumentsLoaded,
    MessageArrived,
    Note,
    Reconcile,
    StreamStated,
    Tick,
)
from connector.core.order import Order
from connector.core.records import Entry, decode, encode
from connector.core.router import Router
from connector.core.turn import AccountRules
from mappers.ids import SequenceIds
from mappers.instruments import Instrument
from mappers.model import (
    CancelOrder,
    Inbound,
    NewOrder,
    OrderStatement,
    OrderType,
    Outcome,
    OutcomeUnknown,
    Received,
    Refusal,
    RefusalKind,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    Stated,
    StatusRequest,
    TimeInForce,
    Trade,
    VenueRefused,
    VenueStatus,
)
from mappers.reports import CancelReject, ExecutionReport, Report

MS = 1_000_000
START_NS = 1_795_132_800_000 * MS
SESSION = "DESK1->CONNECTOR"
INSTRUMENTS = {
    symbol: Instrument(symbol=symbol, order_types=frozenset(OrderType)) for symbol in ("BTCUSDT", "ETHUSDT")
}
C = TypeVar("C")


class Bench:
    """One router and everything it has said. `ready=False` leaves the account unreconciled."""

    def __init__(self, *, ready: bool = True, **rules: Any) -> None:
        self.rules = {"main": AccountRules(**{"name": "main", "ids": SequenceIds("x"), **rules})}
        self.now_ns = START_NS
        self.entries: list[Entry] = []
        self.reports: list[Report] = []
        self.calls: list[Call] = []  # not answered yet
        self.notes: list[Note] = []
        self.router = Router(self.rules)
        self.seq_num = 0
        if ready:
            self.load()
            self.do(Reconcile(account="main", reason="start"))
            self.answer(self.call(AskOpen), Stated())
            self.notes.clear()

    # -- happenings ---------------------------------------------------------------------------------------

    def load(self) -> None:
        """The account's instruments are known."""
        self.do(InstrumentsLoaded(account="main", instruments=INSTRUMENTS))

    def do(self, happening: Happening) -> Decision:
        """Let it happen now."""
        return self._take(self.router.handle(happening, self.now_ns))

    def send(self, message: Inbound, **flags: Any) -> list[Report]:
        """The OMS sends a message; what it is told at once."""
        self.seq_num += 1
        received = Received(message=message, seq_num=self.seq_num, **flags)
        before = len(self.reports)
        self.do(MessageArrived(received=received))
        return self.reports[before:]

    def place(self, request: NewOrder | str = "c1") -> Order:
        """The OMS sends an order, and the venue takes it as number 7."""
        if isinstance(request, str):
            request = new_order(request)
        self.send(request)
        order = self.order(request.cl_ord_id)
        self.answer(self.call(), stated(order, VenueStatus.NEW))
        self.reports.clear()
        return order

    def hear(self, statement: OrderStatement) -> list[Report]:
        """The stream says something."""
        before = len(self.reports)
        self.do(StreamStated(account="main", statement=statement))
        return self.reports[before:]

    def answer(self, call: Call, outcome: Outcome, *, sent_ns: int | None = None) -> list[Report]:
        """A call has its outcome; `sent_ns` when it left, else now."""
        before = len(self.reports)
        self.do(Answered(call=call, outcome=outcome, sent_ns=self.now_ns if sent_ns is None else sent_ns))
        return self.reports[before:]

    def wait(self, milliseconds: int) -> None:
        """Let time pass, with every Tick the router asks for, until it calls the venue or the time is over."""
        end_ns = self.now_ns + milliseconds * MS
        while not self.calls and (due_ns := self.router.next_timer_ns) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.do(Tick())
        if not self.calls:
            self.now_ns = end_ns

    def restart(self) -> Decision:
        """kill -9 and a new process on the same journal."""
        again = Router(self.rules)
        for position, at_ns, record in self.entries:
            again.replay(Entry(position, at_ns, decode(encode(record))))
        self.router = again
        self.calls.clear()
        self.reports.clear()
        return self._take(again.recover(self.now_ns))

    def tell_all(self) -> None:
        """The FIX engine has everything: the journal says so."""
        positions = list(self.router.state.book.untold)
        self.entries.append(self.router.told(positions, self.now_ns))

    # -- looking --------------------------------------------------------------------------------------------

    def order(self, cl_ord_id: str) -> Order:
        """The order of that name."""
        order = self.router.state.book.find(SESSION, "DESK1", cl_ord_id)
        assert order is not None
        return order

    def call(self, kind: type[C] | None = None) -> Any:
        """Take the one call that waits for its answer."""
        assert len(self.calls) == 1, self.calls
        call = self.calls.pop()
        assert kind is None or isinstance(call, kind), call
        return call

    def records(self, kind: type[C]) -> list[C]:
        """The facts of one kind."""
        return [entry.record for entry in self.entries if isinstance(entry.record, kind)]

    def _take(self, decision: Decision) -> Decision:
        self.entries += decision.entries
        self.reports += [report for _, report in decision.reports]
        self.calls += decision.calls
        self.notes += decision.notes
        return decision


def new_order(cl_ord_id: str = "c1", **changes: Any) -> NewOrder:
    """Buy 3 BTC at 100 or better, good till cancelled."""
    fields: dict[str, Any] = {
        "session": SESSION,
        "source_id": "DESK1",
        "cl_ord_id": cl_ord_id,
        "account": "main",
        "isolated": False,
        "symbol": "BTCUSDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "quantity": Decimal(3),
        "price": Decimal(100),
        "side_effect": SideEffectType.NO_SIDE_EFFECT,
        "stp_mode": SelfTradePreventionMode.EXPIRE_MAKER,
    }
    return NewOrder(**{**fields, **changes})


def cash_order(cl_ord_id: str = "c1", amount: int = 300) -> NewOrder:
    """Buy for 300 USDT at the market."""
    return new_order(
        cl_ord_id,
        type=OrderType.MARKET,
        time_in_force=None,
        quantity=None,
        price=None,
        quote_quantity=Decimal(amount),
    )


def cancel_order(cl_ord_id: str = "x1", orig: str = "c1", **changes: Any) -> CancelOrder:
    """Cancel c1."""
    fields: dict[str, Any] = {
        "session": SESSION,
        "source_id": "DESK1",
        "cl_ord_id": cl_ord_id,
        "orig_cl_ord_id": orig,
        "symbol": "BTCUSDT",
        "side": Side.BUY,
    }
    return CancelOrder(**{**fields, **changes})


def status_request(cl_ord_id: str = "c1", **changes: Any) -> StatusRequest:
    """How is c1?"""
    fields: dict[str, Any] = {
        "session": SESSION,
        "source_id": "DESK1",
        "cl_ord_id": cl_ord_id,
        "symbol": "BTCUSDT",
        "side": Side.BUY,
        "status_req_id": "q1",
    }
    return StatusRequest(**{**fields, **changes})


def trade(trade_id: int, quantity: str = "1", price: str = "100", **changes: Any) -> Trade:
    """One execution."""
    fields: dict[str, Any] = {
        "trade_id": trade_id,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "commission": Decimal("0.001"),
        "commission_asset": "BNB",
        "maker": True,
        "time_ms": START_NS // MS + trade_id,
    }
    return Trade(**{**fields, **changes})


def statement(
    order: Order, status: VenueStatus, executed: str | None = "0", *trades: Trade, **changes: Any
) -> OrderStatement:
    """What the venue says of `order`, which it calls 7."""
    fields: dict[str, Any] = {
        "symbol": order.request.symbol,
        "order_id": order.order_id or 7,
        "client_order_id": order.client_order_id,
        "status": status,
        "quantity": order.request.quantity,
        "executed": None if executed is None else Decimal(executed),
        "time_ms": START_NS // MS + 5,
        "trades": trades,
    }
    return OrderStatement(**{**fields, **changes})


def stated(
    order: Order, status: VenueStatus, executed: str | None = "0", *trades: Trade, **changes: Any
) -> Stated:
    """The same as the outcome of a call."""
    return Stated(statements=(statement(order, status, executed, *trades, **changes),))


def refused(kind: RefusalKind, code: int = -2010, retry_after_ms: int | None = None) -> VenueRefused:
    """The venue, or the way to it, said no."""
    refusal = Refusal(text=f"{code} planted", reason=99, venue_code=code)
    return VenueRefused(kind=kind, refusal=refusal, retry_after_ms=retry_after_ms)


UNKNOWN = OutcomeUnknown(cause="no reply")


def line(report: Report) -> tuple[str, ...]:
    """150, 39, 14, 151 of an ExecutionReport; 9, 39, 102 of an OrderCancelReject: what tables compare."""
    if isinstance(report, CancelReject):
        return ("9", report.ord_status, str(report.refusal.reason))
    assert isinstance(report, ExecutionReport)
    return (
        report.exec_type,
        report.ord_status,
        f"{report.cum.normalize():f}",
        f"{report.leaves.normalize():f}",
    )


def lines(reports: list[Report]) -> list[tuple[str, ...]]:
    """`line` of each."""
    return [line(report) for report in reports]


def only(records: list[C]) -> C:
    """The one there is."""
    assert len(records) == 1, records
    return records[0]
