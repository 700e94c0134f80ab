"""The classic mistakes, planted into production code one at a time: a world must notice each.

A mistake is a function that takes pytest's MonkeyPatch and changes production behaviour (or, for what the
loop does, the stand-in of the loop). Sources: style.md; reference `fix-gateway.md` section 3 (fault numbers)
and `binance-margin-api.md` section 9 (traps of the field).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.core import answers, asking, evidence, intake, reconcile, router, telling
from connector.core.book import Book
from connector.core.happenings import Answered, Call, Cancel, Decision, Submit
from connector.core.order import Life, Order
from connector.core.records import Entry, Reported
from connector.core.router import Router
from connector.core.turn import Turn
from mappers.model import (
    OrderStatement,
    OutcomeUnknown,
    Received,
    Refusal,
    RefusalKind,
    Trade,
    TradesStated,
    VenueRefused,
)
from mappers.reports import Report
from tests.simulation.process import Process
from tests.simulation.world import World

Mistake = Callable[[pytest.MonkeyPatch], None]
REFUSAL = Refusal(text="planted", reason=99)


def find(mistake: Mistake, first: int, most: int) -> tuple[int, Exception] | None:
    """The first seed whose world notices, and how; None when none of `most` does."""
    with pytest.MonkeyPatch.context() as patch:
        mistake(patch)
        for seed in range(first, first + most):
            try:
                World(seed).run()
            except Exception as error:  # a broken promise, or the router's own assertion
                return seed, error
    return None


# -- outcomes (P3, P4) -----------------------------------------------------------------------------------


def timeout_taken_for_a_reject(patch: pytest.MonkeyPatch) -> None:
    """Trap 7: no reply means nothing; the order may be live."""
    honest = answers.submit_answered

    def wrong(turn: Turn, answered: Answered, call: Submit) -> None:
        order = turn.book.orders[call.client_order_id]
        if isinstance(answered.outcome, OutcomeUnknown) and order.life is Life.PENDING_NEW:
            evidence.reject(turn, order, REFUSAL)
        else:
            honest(turn, answered, call)

    patch.setattr(answers, "submit_answered", wrong)


def blind_resend(patch: pytest.MonkeyPatch) -> None:
    """Trap 7 again: the retry doubles the order."""
    honest = answers.submit_answered

    def wrong(turn: Turn, answered: Answered, call: Submit) -> None:
        if isinstance(answered.outcome, OutcomeUnknown):
            turn.call(call)
        else:
            honest(turn, answered, call)

    patch.setattr(answers, "submit_answered", wrong)


def submit_before_journal(patch: pytest.MonkeyPatch) -> None:
    """The loop lets a request leave while its entry is on its way to the disk (P1)."""

    def wrong(self: Process, call: Call) -> None:
        self.world.later(0, lambda: self._send(call))

    patch.setattr(Process, "_start", wrong)


def not_found_believed_at_once(patch: pytest.MonkeyPatch) -> None:
    """Fault 2: -2013 right after an unknown outcome proves nothing."""

    def wrong(turn: Turn, order: Order, sent_ns: int) -> None:
        if order.life is Life.PENDING_NEW:
            evidence.reject(turn, order, REFUSAL)

    patch.setattr(answers, "_not_found", wrong)


def settle_time_without_the_processing_limit(patch: pytest.MonkeyPatch) -> None:
    """recvWindow alone: the venue works on a request for 10 s more."""
    patch.setattr("connector.core.turn.VENUE_PROCESSING_MS", 0)


def not_found_after_the_time_though_asked_before(patch: pytest.MonkeyPatch) -> None:
    """The time must have passed when the question left, not when its answer came."""
    honest = answers._not_found

    def wrong(turn: Turn, order: Order, sent_ns: int) -> None:
        del sent_ns
        honest(turn, order, turn.now_ns)

    patch.setattr(answers, "_not_found", wrong)


def clock_skew_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A timestamp ahead of the venue's clock keeps a request alive for longer."""
    honest = asking.settles_ns

    def wrong(turn: Turn, order: Order) -> int | None:
        settles = honest(turn, order)
        return None if settles is None else settles - turn.account(order.request.account).skew_ms * 1_000_000

    patch.setattr(asking, "settles_ns", wrong)


def duplicate_taken_for_a_reject(patch: pytest.MonkeyPatch) -> None:
    """Fault 3, traps 6 and 24: "Duplicate order sent." means that it is there."""
    honest = answers._submit_refused

    def wrong(turn: Turn, order: Order, outcome: VenueRefused, call: Submit, sent_ns: int) -> None:
        if outcome.kind is RefusalKind.DUPLICATE:
            evidence.reject(turn, order, outcome.refusal)
        else:
            honest(turn, order, outcome, call, sent_ns)

    patch.setattr(answers, "_submit_refused", wrong)


def refusal_believed_against_the_stream(patch: pytest.MonkeyPatch) -> None:
    """Trap 6: a refusal that comes after the order was seen ends it."""

    def wrong(turn: Turn, order: Order, outcome: Any) -> None:
        if isinstance(outcome, VenueRefused) and not order.settled:
            evidence.reject(turn, order, outcome.refusal)

    patch.setattr(answers, "_contradicted", wrong)


# -- restarts (P2, P3, P5) -------------------------------------------------------------------------------


def no_questions_after_restart(patch: pytest.MonkeyPatch) -> None:
    """Fault 7: what had no answer stays without one."""

    def wrong(self: Router, now_ns: int) -> Decision:
        decision = Router.recover.__wrapped__(self, now_ns)  # type: ignore[attr-defined]
        decision.calls.clear()
        return decision

    _wrap(patch, Router, "recover", wrong)


def stale_orders_sent_after_restart(patch: pytest.MonkeyPatch) -> None:
    """Fault 7: an order whose request may have left is sent once more."""

    def wrong(self: Router, now_ns: int) -> Decision:
        decision = Router.recover.__wrapped__(self, now_ns)  # type: ignore[attr-defined]
        for order in self.state.book.live.values():
            if order.life is Life.PENDING_NEW:
                request, name = order.request, order.client_order_id
                decision.calls.append(Submit(account=request.account, client_order_id=name, order=request))
        return decision

    _wrap(patch, Router, "recover", wrong)


def untold_reports_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What was true but not told before the crash is never told."""

    def wrong(self: Router, now_ns: int) -> Decision:
        self.state.book.untold.clear()
        return Router.recover.__wrapped__(self, now_ns)  # type: ignore[attr-defined,no-any-return]

    _wrap(patch, Router, "recover", wrong)


def told_again_without_97(patch: pytest.MonkeyPatch) -> None:
    """A repeated report looks like a new one."""
    patch.setattr(router, "again", lambda report: report)


def told_again_under_a_new_exec_id(patch: pytest.MonkeyPatch) -> None:
    """ExecIDs are made when sending, so a repetition gets another."""

    def wrong(self: Router, now_ns: int) -> Decision:
        decision = Router.recover.__wrapped__(self, now_ns)  # type: ignore[attr-defined]
        for place, (position, report) in enumerate(decision.reports):
            if hasattr(report, "exec_id"):
                decision.reports[place] = (position, _renamed(report, f"r{now_ns}-{position}"))
        return decision

    _wrap(patch, Router, "recover", wrong)


def told_before_it_is_told(patch: pytest.MonkeyPatch) -> None:
    """The journal says "reported" before the engine has it: a crash in between loses the report."""

    def wrong(self: Process, decision: Decision) -> None:
        positions = [position for position, _ in decision.reports if position is not None]
        if positions:
            entry = self.router.told(positions, self.world.now_ns)
            decision.entries.append(entry)
        decision.reports[:] = [(None, report) for _, report in decision.reports]
        Process.carry_out.__wrapped__(self, decision)  # type: ignore[attr-defined]

    _wrap(patch, Process, "carry_out", wrong)


def journal_numbers_start_again(patch: pytest.MonkeyPatch) -> None:
    """Trap 24: after a restart the sequence begins where only orders had been, not entries."""
    honest = Router.replay

    def wrong(self: Router, entry: Entry) -> None:
        honest(self, entry)
        if isinstance(entry.record, Reported):
            self.state.next_position = entry.position

    patch.setattr(Router, "replay", wrong)


# -- repetition by the OMS (P3) ----------------------------------------------------------------------------


def poss_resend_placed_again(patch: pytest.MonkeyPatch) -> None:
    """Fault 15: 97=Y means "perhaps", and the order is new under a name of its own."""
    honest = intake.take

    def wrong(turn: Turn, received: Received) -> None:
        message = received.message
        if received.poss_resend and hasattr(message, "quantity"):
            name = (message.session, message.source_id, message.cl_ord_id)
            turn.book.named.pop(name, None)
        honest(turn, received)

    patch.setattr(intake, "take", wrong)


def duplicates_known_only_while_open(patch: pytest.MonkeyPatch) -> None:
    """Fault 14: the same ClOrdID after the order is done is a duplicate too."""
    honest = Book._settle

    def wrong(self: Book, order: Order) -> None:
        honest(self, order)
        request = order.request
        self.named.pop((request.session, request.source_id, request.cl_ord_id), None)
        self.orders[order.client_order_id] = order

    patch.setattr(Book, "_settle", wrong)


# -- fills and ends (P5, P6) --------------------------------------------------------------------------------


def every_fill_heard_counted(patch: pytest.MonkeyPatch) -> None:
    """Fault 5: reply, stream and question tell of the same trade."""
    honest = evidence._count

    def wrong(turn: Turn, order: Order, trade: Trade, *, completes: bool) -> None:
        order.trade_ids.discard(trade.trade_id)
        honest(turn, order, trade, completes=completes)

    patch.setattr(evidence, "_count", wrong)


def final_taken_for_settled(patch: pytest.MonkeyPatch) -> None:
    """The end is believed although trades it counts have not been heard."""

    def wrong(turn: Turn, order: Order, statement: OrderStatement, life: Life) -> None:
        evidence._end(turn, order, life, statement.time_ms)

    patch.setattr(evidence, "_state_end", wrong)


def end_forgotten_until_said_again(patch: pytest.MonkeyPatch) -> None:
    """The end waits for its trades, and nobody remembers that it was stated."""
    honest = evidence._state_end

    def wrong(turn: Turn, order: Order, statement: OrderStatement, life: Life) -> None:
        assert statement.executed is not None
        if statement.executed <= order.cum:
            honest(turn, order, statement, life)

    patch.setattr(evidence, "_state_end", wrong)
    patch.setattr(reconcile, "_ask_singly", lambda turn, sync: None)


def missing_trades_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    """Fault 4: the venue counts more than we heard, and we wait."""
    patch.setattr(asking, "ask_trades_soon", lambda turn, order, executed: None)
    patch.setattr(reconcile, "_hear_trades", lambda turn, account, call, outcome: None)


def one_page_of_trades_is_all(patch: pytest.MonkeyPatch) -> None:
    """The gap is longer than a page."""
    honest = reconcile._hear_trades
    patch.setattr(answers, "_ask_next_page", lambda turn, call, outcome: None)

    def wrong(turn: Turn, account: Any, call: Any, outcome: TradesStated) -> None:
        honest(turn, account, call, TradesStated(trades=outcome.trades, full_page=False))

    patch.setattr(reconcile, "_hear_trades", wrong)


def fills_of_a_settled_order_dropped(patch: pytest.MonkeyPatch) -> None:
    """An IOC's end by stream comes before its reply, and the reply's fills are not looked at."""
    honest = evidence._count

    def wrong(turn: Turn, order: Order, trade: Trade, *, completes: bool) -> None:
        if order.stated_end is None:
            honest(turn, order, trade, completes=completes)

    patch.setattr(evidence, "_count", wrong)


# -- orphans (P7) and cancels (P8) ----------------------------------------------------------------------------


def reconnect_without_reconciliation(patch: pytest.MonkeyPatch) -> None:
    """Fault 4, trap 5: the stream is up again, and what it missed is not asked for."""
    honest = reconcile.begin

    def wrong(turn: Turn, name: str, reason: str) -> None:
        if not turn.account(name).ready:
            honest(turn, name, reason)

    patch.setattr(reconcile, "begin", wrong)


def only_open_orders_asked_for(patch: pytest.MonkeyPatch) -> None:
    """What ended unheard is in no list of open orders."""
    patch.setattr(reconcile, "_ask_singly", lambda turn, sync: None)
    patch.setattr(reconcile, "MANY", 10_000)


def unknown_cancel_taken_for_a_reject(patch: pytest.MonkeyPatch) -> None:
    """No reply to a cancel, and the OMS is told that it failed (P4)."""
    honest = answers.cancel_answered

    def wrong(turn: Turn, answered: Answered, call: Cancel) -> None:
        order = turn.book.orders[call.client_order_id]
        if isinstance(answered.outcome, OutcomeUnknown) and order.cancel is not None:
            turn.state.watch(call.client_order_id).canceling = False
            evidence.refuse_cancel(turn, order, REFUSAL)
        else:
            honest(turn, answered, call)

    patch.setattr(answers, "cancel_answered", wrong)


def cancel_left_unanswered_by_the_end(patch: pytest.MonkeyPatch) -> None:
    """The order filled while its cancel was pending; the cancel itself is never answered."""
    honest = evidence.refuse_cancel

    def wrong(turn: Turn, order: Order, refusal: Refusal) -> None:
        if not order.settled:
            honest(turn, order, refusal)

    patch.setattr(evidence, "refuse_cancel", wrong)


def cancel_before_acceptance_given_up(patch: pytest.MonkeyPatch) -> None:
    """Fault 23: -2011 while the order is in flight is not the last word."""
    patch.setattr(asking, "pursue_cancel", _pursue_once)


def strangers_not_noted(patch: pytest.MonkeyPatch) -> None:
    """Fault 25: a liquidation that no OMS sent passes in silence."""
    patch.setattr(evidence, "_foreign", lambda turn, account, statement: None)


def leaves_of_an_ended_order(patch: pytest.MonkeyPatch) -> None:
    """LeavesQty(151) of a cancelled order still counts what will never trade."""
    honest = telling._report

    def wrong(order: Order, *arguments: Any, **more: Any) -> Any:
        report = honest(order, *arguments, **more)
        if order.quantity is None:
            return report
        return _with_leaves(report, order.quantity - order.cum)

    patch.setattr(telling, "_report", wrong)


# -- helpers ---------------------------------------------------------------------------------------------


def _pursue_once(turn: Turn, order: Order, *, again: bool = False) -> None:
    del again
    watch = turn.state.watch(order.client_order_id)
    if order.cancel is not None and not order.settled and not watch.cancels:
        asking.send_cancel(turn, order)


def _renamed(report: Any, exec_id: str) -> Report:
    import msgspec  # noqa: PLC0415

    renamed: Report = msgspec.structs.replace(report, exec_id=exec_id)
    return renamed


def _with_leaves(report: Any, leaves: Any) -> Any:
    import msgspec  # noqa: PLC0415

    return msgspec.structs.replace(report, leaves=leaves)


def _wrap(patch: pytest.MonkeyPatch, owner: type, name: str, wrong: Any) -> None:
    wrong.__wrapped__ = getattr(owner, name)
    honest = getattr(owner, name)
    patch.setattr(owner, name, wrong)
    # `wrong` reaches the honest one as Owner.name.__wrapped__
    assert getattr(owner, name).__wrapped__ is honest


ALL: tuple[Mistake, ...] = (
    timeout_taken_for_a_reject,
    blind_resend,
    submit_before_journal,
    not_found_believed_at_once,
    settle_time_without_the_processing_limit,
    not_found_after_the_time_though_asked_before,
    clock_skew_forgotten,
    duplicate_taken_for_a_reject,
    refusal_believed_against_the_stream,
    no_questions_after_restart,
    stale_orders_sent_after_restart,
    untold_reports_forgotten,
    told_again_without_97,
    told_again_under_a_new_exec_id,
    told_before_it_is_told,
    journal_numbers_start_again,
    poss_resend_placed_again,
    duplicates_known_only_while_open,
    every_fill_heard_counted,
    final_taken_for_settled,
    end_forgotten_until_said_again,
    missing_trades_not_asked_for,
    one_page_of_trades_is_all,
    fills_of_a_settled_order_dropped,
    reconnect_without_reconciliation,
    only_open_orders_asked_for,
    unknown_cancel_taken_for_a_reject,
    cancel_left_unanswered_by_the_end,
    cancel_before_acceptance_given_up,
    strangers_not_noted,
    leaves_of_an_ended_order,
)
