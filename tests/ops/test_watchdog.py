"""P12: a process that is of no use any more is noticed by others, and ends by itself; one that was paused is not blamed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from connector.ops.watchdog import PROVE_EVERY_S, UNPROVEN_AFTER_S, Notifier, Watchdog

SCRIPT = Path(__file__).with_name("watchdog_process.py")
ROOT = Path(__file__).parents[2]


class Log:
    def __init__(self) -> None:
        self.events: list[str] = []

    def __getattr__(self, _level: str) -> Any:
        return lambda event, **_values: self.events.append(event)


class Manager:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        words = []
        while True:
            try:
                words.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return words


def watchdog(environment: dict[str, str], log: Log | None = None) -> Watchdog:
    def fail_stop(error: BaseException) -> Any:
        raise AssertionError(error)

    return Watchdog(environment=environment, fail_stop=fail_stop, log=log or Log(), look_every_s=0.01)


@pytest.mark.parametrize("abstract", [False, True])
async def test_systemd_hears_ready_each_proof_and_the_end(tmp_path: Path, abstract: bool) -> None:
    """sd_notify(3): '@' stands for an address without a file."""
    name = f"notify-{os.getpid()}-{time.monotonic_ns()}"
    manager = Manager(f"\0{name}" if abstract else str(tmp_path / name))
    watched = watchdog({"NOTIFY_SOCKET": f"@{name}" if abstract else str(tmp_path / name)})
    watched.proved()
    assert manager.heard() == [], "nothing before the FIX port is open"
    watched.ready()
    watched.proved()
    watched.proved()
    watched.stopping()
    watched.proved()
    assert manager.heard() == ["READY=1\nWATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]
    manager.socket.close()


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({}, PROVE_EVERY_S),
        ({"WATCHDOG_USEC": "60000000"}, PROVE_EVERY_S),
        ({"WATCHDOG_USEC": "6000000"}, 2.0),
        ({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "1"}, PROVE_EVERY_S),
        ({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
        ({"WATCHDOG_USEC": "soon"}, PROVE_EVERY_S),
    ],
)
def test_proofs_come_three_times_within_systemds_patience(
    environment: dict[str, str], every_s: float
) -> None:
    assert watchdog(environment).prove_every_s == every_s


def test_a_manager_that_is_gone_is_logged_and_survived(tmp_path: Path) -> None:
    log = Log()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, log).say("READY=1")
    assert log.events == ["notify_failed"]


async def test_the_probe_fails_when_proofs_stay_out_and_recovers(tmp_path: Path) -> None:
    log = Log()
    watched = watchdog({}, log)
    watched.start()
    assert watched.alive, "while starting, an answering loop is all there is to prove"
    watched.ready()
    async with asyncio.timeout(5):
        while watched.alive:
            await asyncio.sleep(0.005)
    assert watched.unproven_s is not None
    assert watched.unproven_s > UNPROVEN_AFTER_S * 0.01
    assert log.events == ["fix_unproven"]
    watched.proved()
    assert watched.alive
    watched.stop()


async def process(mode: str) -> asyncio.subprocess.Process:
    started = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), mode, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert started.stdout is not None
    assert await asyncio.wait_for(started.stdout.readline(), 20) == b"ready\n"
    return started


async def test_a_loop_that_is_held_ends_the_process_and_shows_where() -> None:
    held = await process("block")
    out, err = await asyncio.wait_for(held.communicate(), 10)
    assert held.returncode == 70
    assert b'"event": "loop_silent"' in err
    assert b"in hold_the_loop" in err
    assert b"fail-stop" not in out


async def test_a_fix_side_that_never_answers_ends_the_process() -> None:
    silent = await process("unproven")
    out, _ = await asyncio.wait_for(silent.communicate(), 10)
    assert silent.returncode == 70
    assert b"error fix_unproven" in out
    assert b"fail-stop the FIX side did not answer" in out


async def test_a_process_that_ends_as_asked_owes_no_proof() -> None:
    stopping = await process("stopping")
    assert await asyncio.wait_for(stopping.wait(), 10) == 0


async def test_a_paused_process_is_not_blamed_for_the_pause() -> None:
    """SIGSTOP for longer than every limit: 0.5 s of silence, 0.75 s without proof."""
    paused = await process("sleep")
    for _ in range(2):
        await asyncio.sleep(0.2)
        paused.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1.5)
        paused.send_signal(signal.SIGCONT)
    out, err = await asyncio.wait_for(paused.communicate(), 10)
    assert (paused.returncode, out, err) == (0, b"", b"")
