"""`connector demo` as a reader starts it: processes, exit codes, what is left behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector import exits
from connector.demo import command, ground
from connector.demo.scenes import SCENES, SYMBOL, Scene, Stage
from connector.demo.screen import TableScreen
from tests.demo.test_children import gone
from tests.support.quickfix_initiator import QuickfixInitiator

DEMO = (sys.executable, "-m", "connector", "demo")
WITHIN_S = 60  # the promise is 40 on a quiet machine


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary files are ours to look at; no terminal."""
    names = {"COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return kept | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Short: a Unix socket's path has 107 characters."""
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        yield Path(directory)


def processes_of(directory: Path) -> list[int]:
    """Everything alive that has the directory on its command line or the log in it open."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"TMPDIR={directory}".encode() in environment and state != "Z":
            found.append(int(entry.name))
    return found


def test_the_story_ends_agreed(surroundings: dict[str, str], tmp_path: Path) -> None:
    """Each scene's messages in the order a trader expects; both books equal; nothing left behind."""
    done = subprocess.run(
        [*DEMO, "--json"], env=surroundings, capture_output=True, timeout=WITHIN_S, check=False, text=True
    )
    assert done.returncode == exits.OK, done.stdout[-3000:] + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    messages, summary = lines[:-1], lines[-1]
    assert {line["type"] for line in messages} == {"message"}
    told: dict[int, list[str]] = {}
    for line in messages:
        if line["direction"] == "to_oms":
            name = line["message"].removeprefix("ExecutionReport ")
            told.setdefault(line["scene"], []).append(f"{name} {line['filled']}")
    assert told[1] == ["New 0/0.5", "Trade 0.2/0.3", "Trade 0.3/0.2", "Trade 0.5/0"]
    assert told[2] == ["Rejected 0/0"]
    assert told[3][0] == told[4][0] == "New 0/0.2"
    assert told[3][-1] == told[4][-1] == "Trade 0.2/0"
    assert told[5] == ["New 0/0.05", "PendingCancel 0/0.05", "Canceled 0/0"]
    assert told[6] == ["Rejected 0/0"]
    assert told[7] == ["New 0/0.3", "Trade 0.1/0.2", "Trade 0.2/0.1", "Trade 0.3/0"]
    assert (summary["type"], summary["agree"], summary["story"]) == ("summary", True, None)
    assert {order["cl_ord_id"]: order["fix"]["status"] for order in summary["orders"]} == {
        "margin-buy": "Filled",
        "post-only": "Rejected",
        "stop": "Filled",
        "take-profit": "Filled",
        "resting": "Canceled",
        "fat-finger": "Rejected",
        "reconnect": "Filled",
    }
    assert Counter(order["venue"] is None for order in summary["orders"]) == {False: 5, True: 2}
    assert next(a for a in summary["assets"] if a["asset"] == "USDT")["debt"] != "0"
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


def test_a_ci_log_is_plain_text(surroundings: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "-v"], env=surroundings, capture_output=True, timeout=WITHIN_S, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (exits.OK, ""), done.stdout[-3000:]
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    for number, scene in enumerate(SCENES, start=1):
        assert f"\n{number}. {scene.title}\n" in done.stdout
    assert re.search(
        r"^\S+ venue POST margin/order +200 +.*newClientOrderId=demo-[0-9]+ ", done.stdout, re.MULTILINE
    )
    assert re.search(r"^8=FIX\.4\.4\|.*35=D\|.*11=margin-buy\|", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-1].startswith("AGREE  7 orders, ")


@contextmanager
def kept_running(surroundings: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A demo with --keep, and what it says of how to get in."""
    with subprocess.Popen(
        [*DEMO, "--keep", "--json"], env=surroundings, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                access = json.loads(line)
                if access["type"] == "access":
                    break
            else:
                raise AssertionError(f"ended with {process.wait()}")
            yield process, access
        finally:
            process.kill()


async def test_a_kept_demo_takes_ones_own_client_until_ctrl_c(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    """What is printed is enough to trade; Ctrl-C leaves nothing behind and keeps the story's verdict."""
    with kept_running(surroundings) as (process, access):
        (tmp_path / "mine").mkdir()
        client = QuickfixInitiator(
            host=access["host"],
            port=access["port"],
            sender=access["sender_comp_id"],
            target=access["target_comp_id"],
            username=access["username"],
            password=access["password"],
            dictionary=access["dictionary"],
            store=str(tmp_path / "mine"),
            heartbeat_s=10,
        )
        await client.start()
        await client.expect_event("logon")
        order = {35: "D", 11: "my-1", 55: "BTCUSDT", 54: "1", 38: "0.01", 40: "2", 44: "59000", 59: "1"}
        await client.send(order | {60: "20261120-13:30:00"})
        await client.expect("8", {11: "my-1", 150: "0"})
        assert await client.stop() == 0
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 30) == exits.OK
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]
    assert processes_of(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_kill_9_of_the_demo_takes_everything_along(surroundings: dict[str, str], tmp_path: Path) -> None:
    with kept_running(surroundings) as (process, _):
        children = set(processes_of(tmp_path)) - {process.pid}
        assert len(children) == 3
        process.kill()
    assert all(gone(pid) for pid in children)


def test_ctrl_c_in_the_story_stops_everything(surroundings: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen([*DEMO, "--json"], env=surroundings, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(30) == 128 + signal.SIGINT
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


async def performed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[int, str]:
    """A demo in this process; its exit code and what it printed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    code = await command.Demo(TableScreen(out, verbose=False), keep=False, verbose=False).run()
    return code, out.getvalue()


async def test_books_that_differ_are_told_and_end_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The venue closes a position on its own: an order and a fill that no FIX message reported."""

    async def liquidation(stage: Stage) -> None:
        await stage.venue._call("POST", "liquidate", symbol=SYMBOL, side="SELL", quantity="1")

    monkeypatch.setattr(command, "SCENES", (Scene("A liquidation", "Nobody asked for it.", liquidation),))
    monkeypatch.setattr(command, "SETTLE_S", 0.5)
    code, text = await performed(monkeypatch, tmp_path)
    assert code == exits.DIFFERENT, text
    assert re.search(
        r"^autoclose-\d+: the venue has an order that no FIX message asked for$", text, re.MULTILINE
    )
    assert "BTC: changed by -1, the fills explain 0" in text
    assert text.splitlines()[-1].startswith("DIFFER")
    (logs,) = tmp_path.iterdir()
    assert f"Logs and journal: {logs}" in text
    assert (logs / "connector.log").exists()


async def test_a_scene_that_does_not_happen_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both books may agree that nothing was filled; the demo promised a fill."""

    async def nothing(stage: Stage) -> None:
        await stage.reported("ghost", "F")

    monkeypatch.setattr(command, "SCENES", (Scene("A ghost", "It never comes.", nothing),))
    monkeypatch.setattr("connector.demo.client.EXPECT_S", 0.3)
    code, text = await performed(monkeypatch, tmp_path)
    assert code == exits.DIFFERENT, text
    assert (
        "The story did not go as announced: scene 1: the report 35=8, 11=ghost, 150=F did not arrive" in text
    )


async def test_what_cannot_be_started_is_named_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ground, "CONFIGURATION", ground.CONFIGURATION.replace("journal:", "jurnal:"))
    code, text = await performed(monkeypatch, tmp_path)
    assert code == exits.START, text
    assert "connector ended with exit code 2: the configuration or the command line is wrong." in text
    assert "jurnal" in text.split("is wrong.")[1]
    assert processes_of(tmp_path) == []


async def test_a_process_that_dies_in_the_story_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def murder(stage: Stage) -> None:
        stage.client._child.process.kill()
        await stage.reported("nobody", "F")

    monkeypatch.setattr(command, "SCENES", (Scene("A murder", "The FIX client dies.", murder),))
    code, text = await performed(monkeypatch, tmp_path)
    assert code == exits.FAILED, text
    assert "FIX client ended with signal 9." in text
