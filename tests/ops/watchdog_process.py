"""A process whose loop is watched, for tests of how it dies: `watchdog_process.py block|sleep|unproven|stopping`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any, NoReturn

from connector.ops import watchdog


class Log:
    def __getattr__(self, level: str) -> Any:
        return lambda event, **values: print(level, event, values, flush=True)


def fail_stop(error: BaseException) -> NoReturn:
    print("fail-stop", error, flush=True)
    os._exit(70)


def hold_the_loop() -> None:
    time.sleep(60)


async def main(mode: str) -> None:
    watchdog.SILENT_FOR_S = 10  # type: ignore[misc]
    watchdog.UNPROVEN_AFTER_S = 5  # type: ignore[misc]
    watchdog.GIVE_UP_AFTER_S = 15  # type: ignore[misc]
    watched = watchdog.Watchdog(environment=os.environ, fail_stop=fail_stop, log=Log(), look_every_s=0.05)
    watched.start()
    watched.ready()
    print("ready", flush=True)
    if mode == "stopping":
        watched.stopping()
    if mode == "block":
        hold_the_loop()
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        await asyncio.sleep(0.05)
        if mode == "sleep":
            watched.proved()
    watched.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
