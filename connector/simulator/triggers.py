"""Stops, take-profits and trailing stops waiting for the last trade price (reference section 2.1)."""

from decimal import Decimal

from sortedcontainers import SortedDict

from connector.simulator.filters import triggers_above
from connector.simulator.numbers import ZERO
from connector.simulator.orders import Order, Side

BIPS = Decimal(10_000)


class StopBook:
    """Untriggered stop orders of one symbol."""

    def __init__(self) -> None:
        self._above: SortedDict[Decimal, dict[int, Order]] = SortedDict()
        self._below: SortedDict[Decimal, dict[int, Order]] = SortedDict(lambda price: -price)
        self._trailing: dict[int, Order] = {}

    def add(self, order: Order) -> None:
        if order.trailing_delta:
            self._trailing[order.order_id] = order
        else:
            self._levels(order).setdefault(order.stop_price, {})[order.order_id] = order

    def remove(self, order: Order) -> None:
        if order.trailing_delta:
            del self._trailing[order.order_id]
            return
        levels = self._levels(order)
        level = levels[order.stop_price]
        del level[order.order_id]
        if not level:
            del levels[order.stop_price]

    def take_due(self, last_price: Decimal, now_us: int) -> list[Order]:
        """Remove and return what `last_price` triggers, nearest stop price first, then by arrival."""
        due: list[Order] = []
        for levels, reached in ((self._above, last_price.__ge__), (self._below, last_price.__le__)):
            while levels and reached(levels.peekitem(0)[0]):
                due.extend(levels.popitem(0)[1].values())
        for order in list(self._trailing.values()):
            if self._trail(order, last_price, now_us):
                del self._trailing[order.order_id]
                due.append(order)
        return due

    def _levels(self, order: Order) -> "SortedDict[Decimal, dict[int, Order]]":
        return self._above if triggers_above(order.type, order.side) else self._below

    @staticmethod
    def _trail(order: Order, price: Decimal, now_us: int) -> bool:
        """Follow the price: a BUY from its minimum upward, a SELL from its maximum downward."""
        if not order.trailing_us:
            if not _tracking_starts(order, price):
                return False
            order.trailing_us, order.trailing_extreme = now_us, price
        move = Decimal(order.trailing_delta) / BIPS
        if order.side is Side.BUY:
            order.trailing_extreme = min(order.trailing_extreme, price)
            return price >= order.trailing_extreme * (1 + move)
        order.trailing_extreme = max(order.trailing_extreme, price)
        return price <= order.trailing_extreme * (1 - move)


def _tracking_starts(order: Order, price: Decimal) -> bool:
    """Without a stop price tracking starts with the next trade, else when the price reaches it."""
    if order.stop_price == ZERO:
        return True
    if triggers_above(order.type, order.side):
        return price >= order.stop_price
    return price <= order.stop_price
