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
    ReceiptGiven,
    Reconcile,
    SessionOpened,
    SkewMeasured,
    StoreGone,
    StreamStated,
    Submit,
)
from connector.core.order import Life
from connector.core.records import Entry, NumbersSaved, Record, Reported, ReportsRead, StoreForgotten
from connector.core.turn import AccountRules, State, Turn
from mappers.reports import CancelReject, ExecutionReport, Report

IN_USE = 1_000  # orders that are over and stay unpacked, since late news comes soon if at all


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
            case StoreGone():
                self._store_gone(turn, happening)
            case ReceiptGiven():
                self._receipt_given(turn, happening)
            case Closing():
                self.state.closing = True
            case OrdersHeld():
                self.state.held = happening.reason
            case _:
                self._tick(turn)
        return turn.decision

    def told(
        self, positions: Iterable[int], now_ns: int, numbers: Mapping[str, tuple[int, int]] | None = None
    ) -> Entry:
        """These reports are in the FIX engine's store, whose numbers then are these: the entry that says so,
        already true."""
        return self._true(Reported(positions=tuple(positions), numbers=dict(numbers or {})), now_ns)

    def numbered(self, numbers: Mapping[str, tuple[int, int]], now_ns: int) -> Entry | None:
        """The FIX engine's numbers: the entry that keeps those that are new, already true; None if none."""
        known = self.state.book.numbers
        new = {session: number for session, number in numbers.items() if known.get(session, (1, 1)) != number}
        return self._true(NumbersSaved(numbers=new), now_ns) if new else None

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
        """The engine's store was emptied (141=Y): what the client may not have read is told again, 97=Y."""
        if opened.session in self.state.forgotten:
            self.state.forgotten.discard(opened.session)
            untold = turn.book.untold
            mine = [(at, again(untold[at])) for at in sorted(untold) if untold[at].session == opened.session]
            turn.decision.reports.extend(mine)
            if mine:
                turn.note("warning", "unread_reports_told_again", session=opened.session, count=len(mine))

    def _store_gone(self, turn: Turn, gone: StoreGone) -> None:
        """Written before the store is emptied, so that a crash in between neither loses a report nor looks
        like a lost store. Without a reset this is the start: `recover` tells what is untold now."""
        turn.fact(StoreForgotten(session=gone.session, reset=gone.reset))
        if gone.reset:
            self.state.forgotten.add(gone.session)
        else:
            unread = len(turn.book.unread.get(gone.session, {}))
            turn.note("error", "fix_store_lost", session=gone.session, told_again=unread)

    def _receipt_given(self, turn: Turn, receipt: ReceiptGiven) -> None:
        unread = turn.book.unread.get(receipt.session)
        if unread and next(iter(unread)) <= receipt.through:
            turn.fact(ReportsRead(session=receipt.session, through=receipt.through))

    def _true(self, record: Record, now_ns: int) -> Entry:
        entry = Entry(self.state.next_position, now_ns, record)
        self.state.next_position += 1
        self.state.book.apply(entry)
        return entry

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
