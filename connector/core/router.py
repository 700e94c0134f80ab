"""The router: every happening in, one decision out. It decides; others write, send and wait.

    router = Router(rules, next_position)
    for entry in journal: router.replay(entry)
    decision = router.recover(now_ns)
    decision = router.handle(happening, now_ns)

A decision is carried out in this order: entries appended to the journal (P1, P2), reports sent to the OMS,
calls made to the venue once the entries are durable.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

import msgspec

from connector.core import answers, asking, evidence, intake, reconcile
from connector.core.book import Book
from connector.core.happenings import (
    Answered,
    AskOrder,
    AskTrades,
    Cancel,
    Closing,
    Decision,
    Happening,
    InstrumentsLoaded,
    MessageArrived,
    OrdersHeld,
    Reconcile,
    SessionOpened,
    SkewMeasured,
    StreamStated,
    Submit,
)
from connector.core.order import Life
from connector.core.records import Entry, Reported
from connector.core.turn import AccountRules, State, Turn
from mappers.reports import CancelReject, ExecutionReport, Report

IN_USE = 1_000  # orders that are over and stay unpacked, since late news comes soon if at all
KEPT_WHILE_AWAY = 10_000  # reports remembered for one absent session, should it come back with 141=Y


class Router:
    """Decides for all accounts of one daemon. It owns all order state."""

    def __init__(self, rules: Mapping[str, AccountRules], next_position: int = 1) -> None:
        self.state = State(rules, next_position)

    # -- recovery -----------------------------------------------------------------------------------

    def resume(self, book: Book, position: int) -> None:
        """Take the book of all entries up to `position`; the later ones follow by `replay`."""
        self.state.book = book
        self.state.next_position = max(self.state.next_position, position + 1)

    def replay(self, entry: Entry) -> None:
        """Take one entry of the journal, in its order.

        Raises:
            ContradictionError: the entries cannot be one journal's.
        """
        self.state.book.apply(entry)
        self.state.book.orders.rest(IN_USE)
        self.state.next_position = max(self.state.next_position, entry.position + 1)

    def recover(self, now_ns: int) -> Decision:
        """After replay: tell again what may not have been told, and doubt every order without an answer.

        A request of ours may have left until the moment we died; counting from now is safe (P4). The other
        unsettled orders are asked for by the first reconciliation, before new orders are taken. Cancels do
        not wait for it (P8); one whose order has ended is answered, should the crash have come between.
        Nobody can ask for the orders of an account that is no longer configured: they stay as they are.
        """
        turn = Turn(self.state, now_ns)
        for position, report in sorted(self.state.book.untold.items()):
            turn.decision.reports.append((position, again(report)))
        for order in list(self.state.book.live.values()):
            if order.request.account not in self.state.accounts:
                turn.note("error", "account_not_configured", **order.names, life=order.life)
            elif order.life is Life.PENDING_NEW:
                asking.doubt(turn, order, "the connector restarted", now_ns)
        for order in list(self.state.book.canceling.values()):
            if order.settled or order.request.account in self.state.accounts:
                evidence.tidy(turn, order)
        return turn.decision

    # -- operation ----------------------------------------------------------------------------------

    def handle(self, happening: Happening, now_ns: int) -> Decision:
        """Decide about one happening."""
        self.state.book.orders.rest(IN_USE)  # nobody holds an order between two turns
        turn = Turn(self.state, now_ns)
        match happening:
            case MessageArrived():
                intake.take(turn, happening.received)
            case Answered():
                self._answered(turn, happening)
            case StreamStated():
                evidence.hear(turn, happening.account, happening.statement)
            case Reconcile():
                reconcile.begin(turn, happening.account, happening.reason)
            case InstrumentsLoaded():
                turn.account(happening.account).instruments = happening.instruments
            case SkewMeasured():
                turn.account(happening.account).skew_ms = happening.skew_ms
            case SessionOpened():
                self._session_opened(turn, happening)
            case Closing():
                self.state.closing = True
            case OrdersHeld():
                self.state.held = happening.reason
            case _:
                self._tick(turn)
        return turn.decision

    def told(self, positions: Iterable[int], now_ns: int) -> Entry:
        """These reports are in the FIX engine's store: the entry that says so, already true."""
        entry = Entry(self.state.next_position, now_ns, Reported(positions=tuple(positions)))
        self.state.next_position += 1
        self.state.book.apply(entry)
        return entry

    def remember_away(self, session: str, position: int, report: Report) -> None:
        """The session was logged off when this was told: its engine store may be reset before it reads it."""
        kept = self.state.away.setdefault(session, [])
        if len(kept) < KEPT_WHILE_AWAY:
            kept.append((position, report))

    @property
    def next_timer_ns(self) -> int | None:
        """When to send the next `Tick`, on our clock."""
        return self.state.agenda[0][0] if self.state.agenda else None

    # -- inside -------------------------------------------------------------------------------------

    def _answered(self, turn: Turn, answered: Answered) -> None:
        call = answered.call
        if isinstance(call, Submit):
            answers.submit_answered(turn, answered, call)
        elif isinstance(call, Cancel):
            answers.cancel_answered(turn, answered, call)
        elif isinstance(call, AskOrder):
            answers.order_answered(turn, answered, call)
        elif isinstance(call, AskTrades):
            answers.trades_answered(turn, answered, call)
        reconcile.answered(turn, answered)

    def _session_opened(self, turn: Turn, opened: SessionOpened) -> None:
        """141=Y deleted the engine's store: what was told while the client was away is told again, 97=Y."""
        missed = self.state.away.pop(opened.session, [])
        if opened.reset:
            turn.decision.reports.extend((None, again(report)) for _, report in missed)

    def _tick(self, turn: Turn) -> None:
        agenda = self.state.agenda
        while agenda and agenda[0][0] <= turn.now_ns:
            due_ns, _, kind, key = heapq.heappop(agenda)
            if kind in (reconcile.SYNC, reconcile.RETRY):
                reconcile.keep(turn, due_ns, kind, key)
            else:
                asking.keep(turn, due_ns, kind, key)


def again(report: Report) -> Report:
    """The same report with PossResend(97)=Y and the same ExecID(17) (P5)."""
    if isinstance(report, (ExecutionReport, CancelReject)):
        return msgspec.structs.replace(report, poss_resend=True)
    return report
