"""Runs the programmes in randomised order, round by round, and prints what may be quoted: ratios."""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import tempfile
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.benchmarks.processes import CLIENT_CORE, CORES, BenchError, compiled_stub, pin
from tests.benchmarks.programmes import PROGRAMMES, Plan
from tests.benchmarks.ratios import RATIOS, Numbers, over_rounds, spread, verdict


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS='...'", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="rounds, each in another order (default 4)")
    parser.add_argument("--orders", type=int, default=2000, help="orders of each measurement (default 2000)")
    parser.add_argument("--quick", action="store_true", help="one round of 300 orders: does it run at all?")
    parser.add_argument("--only", nargs="+", choices=PROGRAMMES, help="only these programmes")
    parser.add_argument("--seed", type=int, help="repeat the order of an earlier run")
    parser.add_argument("--json", action="store_true", help="every number of every round, for programs")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.orders = 1, 300
    if given.rounds < 1 or given.orders < 100:
        parser.error("at least 1 round and 100 orders")
    given.seed = random.randrange(1_000_000) if given.seed is None else given.seed
    return given


def measured(given: argparse.Namespace, progress: Console) -> list[Numbers]:
    """The numbers of each round."""
    chance, names = random.Random(given.seed), list(given.only or PROGRAMMES)
    rounds = []
    with tempfile.TemporaryDirectory() as directory:
        plan = Plan(given.orders, compiled_stub(Path(directory)))
        for number in range(1, given.rounds + 1):
            numbers: Numbers = {}
            for name in chance.sample(names, len(names)):
                with progress.status(f"round {number} of {given.rounds}: {name}"):
                    numbers.update(PROGRAMMES[name](plan))
            rounds.append(numbers)
    return rounds


def as_json(given: argparse.Namespace, rounds: list[Numbers]) -> str:
    found = {ratio: over_rounds(ratio, rounds) for ratio in RATIOS}
    return json.dumps(
        {
            "rounds": rounds,
            "orders": given.orders,
            "seed": given.seed,
            "cores": len(CORES),
            "ratios": [
                {**dataclasses.asdict(ratio), **dataclasses.asdict(its), "reaches": verdict(ratio, its)}
                for ratio, its in found.items()
                if its is not None
            ],
        },
        indent=2,
    )


def ratio_table(rounds: list[Numbers]) -> Table:
    table = Table(
        title="Ratios, each measured side by side in one round", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for heading in ("ratio", "median", "spread", "must/stretch", "reached"):
        left = heading in ("ratio", "reached")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for ratio in RATIOS:
        found = over_rounds(ratio, rounds)
        if found is None:
            continue
        aim = "" if ratio.must is None else f"{ratio.must:.1f}/{ratio.stretch:.1f}"
        reached = verdict(ratio, found)
        colour = {"stretch": "green", "must": "green", "missed": "red"}.get(reached, "white")
        table.add_row(
            f"({ratio.part}) {ratio.name}",
            f"{found.median:.2f}",
            f"{found.lowest:.1f}-{found.highest:.1f}",
            aim,
            f"[{colour}]{reached}",
        )
    return table


def number_table(rounds: list[Numbers]) -> Table:
    table = Table(title="Figures of this machine and hour: not to be quoted", box=SIMPLE_HEAD)
    for heading in ("measured", "median", "lowest - highest"):
        table.add_column(heading, justify="left" if heading == "measured" else "right")
    for name in sorted({name for numbers in rounds for name in numbers}):
        its = spread([numbers[name] for numbers in rounds if name in numbers])
        table.add_row(name, f"{its.median:,.0f}", f"{its.lowest:,.0f} - {its.highest:,.0f}")
    return table


EXPLANATION = """\
A: FIX bytes sent -> request complete at the exchange. B: its reply given ->
report read. E: NewOrderSingle -> report of a bare quickfix acceptor in Python.
The connector runs as shipped (journal synced before each send, dictionary,
file store, Ed25519, logs) but without TLS on either side; the exchange is a
stand-in that costs about 10 us."""


def main() -> int:
    """Run and print; 0, or 2 where the benchmark could not run."""
    given = arguments()
    progress = Console(stderr=True)
    pin(CLIENT_CORE)
    try:
        rounds = measured(given, progress)
    except BenchError as error:
        progress.print(f"bench: {error}", markup=False, soft_wrap=True)
        return 2
    if given.json:
        sys.stdout.write(as_json(given, rounds) + "\n")
        return 0
    console = Console()
    console.print(ratio_table(rounds))
    console.print(number_table(rounds))
    console.print(EXPLANATION, markup=False, highlight=False)
    if len(CORES) < 2:
        console.print(
            "One core only: client, connector and exchange took turns; compare nothing with other machines."
        )
    console.print(f"{given.rounds} rounds of {given.orders} orders, seed {given.seed}.")
    return 0
