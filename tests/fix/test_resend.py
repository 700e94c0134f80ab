"""Fault 13: a client's history is sent again in batches, once, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from connector.fix.framing import Frame, FrameReader
from connector.fix.resend import BATCH, MAX_SAME, Range, Resends, next_expected, rewritten
from tests.fix.conftest import Desk, report
from tests.support.fix_client import FixClient, frame, utc_now


def request(begin: int, end: int, *, seq: int = 7) -> Frame:
    raw = frame({35: "2", 34: str(seq), 49: "OMS1", 52: utc_now(), 56: "GW", 7: str(begin), 16: str(end)})
    return parsed(raw)


def parsed(raw: bytes) -> Frame:
    (item,) = FrameReader().feed(raw)
    assert isinstance(item, Frame), item
    return item


def text(raw: bytes) -> str:
    return parsed(raw).raw.decode().replace("\x01", "|")


def resends() -> Resends:
    return Resends((b"OMS1", b"GW"))


def test_a_long_request_becomes_short_ones_that_cover_it_exactly() -> None:
    batches = resends()
    first = batches.asked(request(1, 0), 10 * BATCH + 4)
    assert first is not None
    assert "|34=7|49=OMS1|52=" in text(first)
    assert f"|7=1|16={BATCH}|" in text(first)
    covered = BATCH
    while batches.pending:
        again = text(batches.following(6, datetime.now(UTC)))
        assert "|34=6|" in again, "only the first uses the client's number"
        assert f"|7={covered + 1}|" in again
        covered = int(again.partition("|16=")[2].partition("|")[0])
    assert covered == 10 * BATCH + 3


def test_a_short_request_is_handed_over_with_its_end_named() -> None:
    batches = resends()
    assert "|7=3|16=9|" in text(batches.asked(request(3, 0), 10) or b"")
    assert not batches.pending


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (12, 0), (9, 3)])
def test_what_makes_no_sense_is_left_to_the_engine(begin: int, end: int) -> None:
    frame_ = request(begin, end)
    assert resends().asked(frame_, 10) == frame_.raw


def test_what_is_on_its_way_is_not_begun_again_but_lengthened() -> None:
    """The client sees a new message beyond the gap and asks once more, from where it is by now."""
    batches = resends()
    batches.asked(request(1, 0), 1001)
    batches.following(6, datetime.now(UTC))

    swallowed = batches.asked(request(40, 0, seq=8), 1005)

    assert "|35=0|34=8|" in text(swallowed or b""), "its number is consumed"
    assert batches.left == Range(2 * BATCH + 1, 1004)


def test_what_lies_before_is_begun_again() -> None:
    batches = resends()
    batches.asked(request(500, 0), 1001)
    assert "|7=3|" in text(batches.asked(request(3, 4), 1001) or b"")
    assert batches.left == Range(3 + BATCH, 1000)


def test_the_same_request_is_answered_a_few_times() -> None:
    batches = resends()
    answers = [batches.asked(request(1, 0), 10) for _ in range(MAX_SAME + 1)]
    assert None not in answers[:MAX_SAME]
    assert answers[MAX_SAME] is None


def test_next_expected_msg_seq_num_is_such_a_request() -> None:
    logon = parsed(
        frame({35: "A", 34: "1", 49: "OMS1", 52: utc_now(), 56: "GW", 789: "5", 98: "0", 108: "30"})
    )
    assert next_expected(logon, 5 + BATCH) is None, "one batch: the engine's own answer will do"
    assert next_expected(logon, 1000) == Range(5, 999)
    assert "|789=" not in text(rewritten(logon.raw, {b"789": None}))


# -- with the engine ---------------------------------------------------------------------------------------


async def away_for(desk: Desk, count: int) -> FixClient:
    """A client to which `count` reports were told while it was away."""
    client = await desk.logged_on()
    await client.logout()
    for number in range(count):
        assert desk.send(report(f"e{number}", t58="x" * 200))
    return client


async def have_all(client: FixClient, count: int, timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while sum(message[35] == "8" for message in client.handled) < count:
            await asyncio.sleep(0.02)


def exec_ids(client: FixClient) -> list[str]:
    return [message[17] for message in client.handled if message[35] == "8"]


async def test_fault_13_ten_thousand_reports_are_sent_again_while_others_are_served(desk: Desk) -> None:
    """All with 43=Y and 122, in order, each once; the latency of another session stays what it was."""
    count = 10_000
    client = await away_for(desk, count)
    other = await desk.logged_on("OMS2")
    await client.connect("127.0.0.1", desk.port)
    await client.logon(timeout_s=20)
    waits = []
    while sum(message[35] == "8" for message in client.seen) < count:
        started = time.perf_counter()
        await other.send("1", {112: "x"})
        before = len(other.seen)
        while len(other.seen) == before:
            await asyncio.sleep(0)
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)

    await have_all(client, count)

    waits.sort()
    median, worst = waits[len(waits) // 2] * 1e3, waits[-1] * 1e3
    print(
        f"another session during {count} resends: median {median:.1f} ms, worst {worst:.1f} ms of {len(waits)}"
    )
    assert exec_ids(client) == [f"e{number}" for number in range(count)]
    assert all(m.get(43) == "Y" and m.get(122) for m in client.handled if m[35] == "8")
    assert sum(m[35] == "8" for m in client.seen) == count, "nothing twice"
    assert len(waits) > 10
    assert worst < 500, "the client in this test shares the loop; one piece of work would take longer"
    await client.send("H", {11: "c1", 55: "BTCUSDT", 54: "1"})
    await desk.received(1)


async def test_fault_13_reports_born_meanwhile_arrive_once_and_in_order(desk: Desk) -> None:
    count = 2000
    client = await away_for(desk, count)
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    for number in range(count, count + 50):
        assert desk.send(report(f"e{number}"))
        await asyncio.sleep(0.002)

    await have_all(client, count + 50)

    assert exec_ids(client) == [f"e{number}" for number in range(count + 50)]
    sent = sum(message[35] == "8" for message in client.seen)
    assert sent < 2 * count, f"{sent} messages for {count + 50} reports"


async def test_fault_13_repeated_identical_requests_cost_the_session(desk: Desk) -> None:
    other = await desk.logged_on("OMS2")
    client = await away_for(desk, 300)
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    await have_all(client, 300)

    for _ in range(MAX_SAME + 2):
        await client.send("2", {7: "1", 16: "0"})
    await client.expect_closed()

    assert (
        desk.log.named("fix_connection_closed")[-1]["reason"] == "asks for the same messages again and again"
    )
    assert sum(message[35] == "8" for message in client.seen) <= 300 * 4
    assert desk.send(report("o1"), "OMS2->GW")
    await other.expect("8", {17: "o1"})
    await client.close()
    await client.connect("127.0.0.1", desk.port)
    await client.logon()


async def test_next_expected_msg_seq_num_is_answered_in_batches_too(desk: Desk) -> None:
    client = await away_for(desk, 500)
    await client.connect("127.0.0.1", desk.port)
    client._asked_for = 3  # it leaves the asking to 789
    await client.logon(extra={789: "3"})
    await have_all(client, 500)
    assert exec_ids(client) == [f"e{number}" for number in range(500)]
    assert desk.log.named("fix_resend_begun")[0]["begin"] == 3
