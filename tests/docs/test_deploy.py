"""The files in deploy/ fit the product they run."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, read, section

UNIT = read("deploy/connector.service")
RUNBOOK = read("deploy/RUNBOOK.md")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With a command that exists here."""
    unit = tmp_path / "connector.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT, flags=re.MULTILINE))

    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_gives_the_orderly_end_its_time() -> None:
    """An end takes up to 15 s; after TimeoutStopSec systemd kills."""
    patience = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)

    assert patience
    assert int(patience[1]) > 15
    assert "KillSignal=SIGTERM" in UNIT


def test_the_image_copies_what_exists() -> None:
    recipe = read("deploy/Containerfile")
    copied = [word for line in re.findall(r"^COPY (.+)$", recipe, re.MULTILINE) for word in line.split()[:-1]]

    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert re.search(r"^USER (?!0\b|root)", recipe, re.MULTILINE)


def test_every_event_in_the_runbook_is_in_the_catalogue() -> None:
    catalogue = section(read("docs/operations.md"), "Log events")
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", section(RUNBOOK, "By event")))

    assert named
    assert {name for name in named if f"| {name} |" not in catalogue} == set()


def test_every_error_event_has_its_line_in_the_runbook() -> None:
    """Who is woken by an error finds it at once; `start_failed` ends the process, which has its own section."""
    catalogue = section(read("docs/operations.md"), "Log events")
    errors = set(re.findall(r"^\| ([a-z_]+) \| error \|", catalogue, re.MULTILINE))

    assert {name for name in errors if f"`{name}`" not in RUNBOOK} == set()
