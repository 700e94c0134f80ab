"""What the journal's two verbs cost: one append, one row made durable alone, a row among 32 in flight.

python -m tests.benchmarks.journal_cost DIRECTORY ROWS - one JSON object on stdout.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from connector.journal import Journal, Row

BODY = b'{"is":"Requested","session":"BENCH->CONNECTOR","filler":"' + b"x" * 340 + b'"}'
IN_FLIGHT = 32


async def measure(directory: Path, rows: int) -> dict[str, object]:
    """Both verbs alone, then by `IN_FLIGHT` tasks at once."""
    journal = Journal.open(directory / "journal.db", product_version="benchmark")
    appends, waits = [], []

    async def one() -> None:
        begun = time.perf_counter_ns()
        journal.append([Row(journal.next_position, begun, BODY)])
        appended = time.perf_counter_ns()
        appends.append(appended - begun)
        await journal.durable(journal.next_position - 1)
        waits.append(time.perf_counter_ns() - appended)

    async def worker(count: int) -> None:
        for _ in range(count):
            await one()

    await worker(rows)
    alone = {"append_ns": list(appends), "durable_ns": list(waits)}
    begun = time.perf_counter_ns()
    share = -(-rows // IN_FLIGHT)
    await asyncio.gather(*(worker(share) for _ in range(IN_FLIGHT)))
    shared = (time.perf_counter_ns() - begun) / (share * IN_FLIGHT)
    journal.close()
    return {**alone, "shared_row_ns": shared}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Path(sys.argv[1]), int(sys.argv[2])))))
