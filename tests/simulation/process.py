"""The connector process of a world: the production router, and `connector.drive` without a loop.

The order of things is the drive's: append, start the calls (those that change something leave once durable),
hand over the reports, then say so in the journal. Between any two of them the process may die.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from connector.core.happenings import Answered, Call, Cancel, Decision, Happening, Submit
from connector.core.records import CancelRequested, Entry, Requested, decode, encode
from connector.core.router import Router
from mappers.model import CancelOrder, Outcome
from tests.simulation.oms import demand
from tests.simulation.venue import MS

if TYPE_CHECKING:
    from tests.simulation.world import World

Row = tuple[int, int, bytes]
"""Position, time and body of one entry, as the disk keeps it."""


class DiedError(Exception):
    """The process was killed at this point."""


class Disk:
    """What survives: rows in order. `durable` is the last position known to be on stable storage."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.durable = 0
        self.requested: dict[str, int] = {}  # client order id -> position
        self.cancels: dict[tuple[str, str | None], CancelOrder] = {}  # client order id, the cancel's own

    def append(self, entries: list[Entry]) -> None:
        for position, at_ns, record in entries:
            demand(
                position == self.next_position, "P1", "entry {} follows {}", position, self.next_position - 1
            )
            self.rows.append((position, at_ns, encode(record)))
            if isinstance(record, Requested):
                demand(record.client_order_id not in self.requested, "P3", "{} again", record.client_order_id)
                self.requested[record.client_order_id] = position
            elif isinstance(record, CancelRequested):
                self.cancels[record.client_order_id, record.cancel_client_id] = record.cancel

    @property
    def next_position(self) -> int:
        return self.rows[-1][0] + 1 if self.rows else 1


class Sender(Protocol):
    """How a call leaves the process."""

    def __call__(self, call: Call, answer: Callable[[Outcome], None]) -> None: ...


class Process:
    """One life of the connector, from start to kill -9."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dead = False
        self.told: list[int] = []
        self.leaves_ns = 0  # nothing is durable before what was written earlier
        self.router = Router(world.rules, world.disk.next_position)
        for position, at_ns, body in world.disk.rows:
            self.router.replay(Entry(position, at_ns, decode(body)))

    def recover(self) -> None:
        """After the replay; not in the constructor, since it may die here too."""
        self.carry_out(self.router.recover(self.world.now_ns))

    def happen(self, happening: Happening) -> None:
        """Deal with one happening now, unless dead."""
        if not self.dead:
            self.router.state.book.orders.rest(self.world.orders_in_use)
            self.carry_out(self.router.handle(happening, self.world.now_ns))

    def carry_out(self, decision: Decision) -> None:
        """As `connector.drive.Drive.carry_out`."""
        world = self.world
        for note in decision.notes:
            world.noted(note)
        if decision.entries:
            world.append(self, decision.entries)
        for call in decision.calls:
            self._start(call)
        for position, report in decision.reports:
            world.spark(self)
            world.tell_report(report)
            world.oms.read(report)
            if position is not None:
                if not self.told:
                    world.later(0, self._flush_told)
                self.told.append(position)
        if decision.reports:
            world.spark(self)

    def _flush_told(self) -> None:
        if self.told and not self.dead:
            told, self.told = self.told, []
            self.world.append(self, [self.router.told(told, self.world.now_ns)])

    def _start(self, call: Call) -> None:
        world = self.world
        if isinstance(call, (Submit, Cancel)):
            position = world.disk.next_position - 1
            synced_ns = world.now_ns + int(world.chance.uniform(0.1, 20) * MS)
            self.leaves_ns = max(self.leaves_ns, synced_ns)
            world.later(self.leaves_ns - world.now_ns, lambda: self._leave(call, position))
        else:
            world.later(0, lambda: self._send(call))

    def _leave(self, call: Submit | Cancel, position: int) -> None:
        """The group this call waited for is on stable storage."""
        if not self.dead:
            self.world.disk.durable = max(self.world.disk.durable, position)
            self._send(call)

    def _send(self, call: Call) -> None:
        if self.dead:
            return
        world, sent_ns = self.world, self.world.now_ns
        world.sending(call)

        def answer(outcome: Outcome) -> None:
            if not self.dead:
                world.tell("  answer to {}: {}", call, outcome)
                world.answered(call, outcome)
                self.happen(Answered(call=call, outcome=outcome, sent_ns=sent_ns))

        world.wire.send(call, world.rules[call.account], world.timestamp_error_ms, answer)
