"""What we ask of the venue about one order, and when: its state, its trades, its cancel.

Nothing here places an order. Questions and cancels may be repeated without harm; each is out at most once
at a time for one order, and repeats wait longer and longer.
"""

from __future__ import annotations

from decimal import Decimal

from connector.core.happenings import AskOrder, AskTrades, Cancel
from connector.core.order import Life, Order
from connector.core.records import Doubted
from connector.core.turn import Turn

NS_PER_MS = 1_000_000
DELAYS_MS = (250, 500, 1_000, 2_000, 3_000, 5_000)
HEARSAY_MS = 200  # a trade counted but not heard is usually on its way by stream: wait before asking

ASK, TRADES, CANCEL = "ask", "trades", "cancel"


def delay_ns(attempt: int) -> int:
    """How long to wait before attempt number `attempt` + 1."""
    return DELAYS_MS[min(attempt, len(DELAYS_MS) - 1)] * NS_PER_MS


def doubt(turn: Turn, order: Order, cause: str, sent_ns: int) -> None:
    """Whether the order arrived is unknown: remember until when it may, and ask (P4)."""
    account = turn.account(order.request.account)
    watch = turn.state.watch(order.client_order_id)
    watch.settle_ns = sent_ns + account.rules.settle_ms * NS_PER_MS
    if order.life is Life.PENDING_NEW:
        if not order.doubted:
            turn.fact(
                Doubted(account=order.request.account, client_order_id=order.client_order_id, cause=cause)
            )
        turn.note("warning", "outcome_unknown", **order.names, cause=cause)
    ask(turn, order)


def settles_ns(turn: Turn, order: Order) -> int | None:
    """From when on "no such order" is proof (P4); None: nothing is in doubt.

    The clock's share is added when it matters: after a restart the skew is measured later than the doubt.
    """
    watch = turn.state.watch(order.client_order_id)
    if watch.settle_ns is None:
        return None
    return watch.settle_ns + turn.account(order.request.account).skew_ms * NS_PER_MS


def question(order: Order) -> AskOrder:
    """The question for one order's state."""
    request = order.request
    return AskOrder(
        account=request.account,
        symbol=request.symbol,
        isolated=request.isolated,
        client_order_id=order.client_order_id,
    )


def ask(turn: Turn, order: Order) -> None:
    """Ask for the order's state now, unless the question is out."""
    watch = turn.state.watch(order.client_order_id)
    if not watch.asking:
        watch.asking, watch.ask_at = True, None
        turn.call(question(order))


def ask_later(turn: Turn, order: Order, wait_ns: int | None = None) -> None:
    """Ask again after `wait_ns`, or after the usual growing delay."""
    watch = turn.state.watch(order.client_order_id)
    due = turn.now_ns + (delay_ns(watch.asked) if wait_ns is None else wait_ns)
    settles = settles_ns(turn, order)
    if wait_ns is None and settles is not None and turn.now_ns < settles < due:
        due = settles  # the first question whose "no" counts
    watch.asked += 1
    watch.ask_at = due
    turn.state.schedule(due, ASK, order.client_order_id)


def ask_trades_soon(turn: Turn, order: Order, executed: Decimal) -> None:
    """The venue counts `executed`, more than we heard: give the stream a moment, then ask."""
    watch = turn.state.watch(order.client_order_id)
    watch.executed = max(watch.executed, executed)
    if not watch.asking_trades and watch.trades_at is None:
        ask_trades_at(turn, order, turn.now_ns + HEARSAY_MS * NS_PER_MS)


def ask_trades_at(turn: Turn, order: Order, due_ns: int) -> None:
    """Ask for the order's trades at `due_ns`, if they are still missing then."""
    turn.state.watch(order.client_order_id).trades_at = due_ns
    turn.state.schedule(due_ns, TRADES, order.client_order_id)


def pursue_cancel(turn: Turn, order: Order, *, again: bool = False) -> None:
    """An open order with a pending cancel: send it, unless it is out or waits its turn.

    An order still in flight or in doubt gets its cancel too: the venue refuses one that comes first
    (-2011), and the order's acceptance brings us back here. One whose end is stated waits for its trades.
    """
    if order.cancel is None or order.settled or order.stated_end is not None:
        return
    watch = turn.state.watch(order.client_order_id)
    if watch.canceling or watch.cancel_at is not None:
        return
    if order.life is Life.PENDING_NEW and watch.cancels and not again:
        return  # tried while not seen yet: acceptance comes first
    send_cancel(turn, order)


def send_cancel(turn: Turn, order: Order, *, measure_clock: bool = False) -> None:
    """Let the cancel leave now."""
    assert order.cancel is not None
    watch = turn.state.watch(order.client_order_id)
    watch.canceling, watch.cancel_at = True, None
    watch.cancels += 1
    request = order.request
    turn.call(
        Cancel(
            account=request.account,
            symbol=request.symbol,
            isolated=request.isolated,
            client_order_id=order.client_order_id,
            cancel_client_id=order.cancel.cancel_client_id,
            order_id=order.order_id,
            measure_clock=measure_clock,
        )
    )


def cancel_later(turn: Turn, order: Order, wait_ns: int) -> None:
    """Send the cancel again after `wait_ns`, if it is still wanted then."""
    watch = turn.state.watch(order.client_order_id)
    watch.cancel_at = turn.now_ns + wait_ns
    turn.state.schedule(watch.cancel_at, CANCEL, order.client_order_id)


def keep(turn: Turn, due_ns: int, kind: str, client_order_id: str) -> None:
    """An appointment has come; it holds only if the watch still carries it."""
    watch = turn.state.watches.get(client_order_id)
    if watch is None:
        return
    order = turn.book.orders[client_order_id]
    if kind == ASK and watch.ask_at == due_ns:
        ask(turn, order)
    elif kind == TRADES and watch.trades_at == due_ns:
        watch.trades_at = None
        if order.cum < watch.executed:
            _ask_trades(turn, order)
    elif kind == CANCEL and watch.cancel_at == due_ns:
        watch.cancel_at = None
        pursue_cancel(turn, order, again=True)


def _ask_trades(turn: Turn, order: Order) -> None:
    watch = turn.state.watch(order.client_order_id)
    if watch.asking_trades or order.order_id is None:
        return
    watch.asking_trades = True
    request = order.request
    turn.call(
        AskTrades(
            account=request.account,
            symbol=request.symbol,
            isolated=request.isolated,
            client_order_id=order.client_order_id,
            order_id=order.order_id,
        )
    )
