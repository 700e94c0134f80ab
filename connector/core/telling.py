"""What each fact makes us tell the OMS: entry + order -> report. Values only; `mappers.fix` writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.core.order import FINAL, Life, Order, PendingCancel
from connector.core.records import CancelFailed, CancelRefused, Ended, Entry, Refused
from mappers.model import NewOrder, Refusal, RefusedOrder, StatusRequest, Trade
from mappers.reports import (
    STATUS_EXEC_ID,
    UNKNOWN_ORDER_ID,
    CancelReject,
    ExecType,
    ExecutionReport,
    OrdStatus,
)

NS_PER_MS = 1_000_000
UNKNOWN_ORDER = 5  # OrdRejReason(103)

END_EXEC_TYPE = {
    Life.CANCELED: ExecType.CANCELED,
    Life.EXPIRED: ExecType.EXPIRED,
    Life.REJECTED: ExecType.REJECTED,
    Life.FILLED: ExecType.RESTATED,  # no trade of ours completed it, yet the venue counts it filled
}


def venue_order_id(order_id: int | None) -> str:
    """OrderID(37)."""
    return UNKNOWN_ORDER_ID if order_id is None else str(order_id)


def _report(order: Order, exec_type: ExecType, exec_id: str, time_ms: int, **more: Any) -> ExecutionReport:
    request = order.request
    return ExecutionReport(
        session=request.session,
        order=request,
        exec_id=exec_id,
        exec_type=exec_type,
        ord_status=order.ord_status,
        order_id=venue_order_id(order.order_id),
        client_order_id=order.client_order_id,
        cl_ord_id=more.pop("cl_ord_id", request.cl_ord_id),
        quantity=order.quantity,
        leaves=order.leaves,
        cum=order.cum,
        cum_quote=order.cum_quote,
        transact_time_ms=time_ms,
        **more,
    )


def at_ms(entry: Entry) -> int:
    """When the entry was written, epoch ms."""
    return entry.at_ns // NS_PER_MS


def refused(entry: Entry, fact: Refused) -> ExecutionReport:
    """150=8 for an order that never left; 39 is the first order's when the ClOrdID was used before."""
    order = fact.order
    return ExecutionReport(
        session=order.session,
        order=order,
        exec_id=str(entry.position),
        exec_type=ExecType.REJECTED,
        ord_status=fact.ord_status,
        order_id=venue_order_id(fact.order_id),
        cl_ord_id=order.cl_ord_id,
        quantity=_asked_quantity(order),
        refusal=fact.refusal,
        transact_time_ms=at_ms(entry),
    )


def doubted(entry: Entry, order: Order, cause: str) -> ExecutionReport:
    """150=A: the OMS learns that we do not know, and that we ask (P4)."""
    text = f"outcome unknown ({cause}); asking the venue"
    return _report(order, ExecType.PENDING_NEW, str(entry.position), at_ms(entry), text=text)


def accepted(entry: Entry, order: Order, time_ms: int, was: Life) -> ExecutionReport:
    """150=0; 150=D when it had been reported as never arrived."""
    if was is Life.REJECTED:
        text = "reported as rejected before, but the venue has it"
        return _report(order, ExecType.RESTATED, str(entry.position), time_ms, text=text)
    return _report(order, ExecType.NEW, str(entry.position), time_ms)


def traded(entry: Entry, order: Order, trade: Trade, was: Life) -> ExecutionReport:
    """150=F, once for each trade (P5)."""
    text = f"fill learnt after the order was reported {was}" if was in FINAL else None
    return _report(order, ExecType.TRADE, str(entry.position), trade.time_ms, trade=trade, text=text)


def ended(entry: Entry, order: Order, fact: Ended, by_cancel: PendingCancel | None) -> ExecutionReport:
    """The one terminal report (P7): 150=4, C or 8; 150=D if the venue counts it filled without our trades."""
    names = {}
    if by_cancel is not None:
        names = {"cl_ord_id": by_cancel.cancel.cl_ord_id, "orig_cl_ord_id": order.request.cl_ord_id}
    return _report(
        order,
        END_EXEC_TYPE[fact.life],
        str(entry.position),
        fact.time_ms,
        refusal=fact.refusal,
        text=fact.reason,
        **names,
    )


def pending_cancel(entry: Entry, order: Order) -> ExecutionReport:
    """150=6: the cancel is on its way."""
    assert order.cancel is not None
    return _report(
        order,
        ExecType.PENDING_CANCEL,
        str(entry.position),
        at_ms(entry),
        cl_ord_id=order.cancel.cancel.cl_ord_id,
        orig_cl_ord_id=order.request.cl_ord_id,
    )


def cancel_refused(fact: CancelRefused, time_ms: int, *, poss_resend: bool = False) -> CancelReject:
    """35=9 for a cancel that did not leave."""
    cancel = fact.cancel
    return CancelReject(
        session=cancel.session,
        source_id=cancel.source_id,
        on_behalf_of=cancel.on_behalf_of,
        order_id=venue_order_id(fact.order_id),
        cl_ord_id=cancel.cl_ord_id,
        orig_cl_ord_id=cancel.orig_cl_ord_id,
        ord_status=fact.ord_status,
        refusal=fact.refusal,
        transact_time_ms=time_ms,
        poss_resend=poss_resend,
    )


def cancel_failed(order: Order, failed: PendingCancel, fact: CancelFailed) -> CancelReject:
    """35=9 for a cancel that was tried, with the order's status as it is now."""
    cancel = failed.cancel
    return CancelReject(
        session=cancel.session,
        source_id=cancel.source_id,
        on_behalf_of=cancel.on_behalf_of,
        order_id=venue_order_id(order.order_id),
        cl_ord_id=cancel.cl_ord_id,
        orig_cl_ord_id=order.request.cl_ord_id,
        ord_status=order.ord_status,
        refusal=fact.refusal,
        transact_time_ms=fact.time_ms,
    )


def status(order: Order, now_ns: int, status_req_id: str | None = None) -> ExecutionReport:
    """150=I: the order as we know it. A status is no execution: ExecID(17) is 0, nothing is journalled."""
    return _report(
        order, ExecType.ORDER_STATUS, STATUS_EXEC_ID, now_ns // NS_PER_MS, status_req_id=status_req_id
    )


def status_of_refused(
    order: NewOrder | RefusedOrder, refusal: Refusal, now_ns: int, status_req_id: str | None = None
) -> ExecutionReport:
    """150=I, 39=8 for an order we refused."""
    return ExecutionReport(
        session=order.session,
        order=order,
        exec_id=STATUS_EXEC_ID,
        exec_type=ExecType.ORDER_STATUS,
        ord_status=OrdStatus.REJECTED,
        cl_ord_id=order.cl_ord_id,
        quantity=_asked_quantity(order),
        refusal=refusal,
        transact_time_ms=now_ns // NS_PER_MS,
        status_req_id=status_req_id,
    )


def status_of_unknown(request: StatusRequest, now_ns: int) -> ExecutionReport:
    """150=I, 39=8, 37=NONE for an order we never saw (FIX 4.4, OrderStatusRequest)."""
    refusal = Refusal(text=f"ClOrdID(11)={request.cl_ord_id}: no such order", reason=UNKNOWN_ORDER)
    stranger = RefusedOrder(
        session=request.session,
        source_id=request.source_id,
        cl_ord_id=request.cl_ord_id,
        account="",
        echo=((55, request.symbol), (54, "1" if request.side == "BUY" else "2")),
        refusal=refusal,
        on_behalf_of=request.on_behalf_of,
    )
    return status_of_refused(stranger, refusal, now_ns, request.status_req_id)


def _asked_quantity(order: NewOrder | RefusedOrder) -> Decimal | None:
    return order.quantity if isinstance(order, NewOrder) else None
