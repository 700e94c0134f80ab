"""Accounts: one user owns a spot, a cross margin and any number of isolated margin accounts."""

from dataclasses import dataclass, field
from enum import StrEnum

from connector.simulator.errors import refusal
from connector.simulator.limits import OrderCounter
from connector.simulator.orders import STOP_TYPES, Order, PreventedMatch, Trade
from connector.simulator.wallets import Wallet


class AccountKind(StrEnum):
    SPOT = "SPOT"
    CROSS = "CROSS_MARGIN"
    ISOLATED = "ISOLATED_MARGIN"


@dataclass(slots=True, eq=False)
class TradingAccount:
    """A wallet with its orders. Filters, order counts, self-trade prevention and streams are per account."""

    user: str
    kind: AccountKind
    symbol: str  # of an isolated account, else ""
    counter: OrderCounter
    wallet: Wallet = field(default_factory=Wallet)
    orders: dict[str, dict[int, Order]] = field(default_factory=dict)  # symbol -> order id -> order
    open: dict[str, dict[int, Order]] = field(default_factory=dict)
    live_client_ids: dict[str, Order] = field(default_factory=dict)
    latest_client_ids: dict[tuple[str, str], Order] = field(default_factory=dict)
    trades: dict[str, list[Trade]] = field(default_factory=dict)
    prevented: dict[str, list[PreventedMatch]] = field(default_factory=dict)
    liquidations: list[Order] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Readable identity: `user/CROSS_MARGIN`, `user/ISOLATED_MARGIN/BTCUSDT`."""
        return f"{self.user}/{self.kind}/{self.symbol}" if self.symbol else f"{self.user}/{self.kind}"

    @property
    def is_isolated(self) -> bool:
        return self.kind is AccountKind.ISOLATED

    def admit(self, order: Order) -> None:
        """Register a newly accepted order."""
        symbol = order.symbol.name
        self.orders.setdefault(symbol, {})[order.order_id] = order
        self.open.setdefault(symbol, {})[order.order_id] = order
        self.live_client_ids[order.client_order_id] = order
        self.latest_client_ids[symbol, order.client_order_id] = order

    def retire(self, order: Order) -> None:
        """Forget a finished order among the open ones; its client id may be used again."""
        del self.open[order.symbol.name][order.order_id]
        if self.live_client_ids.get(order.client_order_id) is order:
            del self.live_client_ids[order.client_order_id]

    def open_orders(self, symbol: str) -> list[Order]:
        return list(self.open.get(symbol, {}).values())

    def open_algo_count(self, symbol: str) -> int:
        """Count open stop orders, which the algo filter limits."""
        return sum(1 for order in self.open.get(symbol, {}).values() if order.type in STOP_TYPES)

    def find(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """Look up by order id first; with both given the client id must belong to that order.

        Raises:
            VenueError: -2039 when the two ids name different orders.
        """
        if order_id is None:
            return self.latest_client_ids.get((symbol, client_order_id or ""))
        order = self.orders.get(symbol, {}).get(order_id)
        if order is not None and client_order_id is not None and order.client_order_id != client_order_id:
            raise refusal(-2039)
        return order


@dataclass(slots=True, eq=False)
class User:
    """Everything one exchange customer owns; several API keys may act for a user."""

    name: str
    spot: TradingAccount
    cross: TradingAccount
    isolated: dict[str, TradingAccount]
    borrow_busy_until_us: int = 0  # loans of an account are granted one at a time

    def margin_account(self, symbol: str, *, is_isolated: bool) -> TradingAccount:
        """Return the account a margin request acts on.

        Raises:
            VenueError: -11001 for an isolated account that was not created.
        """
        if not is_isolated:
            return self.cross
        account = self.isolated.get(symbol)
        if account is None:
            raise refusal(-11001)
        return account

    def accounts(self) -> list[TradingAccount]:
        return [self.spot, self.cross, *self.isolated.values()]
