"""A FIX 4.4 client over a raw socket, for tests: what it sends and does not send is up to the test.

It keeps its numbers and its sent messages in the object, so that one object can log on again and again (also to a
daemon that was killed in between), answers TestRequest(1) and ResendRequest(2), asks for what it misses, and
puts every application message and every Reject(3), Logout(5), Logon(A) into an inbox:

    client = FixClient(sender="OMS", target="GW", username="u", password="p")
    await client.connect("127.0.0.1", port)
    await client.logon()
    await client.send("D", {11: "c1", 55: "BTCUSDT", 54: "1", 60: utc_now(), 38: "1", 40: "2", 44: "100"})
    report = await client.expect("8", {11: "c1", 150: "0"})
    assert report[151] == "1"
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

SOH = "\x01"
ADMIN = frozenset("012345A")

Fields = Mapping[int, str] | Iterable[tuple[int, str]]


def utc_now() -> str:
    """UTCTimestamp with milliseconds."""
    return datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def pairs(fields: Fields) -> list[tuple[int, str]]:
    """Fields in the order given; a sequence of pairs can repeat a tag (groups)."""
    return list(fields.items()) if isinstance(fields, Mapping) else list(fields)


def frame(
    fields: Fields, *, begin: str = "FIX.4.4", length: int | None = None, checksum: int | None = None
) -> bytes:
    """The bytes of a message whose fields start at MsgType(35); `length`, `checksum` falsify."""
    body = "".join(f"{tag}={value}{SOH}" for tag, value in pairs(fields)).encode()
    head = f"8={begin}{SOH}9={len(body) if length is None else length}{SOH}".encode()
    total = sum(head + body) % 256 if checksum is None else checksum
    return head + body + f"10={total:03d}{SOH}".encode()


@dataclass(frozen=True)
class Message:
    """A received message. `message[37]` is the first field of that tag."""

    fields: tuple[tuple[int, str], ...]

    @classmethod
    def parse(cls, raw: bytes) -> Message:
        parts = raw.decode("utf-8", "replace").split(SOH)[:-1]
        return cls(tuple((int(tag), value) for tag, _, value in (part.partition("=") for part in parts)))

    def __getitem__(self, tag: int) -> str:
        for found, value in self.fields:
            if found == tag:
                return value
        raise KeyError(f"no tag {tag} in {self}")

    def get(self, tag: int) -> str | None:
        return next((value for found, value in self.fields if found == tag), None)

    def all(self, tag: int) -> list[str]:
        return [value for found, value in self.fields if found == tag]

    def matches(self, msg_type: str, where: Mapping[int, str]) -> bool:
        return self[35] == msg_type and all(self.get(tag) == value for tag, value in where.items())

    def __str__(self) -> str:
        return "|".join(f"{tag}={value}" for tag, value in self.fields)


@dataclass
class Sent:
    """What a ResendRequest may ask for again."""

    fields: list[tuple[int, str]]
    sending_time: str


@dataclass
class FixClient:
    """See the module's first words. `sender` is the client's comp ID."""

    sender: str
    target: str
    username: str | None = None
    password: str | None = None
    heartbeat_s: int = 30
    answers: bool = True  # TestRequest and Logout are answered, heartbeats sent
    next_out: int = 1
    next_in: int = 1
    inbox: list[Message] = field(default_factory=list)
    seen: list[Message] = field(default_factory=list)  # everything that arrived, in order
    handled: list[Message] = field(default_factory=list)  # in the order of MsgSeqNum(34), each once
    store: dict[int, Sent] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)  # of the acceptor, against the session rules

    def __post_init__(self) -> None:
        self._news = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._asked_for: int | None = None
        self._logout_sent = False
        self.closed = asyncio.Event()
        self.closed.set()

    # --- connection ---

    async def connect(self, host: str, port: int) -> None:
        """Open the socket; nothing is sent."""
        assert self.closed.is_set(), "still connected"
        self._reader, self._writer = await asyncio.open_connection(host, port, limit=1 << 22)
        self.closed = asyncio.Event()
        self._asked_for = None
        self._logout_sent = False
        self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._beat())]

    async def logon(self, *, reset: bool = False, timeout_s: float = 5.0, extra: Fields = ()) -> Message:
        """Send Logon(A) and return the acceptor's."""
        await self.send_logon(reset=reset, extra=extra)
        return await self.expect("A", timeout_s=timeout_s)

    async def send_logon(self, *, reset: bool = False, extra: Fields = ()) -> None:
        """Send Logon(A) only."""
        if reset:
            self.next_out = self.next_in = 1
            self.store.clear()
        body = [(98, "0"), (108, str(self.heartbeat_s))]
        if reset:
            body.append((141, "Y"))
        if self.username is not None:
            body.append((553, self.username))
        if self.password is not None:
            body.append((554, self.password))
        await self.send("A", body + pairs(extra))

    async def logout(self, timeout_s: float = 5.0) -> None:
        """Logout(5), its answer, and the close."""
        await self.send("5", {})
        await self.expect("5", timeout_s=timeout_s)
        await self.close()

    async def close(self) -> None:
        """Close the socket; numbers and inbox stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        self._tasks = []
        self.closed.set()

    async def reset_connection(self) -> None:
        """Close with RST, as a crashed host does."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.close()

    async def expect_closed(self, timeout_s: float = 5.0) -> None:
        """The other side closes."""
        await asyncio.wait_for(self.closed.wait(), timeout_s)

    # --- sending ---

    async def send(
        self, msg_type: str, fields: Fields, *, seq: int | None = None, header: Fields = ()
    ) -> int:
        """Send a message under the next MsgSeqNum(34), or under `seq`; returns the number.

        `header`: further header fields, such as {43: "Y", 122: ...} or {97: "Y"}.
        """
        data, number = self.build(msg_type, fields, seq=seq, header=header)
        await self.send_raw(data)
        return number

    def build(
        self, msg_type: str, fields: Fields, *, seq: int | None = None, header: Fields = ()
    ) -> tuple[bytes, int]:
        """The bytes `send` would send; the number is used."""
        self._logout_sent = self._logout_sent or msg_type == "5"
        number = self.next_out if seq is None else seq
        if seq is None:
            self.next_out += 1
        now = utc_now()
        body = [(35, msg_type), (34, str(number)), (49, self.sender), (52, now), (56, self.target)]
        if seq is None:
            self.store[number] = Sent([(35, msg_type), *pairs(header), *pairs(fields)], now)
        return frame([*body, *pairs(header), *pairs(fields)]), number

    async def send_raw(self, data: bytes) -> None:
        """Any bytes."""
        self._writer.write(data)
        await self._writer.drain()

    # --- receiving ---

    async def expect(
        self, msg_type: str, where: Mapping[int, str] | None = None, *, timeout_s: float = 5.0
    ) -> Message:
        """Take the first message of that type and those values out of the inbox, waiting for it.

        Raises:
            AssertionError: it does not come; the text tells what came instead.
        """
        wanted = where or {}

        def taken() -> Message | None:
            for index, message in enumerate(self.inbox):
                if message.matches(msg_type, wanted):
                    return self.inbox.pop(index)
            return None

        try:
            async with asyncio.timeout(timeout_s), self._news:
                while (found := taken()) is None:
                    assert not self.faults, self.faults
                    await self._news.wait()
                return found
        except TimeoutError:
            rest = "\n  ".join(map(str, self.inbox)) or "nothing"
            closed = " (closed)" if self.closed.is_set() else ""
            raise AssertionError(
                f"no 35={msg_type} {dict(wanted)} in {timeout_s} s{closed}; there is:\n  {rest}"
            ) from None

    async def expect_silence(self, seconds: float = 0.3) -> None:
        """Nothing new for the inbox.

        Raises:
            AssertionError: something came, or had come and was not expected before.
        """
        await asyncio.sleep(seconds)
        assert not self.inbox, "\n".join(map(str, self.inbox))
        assert not self.faults, self.faults

    async def _receive(self) -> None:
        try:
            while True:
                await self._arrived(Message.parse(await self._read_frame()))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()
            self.closed.set()
            async with self._news:
                self._news.notify_all()

    async def _read_frame(self) -> bytes:
        head = await self._reader.readuntil(b"\x019=")
        length = await self._reader.readuntil(b"\x01")
        return head + length + await self._reader.readexactly(int(length[:-1]) + len("10=000|"))

    async def _arrived(self, message: Message) -> None:
        self.seen.append(message)
        if message[35] == "4":
            filled = max(self.next_in, int(message[36]))  # one that was sent again takes nothing back
            self.next_in = filled if message.get(123) == "Y" else int(message[36])
            return
        number = int(message[34])
        if message[35] == "A" and message.get(141) == "Y":
            self.next_in = number
        if number > self.next_in and message[35] not in "2A5":
            await self._ask_again()
            return  # it comes again with the rest
        if number < self.next_in and message.get(43) != "Y":
            self.faults.append(f"MsgSeqNum(34) too low, {self.next_in} expected: {message}")
            return
        if number < self.next_in:
            return  # a duplicate we have
        if number == self.next_in:
            self.next_in += 1
            self._asked_for = None if self._asked_for == number else self._asked_for
        await self._act(message)
        if number > self.next_in:
            await self._ask_again()

    async def _ask_again(self) -> None:
        if self._asked_for is None or self._asked_for < self.next_in:
            self._asked_for = self.next_in
            await self.send("2", {7: str(self.next_in), 16: "0"})

    async def _act(self, message: Message) -> None:
        self.handled.append(message)
        kind = message[35]
        if kind == "1" and self.answers:
            await self.send("0", {112: message[112]})
        elif kind == "5" and self.answers and not self._logout_sent:
            with contextlib.suppress(ConnectionError):  # the acceptor may not wait for it
                await self.send("5", {})
        elif kind == "2":
            await self._resend(int(message[7]), int(message[16]) or self.next_out - 1)
        if kind not in ADMIN or kind in "35A":
            async with self._news:
                self.inbox.append(message)
                self._news.notify_all()

    async def _resend(self, begin: int, end: int) -> None:
        gap: int | None = None
        for number in range(begin, end + 1):
            sent = self.store.get(number)
            if sent is None or sent.fields[0][1] in ADMIN:
                gap = gap or number
                continue
            await self._fill(gap, number)
            gap = None
            head = [(34, str(number)), (49, self.sender), (52, utc_now()), (56, self.target)]
            again = [(43, "Y"), (122, sent.sending_time)]
            await self.send_raw(frame([sent.fields[0], *head, *again, *sent.fields[1:]]))
        await self._fill(gap, end + 1)

    async def _fill(self, begin: int | None, new: int) -> None:
        if begin is not None:
            await self.send("4", {123: "Y", 36: str(new)}, seq=begin, header={43: "Y", 122: utc_now()})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            if self.answers:
                await self.send("0", {})
