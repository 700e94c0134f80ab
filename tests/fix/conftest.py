"""A running acceptor, its recorded application and log, and clients for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from connector.fix.acceptor import FixAcceptor, SessionSpec
from tests.support.fix_client import FixClient, utc_now

DICTIONARY = Path(__file__).parents[2] / "config" / "FIX44.xml"
PASSWORD = "s3cret-Pass"


class RecordedLog:
    """Everything that would be logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **values: Any) -> None:
        self.events.append(("info", event, values))

    def warning(self, event: str, **values: Any) -> None:
        self.events.append(("warning", event, values))

    def error(self, event: str, **values: Any) -> None:
        self.events.append(("error", event, values))

    def named(self, event: str) -> list[dict[str, Any]]:
        return [values for _, name, values in self.events if name == event]


@dataclass
class RecordedApplication:
    """What the sessions told; `react` is called with each message."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    logons: list[tuple[str, bool]] = field(default_factory=list)
    logouts: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    receipts: list[tuple[str, int]] = field(default_factory=list)
    react: Callable[[str, str], None] | None = None

    def on_message(self, session: str, text: str) -> None:
        self.messages.append((session, text))
        if self.react is not None:
            self.react(session, text)

    def on_logon(self, session: str, reset: bool) -> None:
        self.logons.append((session, reset))

    def on_reset(self, session: str) -> None:
        self.resets.append(session)

    def on_receipt(self, session: str, mark: int) -> None:
        self.receipts.append((session, mark))

    def on_logout(self, session: str) -> None:
        self.logouts.append(session)


def must_not_fail(error: BaseException) -> NoReturn:
    raise AssertionError("fail-stop") from error  # the engine's guard then ends the process: loud enough


@dataclass
class Desk:
    """An acceptor for two clients, OMS1 and OMS2, and the means to stop and start it again on the same store."""

    store: Path
    options: dict[str, Any]
    app: RecordedApplication = field(default_factory=RecordedApplication)
    log: RecordedLog = field(default_factory=RecordedLog)
    clients: list[FixClient] = field(default_factory=list)
    acceptor: FixAcceptor | None = None
    port: int = 0

    async def start(self) -> None:
        self.acceptor = FixAcceptor(
            **{
                "host": "127.0.0.1",
                "port": 0,
                "sessions": [
                    SessionSpec(
                        sender_comp_id="GW", target_comp_id=name, username=f"user-{name}", password=PASSWORD
                    )
                    for name in ("OMS1", "OMS2")
                ],
                "store_path": self.store,
                "dictionary": DICTIONARY,
                "application": self.app,
                "fail_stop": must_not_fail,
                "first_message_deadline_s": 2.0,
                "refusal_pause_s": 0.1,
                "heartbeat_range_s": (1, 60),
                "log": self.log,
                **self.options,
            }
        )
        self.port = await self.acceptor.start()

    async def stop(self, timeout_s: float = 5.0) -> None:
        if self.acceptor is not None:
            acceptor, self.acceptor = self.acceptor, None
            await acceptor.stop(timeout_s)

    def client(self, name: str = "OMS1", **options: Any) -> FixClient:
        options = {"username": f"user-{name}", "password": PASSWORD, **options}
        client = FixClient(sender=name, target="GW", **options)
        self.clients.append(client)
        return client

    async def logged_on(self, name: str = "OMS1", **options: Any) -> FixClient:
        client = self.client(name, **options)
        await client.connect("127.0.0.1", self.port)
        await client.logon()
        return client

    async def received(self, count: int, timeout_s: float = 5.0) -> None:
        """The application got that many messages, and a moment later no more."""
        async with asyncio.timeout(timeout_s):
            while len(self.app.messages) < count:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        assert len(self.app.messages) == count

    def send(self, body: dict[int, str] | str, session: str = "OMS1->GW") -> bool:
        assert self.acceptor is not None
        text = body if isinstance(body, str) else "".join(f"{tag}={value}\x01" for tag, value in body.items())
        return self.acceptor.send(session, text)


@pytest.fixture
def desk_options() -> dict[str, Any]:
    """Override by `@pytest.mark.parametrize("desk_options", [...])`."""
    return {}


@pytest.fixture
async def desk(tmp_path: Path, desk_options: dict[str, Any]) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "store", desk_options)
    stray: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: stray.append(context))
    await desk.start()
    yield desk
    for client in desk.clients:
        await client.close()
    await desk.stop(0.5)
    assert stray == [], "an exception ended in the loop"
    assert desk.log.named("fix_engine_raised") == [], "the engine threw"
    assert PASSWORD not in str(desk.log.events), "a password reached the log (P11)"


def order(cl_ord_id: str, **changes: str) -> dict[int, str]:
    """A limit order; `changes` by tag as t44="100"."""
    fields = {11: cl_ord_id, 55: "BTCUSDT", 54: "1", 60: utc_now(), 38: "1", 40: "2", 44: "100", 59: "1"}
    return fields | {int(tag[1:]): value for tag, value in changes.items()}


def report(exec_id: str, **changes: str) -> dict[int, str]:
    """An ExecutionReport(8) as the mapper would give it."""
    fields = {
        35: "8",
        37: "7",
        11: "c1",
        17: exec_id,
        150: "0",
        39: "0",
        55: "BTCUSDT",
        54: "1",
        151: "1",
        14: "0",
        6: "0",
    }
    return fields | {int(tag[1:]): value for tag, value in changes.items()}


async def raw_exchange(port: int, data: bytes, wait_s: float = 5.0) -> bytes:
    """Connect, send, and return everything that comes until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        received = b""
        async with asyncio.timeout(wait_s):
            while True:
                try:
                    chunk = await reader.read(65536)
                except ConnectionError:
                    return received
                if not chunk:
                    return received
                received += chunk
    finally:
        writer.close()


def listening_ports_of_this_process() -> set[int]:
    """From /proc/net/tcp, by the inodes of our own descriptors."""
    inodes = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return ports


def small_receive_buffer(client: FixClient) -> None:
    """Makes a client that does not read fill up quickly."""
    client._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
