"""The README's first screen and first session are true: its commands are run here, as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connector.__main__ import app
from tests.docs.pages import ROOT, code_blocks, read, rows, section
from tests.support.exchange import exchange
from tests.support.fix_client import Message

PAGE = read("README.md")
SAMPLE = code_blocks(PAGE, "hocon")[0]
KEY = "apiKey=first-session-key,apiSecret=first-session-secret"


def shell(text: str) -> list[str]:
    """The commands of the page's `sh` blocks, comments left out."""
    lines = [line for block in code_blocks(text, "sh") for line in block.splitlines()]
    return [line.partition("#")[0].strip() for line in lines]


def written(directory: Path, *, fix_port: int, venue_port: int) -> Path:
    """The sample, on free ports."""
    text = SAMPLE.replace("9878", str(fix_port)).replace("9880", "0").replace("9090", str(venue_port))
    file = directory / "first.conf"
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_the_sample_configuration_passes_check_without_a_warning(tmp_path: Path) -> None:
    """The page promises `usable, 0 warnings`."""
    (tmp_path / "first.conf").write_text(SAMPLE)
    (tmp_path / "first.conf").chmod(0o600)

    result = CliRunner().invoke(app, ["check", str(tmp_path / "first.conf")])

    assert result.exit_code == 0, result.output
    assert result.output.rstrip().endswith("usable, 0 warnings")
    assert len(SAMPLE.splitlines()) <= 20


async def test_the_first_session_happens_as_shown(tmp_path: Path) -> None:
    """Simulator, connector and the page's own bash client: the same reports, but for numbers and times."""
    assert f"connector simulate --no-moves --key {KEY}" in shell(PAGE)
    assert "connector run -c first.conf" in shell(PAGE)
    async with exchange("--key", KEY) as venue:
        file = written(tmp_path, fix_port=0, venue_port=int(venue.url.rpartition(":")[2]))
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "connector", "run", "-c", str(file), stderr=asyncio.subprocess.PIPE
        )  # fmt: skip
        try:
            port = await _fix_port(daemon)
            answer = await _typed(port, venue.url)
        finally:
            daemon.terminate()
            await daemon.communicate()

    told = [report for report in _reports(answer) if report[35] == "8"]
    shown = [report for block in code_blocks(PAGE, "") for report in _reports(block) if report[35] == "8"]
    assert [_lasting(report) for report in told] == [_lasting(report) for report in shown]
    assert len(shown) == 4
    assert daemon.returncode == 0


async def _fix_port(daemon: asyncio.subprocess.Process) -> int:
    assert daemon.stderr is not None
    lines = []
    while line := (await asyncio.wait_for(daemon.stderr.readline(), 30)).decode():
        lines.append(line)
        if found := re.search(r'"event":"started","fix_port":(\d+)', line):
            return int(found[1])
    raise AssertionError("".join(lines))


async def _typed(port: int, venue_url: str) -> str:
    """What a reader sees who pastes the bash blocks one after the other."""
    blocks = [
        block.replace("/9878", f"/{port}").replace("http://127.0.0.1:9090", venue_url)
        for block in code_blocks(PAGE, "bash")
    ]
    script = "\nsleep 1\n".join([*blocks, "sleep 0.5; exec 3>&-; kill %1 2>/dev/null"])
    bash = await asyncio.create_subprocess_exec(
        "bash", "-m", "-c", script, stdout=asyncio.subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}
    )  # fmt: skip
    output, _ = await asyncio.wait_for(bash.communicate(), 30)
    return output.decode()


def _reports(text: str) -> list[Message]:
    lines = [line for line in text.splitlines() if line.startswith("8=FIX.4.4|")]
    return [Message.parse(line.replace("|", "\x01").encode()) for line in lines]


def _lasting(report: Message) -> dict[int, str]:
    """What does not change from day to day: no times, lengths, sums, and numbers that count journal rows."""
    return {tag: value for tag, value in report.fields if tag not in {9, 10, 17, 34, 52, 60, 526}}


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", PAGE, re.MULTILINE))

    assert {"demo", "test"} <= named
    assert named <= targets


def test_the_two_commands_stand_on_the_first_screen() -> None:
    first_screen = "\n".join(PAGE.splitlines()[:20])

    assert "make demo" in first_screen
    assert "make test" in first_screen
    assert "compiles quickfix" in first_screen


def test_every_command_and_option_in_the_table_exists() -> None:
    runner = CliRunner()
    for cells in rows(section(PAGE, "The command")):
        command = cells[0].strip("`")
        if not command.startswith("connector") or command == "connector simulate":
            continue
        words = [word for word in command.split()[1:] if word.isalpha() and word.islower()]
        shown = runner.invoke(app, [*words, "--help"], terminal_width=200)
        assert shown.exit_code == 0, command
        for option in re.findall(r"`(--[a-z]+)", cells[1]):
            assert option in shown.output, (command, option)


def test_the_tables_of_dependencies_are_those_of_the_project() -> None:
    """Nothing is installed without a word about what for."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    extras = project["optional-dependencies"]
    needed = {_name(text) for text in [*project["dependencies"], *extras["test"], *extras["check"]]}

    told = {name for cells in rows(section(PAGE, "Dependencies")) for name in cells[0].split(", ")}

    assert told == needed


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_-]+", requirement)
    assert found, requirement
    return found[0]


def test_every_folder_in_the_layout_exists() -> None:
    for cells in rows(section(PAGE, "How it is laid out")):
        for path in re.findall(r"`((?:connector|mappers|config|tests)/[a-z_./]*)`", cells[0]):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("path", ["README.md", "config/FIX44.xml"])
def test_the_engines_licence_is_honoured(path: str) -> None:
    """QuickFIX Software License 1.0, clause 3: our dictionary derives from theirs."""
    sentence = (
        "This product includes software developed by quickfixengine.org (http://www.quickfixengine.org/)."
    )
    assert sentence in read(path)
