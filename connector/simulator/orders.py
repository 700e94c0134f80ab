"""Orders, trades and prevented matches: the values the exchange keeps."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from connector.simulator.numbers import ZERO, rounded_down

if TYPE_CHECKING:
    from connector.simulator.account import TradingAccount
    from connector.simulator.symbols import SymbolSpec


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SideEffect(StrEnum):
    NO_SIDE_EFFECT = "NO_SIDE_EFFECT"
    MARGIN_BUY = "MARGIN_BUY"
    AUTO_REPAY = "AUTO_REPAY"
    AUTO_BORROW_REPAY = "AUTO_BORROW_REPAY"


class StpMode(StrEnum):
    """The four modes the margin endpoints document; DECREMENT and TRANSFER are spot's."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class RespType(StrEnum):
    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class Status(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


OPEN_STATUSES = frozenset({Status.NEW, Status.PARTIALLY_FILLED})
STOP_LOSS_TYPES = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})
TAKE_PROFIT_TYPES = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
STOP_TYPES = STOP_LOSS_TYPES | TAKE_PROFIT_TYPES
UNPRICED_TYPES = frozenset({OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})
BORROWING = frozenset({SideEffect.MARGIN_BUY, SideEffect.AUTO_BORROW_REPAY})
REPAYING = frozenset({SideEffect.AUTO_REPAY, SideEffect.AUTO_BORROW_REPAY})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """A placement request whose parameters were checked; amounts are those the client sent."""

    symbol: SymbolSpec
    side: Side
    type: OrderType
    client_order_id: str
    quantity: Decimal = ZERO  # base asset; ZERO when quote_order_qty is given
    quote_order_qty: Decimal = ZERO
    price: Decimal = ZERO  # ZERO for unpriced types
    stop_price: Decimal = ZERO
    trailing_delta: int = 0  # BIPS, 0 = not trailing
    iceberg_qty: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    side_effect: SideEffect = SideEffect.NO_SIDE_EFFECT
    auto_repay_at_cancel: bool = True
    stp_mode: StpMode = StpMode.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One side's view of a trade; `time_us` is the transaction time."""

    trade_id: int
    order_id: int
    symbol: str
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_buyer: bool
    is_maker: bool
    time_us: int

    @property
    def quote(self) -> Decimal:
        """What changed hands for `quantity`, in the eight decimals wallets are kept in."""
        return rounded_down(self.price * self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreventedMatch:
    """A match that self-trade prevention stopped."""

    prevented_match_id: int
    symbol: str
    taker_order_id: int
    maker_order_id: int
    mode: StpMode
    price: Decimal
    quantity: Decimal  # what would have traded
    maker_quantity: Decimal  # ZERO when the maker stays
    taker_quantity: Decimal  # ZERO when the taker stays
    time_us: int


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """A live or finished order. `account` None = the house, which has neither wallet nor events."""

    order_id: int
    account: TradingAccount | None
    symbol: SymbolSpec
    side: Side
    type: OrderType
    client_order_id: str
    quantity: Decimal
    price: Decimal = ZERO
    quote_order_qty: Decimal = ZERO
    stop_price: Decimal = ZERO
    trailing_delta: int = 0
    iceberg_qty: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    side_effect: SideEffect = SideEffect.NO_SIDE_EFFECT
    auto_repay_at_cancel: bool = True
    stp_mode: StpMode = StpMode.NONE
    status: Status = Status.NEW
    created_us: int = 0
    updated_us: int = 0
    working_us: int = 0  # 0 = never on the book nor matched
    trailing_us: int = 0  # when the trailing started, 0 = not yet
    trailing_extreme: Decimal = ZERO
    visible: Decimal = ZERO  # what the book shows: the slice of an iceberg, else all that is left
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    prevented: Decimal = ZERO
    locked: Decimal = ZERO  # of the asset the order spends
    borrowed: Decimal = ZERO  # by this order at placement, of the asset the order spends
    trades: list[Trade] = field(default_factory=list)
    expiry_reason: str = ""

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def is_working(self) -> bool:
        """False for a stop that has not triggered."""
        return self.working_us != 0

    @property
    def spends(self) -> str:
        """The asset this order gives away: quote for BUY, base for SELL."""
        return self.symbol.quote if self.side is Side.BUY else self.symbol.base

    @property
    def receives(self) -> str:
        return self.symbol.base if self.side is Side.BUY else self.symbol.quote

    def snapshot(self) -> Order:
        """Freeze what a reply must show although the order lives on."""
        duplicate = copy.copy(self)
        duplicate.trades = list(self.trades)
        return duplicate
