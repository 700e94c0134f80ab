"""One order's life as a table, and the order itself as the sum of its facts.

Three small machines instead of one product (design, section 3): *life* below; *pending cancel* is
`Order.cancel`; *doubt* is `Order.doubted`. OrdStatus(39) is derived from the three.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from mappers.model import EXACT, CancelOrder, NewOrder, Trade, Value
from mappers.reports import OrdStatus


class Life(StrEnum):
    """Where an order is in its life, as far as the venue stated and we could count."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class Fact(StrEnum):
    """What can become true of an order."""

    ACCEPTED = "ACCEPTED"
    TRADED = "TRADED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


FINAL = frozenset({Life.FILLED, Life.CANCELED, Life.EXPIRED, Life.REJECTED})

TRANSITIONS: Mapping[tuple[Life, Fact], Life] = {
    (Life.PENDING_NEW, Fact.ACCEPTED): Life.NEW,
    (Life.PENDING_NEW, Fact.REJECTED): Life.REJECTED,
    (Life.NEW, Fact.TRADED): Life.PARTIALLY_FILLED,
    (Life.NEW, Fact.COMPLETED): Life.FILLED,
    (Life.NEW, Fact.CANCELED): Life.CANCELED,
    (Life.NEW, Fact.EXPIRED): Life.EXPIRED,
    (Life.NEW, Fact.REJECTED): Life.REJECTED,  # a stop refused when it triggers
    (Life.PARTIALLY_FILLED, Fact.TRADED): Life.PARTIALLY_FILLED,
    (Life.PARTIALLY_FILLED, Fact.COMPLETED): Life.FILLED,
    (Life.PARTIALLY_FILLED, Fact.CANCELED): Life.CANCELED,
    (Life.PARTIALLY_FILLED, Fact.EXPIRED): Life.EXPIRED,
    (Life.CANCELED, Fact.TRADED): Life.CANCELED,  # a fill overtaken by its cancel: both are true
    (Life.CANCELED, Fact.COMPLETED): Life.FILLED,  # ... and it was the rest of the order
    (Life.EXPIRED, Fact.TRADED): Life.EXPIRED,  # the same for an IOC remainder
    (Life.EXPIRED, Fact.COMPLETED): Life.FILLED,
    (Life.REJECTED, Fact.ACCEPTED): Life.NEW,  # declared "never arrived", then the venue shows it: alarm
    (Life.REJECTED, Fact.TRADED): Life.REJECTED,  # accepted, refused at its trigger, and yet traded: alarm
    (Life.REJECTED, Fact.COMPLETED): Life.FILLED,
    (Life.FILLED, Fact.TRADED): Life.FILLED,  # more than ordered: a fill is never dropped, alarm
    (Life.FILLED, Fact.COMPLETED): Life.FILLED,
}

ORD_STATUS: Mapping[Life, OrdStatus] = {
    Life.PENDING_NEW: OrdStatus.PENDING_NEW,
    Life.NEW: OrdStatus.NEW,
    Life.PARTIALLY_FILLED: OrdStatus.PARTIALLY_FILLED,
    Life.FILLED: OrdStatus.FILLED,
    Life.CANCELED: OrdStatus.CANCELED,
    Life.EXPIRED: OrdStatus.EXPIRED,
    Life.REJECTED: OrdStatus.REJECTED,
}


class ContradictionError(Exception):
    """A fact that `TRANSITIONS` does not allow: the journal was not written by this rule book."""

    def __init__(self, client_order_id: str, life: Life, fact: Fact) -> None:
        super().__init__(f"{client_order_id}: {fact} cannot follow {life}")
        self.client_order_id, self.life, self.fact = client_order_id, life, fact


class StatedEnd(Value, frozen=True, kw_only=True):
    """The venue's last word, waiting for the trades it counts."""

    life: Life
    executed: Decimal
    reason: str | None = None


class PendingCancel(Value, frozen=True, kw_only=True):
    """A cancel the OMS asked for and that has no outcome yet."""

    cancel: CancelOrder
    cancel_client_id: str | None


class Order:
    """One order, the sum of its facts. Only `connector.core.book` writes it."""

    __slots__ = (
        "cancel",
        "client_order_id",
        "cum",
        "cum_quote",
        "doubted",
        "life",
        "order_id",
        "position",
        "quantity",
        "request",
        "stated_end",
        "trade_ids",
    )

    def __init__(self, request: NewOrder, client_order_id: str, position: int) -> None:
        self.request = request
        self.client_order_id = client_order_id
        self.position = position
        self.life = Life.PENDING_NEW
        self.order_id: int | None = None
        self.quantity = request.quantity  # None until the venue sizes a CashOrderQty(152) order
        self.cum = Decimal(0)
        self.cum_quote = Decimal(0)
        self.trade_ids: set[int] = set()
        self.stated_end: StatedEnd | None = None
        self.cancel: PendingCancel | None = None
        self.doubted = False

    def __repr__(self) -> str:
        parts = [self.client_order_id, self.life, f"{self.cum}/{self.quantity}"]
        parts += ["doubted"] if self.doubted else []
        parts += ["cancel pending"] if self.cancel else []
        parts += [f"end stated {self.stated_end.life}@{self.stated_end.executed}"] if self.stated_end else []
        return f"<Order {' '.join(parts)}>"

    @property
    def settled(self) -> bool:
        """Over, and every trade of it told: an end is recorded only when the sums agree (P6)."""
        return self.life in FINAL

    @property
    def ord_status(self) -> OrdStatus:
        """OrdStatus(39): a final state beats a pending cancel (FIX 4.4, precedence of OrdStatus)."""
        if self.cancel is not None and not self.settled:
            return OrdStatus.PENDING_CANCEL
        return ORD_STATUS[self.life]

    @property
    def leaves(self) -> Decimal:
        """LeavesQty(151): what may still trade."""
        if self.settled or self.quantity is None:
            return Decimal(0)
        return max(EXACT.subtract(self.quantity, self.cum), Decimal(0))

    @property
    def names(self) -> dict[str, object]:
        """The keys every log line about an order carries."""
        request = self.request
        return {
            "session": request.session,
            "cl_ord_id": request.cl_ord_id,
            "client_order_id": self.client_order_id,
            "order_id": self.order_id,
            "account": request.account,
            "symbol": request.symbol,
        }

    def become(self, fact: Fact) -> None:
        """Let `fact` be true.

        Raises:
            ContradictionError: the table has no such row.
        """
        try:
            self.life = TRANSITIONS[self.life, fact]
        except KeyError:
            raise ContradictionError(self.client_order_id, self.life, fact) from None

    def count(self, trade: Trade, *, completes: bool) -> None:
        """Add one execution. The caller has seen that it is new."""
        self.trade_ids.add(trade.trade_id)
        self.cum = EXACT.add(self.cum, trade.quantity)
        self.cum_quote = EXACT.add(self.cum_quote, EXACT.multiply(trade.quantity, trade.price))
        self.become(Fact.COMPLETED if completes else Fact.TRADED)
