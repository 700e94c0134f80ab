"""All orders, as the sum of the journal's entries: `apply` is the only way state changes.

The daemon applies each entry as it is written, and recovery applies them all again; the report an entry
gives birth to is therefore the same both times, with the entry's position as its ExecID(17) (P5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sys import intern

from connector.core import telling
from connector.core.order import FINAL, Fact, Life, Order, PendingCancel, StatedEnd
from connector.core.packed import Orders
from connector.core.records import (
    Accepted,
    CancelFailed,
    CancelRefused,
    CancelRequested,
    Doubted,
    Ended,
    EndStated,
    Entry,
    Foreign,
    NumbersSaved,
    Refused,
    Reported,
    ReportsRead,
    Requested,
    StoreForgotten,
    Traded,
    decode,
    encode,
)
from mappers.model import EXACT, CancelOrder, NewOrder, RefusedCancel, RefusedOrder
from mappers.reports import Report

Key = tuple[str, str, str]
"""Session, source id, ClOrdID(11): what makes an OMS's identifier unique to us."""

Named = Order | Refused | CancelRequested | CancelRefused

KEPT_UNREAD = 10_000  # reports of one session; a client that resets after more must ask for its orders (35=H)

END_FACT = {
    Life.FILLED: Fact.COMPLETED,
    Life.CANCELED: Fact.CANCELED,
    Life.EXPIRED: Fact.EXPIRED,
    Life.REJECTED: Fact.REJECTED,
}


def key(message: NewOrder | RefusedOrder | CancelOrder | RefusedCancel) -> Key:
    """The name an OMS gave to its message. Few sessions, many keys: their words are kept once."""
    return intern(message.session), intern(message.source_id), message.cl_ord_id


class Book:
    """Orders by every name they have, and the reports not yet handed to the FIX engine."""

    def __init__(self) -> None:
        self.orders = Orders()  # by client order id
        self.live: dict[str, Order] = {}  # of these, the unsettled
        self.canceling: dict[str, Order] = {}  # of these, those whose cancel has no outcome
        self.named: dict[Key, str | bytes] = {}  # an order's client order id, or another record: see `known`
        self.by_order_id: dict[tuple[str, str, int], str] = {}  # account, symbol, venue's orderId
        self.last_trade_id: dict[tuple[str, str], int] = {}  # account, symbol
        self.untold: dict[int, Report] = {}  # by the position that gave birth to it
        self.unread: dict[str, dict[int, Report]] = {}  # by session: not proven to have been read
        self.numbers: dict[str, tuple[int, int]] = {}  # by session: see `NumbersSaved`
        self._appliers: dict[type, Callable[..., Report | None]] = {
            Requested: self._requested,
            Refused: self._refused,
            CancelRequested: self._cancel_requested,
            CancelRefused: self._cancel_refused,
            Doubted: self._doubted,
            Accepted: self._accepted,
            Traded: self._traded,
            EndStated: self._end_stated,
            Ended: self._ended,
            CancelFailed: self._cancel_failed,
            Foreign: self._foreign,
            Reported: self._reported,
            NumbersSaved: self._numbers_saved,
            ReportsRead: self._reports_read,
            StoreForgotten: self._store_forgotten,
        }

    def apply(self, entry: Entry) -> Report | None:
        """Let the entry be true; return what the OMS must be told of it.

        Raises:
            ContradictionError: the entry cannot follow from those before it.
        """
        report = self._appliers[type(entry.record)](entry, entry.record)
        if report is not None:
            self.untold[entry.position] = report
            unread = self.unread.setdefault(report.session, {})
            unread[entry.position] = report
            if len(unread) > KEPT_UNREAD:
                del unread[next(iter(unread))]
        return report

    def known(self, session: str, source_id: str, cl_ord_id: str) -> Named | None:
        """What the OMS used this ClOrdID(11) for."""
        named = self.named.get((session, source_id, cl_ord_id))
        if named is None:
            return None
        if isinstance(named, str):
            return self.orders[named]
        record = decode(named)
        assert isinstance(record, (Refused, CancelRequested, CancelRefused)), record
        return record

    def find(self, session: str, source_id: str, cl_ord_id: str) -> Order | None:
        """The order the OMS calls `cl_ord_id`; None also for one we refused."""
        named = self.named.get((session, source_id, cl_ord_id))
        return self.orders[named] if isinstance(named, str) else None

    def at_venue(self, account: str, symbol: str, order_id: int) -> Order | None:
        """The order the venue calls `order_id`."""
        name = self.by_order_id.get((account, symbol, order_id))
        return None if name is None else self.orders[name]

    def by_venue(self, account: str, symbol: str, order_id: int, client_order_id: str) -> Order | None:
        """The order the venue speaks of: by our own id, which we never use twice, else by the venue's.

        A venue that was set back (the simulator, started anew) gives its ids again; ours then still tells.
        """
        order = self.orders.get(client_order_id)
        if order is not None:
            return order if self._same(order, account, symbol, order_id) else None
        return self.at_venue(account, symbol, order_id)

    def unsettled(self, account: str) -> Iterator[Order]:
        """The orders of one account whose end is not known and told."""
        return (order for order in self.live.values() if order.request.account == account)

    @staticmethod
    def _same(order: Order, account: str, symbol: str, order_id: int) -> bool:
        request = order.request
        return (
            request.account == account
            and request.symbol == symbol
            and (order.order_id is None or order.order_id == order_id)
        )

    # -- one method per record ------------------------------------------------------------------------

    def _requested(self, entry: Entry, fact: Requested) -> None:
        order = Order(fact.order, fact.client_order_id, entry.position)
        self.orders[fact.client_order_id] = self.live[fact.client_order_id] = order
        self.named[key(fact.order)] = fact.client_order_id

    def _refused(self, entry: Entry, fact: Refused) -> Report:
        if not fact.duplicate:
            self.named[key(fact.order)] = encode(fact)
        return telling.refused(entry, fact)

    def _cancel_requested(self, entry: Entry, fact: CancelRequested) -> Report:
        cancel = fact.cancel
        self.named[key(cancel)] = encode(fact)
        order = self.orders[fact.client_order_id]
        order.cancel = PendingCancel(cancel=cancel, cancel_client_id=fact.cancel_client_id)
        self.canceling[fact.client_order_id] = order
        return telling.pending_cancel(entry, order)

    def _cancel_refused(self, entry: Entry, fact: CancelRefused) -> Report:
        if not fact.duplicate:
            self.named[key(fact.cancel)] = encode(fact)
        return telling.cancel_refused(fact, telling.at_ms(entry))

    def _doubted(self, entry: Entry, fact: Doubted) -> Report | None:
        order = self.orders[fact.client_order_id]
        if order.doubted:
            return None
        order.doubted = True
        return telling.doubted(entry, order, fact.cause)

    def _accepted(self, entry: Entry, fact: Accepted) -> Report:
        order = self.orders[fact.client_order_id]
        was = order.life
        order.become(Fact.ACCEPTED)
        order.doubted = False
        order.quantity = order.request.quantity or fact.quantity
        self._name(order, fact.order_id)
        self.live[fact.client_order_id] = order  # again, if it had been given up for lost
        return telling.accepted(entry, order, fact.time_ms, was)

    def _traded(self, entry: Entry, fact: Traded) -> Report:
        order = self.orders[fact.client_order_id]
        was = order.life
        if fact.completes:
            order.quantity = order.request.quantity or EXACT.add(order.cum, fact.trade.quantity)
        order.count(fact.trade, completes=fact.completes)
        place = order.request.account, order.request.symbol
        self.last_trade_id[place] = max(self.last_trade_id.get(place, -1), fact.trade.trade_id)
        if order.settled:
            self._settle(order)
        return telling.traded(entry, order, fact.trade, was)

    def _end_stated(self, entry: Entry, fact: EndStated) -> None:
        del entry
        order = self.orders[fact.client_order_id]
        order.stated_end = StatedEnd(life=fact.life, executed=fact.executed, reason=fact.reason)

    def _ended(self, entry: Entry, fact: Ended) -> Report:
        order = self.orders[fact.client_order_id]
        order.become(END_FACT[fact.life])
        if fact.order_id is not None:
            self._name(order, fact.order_id)
        by_cancel = order.cancel if fact.life is Life.CANCELED else None
        if by_cancel is not None:
            self._cancel_over(order)
        self._settle(order)
        return telling.ended(entry, order, fact, by_cancel)

    def _cancel_failed(self, entry: Entry, fact: CancelFailed) -> Report:
        del entry
        order = self.orders[fact.client_order_id]
        failed = order.cancel
        assert failed is not None, fact
        assert failed.cancel_client_id == fact.cancel_client_id, fact
        self._cancel_over(order)
        if order.settled:
            self.orders.over(order.client_order_id)
        return telling.cancel_failed(order, failed, fact)

    def _foreign(self, entry: Entry, fact: Foreign) -> None:
        """Nobody's order changes nobody's state; the fact is kept for the story."""

    def _reported(self, entry: Entry, fact: Reported) -> None:
        del entry
        for position in fact.positions:
            self.untold.pop(position, None)
        self.numbers.update(fact.numbers)

    def _numbers_saved(self, entry: Entry, fact: NumbersSaved) -> None:
        del entry
        self.numbers.update(fact.numbers)

    def _reports_read(self, entry: Entry, fact: ReportsRead) -> None:
        del entry
        unread = self.unread.get(fact.session, {})
        for position in list(unread):
            if position > fact.through:
                break  # they stand in the order of their birth
            del unread[position]

    def _store_forgotten(self, entry: Entry, fact: StoreForgotten) -> None:
        del entry
        self.untold.update(self.unread.get(fact.session, {}))
        if fact.reset:
            self.numbers[fact.session] = (1, 1)

    def _name(self, order: Order, order_id: int) -> None:
        order.order_id = order_id
        place = intern(order.request.account), intern(order.request.symbol)
        self.by_order_id[*place, order_id] = order.client_order_id

    def _cancel_over(self, order: Order) -> None:
        order.cancel = None
        del self.canceling[order.client_order_id]

    def _settle(self, order: Order) -> None:
        assert order.life in FINAL
        order.doubted, order.stated_end = False, None
        self.live.pop(order.client_order_id, None)
        self.orders.over(order.client_order_id)
