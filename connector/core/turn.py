"""The router's state, and one turn of it: a happening being dealt with."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from connector.core.book import Book
from connector.core.happenings import Call, Decision, Note
from connector.core.limits import BackOff
from connector.core.order import Order
from connector.core.records import Entry, Record
from mappers.ids import IdMapper
from mappers.instruments import Instrument
from mappers.model import Refusal
from mappers.reports import Report

NS_PER_MS = 1_000_000
VENUE_PROCESSING_MS = 10_000  # the venue's own limit: -1007 after it (reference, 1.2)
DEFAULT_RECV_WINDOW_MS = 5_000  # the venue's, when recvWindow is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """What the configuration says of one named account."""

    name: str
    ids: IdMapper
    isolated_symbols: tuple[str, ...] = ()  # empty: the cross margin account
    recv_window_ms: int = 0  # 0: left out, the venue's default holds
    orders_request_size_limit: int = 200
    trades_request_size_limit: int = 100
    reconcile_interval_ms: int = 60_000
    stale_order_age_ms: int = 60_000  # how far an order's sending time may be from now

    @property
    def settle_ms(self) -> int:
        """P4 without the clock's share: how long a request may still be acted on after it left."""
        return (self.recv_window_ms or DEFAULT_RECV_WINDOW_MS) + VENUE_PROCESSING_MS


@dataclass(slots=True)
class Sync:
    """One reconciliation under way."""

    reason: str
    awaited: set[Call]  # not answered yet
    expected: dict[str, Order]  # unsettled when it began and not yet heard of
    listed: bool = False  # the open orders are known; history and trades are being asked for
    singly: bool = False  # what is still missing is being asked for order by order
    retry: set[Call] = field(default_factory=set)  # failed, to be asked again
    retries: int = 0


@dataclass(slots=True)
class Account:
    """One account's share of the router's state: all of it can be learnt again."""

    rules: AccountRules
    ready: bool = False  # reconciled once since the start
    instruments: Mapping[str, Instrument] | None = None
    skew_ms: int = 1_000  # until measured: the most the venue lets a timestamp be ahead
    back_off: BackOff = field(default_factory=BackOff)
    sync: Sync | None = None
    sync_again: str | None = None  # a reason that came while one was under way
    sync_due_ns: int | None = None  # the next periodic one; any that ends in between puts it off
    foreign_seen: set[tuple[str, int, str]] = field(default_factory=set)  # symbol, order id, status

    @property
    def open(self) -> bool:
        """New orders are taken."""
        return self.ready and self.instruments is not None


@dataclass(slots=True)
class Watch:
    """What we are doing about one unsettled order; lost in a crash and made again by recovery."""

    in_flight: bool = False  # submitted, no answer yet
    duplicate: Refusal | None = None  # the venue refused it: its client order id is in use there
    settle_ns: int | None = None  # P4 but for the clock's share: see `asking.settles_ns`
    asking: bool = False  # AskOrder is out
    asked: int = 0
    ask_at: int | None = None
    executed: Decimal = Decimal(0)  # the most the venue counted; above our sum, trades are missing
    asking_trades: bool = False
    asked_trades: int = 0
    trades_at: int | None = None
    canceling: bool = False  # Cancel is out
    cancels: int = 0
    cancel_at: int | None = None
    clock_retried: bool = False


class State:
    """Everything the router knows."""

    def __init__(self, rules: Mapping[str, AccountRules], next_position: int = 1) -> None:
        self.book = Book()
        self.accounts = {name: Account(rule) for name, rule in rules.items()}
        self.watches: dict[str, Watch] = {}  # by client order id
        self.next_position = next_position
        self.closing = False  # no new orders any more
        self.held: str | None = None  # why no new orders are taken for now
        self.forgotten: set[str] = set()  # sessions whose unread reports are told again at their logon
        self.agenda: list[tuple[int, int, str, str]] = []  # due, tie-break, kind, key
        self._tie = 0

    def taking_orders(self) -> dict[str, bool]:
        """By account: whether new orders are taken."""
        return {name: account.open and self.held is None for name, account in self.accounts.items()}

    def schedule(self, due_ns: int, kind: str, key: str) -> None:
        """Be woken at `due_ns`. Appointments are not taken back: who wakes looks whether it still holds."""
        self._tie += 1
        heapq.heappush(self.agenda, (due_ns, self._tie, kind, key))

    def watch(self, client_order_id: str) -> Watch:
        """The watch over one order, made when first asked for."""
        watch = self.watches.get(client_order_id)
        if watch is None:
            watch = self.watches[client_order_id] = Watch()
        return watch


class Turn:
    """One happening being dealt with: facts are true at once, the rest waits in the decision."""

    def __init__(self, state: State, now_ns: int) -> None:
        self.state = state
        self.book = state.book
        self.now_ns = now_ns
        self.decision = Decision([], [], [], [])

    @property
    def now_ms(self) -> int:
        """Our clock, epoch ms."""
        return self.now_ns // NS_PER_MS

    @property
    def position(self) -> int:
        """Where the next fact will stand in the journal."""
        return self.state.next_position

    def fact(self, record: Record) -> None:
        """Let it be true, written, and told."""
        entry = Entry(self.state.next_position, self.now_ns, record)
        self.state.next_position += 1
        report = self.book.apply(entry)
        self.decision.entries.append(entry)
        if report is not None:
            self.decision.reports.append((entry.position, report))

    def tell(self, report: Report) -> None:
        """Tell something that is no fact of its own."""
        self.decision.reports.append((None, report))

    def call(self, call: Call) -> None:
        """Ask something of the venue."""
        self.decision.calls.append(call)

    def note(self, level: Literal["info", "warning", "error"], event: str, **keys: Any) -> None:
        """Leave a line for the operator."""
        self.decision.notes.append(Note(level, event, keys))

    def account(self, name: str) -> Account:
        """The account of that name."""
        return self.state.accounts[name]
