"""A soak from start to verdict: rounds of chaos, each followed by healing, settling and the comparison."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from rich.console import Console

from tests.soak import report
from tests.soak.blotter import Blotter
from tests.soak.books import Difference, JournalBook, VenueBook, compare
from tests.soak.chaos import PLACE, RECV_WINDOW_MS, Chaos
from tests.soak.flow import Trader
from tests.soak.keeper import Keeper
from tests.soak.market import CROSS, ISOLATED, SYMBOLS_OF, market
from tests.soak.venue import ACCOUNTS, exchange
from tests.support.daemon import PASSWORD, USER, Daemon, config
from tests.support.exchange import Exchange

ROUND_S = 240.0  # chaos between two comparisons
SETTLE_S = (
    60.0  # within which the healed world must come to rest: P4's 10 s + recvWindow, questions, reconciliation
)
CALM_S = 2.0  # at rest it must stay at rest
ORDERS_PER_S = 6.0  # acts of each OMS
FAULTS_PER_S = 4.0
CLOCK_REFUSED = -1021
CLEARLY = frozenset(
    {"delay_request", "delay_reply", "event_first"}
)  # faults that let the true answer through


def daemon_for(venue: Exchange, directory: Path) -> Daemon:
    """A daemon with a cross and an isolated account, and short times where they only make a soak long."""
    main, other = venue.key(ACCOUNTS[0]), venue.key(ACCOUNTS[1], "HMAC")
    keys = [
        {"apiKey": main[0], "apiSecret": main[1].strip().replace("\n", "#"), "account": CROSS},
        {
            "apiKey": other[0],
            "apiSecret": other[1],
            "account": ISOLATED,
            "isolatedSymbols": list(SYMBOLS_OF[ISOLATED]),
        },
    ]
    settings = {
        "apiKeys": keys,
        "recvWindow": RECV_WINDOW_MS,
        "requestTimeout": "1500ms",  # shorter than recvWindow: an order may come after it was given up (P4)
        "staleWebsocketTimeout": "1s",
        "reconcileInterval": "6s",
        "binanceSyncSettings": {"ordersRequestSizeLimit": 20, "tradesRequestSizeLimit": 10},
    }
    second = {
        "targetCompId": "OMS2",
        "username": USER,
        "password": PASSWORD,
        "connector": "BINANCE",
        "account": ISOLATED,
    }
    whole = config(venue, directory, settings=settings, session={"account": CROSS}, more_sessions=[second])
    return Daemon(directory, whole)


@dataclass
class Soak:
    """One run. `directory` keeps everything that was said."""

    seed: int
    directory: Path
    console: Console
    phase: str = "starting"
    differences: list[Difference] = field(default_factory=list)
    rounds: int = 0
    requests: dict[str, int] = field(default_factory=dict)  # that reached the venue, by route
    _clock_refused: set[str] = field(default_factory=set)

    async def run(self, seconds: float) -> bool:
        """Chaos for about that long, with comparisons; True when all three books agreed every time."""
        self.begun = time.monotonic()
        self.directory.mkdir(parents=True, exist_ok=True)
        async with exchange(self.seed) as venue:
            self._assemble(venue)
            shown = asyncio.create_task(report.progress(self, self.console))
            try:
                await self._rounds(seconds)
                if self.differences:
                    await report.write_stories(
                        self.differences, self, venue, self.directory / "differences.txt"
                    )
            finally:
                shown.cancel()
                with suppress(asyncio.CancelledError):
                    await shown
                for trader in self.traders:
                    await trader.close()
                self.chaos.close()
                await self.daemon.clean_up()
        return not self.differences

    def numbers(self) -> dict[str, str | int]:
        """How it goes."""
        counts = self.counts()
        keeper = self.keeper.counts
        return {
            "elapsed": report.clock(time.monotonic() - self.begun),
            "kills": keeper["kills"],
            "stops": keeper["stops"],
            "FIX connections": sum(trader.connections for trader in self.traders),
            "streams up": keeper["stream_up"],
            "orders": counts["orders"],
            "fills": counts["fills"],
            "cancels": counts["cancels"],
            "unknown outcomes": counts["unknown outcomes"],
            "told again": counts["told again"],
            "faults": sum(self.chaos.counts.values()),
            "compared": self.rounds,
            "differences": len(self.differences) + self._seen(),
        }

    def counts(self) -> Counter[str]:
        """Of all OMSes together."""
        return sum((trader.blotter.counts for trader in self.traders), Counter())

    # -- inside -------------------------------------------------------------------------------------------

    def _assemble(self, venue: Exchange) -> None:
        self._venue = venue
        self.daemon = daemon_for(venue, self.directory)
        self.keeper = Keeper(self.daemon, Random(f"{self.seed}/keeper"))
        symbols = market()
        self.traders = [
            Trader(
                comp_id,
                accounts=accounts,
                market=symbols,
                chance=Random(f"{self.seed}/{comp_id}"),
                port=self.keeper.port,
                log=self.directory / f"{comp_id}.fix",
            )
            for comp_id, accounts in (("OMS1", (CROSS, ISOLATED)), ("OMS2", (ISOLATED, CROSS)))
        ]
        chance = Random(f"{self.seed}/chaos")
        self.chaos = Chaos(venue, symbols, self._blotters, chance, self.directory / "chaos.log")

    @property
    def _blotters(self) -> tuple[Blotter, ...]:
        return tuple(trader.blotter for trader in self.traders)

    def _seen(self) -> int:
        """Faults that a message has proved already."""
        if self.differences:
            return 0
        strangers = sum(len(blotter.strangers) for blotter in self._blotters)
        return strangers + len(self.keeper.faults)

    async def _rounds(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.differences and (left := deadline - time.monotonic()) > 0:
            following = left - ROUND_S
            await self._torment(ROUND_S if following > ROUND_S / 4 else left)
            self.differences = await self._settled()
            self.rounds += 1
        self.phase = "logging out and on"
        for trader in self.traders:
            self.differences += [Difference([text]) for text in await trader.agree()]
        await self.keeper.end()
        self.differences += [Difference([text]) for text in self.keeper.faults]

    async def _torment(self, seconds: float) -> None:
        self.phase = "chaos"
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.keeper.torment(stop))
            group.create_task(self.chaos.rage(FAULTS_PER_S, stop))
            for trader in self.traders:
                group.create_task(trader.trade(ORDERS_PER_S, stop))
            group.create_task(self._watch_log(stop))
            await asyncio.sleep(seconds)
            stop.set()
            await self._heal()  # a trader that waits for the daemon needs it to come back

    async def _watch_log(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(1)
            self.keeper.read_log()

    async def _heal(self) -> None:
        self.phase = "healing"
        await self.chaos.heal()
        await self.keeper.revive()

    async def _settled(self) -> list[Difference]:
        """Wait until the books agree and stay so; what is left at the deadline are the differences."""
        self.phase = "settling"
        deadline = time.monotonic() + SETTLE_S
        agreed_since: float | None = None
        while True:
            await self._read()
            late = time.monotonic() > deadline
            if late or not any(blotter.waiting for blotter in self._blotters):
                found = await self._compare()
                if not found and agreed_since is not None and time.monotonic() - agreed_since > CALM_S:
                    return []
                if found and late:
                    return found
                agreed_since = None if found else agreed_since or time.monotonic()
            await asyncio.sleep(0.7)

    async def _read(self) -> None:
        for trader in self.traders:
            await trader.stay_connected()
            trader.read()
        self.keeper.read_log()

    async def _compare(self) -> list[Difference]:
        state = await self._venue.state()
        self.requests = state["requests"]["byRoute"]
        await self._note_clock_refusals(state["placements"])
        venue = VenueBook(state, self._clock_refused)
        await self._read()
        journal = JournalBook.of(self.directory / "journal.db")
        return compare(self._blotters, journal, venue)

    async def _note_clock_refusals(self, placements: dict[str, dict[str, int]]) -> None:
        """Which orders that were sent twice had been refused with -1021 the first time (P3's one exception)."""
        for name, count in placements.items():
            if count["received"] == 2 and name not in self._clock_refused:
                log = await self._venue.sim(f"requests?clientOrderId={name}", "GET")
                placed = [entry for entry in log["requests"] if entry["request"] == PLACE]
                if placed and placed[0]["code"] == CLOCK_REFUSED and CLEARLY.issuperset(placed[0]["faults"]):
                    self._clock_refused.add(name)
