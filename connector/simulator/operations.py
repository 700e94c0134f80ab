"""What happens to a market from outside: moves, liquidity, forced fills, the venue's own cancels."""

from decimal import Decimal

from connector.simulator.account import AccountKind, TradingAccount
from connector.simulator.exchange import Exchange
from connector.simulator.execution import Execution
from connector.simulator.matching import match
from connector.simulator.numbers import ZERO, floored
from connector.simulator.orders import Order, OrderType, Side, TimeInForce
from connector.simulator.wallets import InsufficientBalanceError


class ControlError(Exception):
    """A control request asks for something impossible; the text says what."""


class Operation:
    """An intervention in one market at one instant; every verb ends by triggering the stops it reached."""

    def __init__(self, exchange: Exchange, symbol: str, now_us: int) -> None:
        self.exchange, self.now_us = exchange, now_us
        self.market = exchange.market(symbol)

    # --- prices and liquidity ------------------------------------------------------------------

    def start(self) -> None:
        """Open the book: a first trade at the start price and the house's ladder around it."""
        self._print(self.market.spec.start_price)
        self.market.quote_house(self.market.spec.start_price, self.now_us)

    def move_price(self, price: Decimal, *, fills: bool = True) -> None:
        """Make `price` the last trade price; the house follows and stops trigger.

        With `fills`, customers' resting orders at or through the price are filled whole, as by a
        market that traded there. Without, they stay and the house quotes around them.

        Raises:
            ControlError: the price is off the symbol's tick or range.
        """
        self._check_price(price)
        self.market.pull_house()
        if fills:
            for side in Side:
                self._sweep(side, price, self._crossing(side, price))
        self._print(price)
        self.market.quote_house(price, self.now_us)
        self._trigger()

    def print_price(self, price: Decimal) -> None:
        """Let a trade happen at `price` elsewhere: last price and stops move, the book does not.

        Raises:
            ControlError: the price is off the symbol's tick or range.
        """
        self._check_price(price)
        self._print(price)
        self._trigger()

    def step(self) -> None:
        """Walk once: a small trade at the touch, a move, partial fills of what it crosses."""
        market = self.market
        if market.house_orders():
            self._nibble()
        price = market.drifted()
        market.pull_house()
        for side in Side:
            crossing = self._crossing(side, price)
            part = floored(crossing * market.draw(30, 130) / 100, market.spec.step)
            self._sweep(side, price, min(crossing, part))
        self._print(price)
        market.quote_house(price, self.now_us)
        self._trigger()

    def add_liquidity(self, side: Side, price: Decimal, quantity: Decimal) -> Order:
        """Let the house place a limit order; it trades with what it crosses and rests with the remainder.

        Raises:
            ControlError: price or quantity are off the symbol's tick, range or step.
        """
        self._check_price(price)
        self._check_quantity(quantity)
        order = self.market.house_order(side, price, quantity, self.now_us)
        execution = self._execution()
        match(self.market.book, order, price, execution)
        if order.remaining > 0:
            self.market.book.add(order)
        execution.finish()
        self.market.update_id += 1
        self._trigger()
        return order

    def remove_liquidity(self, side: Side | None, price: Decimal | None) -> int:
        """Take house orders off the book, all or those of a side and price; return how many."""
        removed = [
            order
            for order in self.market.house_orders()
            if (side is None or order.side is side) and (price is None or order.price == price)
        ]
        for order in removed:
            self.market.book.remove(order)
        self.market.update_id += 1
        return len(removed)

    def refill(self) -> None:
        """Give the house a fresh ladder around the last price."""
        self.market.pull_house()
        self.market.quote_house(self.market.last_price, self.now_us)

    # --- orders --------------------------------------------------------------------------------

    def fill(self, order: Order, quantity: Decimal, price: Decimal | None = None) -> None:
        """Let the house trade directly against one resting order, past everything queued before it.

        Raises:
            ControlError: the order is not resting, the quantity is not a lot it still has, or the
                price is worse for the customer than the order's limit.
        """
        market = self.market
        if not market.book.holds(order):
            raise ControlError(f"order {order.order_id} is {order.status} and not resting on the book")
        if not ZERO < quantity <= order.remaining or quantity % order.symbol.step:
            raise ControlError(f"quantity {quantity}: order {order.order_id} has {order.remaining} left")
        price = order.price if price is None else price
        if (price > order.price) if order.side is Side.BUY else (price < order.price):
            raise ControlError(f"price {price} is worse than the order's limit {order.price}")
        house = market.house_order(order.side.opposite, price, quantity, self.now_us)
        house.executed = quantity
        order.executed += quantity
        order.visible = max(order.visible, quantity)  # a forced fill also takes hidden quantity
        market.book.filled(order, quantity)
        execution = self._execution()
        execution.traded(house, order, price, quantity)
        execution.finish()
        self._trigger()

    def trigger(self, order: Order) -> None:
        """Trigger one waiting stop without moving the price.

        Raises:
            ControlError: the order is not waiting.
        """
        if not order.is_open or order.is_working:
            raise ControlError(f"order {order.order_id} is not a waiting stop")
        self.market.stops.remove(order)
        execution = self._execution()
        execution.trigger(order)
        execution.finish()
        self._trigger()

    def expire(self, order: Order, reason: str = "EXCHANGE_CANCELED") -> None:
        """End an open order the way the venue does on its own: EXPIRED, not CANCELED.

        Raises:
            ControlError: the order is finished.
        """
        if not order.is_open:
            raise ControlError(f"order {order.order_id} is already {order.status}")
        execution = self._execution()
        execution.expire(order, reason)
        execution.finish()

    def liquidate(self, account: TradingAccount, side: Side, quantity: Decimal) -> Order:
        """Close a position for the venue: open orders expire, an order nobody sent fills at the last price.

        Raises:
            ControlError: a spot account, or the wallet lacks what would be sold or paid.
        """
        if account.kind is AccountKind.SPOT:
            raise ControlError("spot accounts are not liquidated")
        self._check_quantity(quantity)
        order = self._liquidation_order(account, side, quantity)
        needed = quantity if side is Side.SELL else quantity * order.price
        opened = account.open_orders(self.market.spec.name)
        released = sum((other.locked for other in opened if other.spends == order.spends), ZERO)
        if account.wallet.balance(order.spends).free + released < needed:
            raise ControlError(f"{account.key} has less than {needed} {order.spends} to liquidate")
        for other in opened:
            self.expire(other)
        execution = self._execution()
        try:
            execution.fund(order, needed)
        except InsufficientBalanceError as error:  # the ended orders have repaid their loans
            raise ControlError(f"{account.key}: {error}") from error
        execution.accept(order)
        account.liquidations.append(order)
        house = self.market.house_order(side.opposite, order.price, quantity, self.now_us)
        house.executed = order.executed = quantity
        execution.traded(order, house, order.price, quantity)
        execution.finish()
        self._trigger()
        return order

    # --- inside --------------------------------------------------------------------------------

    def _liquidation_order(self, account: TradingAccount, side: Side, quantity: Decimal) -> Order:
        order_id = self.market.order_id()
        return Order(
            order_id=order_id,
            account=account,
            symbol=self.market.spec,
            side=side,
            type=OrderType.LIMIT,
            client_order_id=f"autoclose-{order_id}",
            quantity=quantity,
            price=self.market.last_price,
            time_in_force=TimeInForce.IOC,
            created_us=self.now_us,
            updated_us=self.now_us,
        )

    def _check_price(self, price: Decimal) -> None:
        spec = self.market.spec
        if not spec.min_price <= price <= spec.max_price or price % spec.tick:
            raise ControlError(f"price {price}: {spec.name} trades in ticks of {spec.tick}")

    def _check_quantity(self, quantity: Decimal) -> None:
        spec = self.market.spec
        if quantity <= 0 or quantity % spec.step:
            raise ControlError(f"quantity {quantity}: {spec.name} trades in steps of {spec.step}")

    def _execution(self) -> Execution:
        return Execution(self.exchange.ledger, self.market, self.now_us)

    def _trigger(self) -> None:
        self.exchange.run_triggers(self.market, self.now_us)

    def _print(self, price: Decimal) -> None:
        market = self.market
        market.print_trade(price, market.spec.min_qty, self.now_us, buyer_is_maker=price < market.last_price)

    def _crossing(self, side: Side, price: Decimal) -> Decimal:
        """Quantity of resting orders of `side` that a market at `price` trades with."""
        resting = self.market.book.walk(side.opposite, price)
        return sum((order.remaining for order in resting), ZERO)

    def _sweep(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Let the house take up to `quantity` of the resting orders of `side`, down to `price`."""
        if quantity <= 0:
            return
        taker = self.market.house_order(side.opposite, price, quantity, self.now_us)
        execution = self._execution()
        match(self.market.book, taker, price, execution)
        execution.finish()

    def _nibble(self) -> None:
        """Take a little at the best bid or ask, so that customers quoting there are filled in parts."""
        side = Side.BUY if self.market.draw(0, 1) else Side.SELL
        best = self.market.book.best(side)
        if best is not None:
            self._sweep(side, best, self.market.house_quantity(1, 20))
            self._trigger()
