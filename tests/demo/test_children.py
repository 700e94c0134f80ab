"""The demo's processes: they say why they failed, and never outlive the demo."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector.demo.children import Child, ChildError


async def test_a_process_that_ends_before_it_is_ready_is_named_with_its_last_words(tmp_path: Path) -> None:
    child = Child("connector", tmp_path / "log", "-c", "import sys; print('port taken'); sys.exit(4)")
    await child.start()
    with pytest.raises(ChildError) as caught:
        await child.ready(lambda _line: True, 10)
    assert caught.value.sentence == (
        "connector ended with exit code 4: a port, the FIX store or the dictionary cannot be used"
    )
    assert caught.value.tail == ("port taken",)
    assert not caught.value.started


async def test_a_process_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    child = Child("simulator", tmp_path / "log", "-c", "import time; print('{}', flush=True); time.sleep(60)")
    await child.start()
    try:
        with pytest.raises(ChildError, match="simulator was not ready within 1 s"):
            await child.ready(lambda line: "wsUrl" in line, 0.6)
    finally:
        await child.stop()
    assert child.process.returncode == -signal.SIGTERM


async def test_the_end_of_a_ready_process_is_noticed(tmp_path: Path) -> None:
    child = Child(
        "connector", tmp_path / "log", "-c", "import time; print('{}', flush=True); time.sleep(0.3); exit(70)"
    )
    await child.start()
    await child.ready(lambda _line: True, 10)
    with pytest.raises(ChildError) as caught:
        await asyncio.wait_for(child.ended(), 10)
    assert caught.value.started


async def test_a_process_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('{}', flush=True); time.sleep(60)"
    child = Child("connector", tmp_path / "log", "-c", deaf)
    await child.start()
    await child.ready(lambda _line: True, 10)
    await child.stop(within_s=0.3)
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_process_dies_with_its_parent_even_by_kill_9(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-m', 'connector.demo.leash', str(os.getpid()),"
            " sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'], stdout=subprocess.PIPE)\n"
            "child.stdout.readline()\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    with parent:
        child = int(parent.stdout.readline())
        parent.kill()
    assert gone(child)


def gone(pid: int, within_s: float = 5.0) -> bool:
    """Whether the process ends in time; a zombie nobody reaps has ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False
