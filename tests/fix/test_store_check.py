"""Fault 27: a damaged message store refuses to start and says so (the engine would restart at 1, fact 12)."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from connector.fix.store_check import StoreDamagedError
from tests.fix.conftest import Desk, report


async def used_store(desk: Desk) -> Path:
    client = await desk.logged_on()
    for number in range(30):
        assert desk.send(report(f"e{number}"))
    await client.expect("8", {17: "e29"})
    await client.logout()
    await desk.stop()
    return desk.store


def cut(file: Path, size: int) -> None:
    file.write_bytes(file.read_bytes()[:size])


@pytest.mark.parametrize(
    ("kind", "damage", "fault"),
    [
        ("seqnums", lambda file: file.write_bytes(b""), "missing or unreadable"),
        ("seqnums", lambda file: file.unlink(), "missing or unreadable"),
        ("seqnums", lambda file: file.write_bytes(bytes(43)), "missing or unreadable"),
        ("seqnums", lambda file: cut(file, 30), "missing or unreadable"),
        ("header", lambda file: cut(file, file.stat().st_size - 3), "middle of an entry"),
        ("header", lambda file: cut(file, file.read_bytes()[:-1].rindex(b" ") + 1), "number 32 was sent"),
        ("header", lambda file: file.unlink(), "the last message is number 0"),
        ("header", lambda file: file.write_bytes(file.read_bytes()[:-9] + bytes(9)), "middle of an entry"),
        ("body", lambda file: cut(file, 1000), "1000 bytes, but message 32 ends at"),
        ("body", lambda file: file.unlink(), "0 bytes, but message 32 ends at"),
    ],
)
async def test_a_damaged_store_is_refused_by_name(desk: Desk, kind: str, damage: object, fault: str) -> None:
    store = await used_store(desk)
    file = store / f"FIX.4.4-GW-OMS1.{kind}"
    damage(file)  # type: ignore[operator]
    with pytest.raises(StoreDamagedError) as refused:
        await desk.start()
    desk.acceptor = None
    assert fault in str(refused.value)
    assert "FIX session OMS1->GW" in str(refused.value)
    assert "ResetSeqNumFlag(141)=Y" in str(refused.value)


async def test_a_sound_store_is_taken_also_when_killed_between_message_and_number(desk: Desk) -> None:
    store = await used_store(desk)
    await desk.start()
    await desk.stop()
    numbers = store / "FIX.4.4-GW-OMS1.seqnums"
    sender, _, target = numbers.read_text().partition(" : ")
    numbers.write_text(f"{int(sender) - 1:020d} : {target}")
    await desk.start()
    await desk.stop()


async def test_a_store_after_a_reset_is_sound(desk: Desk) -> None:
    client = await desk.logged_on()
    assert desk.send(report("e1"))
    await client.logout()
    await client.connect("127.0.0.1", desk.port)
    await client.logon(reset=True)
    await desk.stop()
    await desk.start()


async def test_a_report_that_cannot_be_stored_is_said_to_be_lost(desk: Desk) -> None:
    """P12: the engine only returns False, and goes on taking orders (fact 7)."""
    client = await desk.logged_on()
    size = (desk.store / "FIX.4.4-GW-OMS1.body").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))  # a full disk
    try:
        stored = desk.send(report("e1"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not stored
    assert desk.log.named("fix_store_failed") == [{"session": "OMS1->GW"}]
    assert not desk.send(report("e2")), "and it stays so until a restart"
    await client.close()
