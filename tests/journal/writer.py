"""A process that appends and tells what it was promised, until somebody kills it.

python writer.py JOURNAL MODE [HOOK_POINT:TIMES [LIMIT]] - one line per promise on stdout: "open <first
position>", "appended <position>", "durable <position>", "failed <text>". MODE is "append" (one row
at a time), "batch" (three rows a time), "durable" (each awaited), "group" (eight writers, each awaiting its own rows). At the given hook point, reached
that many times, it kills itself with SIGKILL. No file may grow beyond LIMIT bytes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

from connector.journal import Journal, JournalError, Row

BODY = '{"n":%d,"filler":"' + "x" * 300 + '"}'


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def killer(plan: str) -> object:
    point, _, times = plan.partition(":")
    left = [int(times or 1)]

    def hook(at: str) -> None:
        if at == point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


async def main(path: Path, mode: str, plan: str) -> None:
    journal = Journal.open(path, product_version="1", hook=killer(plan))  # type: ignore[arg-type]
    say("open", journal.next_position)
    writers = 8 if mode == "group" else 1
    await asyncio.gather(*(write(journal, mode) for _ in range(writers)))


async def write(journal: Journal, mode: str) -> None:
    while True:
        first = journal.next_position
        batch = [
            Row(first + n, first, (BODY % (first + n)).encode()) for n in range(3 if mode == "batch" else 1)
        ]
        try:
            journal.append(batch)
            say("appended", batch[-1].position)
            if mode in ("durable", "group"):
                await journal.durable(first)
                say("durable", first)
        except JournalError as error:
            say("failed", error)
            return


if __name__ == "__main__":
    journal_path, chosen_mode, *more = sys.argv[1:]
    if len(more) > 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(more[1]), int(more[1])))
    asyncio.run(main(Path(journal_path), chosen_mode, more[0] if more else "never"))
