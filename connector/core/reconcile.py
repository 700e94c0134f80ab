"""Reconciliation of one account: open orders, each unsettled order, trades since the last known one.

It runs at start, at each reconnect of the user data stream, after each staleness alarm and periodically
(design, section 3). New orders are taken only after the first has ended.
"""

from __future__ import annotations

from collections import defaultdict

from connector.core import asking, evidence
from connector.core.answers import hold_ns
from connector.core.happenings import Answered, AskOpen, AskOrdersSince, AskTradesSince, Call
from connector.core.order import Order
from connector.core.turn import Account, Sync, Turn
from mappers.binance_requests import orders_page
from mappers.model import RefusalKind, Stated, TradesStated, VenueRefused

NS_PER_MS = 1_000_000
MANY = 20  # from here on a page of history (weight 200) is cheaper than a question each (weight 10)

SYNC, RETRY = "sync", "sync-retry"
PERIOD = "period"


def begin(turn: Turn, name: str, reason: str) -> None:
    """Reconcile the account now; once more after the one under way, if there is one."""
    account = turn.account(name)
    if account.sync is not None:
        account.sync_again = reason
        return
    expected = {
        order.client_order_id: order
        for order in turn.book.unsettled(name)
        if not turn.state.watch(order.client_order_id).in_flight
    }
    account.sync = Sync(reason=reason, awaited=set(), expected=expected)
    symbols: tuple[str | None, ...] = account.rules.isolated_symbols or (None,)
    for symbol in symbols:
        _call(turn, account, AskOpen(account=name, symbol=symbol, isolated=symbol is not None))


def answered(turn: Turn, answer: Answered) -> None:
    """Any call of the account has its outcome: if the reconciliation waits for it, go on."""
    account = turn.account(answer.call.account)
    sync = account.sync
    call, outcome = answer.call, answer.outcome
    if isinstance(call, (AskOpen, AskOrdersSince)) and isinstance(outcome, Stated):
        _hear_list(turn, account, call, outcome)
    elif isinstance(call, AskTradesSince) and isinstance(outcome, TradesStated):
        _hear_trades(turn, account, call, outcome)
    elif isinstance(call, (AskOpen, AskOrdersSince, AskTradesSince)) and not _given_up(turn, answer):
        _retry(turn, account, answer)
        return
    if sync is None or call not in sync.awaited:
        return
    sync.awaited.discard(call)  # an order's own question is asked again by its watch, whatever came of it
    _proceed(turn, account, sync)


def keep(turn: Turn, due_ns: int, kind: str, name: str) -> None:
    """An appointment has come: the period, or another try of what failed."""
    account = turn.account(name)
    if kind == SYNC and account.sync is None and account.sync_due_ns == due_ns:
        begin(turn, name, PERIOD)
    elif kind == RETRY and account.sync is not None:
        for call in sorted(account.sync.retry, key=repr):
            turn.call(call)
        account.sync.retry.clear()


def _call(turn: Turn, account: Account, call: Call) -> None:
    assert account.sync is not None
    account.sync.awaited.add(call)
    turn.call(call)


def _hear_list(turn: Turn, account: Account, call: AskOpen | AskOrdersSince, outcome: Stated) -> None:
    for statement in outcome.statements:
        if account.sync is not None:
            account.sync.expected.pop(statement.client_order_id, None)
        known = turn.book.by_venue(
            account.rules.name, statement.symbol, statement.order_id, statement.client_order_id
        )
        if known is not None or isinstance(call, AskOpen):  # history is full of what is not ours
            evidence.hear(turn, account.rules.name, statement)
    if isinstance(call, AskOrdersSince) and len(outcome.statements) >= call.limit and account.sync:
        last = max(statement.order_id for statement in outcome.statements)
        if last >= call.from_order_id:
            _call(turn, account, _history(account, call.symbol, call.isolated, last + 1))


def _hear_trades(turn: Turn, account: Account, call: AskTradesSince, outcome: TradesStated) -> None:
    for order_id, trade in outcome.trades:
        order = turn.book.at_venue(account.rules.name, call.symbol, order_id)
        if order is not None:
            evidence.hear_trade(turn, order, trade)
    if outcome.full_page and outcome.trades:
        following = AskTradesSince(
            account=call.account,
            symbol=call.symbol,
            isolated=call.isolated,
            from_id=outcome.trades[-1][1].trade_id + 1,
            limit=call.limit,
        )
        if account.sync is not None:
            _call(turn, account, following)
        else:
            turn.call(following)


def _proceed(turn: Turn, account: Account, sync: Sync) -> None:
    if sync.awaited:
        return
    if not sync.listed:
        sync.listed = True
        _ask_for_the_rest(turn, account, sync)
    elif not sync.singly:
        sync.singly = True
        _ask_singly(turn, sync)
    if not sync.awaited:
        if not sync.singly:
            _proceed(turn, account, sync)
        else:
            _finish(turn, account, sync)


def _ask_for_the_rest(turn: Turn, account: Account, sync: Sync) -> None:
    """Unsettled orders that are not open: by history where they are many; and trades we may have missed."""
    by_place: dict[tuple[str, bool], list[Order]] = defaultdict(list)
    for order in sync.expected.values():
        if not order.settled and order.order_id is not None:
            by_place[order.request.symbol, order.request.isolated].append(order)
    for (symbol, isolated), orders in by_place.items():
        if len(orders) >= MANY:
            first = min(order.order_id for order in orders if order.order_id is not None)
            _call(turn, account, _history(account, symbol, isolated, first))
    for (name, symbol), last in turn.book.last_trade_id.items():
        if name == account.rules.name:
            call = AskTradesSince(
                account=name,
                symbol=symbol,
                isolated=symbol in account.rules.isolated_symbols,
                from_id=last + 1,
                limit=account.rules.trades_request_size_limit,
            )
            _call(turn, account, call)


def _ask_singly(turn: Turn, sync: Sync) -> None:
    for order in sync.expected.values():
        if not order.settled and not turn.state.watch(order.client_order_id).in_flight:
            sync.awaited.add(asking.question(order))
            asking.ask(turn, order)


def _history(account: Account, symbol: str, isolated: bool, from_order_id: int) -> AskOrdersSince:
    return AskOrdersSince(
        account=account.rules.name,
        symbol=symbol,
        isolated=isolated,
        from_order_id=from_order_id,
        limit=orders_page(account.rules.orders_request_size_limit),
    )


def _given_up(turn: Turn, answer: Answered) -> bool:
    """A question the venue will never answer (no such symbol any more) must not hold the account for ever."""
    outcome = answer.outcome
    if isinstance(outcome, VenueRefused) and outcome.kind is RefusalKind.FINAL:
        turn.note("error", "question_refused", account=answer.call.account, text=outcome.refusal.text)
        return True
    return False


def _retry(turn: Turn, account: Account, answer: Answered) -> None:
    sync = account.sync
    if sync is None:
        return  # a further page of one order's trades: that order asks again itself
    wait = asking.delay_ns(sync.retries)
    if isinstance(answer.outcome, VenueRefused) and answer.outcome.kind is RefusalKind.BACK_OFF:
        wait = max(wait, hold_ns(turn, account.rules.name, answer.outcome))
    sync.retries += 1
    sync.retry.add(answer.call)
    turn.note(
        "warning",
        "reconcile_retry",
        account=account.rules.name,
        call=type(answer.call).__name__,
        outcome=repr(answer.outcome),
    )
    turn.state.schedule(turn.now_ns + wait, RETRY, account.rules.name)


def _finish(turn: Turn, account: Account, sync: Sync) -> None:
    name = account.rules.name
    account.sync = None
    first, account.ready = not account.ready, True
    if sync.reason != PERIOD:  # each minute of every quiet day is no milestone
        turn.note("info", "reconciled", account=name, reason=sync.reason, first=first)
    again, account.sync_again = account.sync_again, None
    if again is not None:
        begin(turn, name, again)
        return
    account.sync_due_ns = turn.now_ns + account.rules.reconcile_interval_ms * NS_PER_MS
    turn.state.schedule(account.sync_due_ns, SYNC, name)
