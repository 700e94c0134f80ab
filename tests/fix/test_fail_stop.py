"""P12 and P2 across a death: an exception inside the engine ends the process at once, and its order comes again.

quickfix would leave a process that listens and does nothing (fact 1).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.fix.conftest import order
from tests.support.fix_client import FixClient

SCRIPT = Path(__file__).with_name("acceptor_process.py")


async def start(store: Path, reaction: str) -> tuple[asyncio.subprocess.Process, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        str(store),
        reaction,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, int(await asyncio.wait_for(process.stdout.readline(), 20))


@pytest.mark.parametrize(
    "reaction",
    [
        "raise",
        "exit",
        "raise broken",
        "raise on logon",
        "raise on logout",
        "raise on reset",
        "raise on receipt",
    ],
)
async def test_fault_27_an_exception_in_any_callback_ends_the_process_with_70(
    tmp_path: Path, reaction: str
) -> None:
    process, port = await start(tmp_path, reaction)
    client = FixClient(sender="OMS1", target="GW")
    await client.connect("127.0.0.1", port)
    await client.send_logon(reset="on reset" in reaction)
    if "on receipt" in reaction:
        await client.expect("A")
        await client.send("0", {112: "READ-1"})  # what the process waits for in this reaction
    elif reaction not in ("raise on logon", "raise on reset"):
        await client.expect("A")
        await client.send("D", order("c1"))
    if "on logout" in reaction:
        await client.close()
    assert await asyncio.wait_for(process.wait(), 10) == 70
    await client.close()
    assert process.stdout is not None
    said = (await process.stdout.read()).decode()
    assert ("fail-stop:" in said) == ("broken" not in reaction)


@pytest.mark.parametrize("reaction", ["raise", "kill"])
async def test_an_order_whose_processing_died_is_asked_for_again(tmp_path: Path, reaction: str) -> None:
    """P2: its MsgSeqNum was not consumed; it arrives with PossDupFlag(43)=Y (fact 13)."""
    process, port = await start(tmp_path, reaction)
    client = FixClient(sender="OMS1", target="GW")
    await client.connect("127.0.0.1", port)
    await client.logon()
    number = await client.send("D", order("c1"))
    await asyncio.wait_for(process.wait(), 10)
    await client.expect_closed()
    await client.close()

    process, port = await start(tmp_path, "nothing")
    await client.connect("127.0.0.1", port)
    await client.logon()
    async with asyncio.timeout(5):
        while not any(message[35] == "2" for message in client.seen):
            await asyncio.sleep(0.01)
    asked = next(message for message in client.seen if message[35] == "2")
    assert asked[7] == str(number)
    await client.logout()
    process.kill()
    await process.wait()
