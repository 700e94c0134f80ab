"""The proof that the acceptor answers: a FIX dialogue with ourselves, through the front's own port.

A process that accepts connections may be a zombie all the same (an engine that no longer polls, a loop that
no longer turns); only an answer is a proof. The session is reserved: comp IDs that no configuration can
name, a password made at the start that nobody else knows, taken from this machine only, its numbers in a
store of its own, told to no application. One connection is kept, so that a front that is flooded by
strangers is not taken for a dead one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count

from connector.fix.framing import Frame, FrameReader, FramingError, fields
from connector.fix.resend import framed
from connector.fix.session import EventLog, SessionSpec

EVERY_S = 5.0
ANSWER_WITHIN_S = 10.0
AGAIN_AFTER_S = 1.0
ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach it, not to bind


class ProofMissingError(Exception):
    """The acceptor did not answer as it must."""


def reserved_session() -> SessionSpec:
    """A session for this process alone; '#' is in no configured comp ID."""
    return SessionSpec(
        sender_comp_id="#FRONT",
        target_comp_id=f"#WATCHDOG-{secrets.token_hex(8)}",
        username="watchdog",
        password=secrets.token_hex(32),
        internal=True,
    )


class Prober:
    """Logs on, asks every `every_s`, and calls `proved` for each answer."""

    def __init__(
        self,
        spec: SessionSpec,
        *,
        proved: Callable[[], None],
        every_s: float,
        heartbeat_s: int,
        log: EventLog,
    ) -> None:
        """`heartbeat_s`: a HeartBtInt(108) that the acceptor takes."""
        self._spec = spec
        self._proved = proved
        self._every_s = min(every_s, heartbeat_s)
        self._heartbeat_s = heartbeat_s
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def start(self, host: str, port: int) -> None:
        """Begin, and never give up."""
        self._task = asyncio.get_running_loop().create_task(self._run(ANYWHERE.get(host, host), port))

    async def stop(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self, host: str, port: int) -> None:
        while True:
            try:
                await self._dialogue(host, port)
            except (OSError, EOFError, TimeoutError, FramingError, ProofMissingError) as error:
                self._log.warning("fix_proof_missing", error=str(error) or repr(error))
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _dialogue(self, host: str, port: int) -> None:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
        try:
            talk = _Talk(self._spec, reader, writer)
            credentials = [(b"553", self._spec.username), (b"554", self._spec.password)]
            logon = [(b"98", b"0"), (b"108", b"%d" % self._heartbeat_s), (b"141", b"Y")]
            talk.say(b"A", *logon, *((tag, (value or "").encode()) for tag, value in credentials))
            await talk.hear(b"A", {})
            for number in count(1):
                identity = b"%d" % number
                talk.say(b"1", (b"112", identity))
                await talk.hear(b"0", {b"112": identity})
                self._proved()
                await asyncio.sleep(self._every_s)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Talk:
    """One connection's messages."""

    def __init__(self, spec: SessionSpec, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spec = spec
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._numbers = count(1)
        self._heard: Iterator[object] = iter(())

    def say(self, kind: bytes, *body: tuple[bytes, bytes]) -> None:
        now = datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3].encode()
        head = [
            (b"35", kind),
            (b"34", b"%d" % next(self._numbers)),
            (b"49", self._spec.target_comp_id.encode()),
            (b"52", now),
            (b"56", self._spec.sender_comp_id.encode()),
        ]
        self._writer.write(framed([*head, *body]))

    async def hear(self, kind: bytes, values: dict[bytes, bytes]) -> None:
        """Wait for a message of that kind with these values; other Heartbeats and TestRequests pass.

        Raises:
            ProofMissingError: something else came.
            TimeoutError, EOFError, OSError, FramingError: nothing of use came.
        """
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while True:
                for item in self._heard:
                    if not isinstance(item, Frame) or item.msg_type not in (kind, b"0", b"1"):
                        raise ProofMissingError(f"the acceptor said {item!r}")
                    if item.msg_type == kind and values.items() <= dict(fields(item.raw)).items():
                        return
                data = await self._reader.read(65536)
                if not data:
                    raise EOFError("the acceptor closed the watchdog's connection")
                self._heard = self._frames.feed(data)
