"""The outside socket: strangers stop here.

A connection has `first_message_deadline_s` for one whole, correct Logon(35=A) with the credentials of a
configured session. Anything else is answered with silence, a pause and a close: a Logout(5) needs a
MsgSeqNum(34), which would tell a stranger where the session stands and put an honest client out of step (it
counts our Logout, we do not). The reason is in our log. What an authenticated client gets wrong is answered
in words and in sequence: the Logon's fields by us, its numbers by the engine.

A session has one connection. A second Logon is refused while the first lives; a dead first one is found by
the engine's TestRequest and closed after 2.4 heartbeat intervals.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol, cast

from connector.fix.framing import Frame, FrameReader, FramingError, Garbled
from connector.fix.link import Link
from connector.fix.logon import Admitted, LogonCheck, Refused
from connector.fix.session import EventLog

FIRST_MESSAGE_LIMIT = 4096  # bytes
MAX_STRANGERS = 256  # connections not yet logged on; the oldest gives way
REFUSAL_PAUSE_S = 1.0
FLUSH_DEADLINE_S = 5.0  # for the last bytes to a client the engine has closed
HIGH_WATER_BYTES = 1024 * 1024  # unsent: then the rest waits in the engine
PAUSE_READING_ABOVE = 256  # frames of one client waiting for their turn


class Inside(Protocol):
    """What the front needs of the acceptor."""

    def logon_fault(self, raw: bytes) -> str | None:
        """Why an authenticated Logon cannot be taken, in words for its sender."""

    def farewell(self, session: str, text: str) -> bytes:
        """A Logout(5) with that Text(58), in sequence."""

    def link(self, session: str, deliver: Callable[[bytes], None], ended: Callable[[str], None]) -> Link:
        """The way to the engine for an admitted client."""


class Front:
    """Listens, checks, and joins each admitted client to the engine by a `Link`."""

    def __init__(
        self,
        *,
        check: LogonCheck,
        inside: Inside,
        first_message_deadline_s: float,
        output_limit_bytes: int,
        log: EventLog,
        refusal_pause_s: float = REFUSAL_PAUSE_S,
    ) -> None:
        self.check = check
        self.inside = inside
        self.first_message_deadline_s = first_message_deadline_s
        self.output_limit_bytes = output_limit_bytes
        self.refusal_pause_s = refusal_pause_s
        self.log = log
        self.connected: dict[str, ClientConnection] = {}
        self.strangers: dict[ClientConnection, None] = {}  # in order of arrival
        self.flushing: set[ClientConnection] = set()  # closed by the engine, last words on their way
        self.empty = asyncio.Event()  # no session has a connection
        self.empty.set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Bind and accept; returns the port.

        Raises:
            OSError: the address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ClientConnection(self), host, port)
        return cast(int, self._server.sockets[0].getsockname()[1])

    def stop_listening(self) -> None:
        """Accept nobody any more and cut who is not logged on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for stranger in list(self.strangers):
            stranger.abort()

    def cut_all(self) -> None:
        """No more patience with anybody."""
        for connection in (*self.strangers, *self.connected.values(), *self.flushing):
            connection.abort()

    def arrived(self, connection: ClientConnection) -> None:
        """A stranger connected."""
        self.strangers[connection] = None
        if len(self.strangers) > MAX_STRANGERS:
            oldest = next(iter(self.strangers))
            self.log.warning("fix_connection_cut", peer=oldest.peer, reason="too many strangers")
            oldest.abort()

    def left(self, connection: ClientConnection) -> None:
        """A connection is over."""
        self.strangers.pop(connection, None)
        self.flushing.discard(connection)
        if connection.session is not None and self.connected.get(connection.session) is connection:
            del self.connected[connection.session]
            if not self.connected:
                self.empty.set()

    def sent(self, session: str, size: int) -> None:
        """The engine took a message of `size` characters for the client."""
        if (connection := self.connected.get(session)) is not None:
            connection.queued(size)

    def look(self) -> None:
        """To be called from time to time."""
        for connection in list(self.connected.values()):
            connection.look()

    def joined(self, connection: ClientConnection, session: str) -> None:
        """A stranger became the client of `session`."""
        self.strangers.pop(connection, None)
        self.connected[session] = connection
        self.empty.clear()


class ClientConnection(asyncio.Protocol):
    """One outside connection: a stranger, then either refused or a client."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._log = front.log
        self._reader = FrameReader(FIRST_MESSAGE_LIMIT)
        self._link: Link | None = None
        self._backlog = 0  # characters of messages left in the engine because the client does not read
        self._deaf = False  # refused or cut: what arrives is not looked at
        self._internal = False
        self._timer: asyncio.TimerHandle | None = None
        self.session: str | None = None
        self.peer = "?"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A stranger is there; the clock runs."""
        self._transport = cast(asyncio.Transport, transport)
        address = transport.get_extra_info("peername")
        self.peer = f"{address[0]}:{address[1]}" if address else "?"
        self._timer = asyncio.get_running_loop().call_later(
            self._front.first_message_deadline_s, self._too_late
        )
        high = min(HIGH_WATER_BYTES, self._front.output_limit_bytes)
        self._transport.set_write_buffer_limits(high=high, low=high // 4)
        self._front.arrived(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of a stranger or of a client."""
        if self._deaf:
            return
        frames: list[Frame] = []
        try:
            for item in self._reader.feed(data):
                if isinstance(item, Garbled):
                    self._garbled(item)
                elif self._link is None:
                    self._first_message(item)
                else:
                    frames.append(item)
                if self._is_deaf():
                    return
        except FramingError as error:
            self._feed(frames)
            self._broken(str(error))
            return
        self._feed(frames)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or we closed."""
        self._cancel_timer()
        self._deaf = True
        if self._link is not None:
            link, self._link = self._link, None
            if not self._internal:
                self._log.info("fix_connection_lost", session=self.session, error=str(exc) if exc else None)
            link.close()
        self._front.left(self)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        if self._link is not None:
            self._log.warning("fix_client_reads_slowly", session=self.session)
            self._link.pause()

    def resume_writing(self) -> None:
        """It does again."""
        self._backlog = 0
        if self._link is not None:
            self._link.resume()

    def queued(self, size: int) -> None:
        """A message of `size` characters is for this client; with too many unread it is cut.

        What it asked to be sent again does not count: that is as long as its own absence.
        """
        if self._link is None or not self._link.paused:
            return
        self._backlog += size
        limit = self._front.output_limit_bytes
        if self._backlog > limit and not self._deaf:
            self._log.error("fix_slow_consumer_cut", session=self.session, waiting=self._backlog, limit=limit)
            self.abort()

    def look(self) -> None:
        """To be called from time to time."""
        if self._link is not None:
            self._link.look()

    def abort(self) -> None:
        """Cut without further words."""
        self._deaf = True
        self._transport.abort()

    def _is_deaf(self) -> bool:
        return self._deaf

    def _feed(self, frames: list[Frame]) -> None:
        if self._link is None or not frames:
            return
        self._link.feed(frames)
        if self._link is not None and self._link.waiting > PAUSE_READING_ABOVE:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._resume_when_served)

    def _resume_when_served(self) -> None:
        if self._link is None:
            return
        if self._link.waiting > PAUSE_READING_ABOVE:
            asyncio.get_running_loop().call_soon(self._resume_when_served)
        else:
            self._transport.resume_reading()

    def _first_message(self, frame: Frame) -> None:
        verdict = self._front.check(frame)
        if isinstance(verdict, Refused):
            self._refuse(verdict.reason, verdict.claimed)
        elif verdict.internal and not self._from_this_machine():
            self._refuse("a session of our own, from another machine", verdict.session)
        elif verdict.session in self._front.connected:
            self._refuse("the session is connected already", verdict.session)
        elif (fault := self._front.inside.logon_fault(frame.raw)) is not None:
            self._transport.write(self._front.inside.farewell(verdict.session, f"Logon refused: {fault}"))
            self._refuse(fault, verdict.session)
        else:
            self._admit(frame, verdict)

    def _admit(self, frame: Frame, verdict: Admitted) -> None:
        self._cancel_timer()
        self.session = verdict.session
        self._front.joined(self, verdict.session)
        self._reader.limit = max(self._reader.limit, FrameReader().limit)
        self._internal = verdict.internal
        if not verdict.internal:
            self._log.info(
                "fix_connection_admitted", session=self.session, peer=self.peer, reset=verdict.reset
            )
        self._link = self._front.inside.link(verdict.session, self._deliver, self._link_ended)
        self._link.log_on(frame, reset=verdict.reset)

    def _from_this_machine(self) -> bool:
        """Its address is a loopback one, or the very one it connected to."""
        theirs, ours = (self._transport.get_extra_info(name) for name in ("peername", "sockname"))
        return bool(theirs and ours) and (theirs[0] == ours[0] or ip_address(theirs[0]).is_loopback)

    def _deliver(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)

    def _link_ended(self, reason: str) -> None:
        """The engine's side is over: deliver its last words, free the session at once."""
        self._deaf = True
        self._link = None
        self._log.info("fix_connection_closed", session=self.session, reason=reason)
        self._front.left(self)
        self._front.flushing.add(self)
        self._transport.close()  # flushes first
        self._timer = asyncio.get_running_loop().call_later(FLUSH_DEADLINE_S, self._transport.abort)

    def _refuse(self, reason: str, claimed: str) -> None:
        self._log.warning("fix_logon_refused", peer=self.peer, claimed=claimed, reason=reason)
        self._deaf = True
        self._cancel_timer()
        with contextlib.suppress(RuntimeError):  # closing already
            self._transport.pause_reading()
        self._timer = asyncio.get_running_loop().call_later(
            self._front.refusal_pause_s, self._transport.close
        )

    def _garbled(self, message: Garbled) -> None:
        if self._link is None:
            self._refuse(f"garbled first message: {message.reason}", "?")
        else:
            self._log.warning("fix_garbled_message_ignored", session=self.session, reason=message.reason)

    def _broken(self, reason: str) -> None:
        if self._link is None and self.session is None:
            self._refuse(reason, "?")
        else:
            self._log.warning("fix_connection_cut", session=self.session, peer=self.peer, reason=reason)
            self.abort()

    def _too_late(self) -> None:
        self._log.warning("fix_connection_cut", peer=self.peer, reason="no Logon(35=A) within the deadline")
        self.abort()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
