"""The narrator's end of the OMS process: orders in, its log of messages out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from connector.demo.children import Child
from connector.demo.messages import Direction, Pairs, Row, row, values

EXPECT_S = 15.0
LOGON_S = 15.0


class StoryError(Exception):
    """Something the story announced did not happen."""


class FixClient:
    """`sent` and `received` are the FIX client's own log: what crossed its engine's border."""

    def __init__(self, child: Child, show: Callable[[Row], None]) -> None:
        self.sent: list[Pairs] = []
        self.received: list[Pairs] = []
        self.last_ns = 0  # when the last message crossed, epoch
        self._child = child
        self._show = show
        self._waiting: list[dict[int, str]] = []  # received, not expected yet
        self._logged_on = False
        self._news = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    async def start(self, config: Mapping[str, Any]) -> None:
        """Start the process and wait for the Logon; `config` as `connector.demo.oms` takes it.

        Raises:
            ChildError: it cannot be started, or does not get in.
        """
        await self._child.start()
        self._reader = asyncio.create_task(self._read())
        await self._write(config)

        async def logged_on() -> dict[str, Any] | None:
            return {} if self._logged_on else None

        await self._child.until(logged_on, LOGON_S, f"was not logged on within {LOGON_S:.0f} s")

    async def watch(self) -> None:
        """Return never; used to notice that its log cannot be read or shown any more.

        Raises:
            ChildError: the process ended.
        """
        assert self._reader is not None
        await self._reader
        await self._child.ended()

    async def stop(self) -> None:
        """Logout and end of the process; what it still says is no part of the story."""
        self._show = lambda _row: None
        await self._child.stop()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def send(self, msg_type: str, fields: Mapping[int, str]) -> None:
        """Send one message; TransactTime(60) is added."""
        now = time.time_ns()
        seconds, rest = divmod(now, 1_000_000_000)
        stamp = f"{time.strftime('%Y%m%d-%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03d}"
        await self._write({"send": [[35, msg_type], *fields.items(), [60, stamp]]})

    async def expect(self, what: str, fields: Mapping[int, str]) -> dict[int, str]:
        """Wait for a message with these values; each is given out once.

        Raises:
            StoryError: it did not come.
        """
        try:
            async with asyncio.timeout(EXPECT_S), self._news:
                while True:
                    for index, message in enumerate(self._waiting):
                        if fields.items() <= message.items():
                            return self._waiting.pop(index)
                    await self._news.wait()
        except TimeoutError:
            raise StoryError(f"{what} did not arrive within {EXPECT_S:.0f} s") from None

    async def _write(self, line: Mapping[str, Any]) -> None:
        stdin = self._child.process.stdin
        assert stdin is not None
        with suppress(ConnectionError):  # its end is noticed by whoever watches the process
            stdin.write(json.dumps(line).encode() + b"\n")
            await stdin.drain()

    async def _read(self) -> None:
        stdout = self._child.process.stdout
        assert stdout is not None
        async for text in stdout:
            line = json.loads(text)
            if "event" in line:
                self._logged_on = line["event"] == "logon"
                continue
            direction = Direction.FROM_OMS if "sent" in line else Direction.TO_OMS
            pairs: Pairs = tuple((int(tag), value) for tag, value in line.get("sent") or line["received"])
            self.last_ns = line["at_ns"]
            self._show(row(line["at_ns"], direction, pairs))
            async with self._news:
                if direction is Direction.FROM_OMS:
                    self.sent.append(pairs)
                else:
                    self.received.append(pairs)
                    self._waiting.append(values(pairs))
                    self._news.notify_all()
