"""`connector demo` from start to end: everything up, the story, the books, everything down again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from connector import exits
from connector.demo.books import fix_books
from connector.demo.children import ChildError
from connector.demo.client import StoryError
from connector.demo.compare import Comparison, compare
from connector.demo.ground import Ground
from connector.demo.jsonlines import JsonScreen
from connector.demo.scenes import SCENES, TERMS, Stage
from connector.demo.screen import TableScreen

SETTLE_S = 10.0  # for the last reports to arrive
QUIET_S = 1.0  # without any message before the books are believed: a fill told twice may come late
PAUSE_S = 0.4
GUEST_USDT = "100000"  # the story lends the account up to its last one
KILLED = 128  # plus the signal's number: the exit code of what a signal ended, as in shells
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Screen = TableScreen | JsonScreen


def demo(*, keep: bool, as_json: bool, verbose: bool) -> int:
    """Run the demo; the exit code. A signal before the story's end gives `KILLED` + its number."""
    screen = JsonScreen(sys.stdout) if as_json else TableScreen(sys.stdout, verbose=verbose)
    try:
        return asyncio.run(Demo(screen, keep=keep, verbose=verbose).run())
    finally:
        screen.close()


class Demo:
    """One performance."""

    def __init__(self, screen: Screen, *, keep: bool, verbose: bool) -> None:
        self._screen = screen
        self._keep = keep
        self._verbose = verbose
        self._verdict: int | None = None  # once the books were compared
        self._directory = Path(tempfile.mkdtemp(prefix="connector-demo-"))

    async def run(self) -> int:
        """Perform, until the end or a signal; the exit code."""
        caught: asyncio.Queue[signal.Signals] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, caught.put_nowait, number)
        code = exits.FAILED
        try:
            code = await self._performed(caught)
        except ChildError as error:
            code = exits.FAILED if error.started else exits.START
            self._screen.failure(f"{error.sentence}.", error.tail, self._directory)
        except StoryError as error:
            self._screen.failure(f"{error}.", (), self._directory)
        except BrokenPipeError:  # the reader, `head` for example, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = KILLED + signal.SIGPIPE
        finally:
            if code == exits.OK or code > KILLED:
                shutil.rmtree(self._directory, ignore_errors=True)
        return code

    async def _performed(self, caught: asyncio.Queue[signal.Signals]) -> int:
        async with AsyncExitStack() as stack:
            stack.callback(self._screen.stopping)
            ground = Ground(self._directory, self._screen.show, self._screen.progress)
            number = await first_of(self._play(ground, stack), caught.get())
            if number is None:
                assert self._verdict is not None
                return self._verdict
        return KILLED + number if self._verdict is None else self._verdict

    async def _play(self, ground: Ground, stack: AsyncExitStack) -> None:
        self._screen.waiting("starting the exchange simulator, the connector and a FIX client")
        await ground.start(stack)
        watched = (ground.client.watch(), *(child.ended() for child in ground.children))
        await first_of(self._told(ground), *watched)

    async def _told(self, ground: Ground) -> None:
        """The story, the books and, with `--keep`, no end."""
        before = await ground.venue.state()
        trouble = None
        try:
            await self._scenes(ground)
        except StoryError as error:
            trouble = str(error)
        self._screen.waiting("waiting for silence, then comparing the books")
        comparison = await self._compared(ground, before)
        well = comparison.agrees and trouble is None
        self._verdict = exits.OK if well else exits.DIFFERENT
        self._screen.summary(comparison, trouble, None if well else self._directory)
        if self._keep:
            await ground.venue.prepare("USDT", GUEST_USDT)
            await ground.venue.let_prices_move()
            self._screen.access(ground.access)
            await asyncio.Event().wait()

    async def _scenes(self, ground: Ground) -> None:
        stage = Stage(ground.client, ground.venue, self._pause)
        for number, scene in enumerate(SCENES, start=1):
            self._screen.scene(number, scene)
            self._screen.waiting(f"scene {number} of {len(SCENES)}")
            await self._pause()
            try:
                await scene.play(stage)
            except StoryError as error:
                raise StoryError(f"scene {number}: {error}") from error
            finally:
                if self._verbose:
                    await ground.venue.show_requests()
            await self._pause()

    async def _compared(self, ground: Ground, before: dict[str, Any]) -> Comparison:
        """Compare when nothing moves any more; differences get some time to go away."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            after = await ground.venue.state()
            books = fix_books(ground.client.sent, ground.client.received)
            comparison = compare(books, before, after, TERMS)
            quiet = time.time_ns() - ground.client.last_ns > QUIET_S * 1e9
            if (comparison.agrees and quiet) or time.monotonic() > deadline:
                return comparison
            await asyncio.sleep(0.1)

    async def _pause(self) -> None:
        await asyncio.sleep(PAUSE_S if self._screen.live else 0)


async def first_of(*works: Awaitable[Any]) -> Any:
    """The result of whichever ends first; the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
