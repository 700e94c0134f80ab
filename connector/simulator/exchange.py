"""The exchange core: users, markets, placing and cancelling. Synchronous; time and chance are arguments."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from random import Random

from connector.simulator.account import AccountKind, TradingAccount, User
from connector.simulator.errors import (
    INSUFFICIENT_BALANCE,
    cancel_rejected,
    order_rejected,
    refusal,
)
from connector.simulator.events import Event, account_position, balance_update
from connector.simulator.execution import Execution
from connector.simulator.filters import check_order, would_trigger
from connector.simulator.ledger import Ledger, Rules
from connector.simulator.lending import Lender
from connector.simulator.limits import OrderCounter, RateLimits
from connector.simulator.market import Market
from connector.simulator.matching import plan, quantity_for_quote
from connector.simulator.numbers import ZERO
from connector.simulator.orders import STOP_TYPES, NewOrder, Order, OrderType, Side
from connector.simulator.symbols import AssetSpec, SymbolSpec
from connector.simulator.wallets import InsufficientBalanceError

NO_LOT = "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
CASCADE_LIMIT = 1000  # stops triggering stops; far beyond what the algo filter lets anybody build


class Exchange:
    """Every market and every account. Each verb appends to `outbox` the events it causes, in order."""

    def __init__(
        self,
        symbols: Iterable[SymbolSpec],
        assets: Iterable[AssetSpec],
        *,
        limits: RateLimits,
        rules: Rules,
        random: Random,
        max_leverage: int,
        loan_job_us: int,
    ) -> None:
        self.limits, self.random = limits, random
        self.markets = {spec.name: Market(spec, random) for spec in symbols}
        self.users: dict[str, User] = {}
        lender = Lender(
            assets={spec.name: spec for spec in assets},
            price_of=self.index_price,
            max_leverage=max_leverage,
            job_us=loan_job_us,
        )
        self.ledger = Ledger(rules=rules, lender=lender, users=self.users)

    # --- accounts ------------------------------------------------------------------------------

    def add_user(self, name: str, balances: Mapping[AccountKind, Mapping[str, Decimal]]) -> User:
        """Open a user's accounts: spot, cross, and one isolated account per symbol that allows it.

        Isolated accounts start with those given assets their symbol trades.
        """
        user = User(
            name=name,
            spot=self._account(name, AccountKind.SPOT),
            cross=self._account(name, AccountKind.CROSS),
            isolated={},
        )
        for spec in (market.spec for market in self.markets.values()):
            if spec.allows_isolated:
                user.isolated[spec.name] = self._account(name, AccountKind.ISOLATED, spec.name)
        self.users[name] = user
        for account in user.accounts():
            for asset, amount in balances.get(account.kind, {}).items():
                if not account.symbol or asset in self._assets_of(account.symbol):
                    account.wallet.balance(asset).free = amount
        return user

    def _account(self, user: str, kind: AccountKind, symbol: str = "") -> TradingAccount:
        return TradingAccount(user=user, kind=kind, symbol=symbol, counter=OrderCounter(self.limits))

    def _assets_of(self, symbol: str) -> tuple[str, str]:
        spec = self.markets[symbol].spec
        return spec.base, spec.quote

    def accounts(self) -> list[TradingAccount]:
        return [account for user in self.users.values() for account in user.accounts()]

    def transfer(
        self, source: TradingAccount, target: TradingAccount, asset: str, amount: Decimal, now_us: int
    ) -> int:
        """Move free balance between two accounts of a user and return the transaction id.

        Raises:
            VenueError: -3041 not enough, -3020 the margin account would be left under its initial level.
        """
        lender = self.ledger.lender
        try:
            source.wallet.debit(asset, amount)
        except InsufficientBalanceError:
            raise refusal(-3041) from None
        if source.kind is not AccountKind.SPOT and lender.margin_level(source) < 2:
            source.wallet.credit(asset, amount)
            raise refusal(-3020)
        target.wallet.credit(asset, amount)
        for account, delta in ((source, -amount), (target, amount)):
            account.wallet.take_touched()
            self.ledger.outbox.append((account, balance_update(asset, delta, now_us)))
        lender.next_tran_id += 1
        return lender.next_tran_id - 1

    def announce(self, account: TradingAccount, now_us: int) -> None:
        """Tell an account the balances that changed outside of orders (loans, the control API)."""
        assets = account.wallet.take_touched()
        if assets:
            self.ledger.outbox.append((account, account_position(account.wallet, assets, now_us)))

    # --- markets -------------------------------------------------------------------------------

    def market(self, symbol: str) -> Market:
        """Return a market.

        Raises:
            VenueError: -1121 for a symbol the exchange does not list.
        """
        market = self.markets.get(symbol)
        if market is None:
            raise refusal(-1121)
        return market

    def index_price(self, asset: str) -> Decimal:
        """An asset's price in USDT: directly, else through BTC, else zero."""
        if asset == "USDT":
            return Decimal(1)
        direct = self.markets.get(asset + "USDT")
        if direct is not None:
            return direct.last_price
        through = self.markets.get(asset + "BTC")
        return through.last_price * self.index_price("BTC") if through is not None else ZERO

    # --- orders --------------------------------------------------------------------------------

    def place(self, account: TradingAccount, new: NewOrder, now_us: int) -> Order:
        """Accept an order, match it, and return it as it stood when its taker phase ended.

        Raises:
            VenueError: -1013 filters, -1015 order count, -2010 the matching engine's refusals,
                -3006/-3007/-3012/-3045 the loan was refused. Nothing has happened then.
        """
        market = self.market(new.symbol.name)
        check_order(new, account, market.reference_price)
        if new.client_order_id in account.live_client_ids:
            raise order_rejected("Duplicate order sent.")
        order = self._order(market, account, new, now_us)
        needed = self._needed(market, order)
        account.counter.charge(now_us)
        execution = Execution(self.ledger, market, now_us)
        try:
            execution.fund(order, needed)
        except InsufficientBalanceError:
            raise order_rejected(INSUFFICIENT_BALANCE) from None
        order.order_id = market.order_id()
        execution.accept(order)
        if order.is_working:
            execution.work(order, None if order.type is OrderType.MARKET else order.price)
        accepted = order.snapshot()
        execution.finish()
        self.run_triggers(market, now_us)
        return accepted

    def cancel(self, account: TradingAccount, order: Order | None, cancel_id: str, now_us: int) -> Order:
        """Cancel one open order.

        Raises:
            VenueError: -2011 when it is unknown or finished.
        """
        if order is None or not order.is_open or order.account is not account:
            raise cancel_rejected("Unknown order sent.")
        execution = Execution(self.ledger, self.market(order.symbol.name), now_us)
        execution.cancel(order, cancel_id)
        execution.finish()
        return order

    def cancel_all(self, account: TradingAccount, symbol: str, cancel_id: str, now_us: int) -> list[Order]:
        """Cancel every open order of a symbol, all under one cancel id.

        Raises:
            VenueError: -2011 when there is none.
        """
        orders = account.open_orders(symbol)
        if not orders:
            raise cancel_rejected("Unknown order sent.")
        execution = Execution(self.ledger, self.market(symbol), now_us)
        for order in orders:
            execution.cancel(order, cancel_id)
        execution.finish()
        return orders

    def run_triggers(self, market: Market, now_us: int) -> None:
        """Trigger the stops the last price has reached, and those their trades reach in turn."""
        for _ in range(CASCADE_LIMIT):
            due = market.stops.take_due(market.last_price, now_us)
            if not due:
                return
            for order in due:
                execution = Execution(self.ledger, market, now_us)
                execution.trigger(order)
                execution.finish()

    def take_events(self) -> list[tuple[TradingAccount, Event]]:
        """Hand over the events caused since the last call."""
        taken, self.ledger.outbox = self.ledger.outbox, []
        return taken

    # --- inside --------------------------------------------------------------------------------

    @staticmethod
    def _order(market: Market, account: TradingAccount, new: NewOrder, now_us: int) -> Order:
        return Order(
            order_id=0,  # given on acceptance, so that refusals leave no gaps
            account=account,
            symbol=market.spec,
            side=new.side,
            type=new.type,
            client_order_id=new.client_order_id,
            quantity=new.quantity,
            price=new.price,
            quote_order_qty=new.quote_order_qty,
            stop_price=new.stop_price,
            trailing_delta=new.trailing_delta,
            iceberg_qty=new.iceberg_qty,
            time_in_force=new.time_in_force,
            side_effect=new.side_effect,
            auto_repay_at_cancel=new.auto_repay_at_cancel,
            stp_mode=new.stp_mode,
            created_us=now_us,
            updated_us=now_us,
        )

    def _needed(self, market: Market, order: Order) -> Decimal:
        """Apply the engine's own refusals and return what the order must lock.

        Raises:
            VenueError: -2010.
        """
        if order.type in STOP_TYPES:
            if would_trigger(order, market.last_price):
                raise order_rejected("Order would trigger immediately.")
            valued_at = order.price or order.stop_price or market.last_price
            return order.quantity if order.side is Side.SELL else valued_at * order.quantity
        if order.type is OrderType.MARKET:
            return self._needed_by_market(market, order)
        if order.type is OrderType.LIMIT_MAKER and market.book.first_against(order.side, order.price):
            raise order_rejected("Order would immediately match and take.")
        return order.quantity if order.side is Side.SELL else order.price * order.quantity

    @staticmethod
    def _needed_by_market(market: Market, order: Order) -> Decimal:
        spec = market.spec
        if order.quote_order_qty:
            order.quantity = quantity_for_quote(market.book, order.side, order.quote_order_qty, spec.step)
            if order.quantity < spec.min_qty:
                raise order_rejected(NO_LOT)
        return order.quantity if order.side is Side.SELL else plan(market.book, order, None).quote
