"""Run many worlds, or tell the story of one. Exit code 1 when a promise broke."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter

from tests.simulation import mistakes
from tests.simulation.world import World


def main() -> int:
    """See the package's documentation."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many worlds (default 1000)")
    parser.add_argument("--seed", type=int, metavar="S", help="one world, with its story")
    parser.add_argument("--first", type=int, default=0, metavar="S", help="the first seed (default 0)")
    parser.add_argument("--mistakes", action="store_true", help="plant each known mistake and look for it")
    arguments = parser.parse_args()
    if arguments.mistakes:
        return look_for_mistakes(arguments.first, arguments.seeds)
    if arguments.seed is not None:
        return tell(arguments.seed)
    return survey(arguments.first, arguments.seeds)


def survey(first: int, number: int) -> int:
    """Worlds one after the other, a line of progress, a summary; the first that fails is told."""
    counts: Counter[str] = Counter()
    begun = shown = time.monotonic()
    for done, seed in enumerate(range(first, first + number), 1):
        world = World(seed)
        try:
            world.run()
        except Exception as error:
            print(f"\nseed {seed}: {error}\n")
            return tell(seed)
        counts += world.counts + world.oms.counts
        now = time.monotonic()
        if now - shown > 1 or done == number:
            shown = now
            print(f"\r{done} of {number} worlds, {done / (now - begun):.0f}/s ", end="", flush=True)
    print("\n\nwhat they contained:")
    for name, count in sorted(counts.items()):
        print(f"  {count:>12,}  {name}")
    return 0


def tell(seed: int) -> int:
    """The story of one world."""
    world = World(seed, story=True)
    failed = 0
    try:
        world.run()
    except Exception:
        failed = 1
        error = traceback.format_exc()
    assert world.story is not None
    print(f"the story of seed {seed}")
    print("\n".join(world.story))
    if failed:
        print(f"\nseed {seed} breaks a promise:\n{error}")
    return failed


def look_for_mistakes(first: int, most: int) -> int:
    """How many seeds each planted mistake survives."""
    survived = 0
    for mistake in mistakes.ALL:
        found = mistakes.find(mistake, first, most)
        if found is None:
            survived += 1
            print(f"  survives {most} seeds  {mistake.__name__}")
        else:
            seed, error = found
            print(f"  caught by seed {seed:>5}  {mistake.__name__}: {error}")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
