"""The OMS of a world: what it asks, and the book it keeps of what it is told. It believes nothing twice.

Every report is checked as it is read (P4-P7); a broken promise is a `Violation` that names it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from mappers.model import (
    CancelOrder,
    Inbound,
    NewOrder,
    RefusedCancel,
    RefusedOrder,
    StatusRequest,
    VenueStatus,
)
from mappers.reports import (
    STATUS_EXEC_ID,
    BusinessReject,
    CancelReject,
    ExecType,
    ExecutionReport,
    OrdStatus,
    Report,
)
from tests.simulation.venue import Venue, VenueOrder

DUPLICATE = 6
TERMINAL = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED})
ENDS = {
    OrdStatus.FILLED: {VenueStatus.FILLED},
    OrdStatus.CANCELED: {VenueStatus.CANCELED},
    OrdStatus.EXPIRED: {VenueStatus.EXPIRED, VenueStatus.EXPIRED_IN_MATCH, VenueStatus.REJECTED},
    OrdStatus.REJECTED: {VenueStatus.REJECTED},
}

Name = tuple[str, str]
"""Session and ClOrdID(11)."""


class Violation(AssertionError):  # noqa: N818  # a broken promise, not trouble that somebody handles
    """A promise was broken; the text says which and how."""


def demand(condition: bool, promise: str, text: str, *about: object) -> None:
    """Unless `condition`, the promise is broken."""
    if not condition:
        raise Violation(f"{promise}: {text.format(*about)}")


@dataclass(slots=True)
class Told:
    """What the OMS knows of one order."""

    order: NewOrder
    client_order_id: str | None = None
    order_id: str = "NONE"
    cum: Decimal = Decimal(0)
    cum_quote: Decimal = Decimal(0)
    trades: dict[int, str] = field(default_factory=dict)  # trade id -> ExecID
    end: OrdStatus | None = None
    status: OrdStatus | None = None


@dataclass(slots=True)
class Outgoing:
    """One message in the OMS's FIX store."""

    message: Inbound
    sent_ms: int
    poss_resend: bool


class Oms:
    """All clients of the connector: their stores, and their books."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.outbox: dict[str, list[Outgoing]] = {}
        self.orders: dict[Name, Told] = {}
        self.refused_here: set[Name] = set()  # sent as something that cannot become an order
        self.cancels: dict[Name, CancelOrder | RefusedCancel] = {}
        self.sent_again: Counter[Name] = Counter()
        self.repeated: Counter[Name] = Counter()  # without a flag: to be refused as duplicates
        self.duplicates_refused: Counter[Name] = Counter()
        self.brought_again: set[Name] = set()  # with 43=Y: answered by a status instead
        self.answered: dict[Name, Report] = {}  # cancels, and orders refused at the door
        self.exec_ids: dict[str, ExecutionReport] = {}
        self.asked: dict[str, str] = {}  # OrdStatusReqID(790) -> ClOrdID(11)
        self.statuses: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    # -- what it sends ----------------------------------------------------------------------------------

    def send(self, message: Inbound, sent_ms: int, *, poss_resend: bool = False) -> None:
        """Put one message into the store of its session; the world delivers it."""
        self.outbox.setdefault(message.session, []).append(Outgoing(message, sent_ms, poss_resend))
        assert not isinstance(message, BusinessReject)
        name = (message.session, getattr(message, "cl_ord_id", ""))
        if isinstance(message, StatusRequest):
            self.asked[message.status_req_id or ""] = message.cl_ord_id
        elif poss_resend:
            self.sent_again[name] += 1
        elif name in self.orders or name in self.cancels or name in self.refused_here:
            self.repeated[name] += 1
        elif isinstance(message, NewOrder):
            self.orders[name] = Told(message)
        elif isinstance(message, RefusedOrder):
            self.refused_here.add(name)
        elif isinstance(message, (CancelOrder, RefusedCancel)):
            self.cancels[name] = message

    # -- what it reads ----------------------------------------------------------------------------------

    def read(self, report: Report) -> None:
        """Take one report and check it."""
        if isinstance(report, CancelReject):
            self._cancel_reject(report)
        elif isinstance(report, ExecutionReport):
            if report.exec_type is ExecType.ORDER_STATUS:
                self._status(report)
            else:
                self._execution(report)

    def _execution(self, report: ExecutionReport) -> None:
        demand(report.exec_id != STATUS_EXEC_ID, "P5", "an execution with ExecID 0: {}", report)
        before = self.exec_ids.get(report.exec_id)
        if before is not None:
            demand(report.poss_resend, "P5", "ExecID {} again without 97=Y", report.exec_id)
            same = plain_copy(report) == plain_copy(before)
            demand(same, "P5", "ExecID {} means two things: {} and {}", report.exec_id, before, report)
            self.counts["reports told again"] += 1
            return
        self.exec_ids[report.exec_id] = report
        self.counts["reports"] += 1
        order = report.order
        name = (report.session, order.cl_ord_id)
        refusal = report.refusal
        if (
            report.exec_type is ExecType.REJECTED
            and refusal
            and refusal.reason == DUPLICATE
            and self._again(name)
        ):
            self.duplicates_refused[name] += 1
            return
        if name in self.refused_here:
            demand(name not in self.answered, "P7", "{} refused twice", name)
            self.answered[name] = report
            return
        told = self.orders.get(name)
        demand(told is not None, "P7", "a report for {} that was never sent", name)
        assert told is not None
        self._of_order(told, report)

    def _again(self, name: Name) -> bool:
        return self.duplicates_refused[name] < self.repeated[name]

    def _of_order(self, told: Told, report: ExecutionReport) -> None:
        who = told.order.cl_ord_id
        demand(told.end is None, "P7", "{} is {} and yet is told {}", who, told.end, report)
        demand(report.order == told.order, "P9", "{} is echoed as {}", told.order, report.order)
        demand(report.cum >= told.cum, "P6", "{}: CumQty falls from {} to {}", who, told.cum, report.cum)
        if report.trade is not None:
            self._trade(told, report)
        demand(
            report.cum == told.cum, "P6", "{}: CumQty {} without its trades: {}", who, report.cum, told.cum
        )
        demand(
            report.cum_quote == told.cum_quote, "P6", "{}: sum of price x quantity {}", who, report.cum_quote
        )
        at_venue = self._at_venue(told, report)
        self._quantities(told, report, at_venue)
        if report.order_id != "NONE":
            demand(
                told.order_id in ("NONE", report.order_id), "P3", "{} changes its OrderID: {}", who, report
            )
            told.order_id = report.order_id
        told.client_order_id = report.client_order_id or told.client_order_id
        told.status = report.ord_status
        if report.ord_status in TERMINAL:
            told.end = report.ord_status
            self._end(told, report, at_venue)

    def _trade(self, told: Told, report: ExecutionReport) -> None:
        trade = report.trade
        assert trade is not None
        who = told.order.cl_ord_id
        demand(report.exec_type is ExecType.TRADE, "P5", "{}: a trade in 150={}", who, report.exec_type)
        demand(trade.trade_id not in told.trades, "P5", "{}: trade {} counted twice", who, trade.trade_id)
        told.trades[trade.trade_id] = report.exec_id
        told.cum += trade.quantity
        told.cum_quote += trade.quantity * trade.price
        order = self.venue.orders.get(int(report.order_id))
        demand(order is not None, "P5", "{}: a trade of an order the venue does not know", who)
        assert order is not None
        real = next((real for real in order.trades if real.trade_id == trade.trade_id), None)
        demand(real is not None, "P5", "{}: trade {} never was", who, trade.trade_id)
        assert real is not None
        same = (real.quantity, real.price) == (trade.quantity, trade.price)
        demand(same, "P5", "{}: trade {} was {}", who, trade, real)

    def _at_venue(self, told: Told, report: ExecutionReport) -> VenueOrder | None:
        """The venue's side of the order, and whether the report may name it."""
        order = None
        if report.client_order_id is not None:
            place = told.order.account, told.order.symbol, report.client_order_id
            order = self.venue.by_client_id.get(place)
        if order is not None and order.request is not None:
            demand(order.request == told.order, "P9", "{} was sent as {}", told.order, order.request)
        if report.order_id != "NONE":
            text = "{} is told OrderID {}, at the venue it is {}"
            named = order is not None and str(order.order_id) == report.order_id
            demand(named, "P7", text, told.order.cl_ord_id, report.order_id, order)
        return order

    def _quantities(self, told: Told, report: ExecutionReport, at_venue: VenueOrder | None) -> None:
        who = told.order.cl_ord_id
        if at_venue is not None:
            demand(report.cum <= at_venue.executed, "P6", "{}: {} above {}", who, report.cum, at_venue)
        if report.ord_status in TERMINAL:
            demand(report.leaves == 0, "P6", "{} is over and leaves {}", who, report.leaves)
        elif report.quantity is not None:
            leaves = report.quantity - report.cum
            demand(report.leaves == leaves, "P6", "{}: LeavesQty {} is not {}", who, report.leaves, leaves)

    def _end(self, told: Told, report: ExecutionReport, at_venue: VenueOrder | None) -> None:
        """The one terminal report: it must be the truth, and all of it."""
        who = told.order.cl_ord_id
        self.counts[f"ended {report.ord_status.name}"] += 1
        if at_venue is None:
            demand(report.ord_status is OrdStatus.REJECTED, "P7", "{} ends nowhere: {}", who, report)
            return
        real = at_venue.status
        demand(
            real in ENDS[report.ord_status], "P4", "{} is told {}, it is {}", who, report.ord_status, at_venue
        )
        demand(told.cum == at_venue.executed, "P6", "{} ends at {}, it is {}", who, told.cum, at_venue)
        if report.ord_status is OrdStatus.CANCELED and report.orig_cl_ord_id is not None:
            self._cancel_answer((report.session, report.cl_ord_id), report)

    # -- cancels and status -------------------------------------------------------------------------------

    def _cancel_reject(self, reject: CancelReject) -> None:
        name = (reject.session, reject.cl_ord_id)
        if reject.refusal.reason == DUPLICATE and self._again(name):
            self.duplicates_refused[name] += 1
            return
        before = self.answered.get(name)
        if before is not None or self._known_duplicate(name, reject):
            demand(reject.poss_resend, "P5", "cancel {} answered again without 97=Y: {}", name, reject)
            self.counts["reports told again"] += 1
            return
        self._cancel_answer(name, reject)
        told = self.orders.get((reject.session, reject.orig_cl_ord_id))
        if told is not None:
            told.status = reject.ord_status

    def _known_duplicate(self, name: Name, reject: CancelReject) -> bool:
        return reject.refusal.reason == DUPLICATE and self.duplicates_refused[name] > 0

    def _cancel_answer(self, name: Name, answer: Report) -> None:
        demand(name in self.cancels, "P7", "an answer to cancel {} that was never sent", name)
        demand(name not in self.answered, "P7", "cancel {} answered twice: {}", name, answer)
        self.answered[name] = answer
        self.counts["cancels answered"] += 1

    def _status(self, report: ExecutionReport) -> None:
        demand(report.exec_id == STATUS_EXEC_ID, "P5", "a status with ExecID {}", report.exec_id)
        if report.status_req_id is not None:
            self.statuses[report.status_req_id] += 1
        told = self.orders.get((report.session, report.cl_ord_id))
        if told is None or told.status is None:
            return
        told_now = (told.status, told.cum, told.cum_quote)
        stated = (report.ord_status, report.cum, report.cum_quote)
        demand(told_now == stated, "P6", "{}: told {}, status {}", report.cl_ord_id, told_now, stated)


def plain_copy(report: ExecutionReport) -> ExecutionReport:
    """Without what a repetition may change."""
    return msgspec.structs.replace(report, poss_resend=False)
