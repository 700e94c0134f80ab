"""Waiting for stable storage: one sync in flight, the next group collects meanwhile.

A sync costs far more than the append before it, and the same for one waiter as for a hundred, so
everyone who asks while one is under way shares the next one.

The worker needs the interpreter lock for an instant before and after each sync. Where the loop has
pauses that is a fifth of the wait. A loop without any pause keeps the lock from it for seconds at
Python's own switch interval of 5 ms, because each short release restarts that interval; with
`sys.setswitchinterval(0.0001)` the same load made it wait two of the loop's callbacks. The interval
belongs to the process, so whoever starts the daemon sets it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue


class GroupSync:
    """Calls `sync(position)` on one worker thread of its own and wakes whoever waits for it.

    Everything but `sync` runs on the event loop that awaits; one loop per instance. After the first
    failure nobody is ever told "durable" again: the kernel reports a lost page once and then
    forgets it, so a second sync that succeeds proves nothing (P12).
    """

    def __init__(self, sync: Callable[[int], None], *, confirmed: int) -> None:
        self.appended = confirmed  # the last position written; whoever appends moves it
        self.confirmed = confirmed  # the last position known to be on stable storage
        self.failure: Exception | None = None
        self._sync = sync
        self._flying = 0  # the position the sync in flight will confirm; 0 = none in flight
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._jobs: SimpleQueue[tuple[asyncio.AbstractEventLoop, int] | None] = SimpleQueue()
        # Not an executor: two fewer hand-overs per sync, and no join at interpreter exit that a
        # hung disk could hold up for ever.
        self._thread = threading.Thread(target=self._work, name="journal-sync", daemon=True)
        self._thread.start()

    async def reach(self, position: int) -> None:
        """Return once `position`, which must have been appended, is on stable storage.

        Raises:
            Exception: whatever the first failed `sync` raised, now and ever after.
        """
        if self.failure is not None:
            raise self.failure
        if position <= self.confirmed:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append((position, waiter))
        if not self._flying:
            self._launch(loop)
        await waiter

    def fail(self, failure: Exception) -> None:
        """Make the first failure final and tell everyone who waits."""
        self.failure = self.failure or failure
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done() and not waiter.get_loop().is_closed():
                waiter.set_exception(self.failure)

    def stop(self) -> None:
        """End the worker once the sync in flight, if any, has returned."""
        self._jobs.put(None)
        self._thread.join()

    def _launch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._flying = self.appended
        self._jobs.put((loop, self.appended))

    def _landed(self, loop: asyncio.AbstractEventLoop, failure: Exception | None) -> None:
        landed, self._flying = self._flying, 0
        if failure is not None:
            self.fail(failure)
        if self.failure is not None:
            return
        self.confirmed = max(self.confirmed, landed)
        waiters, self._waiters = self._waiters, []
        for position, waiter in waiters:
            if position > landed:
                self._waiters.append((position, waiter))
            elif not waiter.done():  # done = cancelled: it has stopped waiting
                waiter.set_result(None)
        if self._waiters:
            self._launch(loop)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, position = job
            failure: Exception | None = None
            try:
                self._sync(position)
            except Exception as error:  # noqa: BLE001 - a bug too must reach those who wait, not end this thread
                failure = error
            try:
                loop.call_soon_threadsafe(self._landed, loop, failure)
            except RuntimeError:  # the loop was closed while the disk worked: nobody waits any more
                return
