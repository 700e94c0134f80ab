"""What the OMS is told, as values: ExecutionReport(8), OrderCancelReject(9), BusinessMessageReject(j)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from mappers.model import NewOrder, Refusal, RefusedMessage, RefusedOrder, Trade, Value

UNKNOWN_ORDER_ID = "NONE"  # OrderID(37) is mandatory; the field's word for "there is none" (FIX 4.4, tag 37)
STATUS_EXEC_ID = "0"  # ExecID(17) of ExecType(150)=I (FIX 4.4, tag 17): a status is not an execution


class ExecType(StrEnum):
    """ExecType(150)."""

    NEW = "0"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    REJECTED = "8"
    PENDING_NEW = "A"
    EXPIRED = "C"
    RESTATED = "D"
    TRADE = "F"
    ORDER_STATUS = "I"


class OrdStatus(StrEnum):
    """OrdStatus(39)."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    REJECTED = "8"
    PENDING_NEW = "A"
    EXPIRED = "C"


class ExecutionReport(Value, frozen=True, kw_only=True):
    """ExecutionReport(8). `order` supplies every attribute that is echoed."""

    session: str
    order: NewOrder | RefusedOrder
    exec_id: str  # ExecID(17)
    exec_type: ExecType
    ord_status: OrdStatus
    order_id: str = UNKNOWN_ORDER_ID  # OrderID(37): the venue's orderId
    client_order_id: str | None = None  # the venue's clientOrderId, as SecondaryClOrdID(526)
    cl_ord_id: str  # ClOrdID(11): the cancel's own when the report belongs to a cancel
    orig_cl_ord_id: str | None = None  # OrigClOrdID(41)
    quantity: Decimal | None  # OrderQty(38); None while the venue has not sized a CashOrderQty(152) order
    leaves: Decimal = Decimal(0)  # LeavesQty(151)
    cum: Decimal = Decimal(0)  # CumQty(14)
    cum_quote: Decimal = Decimal(0)  # exact sum of price x quantity; AvgPx(6) = cum_quote / cum
    trade: Trade | None = None  # LastQty(32), LastPx(31), fee, maker/taker, trade id
    refusal: Refusal | None = None  # OrdRejReason(103), Text(58), ErrorCode(25016)
    text: str | None = None  # Text(58) where there is no refusal
    restatement_reason: int | None = None  # ExecRestatementReason(378); a restatement without one says 8
    transact_time_ms: int  # TransactTime(60), epoch ms
    poss_resend: bool = False  # PossResend(97)=Y: told again after a restart, same ExecID (P5)
    status_req_id: str | None = None  # OrdStatusReqID(790)


class CancelReject(Value, frozen=True, kw_only=True):
    """OrderCancelReject(9)."""

    session: str
    source_id: str
    on_behalf_of: bool = False
    order_id: str = UNKNOWN_ORDER_ID
    cl_ord_id: str  # ClOrdID(11) of the cancel request
    orig_cl_ord_id: str  # OrigClOrdID(41)
    ord_status: OrdStatus  # of the order that was to be cancelled; REJECTED when there is none
    refusal: Refusal  # CxlRejReason(102), Text(58), ErrorCode(25016)
    transact_time_ms: int
    poss_resend: bool = False


class BusinessReject(Value, frozen=True, kw_only=True):
    """BusinessMessageReject(j)."""

    message: RefusedMessage

    @property
    def session(self) -> str:
        """The session that sent the message."""
        return self.message.session


Report = ExecutionReport | CancelReject | BusinessReject
