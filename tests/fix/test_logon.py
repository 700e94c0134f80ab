"""Who is let in, and that nobody else moves a number (reference: faults 18, 19, 20)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.fix.acceptor import SessionSpec
from connector.fix.logon import parameters_fault
from tests.fix.conftest import PASSWORD, Desk, listening_ports_of_this_process, order, raw_exchange, report
from tests.support.fix_client import FixClient, frame, utc_now


def logon(
    desk: Desk,
    *,
    seq: int = 1,
    sender: str = "OMS1",
    target: str = "GW",
    extra: tuple[tuple[int, str], ...] = (),
    password: str = PASSWORD,
    username: str | None = None,
    msg_type: str = "A",
) -> bytes:
    header = [(35, msg_type), (34, str(seq)), (49, sender), (52, utc_now()), (56, target)]
    body = [(98, "0"), (108, "30"), (553, username or f"user-{sender}"), (554, password), *extra]
    return frame([*header, *body])


def numbers(desk: Desk, client: str = "OMS1") -> bytes:
    """What the engine has stored: next outgoing : next incoming."""
    return (desk.store / f"FIX.4.4-GW-{client}.seqnums").read_bytes()


async def test_a_client_with_its_credentials_is_let_in(desk: Desk) -> None:
    client = desk.client()
    await client.connect("127.0.0.1", desk.port)

    answer = await client.logon()

    assert (answer[34], answer[49], answer[56], answer[108]) == ("1", "GW", "OMS1", "30")
    assert desk.app.logons == [("OMS1->GW", False)]
    assert desk.acceptor is not None
    assert desk.acceptor.logged_on("OMS1->GW")
    assert not desk.acceptor.logged_on("OMS2->GW")
    await client.logout()
    assert desk.app.logouts == ["OMS1->GW"]
    assert not desk.acceptor.logged_on("OMS1->GW")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "wrong"}, "Password(554)"),
        ({"username": "user-OMS2"}, "Username(553)"),
        ({"sender": "STRANGER"}, "SenderCompID(49)"),
        ({"target": "ELSEWHERE"}, "TargetCompID(56)"),
        ({"msg_type": "D"}, "not a Logon"),
        ({"msg_type": "4"}, "not a Logon"),
        ({"extra": ((554, PASSWORD),)}, "more than once: 554"),
        ({"extra": ((49, "OMS2"),)}, "more than once: 49"),
        ({"password": "wrong", "extra": ((141, "Y"),)}, "Password(554)"),
    ],
    ids=str,
)
async def test_whoever_is_not_known_gets_silence_and_moves_no_number(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    """The engine would answer in sequence, reset on 141=Y and tell the expected number, all before it asks for a
    password (reference: facts 4 and 19)."""
    client = await desk.logged_on()
    assert desk.send(report("e1"))
    await client.expect("8", {17: "e1"})
    await client.logout()
    before = numbers(desk)
    stored = (desk.store / "FIX.4.4-GW-OMS1.body").read_bytes()

    answer = await raw_exchange(desk.port, logon(desk, seq=9, **changes))

    assert answer == b""
    assert numbers(desk) == before
    assert (desk.store / "FIX.4.4-GW-OMS1.body").read_bytes() == stored
    (refusal,) = desk.log.named("fix_logon_refused")
    assert reason in refusal["reason"]


@pytest.mark.parametrize("desk_options", [{"refusal_pause_s": 0.4}])
async def test_a_refusal_takes_its_time(desk: Desk) -> None:
    """So that passwords cannot be tried quickly."""
    started = asyncio.get_running_loop().time()
    await raw_exchange(desk.port, logon(desk, password="wrong"))
    assert asyncio.get_running_loop().time() - started >= 0.4


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({108: "0"}, "HeartBtInt(108)=0 is not allowed, allowed: 1 to 60 seconds"),
        ({108: "-5"}, "HeartBtInt(108)=-5 is not allowed, allowed: 1 to 60 seconds"),
        ({108: "100000"}, "HeartBtInt(108)=100000 is not allowed, allowed: 1 to 60 seconds"),
        ({108: "abc"}, "Incorrect data format for value with tag: 108: abc"),
        ({98: "1"}, "EncryptMethod(98)=1 is not supported, allowed: 0"),
        ({58: "hello"}, "Tag not defined for this message type: 58"),
        ({9999: "1"}, "Invalid tag number: 9999"),
        ({141: "Y", 108: "0"}, "HeartBtInt(108)=0 is not allowed"),
    ],
    ids=str,
)
async def test_a_known_client_is_told_in_words_and_in_sequence_what_its_logon_lacks(
    desk: Desk, changes: dict[int, str], text: str
) -> None:
    """HeartBtInt(108)=0 would switch off the detection of a dead peer (fact 19), and the engine answers most of these
    with nothing. A refused 141=Y resets nothing."""
    assert desk.send(report("e1"))
    client = desk.client()
    await client.connect("127.0.0.1", desk.port)
    fields = {98: "0", 108: "30", 553: "user-OMS1", 554: PASSWORD} | changes
    await client.send("A", fields)

    answer = await client.expect("5")

    assert answer[58] == f"Logon refused: {text}" or answer[58].startswith(f"Logon refused: {text}")
    await client.expect_closed()
    await client.close()
    assert desk.app.logons == []
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    await client.expect("8", {17: "e1"})  # the numbers agree, and the report is still there


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({108: "5"}, None),
        ({108: "60"}, None),
        ({108: "4"}, "HeartBtInt(108)=4 is not allowed, allowed: 5 to 60 seconds"),
        ({108: "61"}, "HeartBtInt(108)=61 is not allowed, allowed: 5 to 60 seconds"),
        ({98: "1"}, "EncryptMethod(98)=1 is not supported, allowed: 0"),
        ({52: "20260102-10:02:00.999"}, None),
        (
            {52: "20260102-10:02:01"},
            "SendingTime(52)=20260102-10:02:01 is 121 seconds off, allowed: 120 seconds",
        ),
        (
            {52: "20260102-09:57:59"},
            "SendingTime(52)=20260102-09:57:59 is 121 seconds off, allowed: 120 seconds",
        ),
    ],
)
def test_logon_parameters(fields: dict[int, str], fault: str | None) -> None:
    raw = frame({35: "A", 52: "20260102-10:00:00", 98: "0", 108: "30"} | fields)
    assert parameters_fault(raw, (5, 60), datetime(2026, 1, 2, 10, tzinfo=UTC)) == fault


async def test_reset_by_an_authenticated_client_restarts_both_numbers_and_is_told(desk: Desk) -> None:
    """141=Y only when the client asks, after authentication; what was stored for it is gone, which the application must know."""
    client = await desk.logged_on()
    await client.send("D", order("c1"))
    await client.logout()
    assert desk.send(report("undelivered"))

    await client.connect("127.0.0.1", desk.port)
    answer = await client.logon(reset=True)

    assert (answer[34], answer[141]) == ("1", "Y")
    assert desk.app.logons == [("OMS1->GW", False), ("OMS1->GW", True)]
    assert desk.send(report("e2"))
    assert (await client.expect("8"))[17] == "e2"
    await client.logout()
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    assert desk.app.logons[-1] == ("OMS1->GW", False), "told once"


async def test_a_second_logon_is_cut_and_the_first_is_not_disturbed(desk: Desk) -> None:
    """Fault 20."""
    client = await desk.logged_on()

    assert await raw_exchange(desk.port, logon(desk, seq=2)) == b""

    assert "connected already" in desk.log.named("fix_logon_refused")[0]["reason"]
    assert desk.app.logouts == []
    await client.send("D", order("c1"))
    await desk.received(1)
    assert desk.send(report("e1"))
    await client.expect("8", {17: "e1"})


async def test_a_client_may_come_back_at_once_after_its_connection_broke(desk: Desk) -> None:
    client = await desk.logged_on()
    for _ in range(20):
        await client.reset_connection()
        await client.connect("127.0.0.1", desk.port)
        await client.logon()
    assert len(desk.app.logons) == 21
    assert len(desk.app.logouts) == 20


@pytest.mark.parametrize("desk_options", [{"first_message_deadline_s": 0.4}])
async def test_who_says_nothing_or_dribbles_is_cut_at_the_deadline(desk: Desk) -> None:
    """A dribbled first message would freeze every session of the engine (fact 6)."""
    client = await desk.logged_on()
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def dribble() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        try:
            for byte in logon(desk, seq=2):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)
        finally:
            writer.close()

    slow = asyncio.create_task(dribble())
    assert await raw_exchange(desk.port, b"") == b""
    assert 0.3 < loop.time() - started < 1.5
    await client.send("D", order("c1"))
    assert desk.send(report("e1"))
    await client.expect("8", {17: "e1"}, timeout_s=0.2)
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    await asyncio.sleep(0)
    assert [cut["reason"] for cut in desk.log.named("fix_connection_cut")] == [
        "no Logon(35=A) within the deadline"
    ] * 2


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"8=FIX.4.2\x019=5\x0135=A\x0110=000\x01",
        b"8=FIXT.1.1\x019=5\x0135=A\x01",
        b"8=FIX.4.4\x019=99999999\x01",
        b"8=FIX.4.4\x019=-5\x01",
        b"8=FIX.4.4\x019=60000\x01" + b"x" * 5000,
        b"8=FIX.4.4\x019=5\x0135=A\x0110=000\x01",
        b"8=FIX.4.4\x019=5\x0149=A\x0110=000\x01",
        b"\x00" * 10_000,
        b"\xff" * 100_000,
    ],
    ids=lambda data: repr(data[:24]),
)
async def test_what_is_not_fix_is_cut(desk: Desk, data: bytes) -> None:
    """Fault 18: port scans, TLS, other versions, wrong lengths and sums, floods."""
    client = await desk.logged_on()

    assert await raw_exchange(desk.port, data) == b""

    assert desk.log.named("fix_logon_refused")[0]["claimed"] == "?"
    assert desk.send(report("e1"))
    await client.expect("8", {17: "e1"})


async def test_only_the_front_is_left_listening(desk: Desk) -> None:
    """The engine binds 0.0.0.0 and answers strangers (fact 10): its listener is taken away from the network."""
    ours = listening_ports_of_this_process()
    assert desk.port in ours
    await desk.stop()
    assert ours - listening_ports_of_this_process() == {desk.port}


async def test_the_private_socket_can_be_reached_by_no_path(desk: Desk) -> None:
    """Its file is gone while it is in use: no other process can open it, and kill -9 leaves nothing behind."""
    await desk.logged_on()
    bound = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    ours = [columns[-1] for columns in bound if columns[-1].endswith("/engine")]
    assert ours
    assert [path for path in ours if Path(path).exists()] == []


async def test_a_wave_of_strangers_does_not_keep_a_client_out(desk: Desk) -> None:
    """Unknown connections are limited; the oldest gives way."""
    strangers = [await asyncio.open_connection("127.0.0.1", desk.port) for _ in range(300)]

    client = await desk.logged_on()

    assert len(desk.log.named("fix_connection_cut")) >= 44
    assert desk.send(report("e1"))
    await client.expect("8", {17: "e1"})
    for _, writer in strangers:
        writer.close()


async def test_a_session_without_credentials_asks_for_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {"sessions": [SessionSpec(sender_comp_id="GW", target_comp_id="FREE")]})
    await desk.start()
    client = FixClient(sender="FREE", target="GW")
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    assert desk.app.logons == [("FREE->GW", False)]
    await client.close()
    await desk.stop(0.5)
