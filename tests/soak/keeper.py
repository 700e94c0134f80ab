"""The daemon's lives: started, killed at any moment or at a named point of the order path, started again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from random import Random

from tests.support.daemon import Daemon

POINTS = (
    "before_append",
    "after_append",
    "before_sync",
    "durable",
    "answered",
    "before_report",
    "after_report",
)
START_WITHIN_S = 60.0
KILLED, TERMINATED = -9, -15

# Log events that mean a promise was about to break, whatever the books say in the end.
NEVER = frozenset(
    {
        "fail_stop",
        "fill_after_the_end",
        "fix_engine_raised",
        "fix_store_failed",
        "journal_refused",
        "key_refused",
        "log_events_lost",
        "order_vanished",
        "overfilled",
        "rejected_order_is_at_the_venue",
        "reply_contradicts_stream",
        "start_failed",
    }
)


class Keeper:
    """Keeps the daemon dying and living."""

    def __init__(self, daemon: Daemon, chance: Random) -> None:
        self.daemon = daemon
        self.counts: Counter[str] = Counter()  # kills, stops, and the daemon's log events by name
        self.faults: list[str] = []
        self._chance = chance
        self._up = asyncio.Event()
        self._read = 0

    async def port(self) -> int:
        """The FIX port, once the daemon listens."""
        await self._up.wait()
        return self.daemon.port

    async def torment(self, stop: asyncio.Event) -> None:
        """One life after the other until `stop`; the last is left alive."""
        if self._up.is_set():  # revived after the round before
            await self._kill()
        while not stop.is_set():
            await self._one_life(stop)

    async def revive(self) -> None:
        """A life that nothing of ours ends."""
        await self._kill()
        await self._start()

    async def end(self) -> None:
        """SIGTERM, a clean end."""
        self._up.clear()
        await self._expect_exit(0, await self.daemon.stop())
        self.read_log()

    def read_log(self) -> None:
        """Count what the daemon logged since the last look."""
        if not self.daemon.log_file.exists():
            return
        with self.daemon.log_file.open("rb") as log:
            log.seek(self._read)
            data = log.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            self._note(line)

    # -- inside -------------------------------------------------------------------------------------------

    async def _one_life(self, stop: asyncio.Event) -> None:
        chance = self._chance
        arguments: tuple[str, ...] = ()
        if chance.random() < 0.7:
            arguments = ("--kill-at", f"{chance.choice(POINTS)}:{chance.randrange(2, 30)}")
        if chance.random() < 0.07:  # not even started
            await self.daemon.launch(*arguments)
            await self._wait(chance.uniform(0.1, 2.5), stop)
        else:
            await self._start(*arguments)
            long = chance.random() < 0.2  # P4's time starts again with each life: some must outlive it
            await self._wait(chance.uniform(15, 19) if long else chance.uniform(0.3, 5), stop)
        if stop.is_set():
            return
        if chance.random() < 0.1:
            self._up.clear()
            self.counts["stops"] += 1
            await self._expect_exit(0, await self.daemon.stop())
        else:
            await self._kill()
        self.read_log()
        await asyncio.sleep(chance.choice((0, 0, 0.5, 1.5)))

    async def _start(self, *arguments: str) -> None:
        """Until the FIX port is open, or the daemon died at its point before."""
        await self.daemon.launch(*arguments)
        deadline = asyncio.get_running_loop().time() + START_WITHIN_S
        while not (started := self.daemon.events("started")):
            process = self.daemon.process
            assert process is not None
            if process.returncode is not None:
                await self._expect_exit(KILLED if arguments else None, process.returncode)
                return
            if asyncio.get_running_loop().time() > deadline:
                self.faults.append(f"not started within {START_WITHIN_S:.0f} s")
                return
            await asyncio.sleep(0.05)
        self.daemon.port = started[0]["fix_port"]
        self._up.set()

    async def _wait(self, seconds: float, stop: asyncio.Event) -> None:
        """Let it live; its own end comes earlier when it was told a point to die at."""
        assert self.daemon.process is not None
        ended, stopped = asyncio.ensure_future(self.daemon.process.wait()), asyncio.ensure_future(stop.wait())
        await asyncio.wait({ended, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        stopped.cancel()

    async def _kill(self) -> None:
        self._up.clear()
        process = self.daemon.process
        if process is None:
            return
        before = process.returncode
        await self.daemon.kill()
        await self._expect_exit(KILLED, process.returncode if before is None else before)
        self.counts["kills"] += 1

    async def _expect_exit(self, wanted: int | None, code: int | None) -> None:
        if code == KILLED and wanted == 0:  # it reached its point to die at while stopping
            return
        if code == TERMINATED and not self.daemon.events("journal_replayed"):  # before it listened
            return
        if code != wanted:
            self.faults.append(f"the daemon ended by itself with {code}, {wanted} expected")

    def _note(self, line: str) -> None:
        if not line.startswith("{"):
            if line.startswith("Traceback"):
                self.faults.append("a traceback in the daemon's log")
            return
        try:
            event = json.loads(line)
        except ValueError:  # kill -9 in the middle of a line
            return
        name = event["event"]
        self.counts[name] += 1
        if name in NEVER:
            self.faults.append(f"log: {line}")
