"""What the venue's statements make true: statement + order -> facts.

Statements come by reply, stream and reconciliation, late, repeated and in any order. What they say of
acceptance, of executed quantity and of the end only ever moves an order forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connector.core import asking
from connector.core.order import Life, Order
from connector.core.records import Accepted, CancelFailed, Ended, EndStated, Foreign, Traded
from connector.core.turn import Turn
from mappers.decimals import short
from mappers.model import EXACT, OrderStatement, Refusal, Trade, VenueStatus, plain

TOO_LATE_TO_CANCEL = 0  # CxlRejReason(102)
DUPLICATE = 6  # OrdRejReason(103)
OTHER = 99  # OrdRejReason(103)

END: Mapping[VenueStatus, Life] = {
    VenueStatus.FILLED: Life.FILLED,
    VenueStatus.CANCELED: Life.CANCELED,
    VenueStatus.EXPIRED: Life.EXPIRED,
    VenueStatus.EXPIRED_IN_MATCH: Life.EXPIRED,  # self-trade prevention
    VenueStatus.REJECTED: Life.REJECTED,
}


def hear(turn: Turn, account: str, statement: OrderStatement) -> None:
    """Take one statement of the venue about any order."""
    order = turn.book.by_venue(account, statement.symbol, statement.order_id, statement.client_order_id)
    if order is None:
        _foreign(turn, account, statement)
    elif order.order_id is None and not _is_what_was_asked(order, statement):
        _impostor(turn, order, statement)
    else:
        _take(turn, order, statement)


def hear_trade(turn: Turn, order: Order, trade: Trade) -> None:
    """Take one execution found in the venue's trade list; its order has been accepted."""
    _count(turn, order, trade, completes=_fills(order, trade))
    _conclude(turn, order, trade.time_ms)


def reject(
    turn: Turn, order: Order, refusal: Refusal, *, time_ms: int = 0, order_id: int | None = None
) -> None:
    """It did not happen: the order's one terminal report, and its cancel's answer."""
    _end(turn, order, Life.REJECTED, time_ms, refusal=refusal, order_id=order_id)
    tidy(turn, order)


def _take(turn: Turn, order: Order, statement: OrderStatement) -> None:
    end = END.get(statement.status)
    if order.order_id is None:
        if end is Life.REJECTED and not statement.executed and not statement.trades:
            if not order.settled:
                _rejected(turn, order, statement)
            return
        _accept(turn, order, statement)
    for trade in sorted(statement.trades, key=lambda trade: trade.trade_id):
        if trade.commission is not None:  # else the fee is still to come: by stream, or when asked (P5)
            _count(turn, order, trade, completes=_fills(order, trade, statement))
    executed = statement.executed
    if end is not None and not order.settled:
        if executed is None:
            asking.ask(turn, order)
        else:
            traded = executed > 0 or order.cum > 0
            life = Life.EXPIRED if end is Life.REJECTED and traded else end
            _state_end(turn, order, statement, life)
    if executed is not None and executed > order.cum:
        asking.ask_trades_soon(turn, order, executed)
    _conclude(turn, order, statement.time_ms)


def _is_what_was_asked(order: Order, statement: OrderStatement) -> bool:
    """Whether an order first heard of has the terms we sent: its client id alone may be another program's."""
    request = order.request
    return (
        statement.side in (None, request.side)
        and statement.type in (None, request.type)
        and (request.quantity is None or statement.quantity in (None, request.quantity))
        and (request.price is None or not statement.price or statement.price == request.price)
    )


def _impostor(turn: Turn, order: Order, statement: OrderStatement) -> None:
    """Our client order id is carried by an order we did not send: a lost journal, or no prefix of our own."""
    turn.note("error", "client_order_id_in_use", **{**order.names, "order_id": statement.order_id})
    _foreign(turn, order.request.account, statement)
    refusal = turn.state.watch(order.client_order_id).duplicate
    if refusal is not None and not order.settled:  # the venue refused ours because of it
        text = f"{refusal.text}: {order.client_order_id} is another order's (set clientOrderIdPrefix)"
        reject(turn, order, Refusal(text=text, reason=DUPLICATE, venue_code=refusal.venue_code))


def _rejected(turn: Turn, order: Order, statement: OrderStatement) -> None:
    """The first we hear is REJECTED. Its orderId is kept: an older NEW on its way must not bring it back."""
    refusal = Refusal(text=statement.reason or "rejected by the venue", reason=OTHER)
    reject(turn, order, refusal, time_ms=statement.time_ms, order_id=statement.order_id)


def _accept(turn: Turn, order: Order, statement: OrderStatement) -> None:
    if order.life is Life.REJECTED:
        names = {**order.names, "order_id": statement.order_id}
        turn.note("error", "rejected_order_is_at_the_venue", **names)
    turn.fact(
        Accepted(
            account=order.request.account,
            client_order_id=order.client_order_id,
            order_id=statement.order_id,
            time_ms=statement.time_ms or turn.now_ms,
            quantity=statement.quantity if order.request.quantity is None and statement.quantity else None,
        )
    )


def _fills(order: Order, trade: Trade, statement: OrderStatement | None = None) -> bool:
    """Whether `trade`, not counted yet, is the order's last.

    The venue's size of a CashOrderQty(152) order is an estimate until it is filled: only FILLED completes it.
    """
    cum = EXACT.add(order.cum, trade.quantity)
    if order.request.quantity is not None and cum >= order.request.quantity:
        return True
    if statement is not None and statement.status is VenueStatus.FILLED:
        return statement.executed is not None and cum >= statement.executed
    end = order.stated_end
    return end is not None and end.life is Life.FILLED and cum >= end.executed


def _count(turn: Turn, order: Order, trade: Trade, *, completes: bool) -> None:
    if trade.trade_id in order.trade_ids:
        return
    if order.settled:
        turn.note("error", "fill_after_the_end", **order.names, life=order.life, trade_id=trade.trade_id)
    request = order.request
    turn.fact(
        Traded(
            account=request.account,
            client_order_id=order.client_order_id,
            trade=trade,
            completes=completes,
        )
    )
    if request.quantity is not None and order.cum > request.quantity:
        turn.note(
            "error", "overfilled", **order.names, cum=plain(order.cum), quantity=plain(request.quantity)
        )


def _state_end(turn: Turn, order: Order, statement: OrderStatement, life: Life) -> None:
    """The venue says it is over; believed at once when our sums agree, else remembered until they do (P6)."""
    executed = statement.executed
    assert executed is not None
    if executed <= order.cum:
        _end(turn, order, life, statement.time_ms, reason=_reason(statement))
    elif order.stated_end is None or order.stated_end.executed < executed:
        turn.fact(
            EndStated(
                account=order.request.account,
                client_order_id=order.client_order_id,
                life=life,
                executed=executed,
                reason=_reason(statement),
            )
        )


def _conclude(turn: Turn, order: Order, time_ms: int) -> None:
    """After new facts: settle what can be settled, then look after what is left."""
    end = order.stated_end
    if end is not None and not order.settled and order.cum >= end.executed:
        _end(turn, order, end.life, time_ms, reason=end.reason)
    tidy(turn, order)


def _end(
    turn: Turn,
    order: Order,
    life: Life,
    time_ms: int,
    *,
    refusal: Refusal | None = None,
    reason: str | None = None,
    order_id: int | None = None,
) -> None:
    turn.fact(
        Ended(
            account=order.request.account,
            client_order_id=order.client_order_id,
            life=life,
            time_ms=time_ms or turn.now_ms,
            refusal=refusal,
            reason=reason,
            order_id=order_id,
        )
    )


def tidy(turn: Turn, order: Order) -> None:
    """A settled order needs no watch, and its cancel an answer; an open one with a cancel wants it done."""
    if not order.settled:
        asking.pursue_cancel(turn, order)
        return
    if order.cancel is not None:
        refuse_cancel(turn, order, Refusal(text=f"the order is {order.life}", reason=TOO_LATE_TO_CANCEL))
    watch = turn.state.watches.get(order.client_order_id)
    if watch is not None and order.cum >= watch.executed:
        del turn.state.watches[order.client_order_id]


def refuse_cancel(turn: Turn, order: Order, refusal: Refusal) -> None:
    """The pending cancel will not happen."""
    assert order.cancel is not None
    turn.fact(
        CancelFailed(
            account=order.request.account,
            client_order_id=order.client_order_id,
            cancel_client_id=order.cancel.cancel_client_id,
            refusal=refusal,
            time_ms=turn.now_ms,
        )
    )


def _reason(statement: OrderStatement) -> str | None:
    """Text(58) of an end: what the venue says beyond the status, and what self-trade prevention took."""
    parts = []
    if statement.status is VenueStatus.EXPIRED_IN_MATCH:
        parts.append("EXPIRED_IN_MATCH: self-trade prevention")
    prevented = _prevented(statement)
    if prevented:
        parts.append(f"prevented quantity {short(prevented)}")
    if statement.reason:
        parts.append(statement.reason)
    return "; ".join(parts) or None


def _prevented(statement: OrderStatement) -> Decimal | None:
    """What self-trade prevention took. Replies need not say it: it ends an order by taking all its rest."""
    prevention = statement.status is VenueStatus.EXPIRED_IN_MATCH
    if statement.prevented_quantity is not None or not prevention:
        return statement.prevented_quantity
    if statement.quantity is None or statement.executed is None:
        return None
    return EXACT.subtract(statement.quantity, statement.executed)


def _foreign(turn: Turn, account: str, statement: OrderStatement) -> None:
    """Nobody's order: the operator is told once of each of its statuses (P7)."""
    seen = turn.account(account).foreign_seen
    mark = (statement.symbol, statement.order_id, statement.status)
    if mark in seen:
        return
    seen.add(mark)
    turn.fact(Foreign(account=account, statement=statement))
    turn.note(
        "warning",
        "foreign_order",
        account=account,
        symbol=statement.symbol,
        order_id=statement.order_id,
        client_order_id=statement.client_order_id,
        status=statement.status,
        executed=None if statement.executed is None else f"{statement.executed:f}",
    )
