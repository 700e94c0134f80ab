"""The exchange of a world: orders, executions, ends, the duplicate rule, and the questions it answers.

Facts: reference `binance-margin-api.md`, sections 2.2-2.9 and 4. It speaks in the values of `mappers.model`,
so that a world costs milliseconds; the wire forms are tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from connector.core.happenings import (
    AskOpen,
    AskOrder,
    AskOrdersSince,
    AskTrades,
    AskTradesSince,
    Call,
    Cancel,
    Submit,
)
from mappers.model import (
    NewOrder,
    OrderStatement,
    OrderType,
    Outcome,
    Refusal,
    RefusalKind,
    Stated,
    TimeInForce,
    Trade,
    TradesStated,
    VenueRefused,
    VenueStatus,
)
from tests.simulation.weather import Weather

MS = 1_000_000
SECOND = 1_000_000_000
OPEN = frozenset({VenueStatus.NEW, VenueStatus.PENDING_NEW, VenueStatus.PARTIALLY_FILLED})
TRADES_OF_ORDER_PAGE = 3
MARKET_PRICE = Decimal(100)
HALF = Decimal("0.5")
STOPS = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)


class VenueOrder:
    """One order as the venue keeps it."""

    __slots__ = (
        "account", "client_order_id", "executed", "order_id", "prevented", "quantity", "reason", "request",
        "status", "symbol", "trades", "trades_from_ns", "updated_ms", "visible_from_ns",
    )  # fmt: skip

    def __init__(
        self, account: str, symbol: str, client_order_id: str, order_id: int, quantity: Decimal | None
    ) -> None:
        self.account, self.symbol = account, symbol
        self.client_order_id, self.order_id = client_order_id, order_id
        self.quantity = quantity
        self.request: NewOrder | None = None  # None: nobody's of ours
        self.executed = Decimal(0)
        self.status = VenueStatus.NEW
        self.trades: list[Trade] = []
        self.reason: str | None = None
        self.prevented: Decimal | None = None
        self.visible_from_ns = 0  # until then a question is answered -2013
        self.trades_from_ns = 0  # until then the list of trades is behind
        self.updated_ms = 0

    def __repr__(self) -> str:
        return f"<{self.order_id} {self.client_order_id} {self.status} {self.executed}/{self.quantity}>"

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def leaves(self) -> Decimal:
        assert self.quantity is not None
        return self.quantity - self.executed

    def statement(self, trades: tuple[Trade, ...] = (), *, bare: bool = False) -> OrderStatement:
        """What the venue says of it now; `bare` is an ACK."""
        return OrderStatement(
            symbol=self.symbol,
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            status=VenueStatus.NEW if bare else self.status,
            quantity=None if bare else self.quantity,
            executed=None if bare else self.executed,
            time_ms=self.updated_ms,
            trades=trades,
            reason=self.reason,
            prevented_quantity=self.prevented,
        )


class Venue:
    """All accounts of the exchange. `emit` is its stream, `later(delay_ns, step)` its own future."""

    def __init__(
        self,
        chance: Random,
        weather: Weather,
        *,
        now_ns: Callable[[], int],
        later: Callable[[int, Callable[[], None]], None],
        emit: Callable[[str, OrderStatement], None],
        placed: Callable[[Submit], None],
        canceled: Callable[[Cancel], None],
        tell: Callable[..., None],
    ) -> None:
        self.chance, self.weather = chance, weather
        self._now_ns, self._later, self._emit, self._tell = now_ns, later, emit, tell
        self._placed, self._canceled = placed, canceled
        self.orders: dict[int, VenueOrder] = {}
        self.by_client_id: dict[tuple[str, str, str], VenueOrder] = {}  # account, symbol, id: the latest
        self.trades: dict[tuple[str, str], list[tuple[int, Trade, VenueOrder]]] = {}
        self._next_order_id = 100
        self._next_trade_id = 1
        self.calm = False  # the market stands still

    # -- what can be asked ----------------------------------------------------------------------------

    def do(self, call: Call, visible_by_ns: int) -> Outcome:
        """Act on one request; a new order may hide from questions until `visible_by_ns` at most."""
        match call:
            case Submit():
                return self._place(call, visible_by_ns)
            case Cancel():
                return self._cancel(call)
            case AskOrder():
                order = self.by_client_id.get((call.account, call.symbol, call.client_order_id))
                if order is None or self._now_ns() < order.visible_from_ns:
                    return refused(RefusalKind.NOT_FOUND, -2013, "Order does not exist.")
                return Stated(statements=(order.statement(),))
            case AskOpen():
                now_ns = self._now_ns()
                found = [
                    order for order in self._listed(call) if order.open and order.visible_from_ns <= now_ns
                ]
                return Stated(statements=tuple(order.statement() for order in found))
            case AskOrdersSince():
                found = [order for order in self._listed(call) if order.order_id >= call.from_order_id]
                return Stated(statements=tuple(order.statement() for order in found[: call.limit]))
            case AskTrades():
                rows = [row for row in self._trade_rows(call) if row[0] == call.order_id]
                page = rows[:TRADES_OF_ORDER_PAGE]
                return TradesStated(trades=tuple(page), full_page=len(page) == TRADES_OF_ORDER_PAGE)
            case AskTradesSince():
                rows = [row for row in self._trade_rows(call) if row[1].trade_id >= call.from_id]
                page = rows[: call.limit]
                return TradesStated(trades=tuple(page), full_page=len(page) == call.limit)

    def _listed(self, call: AskOpen | AskOrdersSince) -> list[VenueOrder]:
        return [
            order
            for order in self.orders.values()
            if order.account == call.account and call.symbol in (None, order.symbol)
        ]

    def _trade_rows(self, call: AskTrades | AskTradesSince) -> list[tuple[int, Trade]]:
        now_ns = self._now_ns()
        rows = self.trades.get((call.account, call.symbol), [])
        return [(order_id, trade) for order_id, trade, order in rows if order.trades_from_ns <= now_ns]

    # -- placing and cancelling -----------------------------------------------------------------------

    def _place(self, call: Submit, visible_by_ns: int) -> Outcome:
        request = call.order
        known = self.by_client_id.get((call.account, request.symbol, call.client_order_id))
        if known is not None and known.open:
            return refused(RefusalKind.DUPLICATE, -2010, "Duplicate order sent.")
        if self.chance.random() < self.weather.refused:
            if self.chance.random() < self.weather.rejected_event:
                self._emit(call.account, self._rejected(call))
            return refused(RefusalKind.FINAL, -2010, "Account has insufficient balance for requested action.")
        self._placed(call)
        quantity = request.quantity
        if quantity is None:
            assert request.quote_quantity is not None
            quantity = request.quote_quantity / MARKET_PRICE
        order = self._open(call.account, request.symbol, call.client_order_id, quantity)
        order.request = request
        if self.chance.random() < self.weather.early_not_found:
            hidden = self._now_ns() + int(self.chance.uniform(0.1, 3) * SECOND)
            order.visible_from_ns = min(hidden, visible_by_ns)
        self._tell("venue takes {} as {}", call.client_order_id, order.order_id)
        self._begin(order, request)
        bare = request.type in STOPS and self.chance.random() < 0.3
        fills = tuple(order.trades)
        if self.chance.random() < self.weather.fee_later:
            fills = tuple(replace(fill, commission=None, commission_asset=None) for fill in fills)
        return Stated(statements=(order.statement(() if bare else fills, bare=bare),))

    def _rejected(self, call: Submit) -> OrderStatement:
        quantity = call.order.quantity or Decimal(1)
        order = self._open(call.account, call.order.symbol, call.client_order_id, quantity)
        order.status, order.reason = VenueStatus.REJECTED, "INSUFFICIENT_BALANCES"
        return order.statement()

    def _cancel(self, call: Cancel) -> Outcome:
        order = self.by_client_id.get((call.account, call.symbol, call.client_order_id))
        if order is None or not order.open:
            return refused(RefusalKind.NOT_OPEN, -2011, "Unknown order sent.")
        if self.chance.random() < self.weather.strange_cancel_reply:
            self._later(self._soon(300), lambda: self._end(order, VenueStatus.CANCELED))
            return Stated(statements=(order.statement(),))
        self._canceled(call)
        self._end(order, VenueStatus.CANCELED)
        return Stated(statements=(order.statement(),))

    def _open(self, account: str, symbol: str, client_order_id: str, quantity: Decimal) -> VenueOrder:
        self._next_order_id += self.chance.randrange(1, 4)
        order = VenueOrder(account, symbol, client_order_id, self._next_order_id, quantity)
        order.updated_ms = self._now_ns() // MS
        self.orders[order.order_id] = self.by_client_id[account, symbol, client_order_id] = order
        return order

    # -- an order's life ------------------------------------------------------------------------------

    def _begin(self, order: VenueOrder, request: NewOrder) -> None:
        """What happens at once, before the reply is written."""
        if request.type in STOPS and self.chance.random() < 0.2:
            order.status = VenueStatus.PENDING_NEW
        self._emit(order.account, order.statement())
        order.status = VenueStatus.NEW
        if request.type is OrderType.MARKET:
            self._take(order, 0.8, "INSUFFICIENT_LIQUIDITY")
        elif request.time_in_force is TimeInForce.IOC:
            self._take(order, 0.4, "UNFILLED_IOC_QUANTITY_EXPIRED")
        elif request.time_in_force is TimeInForce.FOK:
            if self.chance.random() < 0.5:
                self._fill(order, order.leaves)
            else:
                self._end(order, VenueStatus.EXPIRED, "UNFILLED_FOK_ORDER_EXPIRED")
        elif request.type in STOPS:
            self._later(self._soon(20_000), lambda: self._trigger(order))
        else:
            if request.type is OrderType.LIMIT and self.chance.random() < 0.3:
                self._fill_part(order)
            self._rest(order)

    def _take(self, order: VenueOrder, enough: float, reason: str) -> None:
        while order.open and self.chance.random() < 0.7:
            self._fill_part(order)
        if order.open:
            if self.chance.random() < enough:
                self._fill(order, order.leaves)
            else:
                self._end(order, VenueStatus.EXPIRED, reason)

    def _trigger(self, order: VenueOrder) -> None:
        if not order.open or self.calm:
            return
        drawn = self.chance.random()
        if drawn < 0.15:
            self._end(order, VenueStatus.EXPIRED, "REJECTED")
        elif drawn < 0.2:
            self._end(order, VenueStatus.REJECTED, "INSUFFICIENT_BALANCES")
        else:
            self._emit(order.account, order.statement())  # a second NEW, now working
            self._rest(order)

    def _rest(self, order: VenueOrder) -> None:
        if order.open and self.chance.random() < 0.8:
            self._later(self._soon(8_000), lambda: self._step(order))

    def _step(self, order: VenueOrder) -> None:
        if not order.open or self.calm:
            return
        drawn = self.chance.random()
        if self.chance.random() < self.weather.web_cancel:
            self._end(order, VenueStatus.CANCELED)
        elif self.chance.random() < self.weather.exchange_end:
            self._end(order, VenueStatus.EXPIRED, "EXCHANGE_CANCELED")
        elif drawn < 0.1:
            order.prevented = order.leaves
            self._end(order, VenueStatus.EXPIRED_IN_MATCH)
        elif drawn < 0.35:
            self._fill(order, order.leaves)
        else:
            self._fill_part(order)
        self._rest(order)

    def _fill_part(self, order: VenueOrder) -> None:
        self._fill(order, min(order.leaves, self.chance.choice((HALF, Decimal(1), Decimal(2)))))

    def _fill(self, order: VenueOrder, quantity: Decimal) -> None:
        assert order.open
        assert quantity > 0
        self._next_trade_id += self.chance.randrange(1, 3)
        now_ns = self._now_ns()
        trade = Trade(
            trade_id=self._next_trade_id,
            quantity=quantity,
            price=MARKET_PRICE + self.chance.randrange(-3, 4),
            commission=Decimal("0.01"),
            commission_asset="BNB",
            maker=self.chance.random() < 0.5,
            time_ms=now_ns // MS,
        )
        order.executed += quantity
        order.trades.append(trade)
        order.updated_ms = now_ns // MS
        order.status = VenueStatus.PARTIALLY_FILLED if order.leaves else VenueStatus.FILLED
        self.trades.setdefault((order.account, order.symbol), []).append((order.order_id, trade, order))
        if self.chance.random() < self.weather.trades_lag:
            order.trades_from_ns = now_ns + int(self.chance.uniform(0.1, 4) * SECOND)
        self._tell(
            "venue fills {} {} of {}, trade {}", order.order_id, quantity, order.quantity, trade.trade_id
        )
        self._emit(order.account, order.statement((trade,)))

    def _end(self, order: VenueOrder, status: VenueStatus, reason: str | None = None) -> None:
        if not order.open:
            return
        order.status, order.reason = status, reason
        order.updated_ms = self._now_ns() // MS
        self._tell("venue ends {}: {} {} at {}", order.order_id, status, reason or "", order.executed)
        self._emit(order.account, order.statement())

    def strike(self, account: str, symbol: str) -> VenueOrder:
        """An order that no OMS sent: a liquidation, or a person at the web page."""
        order = self._open(account, symbol, f"web_{self._next_order_id}", Decimal(2))
        self._tell("a stranger's order {}", order.order_id)
        self._emit(account, order.statement())
        if self.chance.random() < 0.5:
            self._fill(order, Decimal(2))
        return order

    def _soon(self, most_ms: int) -> int:
        """Mostly at once, sometimes much later: races need closeness."""
        drawn = self.chance.random()
        return int(most_ms * MS * drawn**4)


def refused(kind: RefusalKind, code: int, text: str, retry_after_ms: int | None = None) -> VenueRefused:
    """A refusal as `mappers.binance` reads it."""
    return VenueRefused(
        kind=kind,
        refusal=Refusal(text=f"{code} {text}", reason=99, venue_code=code),
        retry_after_ms=retry_after_ms,
    )
