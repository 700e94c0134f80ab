"""The loop: every happening goes through the router, every decision is carried out, in this order:

1. entries appended to the journal: they survive kill -9 before anyone hears of them (P1, P2);
2. calls to the venue started; those that change something there leave once the entries are durable (P1);
3. reports handed to the FIX engine, and the journal told so (P5).

All on one asyncio loop, without a lock. What cannot be carried out stops the process (P12).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import NoReturn, Protocol

from connector.core.happenings import Answered, Call, Cancel, Decision, Happening, Submit, Tick
from connector.core.records import Entry, encode
from connector.core.router import Router
from connector.journal import Journal, Row
from connector.supervised import Tasks
from mappers.fix_out import write_report
from mappers.model import Outcome
from mappers.reports import Report

NS_PER_S = 1_000_000_000
SAVE_NUMBERS_EVERY_S = 60.0  # those that heartbeats use; a report's is saved in the turn that told it


class ReportLostError(Exception):
    """The FIX engine did not store a report."""

    def __init__(self, session: str) -> None:
        super().__init__(f"session {session}: the FIX engine did not store a report")
        self.session = session


class Venue(Protocol):
    """One account's way to the venue."""

    async def make(
        self, call: Call, cleared: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[Outcome, int]:
        """Make the call once; its outcome, and when its last byte may have left, epoch ns.

        `cleared` is awaited before a byte leaves; what it raises is raised here.
        """


class OrderWatcher(Protocol):
    """Wants to know when an order message leaves and what came back: the stream's staleness clock."""

    def order_message_sent(self, call: Call) -> None:
        """The request is about to leave."""

    def order_message_answered(self, call: Call, outcome: Outcome) -> None:
        """Its outcome is known."""


class FixSender(Protocol):
    """The FIX side's verbs that reports need."""

    def send(self, session: str, body: str) -> bool:
        """Store and deliver; False when it could not be stored."""

    def serves(self, session: str) -> bool:
        """The session is configured; its past may outlive that."""

    def told(self, session: str, mark: int) -> None:
        """The client is to prove that it has read this report."""

    def numbers(self, sessions: Iterable[str] | None = None) -> Mapping[str, tuple[int, int]]:
        """The sequence numbers due next; of all sessions unless told."""


class Observer(Protocol):
    """Is shown what happens, after it happened: logs, counts."""

    def decided(self, decision: Decision) -> None:
        """A decision was carried out."""

    def sent(self, call: Call) -> None:
        """An order or a cancel left for the venue."""


class Drive:
    """Carries the router's decisions out."""

    def __init__(
        self,
        router: Router,
        journal: Journal,
        *,
        now_ns: Callable[[], int],
        fail_stop: Callable[[BaseException], NoReturn],
        observer: Observer,
        hook: Callable[[str], None] = lambda _point: None,
    ) -> None:
        """`hook` is told named points of the order path; tests kill us there."""
        self._router = router
        self._journal = journal
        self._now_ns = now_ns
        self._fail_stop = fail_stop
        self._observer = observer
        self._hook = hook
        self._venues: Mapping[str, Venue] = {}
        self._watchers: Mapping[str, OrderWatcher] = {}
        self._fix: FixSender | None = None
        self._waiting: list[tuple[int | None, Report]] = []  # reports born before the FIX side was there
        self._told: list[int] = []
        self._told_to: set[str] = set()  # the sessions of these
        self._saving: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns: int | None = None
        self._tasks = Tasks(fail_stop)
        self.in_flight = 0  # calls that change something at the venue and have no outcome yet
        self._calm = asyncio.Event()  # set while there are none
        self._calm.set()

    def connect(self, venues: Mapping[str, Venue], watchers: Mapping[str, OrderWatcher]) -> None:
        """Where the calls of each account go."""
        self._venues, self._watchers = venues, watchers

    def open_fix(self, fix: FixSender) -> None:
        """The engine can store reports now: those that waited go first."""
        self._fix = fix
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._send(waiting)
        for session, unread in self._router.state.book.unread.items():
            if unread and fix.serves(session):
                fix.told(session, next(reversed(unread)))
        self._save_from_time_to_time()

    def close_fix(self) -> None:
        """The engine has ended: what is reported now waits for the next start."""
        self._fix = None
        if self._saving is not None:
            self._saving.cancel()

    def save_numbers(self) -> None:
        """The engine's sequence numbers, beyond its own store."""
        numbers = self._fix.numbers() if self._fix is not None else {}
        entry = self._router.numbered(numbers, self._now_ns())
        if entry is not None:
            self._journal.append([_row(entry)])

    def happen(self, happening: Happening) -> None:
        """Deal with one happening now."""
        self.carry_out(self._router.handle(happening, self._now_ns()))

    def carry_out(self, decision: Decision) -> None:
        """Do what was decided."""
        if decision.entries:
            self._journal.append([_row(entry) for entry in decision.entries])
            self._hook("appended")
        if decision.calls:
            position = decision.entries[-1].position if decision.entries else self._journal.next_position - 1
            for call in decision.calls:
                self._tasks.spawn(self._make(call, position))
        if decision.reports:
            self._send(decision.reports)
        self._show(lambda: self._observer.decided(decision))
        self._arm()

    async def settle(self, timeout_s: float) -> int:
        """Wait until no order or cancel is without its outcome, at most `timeout_s`; how many still are."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), timeout_s)
        return self.in_flight

    async def stop(self) -> None:
        """Make no more calls; what has no outcome is asked for after the next start."""
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.stop()
        self._flush_told()

    # -- inside -------------------------------------------------------------------------------------

    def _send(self, reports: list[tuple[int | None, Report]]) -> None:
        fix = self._fix
        if fix is None:
            self._waiting.extend(reports)
            return
        self._hook("before_report")
        for position, report in reports:
            if not fix.serves(report.session):
                continue  # untold, until it is configured again
            if not fix.send(report.session, write_report(report)):
                self._fail_stop(ReportLostError(report.session))
            if position is None:
                continue
            if not self._told:
                asyncio.get_running_loop().call_soon(self._flush_told)
            self._told.append(position)
            self._told_to.add(report.session)
            fix.told(report.session, position)
        self._hook("after_report")

    def _flush_told(self) -> None:
        """One entry for all that this turn of the loop handed over; a crash before it tells again (97=Y)."""
        if self._told:
            told, self._told = self._told, []
            sessions, self._told_to = self._told_to, set()
            self._guarded(lambda: self._write_told(told, sessions))

    def _write_told(self, told: list[int], sessions: set[str]) -> None:
        numbers = self._fix.numbers(sessions) if self._fix is not None else {}
        self._journal.append([_row(self._router.told(told, self._now_ns(), numbers))])

    async def _make(self, call: Call, position: int) -> None:
        venue = self._venues[call.account]
        if not isinstance(call, (Submit, Cancel)):
            outcome, sent_ns = await venue.make(call)
            self.happen(Answered(call=call, outcome=outcome, sent_ns=sent_ns))
            return
        self.in_flight += 1
        self._calm.clear()
        watcher = self._watchers[call.account]
        durable = asyncio.ensure_future(self._journal.durable(position))  # while the request is prepared

        async def cleared() -> None:
            await durable
            self._hook("durable")
            watcher.order_message_sent(call)
            self._show(lambda: self._observer.sent(call))

        try:
            outcome, sent_ns = await venue.make(call, cleared)
            await durable  # also of a request that never left: a failed journal stops us (P12)
            self._hook("answered")
            watcher.order_message_answered(call, outcome)
            self.happen(Answered(call=call, outcome=outcome, sent_ns=sent_ns))
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._calm.set()

    def _show(self, work: Callable[[], None]) -> None:
        """Logs come after the deed: nothing on an order's way waits for them."""
        asyncio.get_running_loop().call_soon(self._guarded, work)

    def _save_from_time_to_time(self) -> None:
        self._guarded(self.save_numbers)
        self._saving = asyncio.get_running_loop().call_later(
            SAVE_NUMBERS_EVERY_S, self._save_from_time_to_time
        )

    def _arm(self) -> None:
        due_ns = self._router.next_timer_ns
        if due_ns == self._timer_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_ns = None, due_ns
        if due_ns is not None:
            wait_s = max(0.0, (due_ns - self._now_ns()) / NS_PER_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _tick(self) -> None:
        self._timer = self._timer_ns = None
        self._guarded(lambda: self.happen(Tick()))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Callbacks of the loop: an exception here would only be logged by it (P12)."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  # fail-stop is what handles it
            self._fail_stop(error)


def _row(entry: Entry) -> Row:
    return Row(entry.position, entry.at_ns, encode(entry.record))
