"""What all markets share: rules, the lender, ids, and the events waiting to be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from connector.simulator.account import TradingAccount, User
from connector.simulator.events import Event
from connector.simulator.lending import Lender


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Behaviour the venue does not pin down, or a certification wants to vary."""

    taker_commission: Decimal = Decimal("0.001")  # of the received amount
    maker_commission: Decimal = Decimal("0.001")
    trigger_repeats_new: bool = True  # a triggered stop-limit is told by a second NEW (w=true)
    accepts_auto_borrow_repay: bool = True
    renewal_keeps_id: bool = True  # a renewed listenToken keeps its subscriptionId


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What all markets share: event outbox, ids, the lender, the users."""

    rules: Rules
    lender: Lender
    users: Mapping[str, User]
    outbox: list[tuple[TradingAccount, Event]] = field(default_factory=list)
    next_execution_id: int = 9_912_345_001
    next_prevented_id: int = 11

    def execution_id(self) -> int:
        self.next_execution_id += 1
        return self.next_execution_id - 1
