"""A price-time priority book of one symbol. Knows prices and order of arrival, nothing of wallets."""

from collections.abc import Iterator
from decimal import Decimal

from sortedcontainers import SortedDict

from connector.simulator.numbers import ZERO
from connector.simulator.orders import Order, Side


class Book:
    """Resting orders. A level is a dict, which keeps arrival order and removes by id at once."""

    def __init__(self) -> None:
        # Keys are sorted so that the best price comes first on both sides.
        self._bids: SortedDict[Decimal, dict[int, Order]] = SortedDict(lambda price: -price)
        self._asks: SortedDict[Decimal, dict[int, Order]] = SortedDict()

    def side(self, side: Side) -> "SortedDict[Decimal, dict[int, Order]]":
        return self._bids if side is Side.BUY else self._asks

    def add(self, order: Order) -> None:
        """Put an order at the end of its level, showing its first slice."""
        order.visible = min(order.iceberg_qty, order.remaining) if order.iceberg_qty else order.remaining
        self.side(order.side).setdefault(order.price, {})[order.order_id] = order

    def remove(self, order: Order) -> None:
        levels = self.side(order.side)
        level = levels[order.price]
        del level[order.order_id]
        if not level:
            del levels[order.price]

    def holds(self, order: Order) -> bool:
        level = self.side(order.side).get(order.price)
        return level is not None and level.get(order.order_id) is order

    def best(self, side: Side) -> Decimal | None:
        levels = self.side(side)
        return levels.peekitem(0)[0] if levels else None

    def first_against(self, side: Side, limit: Decimal | None) -> Order | None:
        """Return the order a taker of `side` meets next, or None when `limit` stops it."""
        levels = self.side(side.opposite)
        if not levels:
            return None
        price: Decimal
        level: dict[int, Order]
        price, level = levels.peekitem(0)
        if limit is not None and not _reaches(side, limit, price):
            return None
        return next(iter(level.values()))

    def filled(self, order: Order, quantity: Decimal) -> None:
        """Account for `quantity` taken from a resting order whose `executed` was already raised.

        An iceberg whose slice is used up shows the next one at the end of the queue: its time
        priority is gone.
        """
        order.visible -= quantity
        if order.visible > 0:
            return
        self.remove(order)
        if order.remaining > 0:
            self.add(order)

    def walk(self, side: Side, limit: Decimal | None) -> Iterator[Order]:
        """Iterate what a taker of `side` would meet, best first, changing nothing.

        Hidden iceberg quantity is met after the visible slices, but at the same price, so sums are exact.
        """
        for price, level in self.side(side.opposite).items():
            if limit is not None and not _reaches(side, limit, price):
                return
            yield from level.values()

    def depth(self, side: Side, limit: int) -> list[tuple[Decimal, Decimal]]:
        """Return up to `limit` (price, visible quantity) rows, best first."""
        rows: list[tuple[Decimal, Decimal]] = []
        for price, level in self.side(side).items():
            if len(rows) == limit:
                break
            rows.append((price, sum((order.visible for order in level.values()), ZERO)))
        return rows

    def orders(self, side: Side) -> list[Order]:
        return [order for level in self.side(side).values() for order in level.values()]


def _reaches(side: Side, limit: Decimal, price: Decimal) -> bool:
    return limit >= price if side is Side.BUY else limit <= price
