"""The FIX side of the daemon: the engine behind its front, as one thing with few verbs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connector.fix.engine import Engine
from connector.fix.front import Front
from connector.fix.link import Link
from connector.fix.logon import LogonCheck, parameters_fault
from connector.fix.numbers import Numbers
from connector.fix.private_listener import PrivateListener
from connector.fix.prober import EVERY_S, Prober, reserved_session
from connector.fix.receipts import Receipts
from connector.fix.session import Application, EventLog, FailStop, SessionSpec

TICK_S = 0.2  # the resolution of heartbeats and time-outs
TICK_POLLS = 16
OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024  # about 40,000 new reports for one client that does not read
LOGOUT_TEXT = "the connector is stopping"

__all__ = ["Application", "FixAcceptor", "SessionSpec"]


class FixAcceptor:
    """FIX 4.4 acceptor on the running loop: no thread, no lock, one listening port."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sessions: Sequence[SessionSpec],
        store_path: Path,
        dictionary: Path,
        application: Application,
        fail_stop: FailStop,
        first_message_deadline_s: float,
        log: EventLog,
        heartbeat_range_s: tuple[int, int] = (5, 60),
        output_limit_bytes: int = OUTPUT_LIMIT_BYTES,
        refusal_pause_s: float = 1.0,
        saved: Mapping[str, Numbers] | None = None,
        proved: Callable[[], None] | None = None,
        prove_every_s: float = EVERY_S,
    ) -> None:
        """`port` 0 takes any free one. `fail_stop` logs and ends the process; it must not return.

        `saved`: the sequence numbers that the journal has of each session; the engine starts no lower.
        `proved` is called every `prove_every_s` while a client would be answered; None: nobody asks.
        """
        self._host, self._port = host, port
        self._heartbeat_range_s = heartbeat_range_s
        self._log = log
        self._fail_stop = fail_stop
        self._sessions = [spec.key for spec in sessions]
        self._prober: Prober | None = None
        if proved is not None:
            reserved = reserved_session()
            sessions = [*sessions, reserved]
            self._prober = Prober(
                reserved, proved=proved, every_s=prove_every_s, heartbeat_s=heartbeat_range_s[1], log=log
            )
        self._receipts = Receipts(self._ask)
        self._engine = Engine(
            sessions=sessions,
            store_path=store_path,
            dictionary=dictionary,
            application=application,
            fail_stop=fail_stop,
            log=log,
            saved=saved,
            receipt=self._receipts.answered,
        )
        self._front = Front(
            check=LogonCheck(sessions),
            inside=self,
            first_message_deadline_s=first_message_deadline_s,
            output_limit_bytes=output_limit_bytes,
            refusal_pause_s=refusal_pause_s,
            log=log,
        )
        self._listener: PrivateListener | None = None
        self._ticker: asyncio.TimerHandle | None = None

    async def start(self) -> int:
        """Load the sessions and listen; returns the bound port.

        Raises:
            EngineStartError: configuration or dictionary refused.
            StoreDamagedError: the message store contradicts itself.
            OSError: the address cannot be bound, or the store cannot be written.
        """
        self._listener = self._engine.open()
        try:
            bound = await self._front.listen(self._host, self._port)
        except BaseException:
            self._engine.close()
            raise
        self._tick()
        if self._prober is not None:
            self._prober.start(self._host, bound)
        self._log.info("fix_listening", host=self._host, port=bound)
        return bound

    def send(self, session: str, body: str) -> bool:
        """Send an application message given as `35=8|37=...|`: fields ended by SOH, no header, no trailer.

        It is stored first and delivered at once or on the client's ResendRequest. Fields may stand in any
        order; entries of a repeating group stay together. What is not Unicode text is replaced by '?'.

        Returns:
            False: the engine could not store it, and will not until a restart (P12): alarm and stop.
        """
        if self._engine.send(session, body):
            self._front.sent(session, len(body))
            return True
        self._log.error("fix_store_failed", session=session)
        return False

    def serves(self, session: str) -> bool:
        """The session is configured."""
        if session in self._sessions:
            return True
        self._log.error("fix_session_not_configured", session=session)
        return False

    def told(self, session: str, mark: int) -> None:
        """The client is asked whether it has read what was just sent: `Application.on_receipt`, `mark`."""
        self._receipts.told(session, mark)

    def numbers(self, sessions: Iterable[str] | None = None) -> dict[str, tuple[int, int]]:
        """The next sequence numbers, of all configured sessions unless told; to be kept outside the store."""
        return {key: self._engine.numbers(key) for key in (self._sessions if sessions is None else sessions)}

    def logged_on(self, session: str) -> bool:
        """The client is there and its Logon is complete."""
        return self._engine.logged_on(session)

    async def stop(self, timeout_s: float) -> None:
        """Say Logout(5) to every client, wait for the answers at most `timeout_s`, close everything."""
        if self._prober is not None:
            await self._prober.stop()
        self._front.stop_listening()
        for session in list(self._front.connected):
            self._engine.log_out(session, LOGOUT_TEXT)
        self._engine.poll(TICK_POLLS)
        try:
            await asyncio.wait_for(self._front.empty.wait(), timeout_s)
        except TimeoutError:
            self._log.warning("fix_logout_unanswered", sessions=sorted(self._front.connected))
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        self._front.cut_all()
        await asyncio.wait_for(self._front.empty.wait(), 1.0)  # each tells the engine that it is lost
        await asyncio.sleep(0)
        self._engine.close()

    def logon_fault(self, raw: bytes) -> str | None:
        """See `front.Inside`."""
        fault = self._engine.logon_fault(raw.decode("utf-8", "replace"))
        return fault or parameters_fault(raw, self._heartbeat_range_s, datetime.now(UTC))

    def farewell(self, session: str, text: str) -> bytes:
        """See `front.Inside`."""
        return self._engine.farewell(session, text)

    def link(self, session: str, deliver: Callable[[bytes], None], ended: Callable[[str], None]) -> Link:
        """See `front.Inside`."""
        assert self._listener is not None
        return Link(
            session=session,
            engine=self._engine,
            listener=self._listener,
            deliver=deliver,
            ended=ended,
            log=self._log,
        )

    def _ask(self, session: str, test_req_id: str) -> None:
        self._engine.ask(session, test_req_id)

    def _tick(self) -> None:
        try:
            for session in list(self._front.connected):
                self._engine.tick(session)
            self._engine.poll(TICK_POLLS)
            self._front.look()
            self._receipts.tick(time.monotonic(), self._engine.logged_on)
        except Exception as error:  # noqa: BLE001 - without heartbeats we would be a zombie (P12)
            self._fail_stop(error)
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)
