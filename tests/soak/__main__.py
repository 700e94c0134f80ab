"""Command line of the soak. Exit code 1 when the books differ."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.soak import __doc__ as about
from tests.soak import report
from tests.soak.run import Soak


def main() -> int:
    """See the package's documentation."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="of chaos (default %(default)s)")
    parser.add_argument("--seed", type=int, help="what chance decides (default: from the clock)")
    parser.add_argument("--directory", type=Path, help="for journal, logs and FIX logs (default: a new one)")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else time.time_ns() // 1000 % 1_000_000
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix=f"soak-{seed}-"))
    console = Console()
    console.print(
        f"soak: {arguments.minutes:g} minutes, seed {seed}, everything said is in {directory}", soft_wrap=True
    )
    soak = Soak(seed, directory, console)
    try:
        agreed = asyncio.run(_until_told_to_stop(soak, arguments.minutes * 60))
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.print(f"stopped before the books were compared (seed {seed})")
        return 1
    return verdict(soak, console, agreed=agreed)


async def _until_told_to_stop(soak: Soak, seconds: float) -> bool:
    """SIGTERM ends it as Ctrl-C does: no process of ours is left behind."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await soak.run(seconds)


def verdict(soak: Soak, console: Console, *, agreed: bool) -> int:
    """Print what happened and whether the books agree; the exit code."""
    console.print(report.line(soak), soft_wrap=True, highlight=False)
    console.print(report.summary(soak.chaos.counts, "what happened at the venue"))
    console.print(report.summary(soak.requests, "requests at the venue"))
    console.print(report.summary(soak.counts() + soak.keeper.counts, "orders, and the daemon's log"))
    if agreed:
        console.print(
            f"three books agree: {soak.counts()['orders']} orders, 0 differences (seed {soak.seed})"
        )
        return 0
    console.print(report.table_of(soak.differences[: report.ROWS]))
    if len(soak.differences) > report.ROWS:
        console.print(f"... and {len(soak.differences) - report.ROWS} more")
    console.print(f"the books differ (seed {soak.seed}); table, stories and logs: {soak.directory}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
