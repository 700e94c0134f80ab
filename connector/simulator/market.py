"""One symbol's market: book, stops, last price, trades, and the house that quotes in it."""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from connector.simulator.book import Book
from connector.simulator.numbers import ZERO, floored
from connector.simulator.orders import Order, OrderType, Side
from connector.simulator.symbols import SymbolSpec
from connector.simulator.triggers import StopBook

RECENT_TRADES = 1000
# All symbols count from the same numbers: ids are unique per symbol only, and a client that
# believes otherwise should find out here.
FIRST_ORDER_ID = 7_712_345_001
FIRST_TRADE_ID = 990_017_001


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A row of `GET /api/v3/trades`."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    time_us: int
    buyer_is_maker: bool


class Market:
    """Mutable state of one symbol. House orders have negative ids and no account."""

    def __init__(self, spec: SymbolSpec, random: Random) -> None:
        self.spec = spec
        self.book = Book()
        self.stops = StopBook()
        self.last_price = spec.start_price
        self.trades: deque[PublicTrade] = deque(maxlen=RECENT_TRADES)
        self.update_id = 1
        self._random = random
        self._next_order_id = FIRST_ORDER_ID
        self._next_trade_id = FIRST_TRADE_ID
        self._next_house_id = -1

    @property
    def reference_price(self) -> Decimal:
        """What PERCENT_PRICE and NOTIONAL value with: the simulator publishes the last price as reference."""
        return self.last_price

    def order_id(self) -> int:
        self._next_order_id += 1
        return self._next_order_id - 1

    def print_trade(self, price: Decimal, quantity: Decimal, now_us: int, *, buyer_is_maker: bool) -> int:
        """Record a trade, make it the last price, return its id."""
        trade_id = self._next_trade_id
        self._next_trade_id += 1
        self.last_price = price
        self.trades.append(PublicTrade(trade_id, price, quantity, now_us, buyer_is_maker))
        return trade_id

    def house_order(self, side: Side, price: Decimal, quantity: Decimal, now_us: int) -> Order:
        """Create a house order; the caller decides whether it rests or takes."""
        self._next_house_id -= 1
        return Order(
            order_id=self._next_house_id,
            account=None,
            symbol=self.spec,
            side=side,
            type=OrderType.LIMIT,
            client_order_id="house",
            quantity=quantity,
            price=price,
            created_us=now_us,
            working_us=now_us,
        )

    def house_orders(self) -> list[Order]:
        return [order for side in Side for order in self.book.orders(side) if order.account is None]

    def pull_house(self) -> None:
        """Take every house order off the book."""
        for order in self.house_orders():
            self.book.remove(order)
        self.update_id += 1

    def quote_house(self, middle: Decimal, now_us: int) -> None:
        """Put the house's ladder around `middle`, never crossing a customer's resting order."""
        gap = self.gap(middle)
        for level in range(1, self.spec.house_levels + 1):
            for side, price in ((Side.BUY, middle - gap * level), (Side.SELL, middle + gap * level)):
                against = self.book.best(side.opposite)
                crosses = against is not None and (price >= against if side is Side.BUY else price <= against)
                if price >= self.spec.min_price and not crosses:
                    self.book.add(self.house_order(side, price, self.house_quantity(), now_us))
        self.update_id += 1

    def gap(self, middle: Decimal) -> Decimal:
        """One basis point of the price, at least a tick: the distance between house levels."""
        return max(self.spec.tick, floored(middle / 10_000, self.spec.tick))

    def house_quantity(self, low_percent: int = 50, high_percent: int = 150) -> Decimal:
        """Draw a quantity around the symbol's usual size, at least the minimum lot."""
        drawn = self.spec.house_qty * self._random.randint(low_percent, high_percent) / 100
        return max(self.spec.min_qty, floored(drawn, self.spec.step))

    def drifted(self) -> Decimal:
        """Draw the next middle of the random walk: up to three gaps away, within the price filter."""
        moved = self.last_price + self.gap(self.last_price) * self._random.randint(-3, 3)
        return floored(max(moved, self.spec.min_price * 1000, ZERO), self.spec.tick)

    def draw(self, low: int, high: int) -> int:
        return self._random.randint(low, high)
