"""Worlds around the production router keep every promise; each planted mistake breaks one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation import mistakes
from tests.simulation.world import World

SEEDS = 3_000
CHUNK = 250


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_worlds_keep_every_promise_and_come_to_rest(first: int) -> None:
    """P1-P8 after every step, liveness after healing. `python -m tests.simulation --seed S` tells the story."""
    for seed in range(first, first + CHUNK):
        try:
            World(seed).run()
        except Exception as error:
            pytest.fail(f"seed {seed}: {error!r}\npython -m tests.simulation --seed {seed}")


def test_worlds_contain_what_they_are_for() -> None:
    """A simulation in which a fault never happens proves nothing about it."""
    counts: Counter[str] = Counter()
    for seed in range(300):
        world = World(seed)
        world.run()
        counts += world.counts + world.oms.counts
    wanted = {
        "crashes", "late", "lost_request", "lost_reply", "server_error", "not_sent", "rate_limited",
        "clock_refused", "duplicate_said", "events dropped", "stream cuts", "stream silences",
        "foreign orders", "unknown outcomes", "reports told again", "cancels answered", "ended FILLED",
        "ended CANCELED", "ended EXPIRED", "ended REJECTED", "sent AskTrades", "sent AskTradesSince",
        "sent AskOpen", "sent AskOrder", "sent Cancel",
    }  # fmt: skip
    assert {name for name in wanted if counts[name] < 20} == set()


def test_a_world_is_nothing_but_its_seed() -> None:
    """Otherwise a seed is no bug report: no clock, no chance from outside, no order of a set."""

    def digest(hash_seed: str) -> str:
        command = [sys.executable, "-m", "tests.simulation", "--seed", "7"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        story = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        assert story.count(b"\n") > 50
        return hashlib.sha256(story).hexdigest()

    assert digest("1") == digest("2")


WITHIN = {
    mistakes.not_found_after_the_time_though_asked_before: 2_000,
    mistakes.one_page_of_trades_is_all: 500,
}
"""Mistakes that need a rare moment; every other one is noticed within `SOON` seeds."""
SOON = 100


@pytest.mark.parametrize("mistake", mistakes.ALL, ids=lambda mistake: mistake.__name__)
def test_every_planted_mistake_is_noticed(mistake: mistakes.Mistake) -> None:
    """What a simulation cannot see, it does not protect against (style.md)."""
    most = WITHIN.get(mistake, SOON)

    found = mistakes.find(mistake, 0, most)

    assert found is not None, f"{mistake.__name__} survives {most} seeds"
