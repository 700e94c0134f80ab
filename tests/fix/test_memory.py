"""Faults 17 and 18: what one client can make the process keep is bounded. Measured on a process of its own (fact 14)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.fix.acceptor import OUTPUT_LIMIT_BYTES
from connector.fix.link import MAX_AHEAD_BYTES
from tests.fix.conftest import order, small_receive_buffer
from tests.fix.test_fail_stop import start
from tests.support.fix_client import FixClient

MB = 1024 * 1024


@dataclass
class Acceptor:
    process: asyncio.subprocess.Process
    port: int

    @property
    def rss(self) -> int:
        """Bytes of resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    async def client(self) -> FixClient:
        client = FixClient(sender="OMS1", target="GW")
        await client.connect("127.0.0.1", self.port)
        await client.logon()
        return client


@pytest.fixture
async def acceptor(tmp_path: Path) -> AsyncIterator[Acceptor]:
    process, port = await start(tmp_path, "flood")
    yield Acceptor(process, port)
    assert process.returncode is None, "it lives"
    process.kill()
    await process.wait()


async def sent_until_cut(client: FixClient, frames: list[bytes]) -> int:
    """Send them until the other side has had enough; how many it took."""
    for count, data in enumerate(frames):
        with contextlib.suppress(TimeoutError):
            try:
                async with asyncio.timeout(0.5):
                    await client.send_raw(data)
            except (ConnectionError, OSError):
                return count
        if client.closed.is_set() or client._writer.transport.is_closing():
            return count
    return len(frames)


async def test_fault_17_who_does_not_read_costs_no_more_than_the_limit(acceptor: Acceptor) -> None:
    """100 kB of reports for each order, and nothing is read: at the limit the client is cut, the reports are kept."""
    client = await acceptor.client()
    small_receive_buffer(client)
    client._tasks[0].cancel()
    before, highest = acceptor.rss, 0
    for number in range(1000):
        data, _ = client.build("D", order(f"c{number}"))
        try:
            await client.send_raw(data)
        except (ConnectionError, OSError):
            break
        highest = max(highest, acceptor.rss)
        await asyncio.sleep(0.002)
    else:
        pytest.fail("100 MB for a client that does not read")
    grown = (highest - before) / MB
    print(f"cut after {number} orders of 100 kB answer each; grew by {grown:.0f} MB at most")
    assert number * 100_000 > OUTPUT_LIMIT_BYTES
    assert grown < 4 * OUTPUT_LIMIT_BYTES / MB
    await client.close()

    await client.connect("127.0.0.1", acceptor.port)
    await client.logon()
    async with asyncio.timeout(30):
        while sum(message[35] == "8" for message in client.handled) < number // 2 * 50:
            await asyncio.sleep(0.01)
    assert not client.faults
    await client.close()


async def test_fault_17_messages_beyond_a_gap_are_bounded_in_bytes(acceptor: Acceptor) -> None:
    """The engine keeps each of them; 60 kB each, a few hundred suffice."""
    client = await acceptor.client()
    client.answers = False
    client.store.clear()
    before = acceptor.rss
    frames = [
        client.build("D", {**order(f"c{number}"), 58: "x" * 60_000}, seq=1000 + number)[0]
        for number in range(400)
    ]
    taken = await sent_until_cut(client, frames)
    await client.expect_closed()
    grown = (acceptor.rss - before) / MB
    print(f"cut after {taken} messages of 60 kB; grew by {grown:.0f} MB")
    assert taken < 400
    assert grown < 4 * MAX_AHEAD_BYTES / MB
    await client.close()


async def test_fault_18_a_message_without_end_is_not_kept(acceptor: Acceptor) -> None:
    """On a logged-on client: 50 MB of one message that never ends (52 MB in the bare engine)."""
    client = await acceptor.client()
    before = acceptor.rss
    frames = [b"8=FIX.4.4\x019=999999\x0135=D\x0158="] + [b"x" * MB for _ in range(50)]
    taken = await sent_until_cut(client, frames)
    await client.expect_closed()
    assert taken < 50
    assert (acceptor.rss - before) / MB < 8
    await client.close()


async def test_fault_18_strangers_leave_nothing_behind(acceptor: Acceptor) -> None:
    """Waves of connections that send rubbish: memory is flat from wave to wave."""

    async def stranger(data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", acceptor.port)
            writer.write(data)
            assert await reader.read() == b""
            writer.close()

    after = []
    for _ in range(3):
        rubbish = [
            b"\x16\x03\x01" * 500,
            b"8=FIX.4.4\x019=4000\x01" + b"x" * 3000,
            b"8=FIX.4.4\x019=5\x01",
        ] * 40
        await asyncio.gather(*map(stranger, rubbish))
        after.append(acceptor.rss)
    assert after[-1] - after[0] < 2 * MB
