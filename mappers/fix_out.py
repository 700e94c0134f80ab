"""FIX 4.4 out: reports as the text of a message body, built as one string.

The text begins with `35=`, then the header fields that only the content knows, PossResend(97) and
DeliverToCompID(128), then the body. BeginString, BodyLength, comp ids, MsgSeqNum, SendingTime and CheckSum
are the engine's, which also puts the header fields in order.

Choices, from the specifications of comparable venues (reference `fix-gateway.md`, section 2):

- Fees are the MiscFeesGrp, `136=1|137=<amount>|138=<asset>|139=4` (exchange fees), as the venue's own FIX
  interface and most others have it. Commission(12) and CommType(13) are not sent: 12 has no currency of its
  own that every OMS reads, and the venue charges in a third asset (BNB). An unknown fee sends no group; a
  fee of zero sends 137=0.
- Maker or taker: AggressorIndicator(1057), the venue's way, and LastLiquidityInd(851), FIX 4.4's.
- The venue's trade id is TradeID(1003), its order id OrderID(37), its client order id SecondaryClOrdID(526).
- TimeInForce(59) is what is in force: 1 for what rests without one (post-only, market stops), 3 for MARKET,
  which ends at once. Absent, it would mean Day.
- Numbers the OMS sent come back with its own digits; numbers the venue stated come without trailing zeros,
  since one fact is "1" in a REST reply and "1.00000000" in the stream, and its report must read the same
  after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping

from mappers.decimals import average, short
from mappers.fix_order import POST_ONLY, STOP_LOSS, TAKE_PROFIT
from mappers.fix_tags import SOH
from mappers.fix_time import utc
from mappers.model import NewOrder, OrderType, RefusedOrder, Side, TimeInForce, Trade, plain
from mappers.reports import BusinessReject, CancelReject, ExecType, ExecutionReport, Report
from mappers.text import printable

_EXCHANGE_FEES = "4"  # MiscFeeType(139)
_EXCHANGE_OPTION = 8  # ExecRestatementReason(378): the exchange changed the order on its own
_TO_CANCEL = "1"  # CxlRejResponseTo(434): OrderCancelRequest

_SIDES: Mapping[Side, str] = {Side.BUY: "54=1" + SOH, Side.SELL: "54=2" + SOH}

_KINDS: Mapping[OrderType, str] = {
    OrderType.MARKET: f"40=1{SOH}",
    OrderType.LIMIT: f"40=2{SOH}",
    OrderType.LIMIT_MAKER: f"40=2{SOH}18={POST_ONLY}{SOH}",
    OrderType.STOP_LOSS: f"40=3{SOH}6100={STOP_LOSS}{SOH}",
    OrderType.TAKE_PROFIT: f"40=3{SOH}6100={TAKE_PROFIT}{SOH}",
    OrderType.STOP_LOSS_LIMIT: f"40=4{SOH}6100={STOP_LOSS}{SOH}",
    OrderType.TAKE_PROFIT_LIMIT: f"40=4{SOH}6100={TAKE_PROFIT}{SOH}",
}

_TIMES: Mapping[TimeInForce, str] = {TimeInForce.GTC: "1", TimeInForce.IOC: "3", TimeInForce.FOK: "4"}


def write_report(report: Report) -> str:
    """Any report as its message body."""
    match report:
        case ExecutionReport():
            return write_execution_report(report)
        case CancelReject():
            return write_cancel_reject(report)
        case BusinessReject():
            return write_business_reject(report)


def write_execution_report(report: ExecutionReport) -> str:
    """ExecutionReport(8)."""
    order = report.order
    parts = [
        _head("8", report.poss_resend, order.source_id if order.on_behalf_of else None),
        f"37={report.order_id}{SOH}17={report.exec_id}{SOH}150={report.exec_type.value}{SOH}",
        f"39={report.ord_status.value}{SOH}11={report.cl_ord_id}{SOH}",
        _optional(41, report.orig_cl_ord_id),
        _optional(526, report.client_order_id),
        _optional(790, report.status_req_id),
        _order(order, report) if isinstance(order, NewOrder) else _echo(order),
        _trade(report.trade) if report.trade is not None else "",
        f"151={short(report.leaves)}{SOH}14={short(report.cum)}{SOH}",
        f"6={short(average(report.cum_quote, report.cum))}{SOH}60={utc(report.transact_time_ms)}{SOH}",
        _restated(report),
        _why(report),
    ]
    return "".join(parts)


def write_cancel_reject(reject: CancelReject) -> str:
    """OrderCancelReject(9)."""
    head = _head("9", reject.poss_resend, reject.source_id if reject.on_behalf_of else None)
    refusal = reject.refusal
    return (
        f"{head}37={reject.order_id}{SOH}11={reject.cl_ord_id}{SOH}41={reject.orig_cl_ord_id}{SOH}"
        f"39={reject.ord_status.value}{SOH}434={_TO_CANCEL}{SOH}102={refusal.reason}{SOH}"
        f"60={utc(reject.transact_time_ms)}{SOH}58={printable(refusal.text)}{SOH}"
        f"{_optional(25016, refusal.venue_code)}"
    )


def write_business_reject(reject: BusinessReject) -> str:
    """BusinessMessageReject(j)."""
    message = reject.message
    return (
        f"35=j{SOH}45={message.ref_seq_num}{SOH}372={message.ref_msg_type}{SOH}"
        f"{_optional(379, message.ref_id)}380={message.refusal.reason}{SOH}"
        f"58={printable(message.refusal.text)}{SOH}"
    )


def _head(kind: str, poss_resend: bool, deliver_to: str | None) -> str:
    resend = f"97=Y{SOH}" if poss_resend else ""
    return f"35={kind}{SOH}{resend}{_optional(128, deliver_to)}"


def _optional(tag: int, value: str | int | None) -> str:
    return "" if value is None else f"{tag}={value}{SOH}"


def _order(order: NewOrder, report: ExecutionReport) -> str:
    """What the order asked for, with the values in force."""
    text = f"1={order.account}{SOH}55={order.symbol}{SOH}{_SIDES[order.side]}{_KINDS[order.type]}"
    if report.quantity is not None:
        text += f"38={plain(report.quantity)}{SOH}"
    if order.quote_quantity is not None:
        text += f"152={plain(order.quote_quantity)}{SOH}"
    if order.price is not None:
        text += f"44={plain(order.price)}{SOH}"
    if order.stop_price is not None:
        text += f"99={plain(order.stop_price)}{SOH}"
    if order.iceberg_quantity is not None:
        text += f"111={plain(order.iceberg_quantity)}{SOH}"
    attributes = f"6101={order.side_effect.value}{SOH}6102={order.stp_mode.value}{SOH}"
    return f"{text}59={_time_in_force(order)}{SOH}{attributes}"


def _time_in_force(order: NewOrder) -> str:
    if order.time_in_force is not None:
        return _TIMES[order.time_in_force]
    return "3" if order.type is OrderType.MARKET else "1"


def _echo(order: RefusedOrder) -> str:
    """What a refused order said, as it said it."""
    sent = "".join(f"{tag}={value}{SOH}" for tag, value in order.echo)
    return f"1={order.account}{SOH}{sent}" if order.account else sent


def _trade(trade: Trade) -> str:
    text = f"32={short(trade.quantity)}{SOH}31={short(trade.price)}{SOH}1003={trade.trade_id}{SOH}"
    if trade.maker is not None:
        text += f"851=1{SOH}1057=N{SOH}" if trade.maker else f"851=2{SOH}1057=Y{SOH}"
    if trade.commission is None:
        return text
    currency = _optional(138, trade.commission_asset)
    return f"{text}136=1{SOH}137={short(trade.commission)}{SOH}{currency}139={_EXCHANGE_FEES}{SOH}"


def _restated(report: ExecutionReport) -> str:
    """ExecRestatementReason(378): always with 150=D, and where the core gives one (an unsolicited cancel)."""
    reason = report.restatement_reason
    if reason is None and report.exec_type is ExecType.RESTATED:
        reason = _EXCHANGE_OPTION
    return _optional(378, reason)


def _why(report: ExecutionReport) -> str:
    refusal = report.refusal
    if refusal is None:
        return _optional(58, printable(report.text)) if report.text else ""
    rejected = report.exec_type is ExecType.REJECTED
    reason = f"103={refusal.reason}{SOH}" if rejected else ""
    return f"{reason}58={printable(refusal.text)}{SOH}{_optional(25016, refusal.venue_code)}"
