"""What the outcome of each call lets us conclude: happened, did not happen, unknown (P4)."""

from __future__ import annotations

from connector.core import asking, evidence
from connector.core.happenings import Answered, AskOrder, AskTrades, AskTradesSince, Cancel, Submit
from connector.core.order import Life, Order
from connector.core.turn import Turn
from mappers.model import Outcome, OutcomeUnknown, Refusal, RefusalKind, Stated, TradesStated, VenueRefused

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
VANISHED_RECHECK_NS = 60 * NS_PER_S
OTHER = 99  # OrdRejReason(103) and CxlRejReason(102): other
BROKER_OPTION = 2  # CxlRejReason(102)


def submit_answered(turn: Turn, answered: Answered, call: Submit) -> None:
    """A Submit has its outcome. Only a refusal for the clock lets the order leave a second time (P3)."""
    order = turn.book.orders[call.client_order_id]
    watch = turn.state.watch(call.client_order_id)
    watch.in_flight = False
    outcome = answered.outcome
    if isinstance(outcome, Stated):
        for statement in outcome.statements:
            evidence.hear(turn, call.account, statement)
        if order.life is Life.PENDING_NEW:
            asking.doubt(turn, order, "the reply does not speak of this order", answered.sent_ns)
    elif order.order_id is not None or order.settled:
        _contradicted(turn, order, outcome)
    elif isinstance(outcome, VenueRefused):
        _submit_refused(turn, order, outcome, call, answered.sent_ns)
    else:
        asking.doubt(turn, order, cause(outcome), answered.sent_ns)
    forget_if_settled(turn, order)


def _submit_refused(turn: Turn, order: Order, outcome: VenueRefused, call: Submit, sent_ns: int) -> None:
    watch = turn.state.watch(order.client_order_id)
    if outcome.kind is RefusalKind.DUPLICATE:
        watch.duplicate = outcome.refusal
        asking.doubt(turn, order, outcome.refusal.text, sent_ns)
        return
    if outcome.kind is RefusalKind.CLOCK and not watch.clock_retried:
        watch.clock_retried = watch.in_flight = True
        turn.note("warning", "clock_refused", **order.names, text=outcome.refusal.text)
        turn.call(
            Submit(
                account=call.account,
                client_order_id=call.client_order_id,
                order=call.order,
                measure_clock=True,
            )
        )
        return
    if outcome.kind is RefusalKind.BACK_OFF:
        turn.account(call.account).back_off.refused(outcome, turn.now_ns)
    evidence.reject(turn, order, outcome.refusal)


def _contradicted(turn: Turn, order: Order, outcome: Outcome) -> None:
    """The stream has shown the order, or its refusal; a reply that says otherwise is answered by asking."""
    agrees = order.life is Life.REJECTED
    if isinstance(outcome, VenueRefused) and outcome.kind is not RefusalKind.DUPLICATE and not agrees:
        turn.note("error", "reply_contradicts_stream", **order.names, text=outcome.refusal.text)
    if not order.settled:
        asking.ask(turn, order)


def order_answered(turn: Turn, answered: Answered, call: AskOrder) -> None:
    """An AskOrder has its outcome."""
    order = turn.book.orders[call.client_order_id]
    watch = turn.state.watch(call.client_order_id)
    watch.asking = False
    outcome = answered.outcome
    if isinstance(outcome, Stated):
        for statement in outcome.statements:
            evidence.hear(turn, call.account, statement)
        if order.life is not Life.PENDING_NEW:
            watch.asked = 0
        elif not watch.in_flight:  # another's order under our id: asked less and less often
            asking.ask_later(turn, order)
    elif order.settled:
        pass
    elif isinstance(outcome, VenueRefused) and outcome.kind is RefusalKind.NOT_FOUND:
        _not_found(turn, order, answered.sent_ns)
    elif isinstance(outcome, VenueRefused) and outcome.kind is RefusalKind.BACK_OFF:
        asking.ask_later(turn, order, hold_ns(turn, call.account, outcome))
    else:
        if isinstance(outcome, VenueRefused) and outcome.kind in (RefusalKind.FINAL, RefusalKind.KEY):
            turn.note("error", "question_refused", **order.names, text=outcome.refusal.text)
        asking.ask_later(turn, order)
    forget_if_settled(turn, order)


def _not_found(turn: Turn, order: Order, sent_ns: int) -> None:
    """-2013: proof only for an order not yet seen, and only if asked after the last byte could still act."""
    watch = turn.state.watch(order.client_order_id)
    if order.life is not Life.PENDING_NEW:
        turn.note("error", "order_vanished", **order.names, life=order.life)
        asking.ask_later(turn, order, VANISHED_RECHECK_NS)
        return
    if watch.in_flight:
        return  # its own answer is still to come
    settles = asking.settles_ns(turn, order)
    if settles is not None and sent_ns >= settles:
        text = "never reached the venue: not known there after recvWindow and processing time had passed"
        evidence.reject(turn, order, Refusal(text=text, reason=OTHER))
    elif settles is not None and turn.now_ns >= settles:
        asking.ask_later(turn, order, asking.delay_ns(0))  # the next answer is proof
    else:
        asking.ask_later(turn, order)


def trades_answered(turn: Turn, answered: Answered, call: AskTrades) -> None:
    """An AskTrades has its outcome; what is still missing is asked for again."""
    order = turn.book.orders[call.client_order_id]
    watch = turn.state.watch(call.client_order_id)
    watch.asking_trades = False
    outcome = answered.outcome
    if isinstance(outcome, TradesStated):
        before = order.cum
        _hear_own_trades(turn, order, outcome)
        if order.cum > before:
            watch.asked_trades = 0
        if outcome.full_page and order.cum < watch.executed:
            _ask_next_page(turn, call, outcome)
    if order.cum < watch.executed:
        wait = asking.delay_ns(watch.asked_trades)
        if isinstance(outcome, VenueRefused) and outcome.kind is RefusalKind.BACK_OFF:
            wait = max(wait, hold_ns(turn, call.account, outcome))
        watch.asked_trades += 1
        turn.state.watches[call.client_order_id] = watch
        asking.ask_trades_at(turn, order, turn.now_ns + wait)
    else:
        forget_if_settled(turn, order)


def _hear_own_trades(turn: Turn, order: Order, outcome: TradesStated) -> None:
    for order_id, trade in outcome.trades:
        if order_id == order.order_id:
            evidence.hear_trade(turn, order, trade)


def _ask_next_page(turn: Turn, call: AskTrades, outcome: TradesStated) -> None:
    """More executions than one page: go on by trade id, the list then holds other orders' trades too."""
    rules = turn.account(call.account).rules
    turn.call(
        AskTradesSince(
            account=call.account,
            symbol=call.symbol,
            isolated=call.isolated,
            from_id=outcome.trades[-1][1].trade_id + 1,
            limit=rules.trades_request_size_limit,
        )
    )


def cancel_answered(turn: Turn, answered: Answered, call: Cancel) -> None:
    """A Cancel has its outcome."""
    order = turn.book.orders[call.client_order_id]
    outcome = answered.outcome
    if isinstance(outcome, Stated):
        for statement in outcome.statements:
            evidence.hear(turn, call.account, statement)
    watch = turn.state.watch(call.client_order_id)
    watch.canceling = False
    if order.settled or order.cancel is None or order.stated_end is not None:
        pass  # the order's end answers the cancel
    elif isinstance(outcome, VenueRefused):
        _cancel_refused(turn, order, outcome)
    else:  # unknown, or a success that does not say the order is over
        asking.cancel_later(turn, order, asking.delay_ns(watch.cancels))
        asking.ask(turn, order)
    forget_if_settled(turn, order)


def _cancel_refused(turn: Turn, order: Order, outcome: VenueRefused) -> None:
    watch = turn.state.watch(order.client_order_id)
    if outcome.kind is RefusalKind.NOT_OPEN:
        # Finished, or not there yet: its state tells. If it is open after all, the cancel goes out again.
        if not watch.in_flight:
            asking.cancel_later(turn, order, asking.delay_ns(watch.cancels))
            asking.ask(turn, order)
    elif outcome.kind is RefusalKind.BACK_OFF:
        wait = hold_ns(turn, order.request.account, outcome)
        asking.cancel_later(turn, order, max(wait, asking.delay_ns(0)))
    elif outcome.kind is RefusalKind.UNREACHED:
        asking.cancel_later(turn, order, asking.delay_ns(watch.cancels))
    elif outcome.kind is RefusalKind.CLOCK and watch.cancels <= 1:
        asking.send_cancel(turn, order, measure_clock=True)
    elif outcome.kind is RefusalKind.CLOCK:  # an earlier try may still act: a refusal now could be a lie
        asking.cancel_later(turn, order, asking.delay_ns(watch.cancels))
    else:
        turn.note("error", "cancel_refused", **order.names, text=outcome.refusal.text)
        refusal = outcome.refusal
        evidence.refuse_cancel(
            turn,
            order,
            Refusal(text=refusal.text, reason=BROKER_OPTION, venue_code=refusal.venue_code),
        )


def hold_ns(turn: Turn, account: str, outcome: VenueRefused) -> int:
    """The venue said wait: how long, ns."""
    back_off = turn.account(account).back_off
    back_off.refused(outcome, turn.now_ns)
    return back_off.wait_ms(turn.now_ns) * NS_PER_MS


def cause(outcome: Outcome) -> str:
    """Why an outcome is not known, in words for Text(58)."""
    return outcome.cause if isinstance(outcome, OutcomeUnknown) else f"unexpected {type(outcome).__name__}"


def forget_if_settled(turn: Turn, order: Order) -> None:
    """A settled order needs no watch; one whose late trades are being asked for does."""
    watch = turn.state.watches.get(order.client_order_id)
    if watch is not None and order.settled and order.cum >= watch.executed:
        del turn.state.watches[order.client_order_id]
