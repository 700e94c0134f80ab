"""A minute of the soak in every test run; `make soak MINUTES=20` is the long one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.soak.__main__ import verdict
from tests.soak.run import Soak

CHAOS_S = 35.0  # then some 20 s in which what is unknown may be believed lost (P4)
SEED = 20240229


@pytest.mark.timeout(200)
async def test_three_books_agree_after_half_a_minute_of_kills_and_faults(tmp_path: Path) -> None:
    """P1-P8 with real processes: OMS, journal and venue say the same of every order, cancel and trade."""
    console = Console(file=io.StringIO(), width=200)
    soak = Soak(SEED, tmp_path, console)

    agreed = await soak.run(CHAOS_S)

    assert isinstance(console.file, io.StringIO)
    assert verdict(soak, console, agreed=agreed) == 0, console.file.getvalue()
    counts = soak.counts()
    assert soak.keeper.counts["kills"] >= 3
    assert min(counts["orders"], counts["fills"], counts["cancels"]) > 20
    assert counts["unknown outcomes"] > 0
