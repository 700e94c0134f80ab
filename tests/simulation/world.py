"""One world: a heap of (time, step), everything in it drawn from one seed, the promises checked throughout."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from connector.core.happenings import (
    Call,
    Cancel,
    InstrumentsLoaded,
    MessageArrived,
    Note,
    Reconcile,
    SkewMeasured,
    Submit,
    Tick,
)
from connector.core.records import Entry
from connector.core.turn import AccountRules
from mappers.ids import CompositeIds, SequenceIds
from mappers.instruments import Instrument
from mappers.model import (
    NewOrder,
    OrderStatement,
    Outcome,
    OutcomeUnknown,
    Received,
    RefusalKind,
    RefusedOrder,
    VenueRefused,
)
from mappers.reports import Report
from tests.simulation.flow import Flow
from tests.simulation.judge import judge
from tests.simulation.oms import Oms, demand
from tests.simulation.process import DiedError, Disk, Process
from tests.simulation.stream import Stream
from tests.simulation.venue import MS, SECOND, Venue
from tests.simulation.weather import Weather
from tests.simulation.wire import Wire

START_NS = 1_795_132_800 * SECOND
TROUBLE_NS = 40 * SECOND  # how long the OMS is busy and things go wrong
HEALING_NS = 200 * SECOND  # then this long to come to rest: more than P4's time and two periods
MOST_STEPS = 30_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        order_types=frozenset({"LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
                               "TAKE_PROFIT_LIMIT"}),
    )
    for symbol in SYMBOLS
}  # fmt: skip


class World:
    """`World(seed).run()` raises a `Violation`, or what the router raised, when a promise breaks."""

    process_class: type[Process] = Process

    def __init__(self, seed: int, *, story: bool = False) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.weather = Weather.draw(self.chance)
        self.story: list[str] | None = [] if story else None
        self.counts: Counter[str] = Counter()
        self.now_ns = START_NS
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._tie = 0
        self.steps = 0
        self.healed = False
        self.rules = self._draw_rules()
        self.timestamp_error_ms = 0
        self.skew_ms = self.chance.choice((0, 50, 400))
        self.orders_in_use = self.chance.choice((0, 2, 1000))  # orders that are over and stay unpacked
        self.disk = Disk()
        self.process: Process | None = None
        self.fuse: int | None = None  # points the process still passes before it dies
        self.crashes_left = 0
        clocks: dict[str, Any] = {"now_ns": lambda: self.now_ns, "later": self.later, "tell": self.tell}
        self.venue = Venue(
            self.chance, self.weather, emit=self._emit, placed=self._placed, canceled=self._canceled, **clocks
        )
        self.wire = Wire(self.chance, self.weather, self.venue, self.counts, **clocks)
        self.oms = Oms(self.venue)
        self.flow = Flow(self)
        self.streams = {name: Stream(self, name) for name in self.rules}
        self.expected_in: Counter[str] = Counter()  # per session: messages consumed, the engine's MsgSeqNum
        self.delivering: set[str] = set()
        self.left: Counter[str] = Counter()  # Submits that left, by client order id
        self.may_leave_again: set[str] = set()  # refused for the clock
        self.placed: Counter[str] = Counter()
        self.foreign_noted: set[int] = set()

    # -- running ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Trouble, healing, judgement."""
        self.tell("weather: {}", self.weather)
        self._begin()
        self._run_until(START_NS + TROUBLE_NS)
        self._heal()
        self._run_until(START_NS + TROUBLE_NS + HEALING_NS)
        judge(self)
        self.counts["steps"] = self.steps

    def later(self, delay_ns: int, step: Callable[[], None]) -> None:
        """Do `step` in `delay_ns`."""
        self._tie += 1
        heapq.heappush(self._heap, (self.now_ns + delay_ns, self._tie, step))

    def tell(self, text: str, *about: object) -> None:
        """A line of the story."""
        if self.story is not None:
            at_s = (self.now_ns - START_NS) / SECOND
            self.story.append(f"{at_s:9.3f}  {text.format(*(brief(one) for one in about))}")

    def spark(self, process: Process) -> None:
        """A point between two actions: the process may die here."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0 and process is self.process:
                raise DiedError

    def _run_until(self, end_ns: int) -> None:
        heap = self._heap
        while True:
            timer_ns = self.process.router.next_timer_ns if self.process is not None else None
            due_ns = heap[0][0] if heap else None
            if timer_ns is not None and (due_ns is None or timer_ns <= due_ns):
                if timer_ns > end_ns:
                    break
                self.now_ns = max(self.now_ns, timer_ns)
                self._step(self._tick)
            elif due_ns is None or due_ns > end_ns:
                break
            else:
                self.now_ns, _, step = heapq.heappop(heap)
                self._step(step)
        self.now_ns = end_ns

    def _step(self, step: Callable[[], None]) -> None:
        self.steps += 1
        demand(self.steps < MOST_STEPS, "liveness", "no rest after {} steps", self.steps)
        try:
            step()
        except DiedError:
            self._die()

    def _tick(self) -> None:
        assert self.process is not None
        self.process.happen(Tick())

    # -- the start, the end -------------------------------------------------------------------------------

    def _draw_rules(self) -> dict[str, AccountRules]:
        chance = self.chance

        def rules(name: str, isolated: tuple[str, ...]) -> AccountRules:
            return AccountRules(
                name=name,
                ids=CompositeIds() if chance.random() < 0.5 else SequenceIds("x" if name == "main" else "y"),
                isolated_symbols=isolated,
                recv_window_ms=chance.choice((0, 1_000, 5_000)),
                orders_request_size_limit=chance.choice((2, 3, 200)),
                trades_request_size_limit=chance.choice((1, 2, 100)),
                reconcile_interval_ms=chance.choice((30_000, 60_000)),
            )

        return {"main": rules("main", ()), "iso": rules("iso", SYMBOLS[:1])}

    def _begin(self) -> None:
        chance, weather = self.chance, self.weather
        if weather.crashes:
            self.crashes_left = chance.randrange(1, 4)
        self._start()
        self.flow.plan(TROUBLE_NS)
        for stream in self.streams.values():
            for kind, strength in ((stream.cut, weather.cuts), (stream.go_silent, weather.silences)):
                while chance.random() < min(2 * strength, 0.7):
                    self.later(int(chance.uniform(1, 38) * SECOND), kind)
        for _ in range(3):
            if chance.random() < weather.foreign:
                account = chance.choice(tuple(self.rules))
                self.later(int(chance.uniform(1, 38) * SECOND), lambda name=account: self._strike(name))

    def _strike(self, account: str) -> None:
        self.venue.strike(account, SYMBOLS[0])
        self.counts["foreign orders"] += 1

    def _start(self) -> None:
        """A process begins: replay, recovery, then its accounts get ready."""
        if self.process is not None:
            return
        self.tell("the connector starts")
        process = self.process = self.process_class(self)
        if self.crashes_left:
            self.crashes_left -= 1
            self.fuse = int(self.chance.expovariate(1 / 40)) + 1
        process.recover()
        for name in self.rules:
            self.later(self._soon(), lambda name=name: self._ready(process, name))

    def _ready(self, process: Process, name: str) -> None:
        if process is not self.process:
            return
        self.timestamp_error_ms = self.chance.choice((-1, 0, 1)) * self.skew_ms
        process.happen(SkewMeasured(account=name, skew_ms=self.skew_ms))
        process.happen(InstrumentsLoaded(account=name, instruments=INSTRUMENTS))
        process.happen(Reconcile(account=name, reason="start"))
        self.later(self._soon(), self.streams[name].connect)
        for session in self.oms.outbox:
            self.deliver(session)

    def _soon(self) -> int:
        return int(self.chance.uniform(1, 100) * MS)

    def _die(self) -> None:
        """kill -9: what was appended stays; nobody hears what was on its way to us."""
        assert self.process is not None
        self.tell("the connector is killed")
        self.counts["crashes"] += 1
        self.process.dead = True
        self.process, self.fuse = None, None
        self.delivering.clear()
        for stream in self.streams.values():
            stream.up = False
            stream.connection += 1
        self.later(int(self.chance.uniform(0.01, 1) ** 3 * 20 * SECOND), self._start)

    def _heal(self) -> None:
        self.tell("the world is healed")
        reconnect = self.weather.drop == 0 or self.chance.random() < 0.5
        self.weather.heal()
        self.healed = self.venue.calm = True
        self.fuse, self.crashes_left = None, 0
        self._step(self._start)
        for stream in self.streams.values():
            if not stream.up:
                self.later(self._soon(), stream.connect)
            elif stream.silent or reconnect:  # else the periodic reconciliation must find what was dropped
                self._step(stream.cut)
        for session in self.oms.outbox:
            self.deliver(session)

    # -- the OMS's wire: in order, numbered, taken once -----------------------------------------------------

    def deliver(self, session: str) -> None:
        """Bring the next message of this session, unless one is on its way or nobody listens."""
        waiting = len(self.oms.outbox[session]) > self.expected_in[session]
        if self.process is None or session in self.delivering or not waiting:
            return
        self.delivering.add(session)
        process, number = self.process, self.expected_in[session]
        self.later(int(self.chance.uniform(0, 3) * MS), lambda: self._arrive(process, session, number))

    def _arrive(self, process: Process, session: str, number: int) -> None:
        if process is not self.process:
            return
        outgoing = self.oms.outbox[session][number]
        tried = number in self.flow.tried[session]
        self.flow.tried[session].add(number)
        if tried:
            self.oms.brought_again.add((session, getattr(outgoing.message, "cl_ord_id", "")))
        self.tell("OMS {}{}{}", outgoing.message, " 97=Y" * outgoing.poss_resend, " 43=Y" * tried)
        received = Received(
            message=outgoing.message,
            seq_num=number + 1,
            poss_dup=tried,
            first_sent_ms=outgoing.sent_ms if tried else None,
            poss_resend=outgoing.poss_resend,
        )
        process.happen(MessageArrived(received=received))
        self.spark(process)
        self.expected_in[session] += 1  # the engine consumes the number once the callback has returned (P2)
        self.delivering.discard(session)
        self.deliver(session)

    # -- what the process does --------------------------------------------------------------------------------

    def append(self, process: Process, entries: list[Entry]) -> None:
        """Write; a crash may cut what is being written."""
        if self.fuse is not None and self.fuse <= len(entries) and self.chance.random() < self.weather.torn:
            kept = entries[: self.chance.randrange(len(entries))]
            self._tell_entries(kept)
            self.disk.append(kept)
            raise DiedError
        self.spark(process)
        self._tell_entries(entries)
        self.disk.append(entries)
        self.spark(process)

    def _tell_entries(self, entries: list[Entry]) -> None:
        if self.story is not None:
            for position, _, record in entries:
                self.tell("  entry {} {}", position, record)

    def tell_report(self, report: Report) -> None:
        """For the story."""
        self.tell("  report {}", report)

    def noted(self, note: Note) -> None:
        """What an operator would read; an error of ours in an honest world is a broken promise."""
        self.tell("  {} {} {}", note.level, note.event, dict(note.keys))
        self.counts[f"note {note.event}"] += 1
        if note.event == "foreign_order":
            self.foreign_noted.add(note.keys["order_id"])
        impossible = {"rejected_order_is_at_the_venue", "fill_after_the_end", "overfilled"}
        demand(note.event not in impossible, "P4", "{} {}", note.event, note.keys)

    def sending(self, call: Call) -> None:
        """A request is about to leave."""
        self.tell("  request {}", call)
        self.counts[f"sent {type(call).__name__}"] += 1
        if not isinstance(call, Submit):
            return
        name = call.client_order_id
        position = self.disk.requested.get(name)
        written = position is not None and position <= self.disk.durable
        demand(written, "P1", "{} leaves and is not on stable storage", name)
        first = self.left[name] == 0 or name in self.may_leave_again
        demand(first, "P3", "{} is sent again", name)
        self.may_leave_again.discard(name)
        self.left[name] += 1

    def answered(self, call: Call, outcome: Outcome) -> None:
        """A reply reaches the process."""
        if isinstance(outcome, OutcomeUnknown):
            self.counts["unknown outcomes"] += 1
        if not isinstance(call, Submit) or not isinstance(outcome, VenueRefused):
            return
        if outcome.kind is RefusalKind.CLOCK:
            self.may_leave_again.add(call.client_order_id)

    def _placed(self, call: Submit) -> None:
        """The venue takes an order of ours."""
        name = call.client_order_id
        self.placed[name] += 1
        self.counts["placed"] += 1
        demand(self.placed[name] == 1, "P3", "{} is placed twice", name)
        told = self.oms.orders[call.order.session, call.order.cl_ord_id]
        demand(told.end is None, "P4", "{} was told {} and arrives now", name, told.end)

    def _canceled(self, call: Cancel) -> None:
        """The venue cancels an order because we asked: no such cancel was told to have failed."""
        cancel = self.disk.cancels[call.client_order_id, call.cancel_client_id]
        answer = self.oms.answered.get((cancel.session, cancel.cl_ord_id))
        demand(answer is None, "P4", "cancel {} was told {} and happens now", cancel.cl_ord_id, answer)

    def _emit(self, account: str, statement: OrderStatement) -> None:
        self.streams[account].emit(statement)


SAID_ELSEWHERE = frozenset(
    {"session", "source_id", "isolated", "side_effect", "stp_mode", "commission", "commission_asset", "maker"}
)


def brief(value: object, *, inside: bool = False) -> object:
    """A value for the story: without what is empty, and an order inside something by its name alone."""
    if isinstance(value, (NewOrder, RefusedOrder)) and inside:
        return value.cl_ord_id
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return "(" + ", ".join(str(brief(one, inside=True)) for one in value) + ")"
    names = getattr(value, "__struct_fields__", None) or getattr(value, "__dataclass_fields__", None)
    if names is None:
        return value
    pairs = [(name, getattr(value, name)) for name in names if name not in SAID_ELSEWHERE]
    shown = " ".join(
        f"{name}={brief(one, inside=True)}" for name, one in pairs if one not in (None, False, (), "")
    )
    return f"{type(value).__name__}[{shown}]"
