"""What an OMS asks for becomes a fact and a call, or a refusal that names its reason.

Repetition (FIX 4.4, Appendix D, F.1.b): a ClOrdID(11) used before is refused, OrdRejReason(103)=6; the
same with PossResend(97)=Y or PossDupFlag(43)=Y is answered by the order's status (150=I), or by the same
OrderCancelReject(9) again, and never placed again (P3). An order whose ClOrdID was a cancel's, or the other
way round, is no repetition.
"""

from __future__ import annotations

from connector.core import asking, telling
from connector.core.book import Named
from connector.core.happenings import Submit
from connector.core.order import Order
from connector.core.records import CancelRefused, CancelRequested, Refused, Requested
from connector.core.turn import Account, Turn
from mappers import instruments
from mappers.ids import IdError
from mappers.model import (
    CancelOrder,
    NewOrder,
    Received,
    Refusal,
    RefusedCancel,
    RefusedMessage,
    RefusedOrder,
    StatusRequest,
)
from mappers.reports import BusinessReject, OrdStatus

DUPLICATE = 6  # OrdRejReason(103) and CxlRejReason(102)
BROKER_OPTION, TOO_LATE_TO_ENTER = 0, 4  # OrdRejReason(103)
OTHER = 99
TOO_LATE, UNKNOWN_ORDER, ALREADY_PENDING = 0, 1, 3  # CxlRejReason(102)


def take(turn: Turn, received: Received) -> None:
    """Deal with one application message of an OMS."""
    message = received.message
    if isinstance(message, RefusedMessage):
        turn.tell(BusinessReject(message=message))
    elif isinstance(message, StatusRequest):
        _status(turn, message)
    else:
        known = turn.book.known(message.session, message.source_id, message.cl_ord_id)
        if (received.poss_dup or received.poss_resend) and _repeats(message, known):
            _status_of(turn, known)
        elif isinstance(message, (NewOrder, RefusedOrder)):
            _order(turn, message, known, _stale(turn, received))
        else:
            _cancel(turn, message, known)


def _repeats(message: NewOrder | RefusedOrder | CancelOrder | RefusedCancel, known: Named | None) -> bool:
    if isinstance(message, (NewOrder, RefusedOrder)):
        return isinstance(known, (Order, Refused))
    return isinstance(known, (CancelRequested, CancelRefused))


# -- NewOrderSingle -------------------------------------------------------------------------------


def _stale(turn: Turn, received: Received) -> Refusal | None:
    """An order that was long on its way is not as if it came now: the market has moved on (fault 11)."""
    sent_ms, message = received.first_sent_ms, received.message
    if sent_ms is None or not isinstance(message, NewOrder) or message.account not in turn.state.accounts:
        return None
    age_ms = turn.now_ms - sent_ms
    limit_ms = turn.account(message.account).rules.stale_order_age_ms
    if abs(age_ms) <= limit_ms:
        return None
    tag = "OrigSendingTime(122)" if received.poss_dup else "SendingTime(52)"
    where = f"{age_ms // 1000} s old" if age_ms > 0 else f"{-age_ms // 1000} s ahead of our clock"
    text = f"{tag} is {where}, staleOrderAge is {limit_ms // 1000} s: the order was not sent"
    return Refusal(text=text, reason=TOO_LATE_TO_ENTER)


def _order(
    turn: Turn, order: NewOrder | RefusedOrder, known: Named | None, stale: Refusal | None = None
) -> None:
    if known is not None:
        _refuse_duplicate(turn, order, known)
    elif stale is not None:
        turn.fact(Refused(account=order.account, order=order, refusal=stale))
    elif isinstance(order, RefusedOrder):
        turn.fact(Refused(account=order.account, order=order, refusal=order.refusal))
    else:
        _new_order(turn, order)


def _refuse_duplicate(turn: Turn, order: NewOrder | RefusedOrder, known: Named) -> None:
    first = known if isinstance(known, Order) else None
    turn.fact(
        Refused(
            account=order.account,
            order=order,
            refusal=Refusal(
                text=f"ClOrdID(11)={order.cl_ord_id}: used before in this session", reason=DUPLICATE
            ),
            duplicate=True,
            ord_status=first.ord_status if first else OrdStatus.REJECTED,
            order_id=first.order_id if first else None,
        )
    )


def _new_order(turn: Turn, order: NewOrder) -> None:
    account = turn.account(order.account)
    refusal = _not_now(turn, account) or instruments.check(
        order, (account.instruments or {}).get(order.symbol)
    )
    client_order_id = ""
    if refusal is None:
        try:
            client_order_id = account.rules.ids.order_id(turn.position, order.source_id, order.cl_ord_id)
        except IdError as error:
            refusal = Refusal(text=str(error), reason=OTHER)
    if refusal is None and client_order_id in turn.book.orders:
        text = f"ClOrdID(11)={order.cl_ord_id}: client order id {client_order_id} was used before"
        refusal = Refusal(text=text, reason=DUPLICATE)
    if refusal is not None:
        turn.fact(Refused(account=order.account, order=order, refusal=refusal))
        return
    turn.fact(Requested(account=order.account, client_order_id=client_order_id, order=order))
    turn.state.watch(client_order_id).in_flight = True
    turn.call(Submit(account=order.account, client_order_id=client_order_id, order=order))


def _not_now(turn: Turn, account: Account) -> Refusal | None:
    """Refused at once rather than kept waiting (reference, fault 22)."""
    name = account.rules.name
    if turn.state.closing:
        return Refusal(text="the connector is stopping, the order was not sent", reason=BROKER_OPTION)
    if turn.state.held is not None:
        return Refusal(text=f"{turn.state.held}: the order was not sent", reason=BROKER_OPTION)
    if not account.open:
        text = f"Account(1)={name}: not open for orders yet, the venue's state is still being asked for"
        return Refusal(text=text, reason=BROKER_OPTION)
    wait = account.back_off.wait_ms(turn.now_ns)
    if wait:
        text = f"Account(1)={name}: rate limit, Binance asked to wait {wait} ms more"
        return Refusal(text=text, reason=BROKER_OPTION)
    return None


# -- OrderCancelRequest ---------------------------------------------------------------------------


def _cancel(turn: Turn, cancel: CancelOrder | RefusedCancel, known: Named | None) -> None:
    order = turn.book.find(cancel.session, cancel.source_id, cancel.orig_cl_ord_id)
    if known is not None:
        text = f"ClOrdID(11)={cancel.cl_ord_id}: used before in this session"
        _refuse_cancel(turn, cancel, order, Refusal(text=text, reason=DUPLICATE), duplicate=True)
        return
    if isinstance(cancel, RefusedCancel):
        _refuse_cancel(turn, cancel, order, cancel.refusal)
        return
    refusal = _cannot_cancel(turn, cancel, order)
    if refusal is not None or order is None:
        assert refusal is not None
        _refuse_cancel(turn, cancel, order, refusal)
        return
    account = turn.account(order.request.account)
    cancel_id = account.rules.ids.cancel_id(turn.position, cancel.source_id, cancel.cl_ord_id)
    turn.fact(
        CancelRequested(
            account=order.request.account,
            client_order_id=order.client_order_id,
            cancel_client_id=cancel_id,
            cancel=cancel,
        )
    )
    turn.state.watch(order.client_order_id).cancels = 0
    asking.pursue_cancel(turn, order)


def _cannot_cancel(turn: Turn, cancel: CancelOrder, order: Order | None) -> Refusal | None:
    if order is None:
        text = f"OrigClOrdID(41)={cancel.orig_cl_ord_id}: no such order in this session"
        return Refusal(text=text, reason=UNKNOWN_ORDER)
    mismatch = _names_another(cancel, order)
    if mismatch is not None:
        return mismatch
    if order.settled:
        return Refusal(text=f"too late to cancel: the order is {order.life}", reason=TOO_LATE)
    if order.cancel is not None:
        pending = order.cancel.cancel.cl_ord_id
        return Refusal(text=f"already being cancelled by ClOrdID(11)={pending}", reason=ALREADY_PENDING)
    if order.request.account not in turn.state.accounts:
        text = f"Account(1)={order.request.account}: no longer configured, the venue cannot be asked"
        return Refusal(text=text, reason=OTHER)
    return None


def _names_another(cancel: CancelOrder, order: Order) -> Refusal | None:
    """The request names an order by OrigClOrdID(41) and contradicts itself elsewhere."""
    request = order.request
    venue_id = telling.venue_order_id(order.order_id)
    if cancel.order_id is not None and order.order_id is not None and cancel.order_id != venue_id:
        text = f"OrderID(37)={cancel.order_id}: OrigClOrdID(41)={cancel.orig_cl_ord_id} is OrderID {venue_id}"
        return Refusal(text=text, reason=UNKNOWN_ORDER)
    if cancel.symbol != request.symbol:
        text = f"Symbol(55)={cancel.symbol}: the order to cancel is in {request.symbol}"
        return Refusal(text=text, reason=OTHER)
    if cancel.side != request.side:
        text = f"Side(54)={cancel.side}: the order to cancel is a {request.side}"
        return Refusal(text=text, reason=OTHER)
    return None


def _refuse_cancel(
    turn: Turn,
    cancel: CancelOrder | RefusedCancel,
    order: Order | None,
    refusal: Refusal,
    *,
    duplicate: bool = False,
) -> None:
    turn.fact(
        CancelRefused(
            account=order.request.account if order else "",
            cancel=cancel,
            refusal=refusal,
            duplicate=duplicate,
            ord_status=order.ord_status if order else OrdStatus.REJECTED,
            order_id=order.order_id if order else None,
        )
    )


# -- status ---------------------------------------------------------------------------------------


def _status(turn: Turn, request: StatusRequest) -> None:
    known: Named | None = turn.book.known(request.session, request.source_id, request.cl_ord_id)
    if isinstance(known, CancelRefused):  # a status is the order's, also by the name of its cancel
        known = turn.book.find(request.session, request.source_id, known.cancel.orig_cl_ord_id)
    if known is None:
        turn.tell(telling.status_of_unknown(request, turn.now_ns))
    else:
        _status_of(turn, known, request.status_req_id)


def _status_of(turn: Turn, known: Named | None, status_req_id: str | None = None) -> None:
    """150=I for the order a ClOrdID(11) belongs to, as order or as its cancel."""
    if isinstance(known, CancelRequested):
        known = turn.book.orders[known.client_order_id]
    if isinstance(known, Order):
        turn.tell(telling.status(known, turn.now_ns, status_req_id))
    elif isinstance(known, Refused):
        turn.tell(telling.status_of_refused(known.order, known.refusal, turn.now_ns, status_req_id))
    else:
        assert isinstance(known, CancelRefused)
        turn.tell(telling.cancel_refused(known, turn.now_ms, poss_resend=True))
