"""The values both translations meet in: what an OMS asks for, and what the venue states.

Every value is frozen and checked at birth; quantities and prices are `Decimal` (P9), times are
integers with their unit in the name. The words are the venue's where the value goes to the venue
and FIX's where it goes to the OMS.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum

import msgspec


class Side(StrEnum):
    """FIX Side(54) 1 / 2; the venue's `side`."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """The venue's `type`; FIX OrdType(40), ExecInst(18) and StopOrderType(6100) pick it together."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class TimeInForce(StrEnum):
    """The venue's `timeInForce`; FIX TimeInForce(59) 1 / 3 / 4."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SideEffectType(StrEnum):
    """SideEffectType(6101) and the `sideEffectType` setting; the last two depend on the side."""

    NO_SIDE_EFFECT = "NO_SIDE_EFFECT"
    MARGIN_BUY = "MARGIN_BUY"
    AUTO_REPAY = "AUTO_REPAY"
    AUTO_BORROW_REPAY = "AUTO_BORROW_REPAY"
    MARGIN_BUY_REPAY_SELL = "MARGIN_BUY_REPAY_SELL"
    MARGIN_SELL_REPAY_BUY = "MARGIN_SELL_REPAY_BUY"

    def on_wire(self, side: Side) -> SideEffectType:
        """The venue's own `sideEffectType` for an order of this side (product page, "Side Effect Type")."""
        if self is SideEffectType.MARGIN_BUY_REPAY_SELL:
            return SideEffectType.MARGIN_BUY if side is Side.BUY else SideEffectType.AUTO_REPAY
        if self is SideEffectType.MARGIN_SELL_REPAY_BUY:
            return SideEffectType.AUTO_REPAY if side is Side.BUY else SideEffectType.MARGIN_BUY
        return self


class SelfTradePreventionMode(StrEnum):
    """SelfTradePreventionMode(6102) and the setting of that name; the four modes /sapi documents."""

    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    NONE = "NONE"


class VenueStatus(StrEnum):
    """The venue's order `status` (REST) and `X` (stream)."""

    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    PENDING_CANCEL = "PENDING_CANCEL"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


class Value(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag=True,
    tag_field="is",
):
    """Base of our values: immutable, by keyword; in the journal JSON with its own name under "is"."""


class NewOrder(Value, frozen=True, kw_only=True):
    """One order as the OMS asked for it, with every default already in force.

    Raises:
        ValueError: a combination that no translation may produce (our bug, not the OMS's).
    """

    session: str  # FIX session key "<client>-><ours>"
    source_id: str  # SenderCompID(49), or OnBehalfOfCompID(115) when the client routes for others
    cl_ord_id: str  # ClOrdID(11)
    account: str  # Account(1): the named account of our configuration
    isolated: bool  # the venue's isIsolated: carried for the order's life
    symbol: str  # Symbol(55)
    side: Side
    type: OrderType
    time_in_force: TimeInForce | None  # None where the venue takes none: MARKET, market stops, LIMIT_MAKER
    quantity: Decimal | None  # OrderQty(38), base asset units, > 0
    quote_quantity: Decimal | None = None  # CashOrderQty(152), quote asset units, > 0, MARKET only
    price: Decimal | None = None  # Price(44), quote per base
    stop_price: Decimal | None = None  # StopPx(99), quote per base
    iceberg_quantity: Decimal | None = None  # MaxFloor(111), base asset units
    side_effect: SideEffectType  # SideEffectType(6101) in force, as the OMS or the setting names it
    stp_mode: SelfTradePreventionMode  # SelfTradePreventionMode(6102) in force
    on_behalf_of: bool = False  # source_id came in OnBehalfOfCompID(115): answered with DeliverToCompID(128)
    transact_time: str | None = None  # TransactTime(60) as sent, for the story only

    def __post_init__(self) -> None:
        if (self.quantity is None) == (self.quote_quantity is None):
            raise ValueError(f"{self.cl_ord_id}: exactly one of OrderQty(38) and CashOrderQty(152)")
        for value in (self.quantity, self.quote_quantity, self.price, self.stop_price, self.iceberg_quantity):
            if value is not None and not value > 0:
                raise ValueError(f"{self.cl_ord_id}: {value} is not above zero")


class CancelOrder(Value, frozen=True, kw_only=True):
    """OrderCancelRequest(F): cancel the order that OrigClOrdID(41) names."""

    session: str
    source_id: str
    cl_ord_id: str  # ClOrdID(11) of this request
    orig_cl_ord_id: str  # OrigClOrdID(41)
    order_id: str | None = None  # OrderID(37) when the client sent it: must agree
    symbol: str
    side: Side
    on_behalf_of: bool = False


class StatusRequest(Value, frozen=True, kw_only=True):
    """OrderStatusRequest(H)."""

    session: str
    source_id: str
    cl_ord_id: str  # ClOrdID(11) of the order asked about
    symbol: str
    side: Side
    order_id: str | None = None  # OrderID(37)
    status_req_id: str | None = None  # OrdStatusReqID(790), echoed
    on_behalf_of: bool = False


class Refusal(Value, frozen=True, kw_only=True):
    """Why we, or the venue, will not do a thing: what goes into 103 / 102 / 380 and Text(58)."""

    text: str  # names tag, name, value and what is allowed, or the venue's own code and text
    reason: int  # OrdRejReason(103), CxlRejReason(102) or BusinessRejectReason(380), by message
    venue_code: int | None = None  # the venue's `code`, sent as ErrorCode(25016)


class RefusedOrder(Value, frozen=True, kw_only=True):
    """A NewOrderSingle that cannot become a `NewOrder`: answered by ExecutionReport 150=8.

    `echo` holds what the client sent, tag by tag, of the fields an ExecutionReport repeats.
    """

    session: str
    source_id: str
    cl_ord_id: str
    account: str
    echo: tuple[tuple[int, str], ...]
    refusal: Refusal
    on_behalf_of: bool = False


class RefusedCancel(Value, frozen=True, kw_only=True):
    """An OrderCancelRequest with a value we cannot honour: answered by OrderCancelReject(9)."""

    session: str
    source_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    refusal: Refusal
    on_behalf_of: bool = False


class RefusedMessage(Value, frozen=True, kw_only=True):
    """A message answered by BusinessMessageReject(j): nothing of it is an order we could report on."""

    session: str
    ref_msg_type: str  # RefMsgType(372)
    ref_seq_num: int  # RefSeqNum(45)
    ref_id: str | None = None  # BusinessRejectRefID(379)
    refusal: Refusal


Inbound = NewOrder | CancelOrder | StatusRequest | RefusedOrder | RefusedCancel | RefusedMessage


class Received(Value, frozen=True, kw_only=True):
    """One application message of an OMS, translated, with what its header says about repetition."""

    message: Inbound
    seq_num: int  # MsgSeqNum(34)
    poss_dup: bool = False  # PossDupFlag(43)=Y: the engine asked for it again
    first_sent_ms: int | None = None  # OrigSendingTime(122) of such a one, else SendingTime(52), epoch ms
    poss_resend: bool = False  # PossResend(97)=Y: the OMS sends it again under a new number


class Trade(Value, frozen=True, kw_only=True):
    """One execution at the venue. Identity: account, symbol, order id, trade id."""

    trade_id: int
    quantity: Decimal  # base asset units, > 0
    price: Decimal  # quote per base
    commission: Decimal | None = None  # units of `commission_asset`; None: the venue did not say
    commission_asset: str | None = None
    maker: bool | None = None  # None: the venue did not say
    time_ms: int  # venue transaction time, epoch ms


class OrderStatement(Value, frozen=True, kw_only=True):
    """What the venue states about one order at one moment, from whichever source.

    Statements may be old, repeated or reordered: `executed` and finality only ever move forward.
    """

    symbol: str
    order_id: int
    client_order_id: str  # the order's own id, never the cancel's
    status: VenueStatus
    quantity: Decimal | None  # origQty / q; None: not said
    executed: Decimal | None  # executedQty / z; None: not said (ACK)
    time_ms: int  # venue time of the statement, epoch ms; 0: not said
    trades: tuple[Trade, ...] = ()  # executions carried by this statement
    reason: str | None = None  # expiryReason / eR / r when it says more than NONE
    side: Side | None = None
    type: OrderType | None = None
    price: Decimal | None = None
    prevented_quantity: Decimal | None = None  # STP: quantity kept from trading with ourselves
    borrowed: Decimal | None = None  # marginBuyBorrowAmount
    borrowed_asset: str | None = None


class RefusalKind(StrEnum):
    """What a venue refusal lets us conclude; `mappers.reasons` is the table."""

    FINAL = "FINAL"  # it did not happen and will not
    DUPLICATE = "DUPLICATE"  # "Duplicate order sent.": our id is there already: ask, do not reject
    NOT_FOUND = "NOT_FOUND"  # -2013: believed only after P4's time
    NOT_OPEN = "NOT_OPEN"  # -2011: the order to cancel is not open: ask what became of it
    BACK_OFF = "BACK_OFF"  # 429, 418, 403, -1003, -1015: not processed, wait
    CLOCK = "CLOCK"  # -1021: not processed, measure the clock
    KEY = "KEY"  # -1022, -2014, -2015: not processed, a human is needed
    UNREACHED = "UNREACHED"  # no byte of the request left us


class Stated(Value, frozen=True, kw_only=True):
    """The request happened; the venue's statements about it."""

    statements: tuple[OrderStatement, ...] = ()


class TradesStated(Value, frozen=True, kw_only=True):
    """Answer to a question for trades: (order id, trade), oldest first; whether the page was full."""

    trades: tuple[tuple[int, Trade], ...] = ()
    full_page: bool = False


class VenueRefused(Value, frozen=True, kw_only=True):
    """The request did not happen."""

    kind: RefusalKind
    refusal: Refusal
    retry_after_ms: int | None = None


class OutcomeUnknown(Value, frozen=True, kw_only=True):
    """The request may or may not have happened (P4)."""

    cause: str


Outcome = Stated | TradesStated | VenueRefused | OutcomeUnknown


EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])
"""Sums and products of money in full: a result that would need rounding raises instead (P9)."""


def plain(value: Decimal) -> str:
    """The digits of a decimal without exponent: `str(Decimal("0.00000001"))` would say 1E-8 (P9)."""
    return format(value, "f")
