"""One admitted client's way to the engine and back, over the private socket.

Three rules come from the engine:

* it accepts, reads and writes only within `poll`, so a link polls after everything it hands over, and after
  everything it takes, for what did not fit;
* what follows its first message in the same read is left lying until more arrives: the Logon goes alone;
* SequenceReset(4) with a NewSeqNo(36) below the expected number makes it throw when the session is not logged
  on, as it is behind a Logout(5), or any message that costs the session, in the same read. So SequenceReset
  goes alone, and only while the session is logged on; nothing follows a Logout.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from connector.fix.engine import Engine
from connector.fix.framing import Frame, fields, msg_seq_num
from connector.fix.legible import fault_of, header_only
from connector.fix.private_listener import PrivateListener
from connector.fix.resend import Resends, next_expected, rewritten
from connector.fix.session import EventLog

FRAMES_PER_TURN = 4  # then the loop serves the others
READ_BYTES = 256 * 1024
ROUNDS_PER_TURN = 64  # reads from the engine before the loop serves the others
ENGINE_READ_BYTES = 8192
BACKLOG_BYTES = 4096  # so long a read may leave messages queued in the engine, which writes one a poll
BACKLOG_POLLS = 64
MAX_AHEAD = 10_000  # messages beyond a gap in one connection; the engine keeps them all in memory
MAX_AHEAD_BYTES = 8 * 1024 * 1024  # and of these


class Link:
    """The engine's side of a connection.

    `deliver(data)` takes bytes for the client; `ended(reason)` is called once when the link is over for any
    reason other than `close`: the engine closed it, or the client broke a limit.
    """

    def __init__(
        self,
        *,
        session: str,
        engine: Engine,
        listener: PrivateListener,
        deliver: Callable[[bytes], None],
        ended: Callable[[str], None],
        log: EventLog,
    ) -> None:
        self.session = session
        self._engine = engine
        self._deliver = deliver
        self._ended = ended
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._frames: deque[Frame] = deque()
        self._turn_due = False
        self._ahead = self._ahead_bytes = 0
        self._resends = Resends((b"", b""))
        self._logged_out = False  # the client said Logout: nothing after it is forwarded
        self.paused = False  # the client does not read: what is for it stays in the engine
        self._open = True
        engine.poll(2)  # bury what was dropped: the engine must not meet its descriptor number again
        self._socket: socket.socket = listener.connect()
        engine.poll(2)  # accept, then listen to it
        self._loop.add_reader(self._socket, self._take)

    def log_on(self, frame: Frame, *, reset: bool) -> bool:
        """Hand the checked Logon over; False when the engine did not take it (its Logout is delivered)."""
        given = dict(fields(frame.raw))
        self._resends = Resends((given[b"49"], given[b"56"]))
        again = None
        if reset:
            self._engine.note_reset(self.session)
        else:
            again = next_expected(frame, self._engine.numbers(self.session).out)
        self._hand_over(frame.raw if again is None else rewritten(frame.raw, {b"789": None}))
        accepted = self._engine.logged_on(self.session)
        self._take()
        if not accepted:
            self._end("the engine refused the Logon")
        elif again is not None:
            self._log.info("fix_resend_begun", session=self.session, begin=again.begin, end=again.end)
            self._resends.started, self._resends.left = again.begin, again
            self._turn_soon()
        return accepted and self._open

    def feed(self, frames: list[Frame]) -> None:
        """Queue frames of the client for the engine."""
        for frame in frames:
            fault = fault_of(frame.raw)
            if fault is None:
                self._frames.append(frame)
            elif not self._replace(frame, fault):
                return
        if not self._turn_due:
            self._turn()

    def _replace(self, frame: Frame, fault: str) -> bool:
        """The engine gets the header, the client the reason; False when the connection had to be ended."""
        header = header_only(frame)
        number = msg_seq_num(frame.raw)
        self._log.error(
            "fix_illegible_message", session=self.session, msg_type=frame.msg_type, number=number, cause=fault
        )
        if header is None or number is None:
            self._end(f"a message without a header that can be read: {fault}")
            return False
        self._frames.append(header)
        kind = frame.msg_type.decode("ascii", "replace")
        text = f"message {number} was not processed: {fault}"
        self._engine.send(self.session, f"35=j\x0145={number}\x01372={kind}\x01380=0\x0158={text}\x01")
        return True

    @property
    def waiting(self) -> int:
        """Frames not yet handed over."""
        return len(self._frames)

    def pause(self) -> None:
        """Take nothing from the engine until `resume`."""
        if self._open and not self.paused:
            self.paused = True
            self._loop.remove_reader(self._socket)

    def resume(self) -> None:
        """The client reads again."""
        if self._open and self.paused:
            self.paused = False
            self._loop.add_reader(self._socket, self._take)
            self._take()
            self._turn_soon()

    def look(self) -> None:
        """Notice that the engine gave a paused client up; nobody listens to its socket meanwhile."""
        if self.paused and not self._engine.logged_on(self.session):
            self._end("the engine closed the session of a client that does not read")

    def close(self) -> None:
        """The client is gone. What it sent before is still handed over; then the engine sees the end."""
        while self._frames and self._open and not self._logged_out:
            self._forward_batch()
        self._shut()

    def _turn(self) -> None:
        self._turn_due = False
        if not self._open:
            return
        handed = 0
        while self._frames and self._open and not self._logged_out and handed < FRAMES_PER_TURN:
            handed += self._forward_batch()
        if self._open:
            self._take()
        if self._open and self._engine.logged_on(self.session) and not self._logged_out:
            self._send_again()
        if self._open and not self._engine.logged_on(self.session) and not self.paused:
            self._end("the session has ended")
        if self._logged_out:
            self._frames.clear()
        if self._frames or (self._resends.pending and not self.paused):
            self._turn_soon()

    def _turn_soon(self) -> None:
        if self._open and not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def _send_again(self) -> None:
        """One batch of what the client asked for; the next when the loop has served the others."""
        if not self._resends.pending or self.paused:
            return
        consumed = self._engine.expected(self.session) - 1
        with self._engine.unsaid():
            self._hand_over(self._resends.following(consumed, datetime.now(UTC)))
        self._take()
        if self._resends.left is None:
            self._log.info("fix_resend_finished", session=self.session)

    def _forward_batch(self) -> int:
        """Hand over the next frames that may share a read; returns how many."""
        batch = [self._frames.popleft()]
        if _goes_alone(batch[0]):
            if not self._engine.logged_on(self.session):
                self._end("the session ended before this message")
                return 1
            if batch[0].msg_type == b"2":
                self._resend_asked(batch[0])
                return 1
            if batch[0].msg_type == b"A" and b"\x01141=Y\x01" in batch[0].raw:
                self._engine.note_reset(self.session)  # a reset within the session
                self._resends.left = None
        else:
            size = len(batch[0].raw)
            while self._frames and not _goes_alone(self._frames[0]) and len(batch) < FRAMES_PER_TURN:
                size += len(self._frames[0].raw)
                if size > READ_BYTES // 4:
                    break
                batch.append(self._frames.popleft())
        if self._too_far_ahead(batch):
            self._end(f"more than {MAX_AHEAD} messages or {MAX_AHEAD_BYTES} bytes beyond a gap")
            return len(batch)
        self._hand_over(b"".join(frame.raw for frame in batch))
        self._logged_out = batch[-1].msg_type == b"5"
        return len(batch)

    def _too_far_ahead(self, batch: list[Frame]) -> bool:
        due = self._engine.expected(self.session)
        for offset, frame in enumerate(batch):
            number = msg_seq_num(frame.raw)
            if number is not None and number > due + offset:
                self._ahead += 1
                self._ahead_bytes += len(frame.raw)
        return self._ahead > MAX_AHEAD or self._ahead_bytes > MAX_AHEAD_BYTES

    def _resend_asked(self, frame: Frame) -> None:
        if self.paused:
            self._end("asks for messages again without reading them")
            return
        raw = self._resends.asked(frame, self._engine.numbers(self.session).out)
        if raw is None:
            self._end("asks for the same messages again and again")
            return
        self._hand_over(raw)

    def _hand_over(self, data: bytes) -> None:
        """Into the engine, wholly: its callbacks have run when this returns."""
        try:
            sent = self._socket.send(data)
        except OSError as error:  # the engine has closed: its last words are still to be read
            self._log.warning("fix_engine_connection_lost", session=self.session, error=str(error))
            return
        assert sent == len(data), f"the engine's empty socket took {sent} of {len(data)} bytes"
        self._engine.poll(2 + len(data) // ENGINE_READ_BYTES)

    def _take(self) -> None:
        """Everything the engine has for the client."""
        for _ in range(ROUNDS_PER_TURN):
            if not self._open or self.paused:
                return
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._end("the engine closed the session")
                return
            self._deliver(data)
            self._engine.poll(BACKLOG_POLLS if len(data) >= BACKLOG_BYTES else 1)

    def _end(self, reason: str) -> None:
        if self._open:
            self._shut()
            self._ended(reason)

    def _shut(self) -> None:
        if not self._open:
            return
        self._open = False
        self._frames.clear()
        if not self.paused:
            self._loop.remove_reader(self._socket)
        self._socket.close()
        self._engine.poll(3)  # notice the end, log out, bury


def _goes_alone(frame: Frame) -> bool:
    """Messages whose effect must be known before the next one, and those that may hide one."""
    return frame.msg_type in (b"2", b"4", b"5", b"A") or frame.raw.count(b"\x0135=") > 1
