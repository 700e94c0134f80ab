"""A FIX client that costs as little as Python allows: prebuilt messages, one socket, no engine."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.benchmarks.processes import BenchError

SOH = b"\x01"
_TRAILER = re.compile(rb"\x0110=\d{3}\x01")
_REPORT = re.compile(rb"\x0135=8\x01")
_CL_ORD_ID = re.compile(rb"\x0111=([^\x01]+)\x01")
_EXEC_TYPE = re.compile(rb"\x01150=(.)\x01")
NEW, TRADE = b"0", b"F"
SILENCE_S = 20.0


@dataclass(slots=True)
class Trip:
    """One order: when its bytes were handed over, when its first report and its fill were read (monotonic ns)."""

    sent_ns: int = 0
    reported_ns: int = 0
    filled_ns: int = 0


@dataclass
class Round:
    """What one run of orders took."""

    trips: dict[bytes, Trip] = field(default_factory=dict)  # by ClOrdID
    elapsed_s: float = 0.0


class RawFixClient:
    """One session. Sequence numbers are this object's own; a fresh acceptor expects 1."""

    def __init__(self, port: int, *, username: str = "bench", password: str = "bench") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._next = 1
        self._rest = b""
        self._orders = 0
        logon = b"98=0|108=60|553=%b|554=%b|" % (username.encode(), password.encode())
        self._socket.sendall(self._framed(b"A", logon.replace(b"|", SOH)))
        reply = self._messages()
        if SOH + b"35=A" + SOH not in reply[0]:
            raise BenchError(f"logon refused: {reply[0]!r}")

    def close(self) -> None:
        """Log out."""
        self._socket.sendall(self._framed(b"5", b""))
        self._socket.close()

    def sequential(self, orders: int) -> Round:
        """One order at a time, the next when the report of the one before has been read."""
        return self._run(orders, 1)

    def sustained(self, orders: int, in_flight: int) -> Round:
        """`in_flight` orders under way all the time."""
        return self._run(orders, in_flight)

    def wait_for_fills(self, run: Round) -> None:
        """Read until every order of `run` has been reported filled."""
        missing = {name for name, trip in run.trips.items() if not trip.filled_ns}
        while missing:
            for message in self._messages():
                now = time.monotonic_ns()
                name, kind = self._report(message)
                if kind == TRADE and name in missing:
                    run.trips[name].filled_ns = now
                    missing.discard(name)

    def _run(self, orders: int, in_flight: int) -> Round:
        names, messages = self._prebuilt(orders)
        run = Round({name: Trip() for name in names})
        send, clock, trips = self._socket.sendall, time.monotonic_ns, run.trips
        begun, sent, reported = time.monotonic_ns(), 0, 0
        while reported < orders:
            while sent < orders and sent - reported < in_flight:
                trips[names[sent]].sent_ns = clock()
                send(messages[sent])
                sent += 1
            for message in self._messages():
                now = clock()
                name, kind = self._report(message)
                trip = trips.get(name)
                if trip is None or trip.reported_ns:
                    continue
                if kind != NEW:
                    raise BenchError(f"an order was not accepted: {message.replace(SOH, b'|')!r}")
                trip.reported_ns = now
                reported += 1
        run.elapsed_s = (time.monotonic_ns() - begun) / 1e9
        return run

    def _prebuilt(self, orders: int) -> tuple[list[bytes], list[bytes]]:
        names = [b"c%08d" % (self._orders + n) for n in range(1, orders + 1)]
        self._orders += orders
        now = _utc()
        body = b"11=%b|1=MAIN|55=BTCUSDT|54=1|60=%b|38=0.01000|40=2|44=65000.10|59=1|".replace(b"|", SOH)
        return names, [self._framed(b"D", body % (name, now)) for name in names]

    def _framed(self, kind: bytes, body: bytes) -> bytes:
        head = b"35=%b|34=%d|49=BENCH|56=CONNECTOR|52=%b|".replace(b"|", SOH) % (kind, self._next, _utc())
        self._next += 1
        text = b"8=FIX.4.4\x019=%d\x01" % (len(head) + len(body)) + head + body
        return text + b"10=%03d\x01" % (sum(text) % 256)

    def _messages(self) -> list[bytes]:
        """At least one whole message, as they come."""
        while True:
            try:
                data = self._socket.recv(262_144)
            except TimeoutError:
                raise BenchError(f"no FIX message for {SILENCE_S:.0f} s while reports were due") from None
            if not data:
                raise BenchError("the acceptor closed the connection")
            self._rest += data
            found, at = [], 0
            for trailer in _TRAILER.finditer(self._rest):
                found.append(self._rest[at : trailer.end()])
                at = trailer.end()
            self._rest = self._rest[at:]
            if found:
                return found

    @staticmethod
    def _report(message: bytes) -> tuple[bytes, bytes]:
        """ClOrdID and ExecType of an ExecutionReport; empty where it is none.

        Raises:
            BenchError: the other side refuses or leaves.
        """
        if not _REPORT.search(message, 0, 40):
            if re.search(rb"\x0135=[35j9]\x01", message[:40]):
                raise BenchError(f"unexpected: {message.replace(SOH, b'|')!r}")
            return b"", b""
        name, kind = _CL_ORD_ID.search(message), _EXEC_TYPE.search(message)
        return (name.group(1) if name else b""), (kind.group(1) if kind else b"")


def _utc() -> bytes:
    return datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3].encode()
