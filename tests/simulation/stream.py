"""The user data stream of one account: drops, repeats, reorders, goes silent, is cut and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.core.happenings import Reconcile, StreamStated
from mappers.model import OrderStatement
from tests.simulation.venue import MS, SECOND

if TYPE_CHECKING:
    from tests.simulation.world import World


class Stream:
    """What `connector.core.stream` and its socket do for one account, seen from the router."""

    def __init__(self, world: World, account: str) -> None:
        self.world, self.account = world, account
        self.up = False
        self.silent = False
        self.connection = 0

    def connect(self) -> None:
        """Subscribed; the router is told to reconcile, since anything may have happened before."""
        process = self.world.process
        if process is None or self.up:
            return
        self.up, self.silent = True, False
        self.connection += 1
        self.world.tell("stream of {} is up", self.account)
        process.happen(Reconcile(account=self.account, reason="stream connected"))

    def cut(self) -> None:
        """The socket is gone, and what was in it."""
        if not self.up:
            return
        self.up = False
        self.connection += 1
        self.world.counts["stream cuts"] += 1
        self.world.tell("stream of {} is cut", self.account)
        self.world.later(int(self.world.chance.uniform(0.05, 6) * SECOND), self.connect)

    def go_silent(self) -> None:
        """Alive by its pings, and without events, until the staleness alarm."""
        self.silent = True
        self.world.counts["stream silences"] += 1
        self.world.tell("stream of {} goes silent", self.account)
        connection = self.connection
        self.world.later(
            int(self.world.chance.uniform(2, 12) * SECOND),
            lambda: self.cut() if connection == self.connection else None,
        )

    def emit(self, statement: OrderStatement) -> None:
        """The venue sends an event."""
        world, weather = self.world, self.world.weather
        if not self.up or self.silent:
            return
        if world.chance.random() < weather.drop:
            world.counts["events dropped"] += 1
            return
        copies = 2 if world.chance.random() < weather.repeat else 1
        for _ in range(copies):
            world.later(self._delay_ns(), self._delivery(statement))

    def _delivery(self, statement: OrderStatement):  # type: ignore[no-untyped-def]
        connection = self.connection

        def deliver() -> None:
            process = self.world.process
            if connection == self.connection and process is not None:
                self.world.tell("  event {}", statement)
                process.happen(StreamStated(account=self.account, statement=statement))

        return deliver

    def _delay_ns(self) -> int:
        chance = self.world.chance
        if chance.random() < self.world.weather.reorder:
            return int(chance.uniform(1, 1500) * MS)
        return 8 * MS  # one after the other: the heap keeps the order of equals
