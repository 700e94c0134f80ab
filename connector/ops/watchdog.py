"""Is this process of use? Who asks is systemd, the liveness probe, and the process itself.

Three things are watched, each by what does not depend on it:

* the FIX side answers: `proved` is called by a dialogue with our own port (`connector.fix.prober`), and
  only that feeds systemd's watchdog. Without proof for `UNPROVEN_AFTER_S` the liveness probe fails, after
  `GIVE_UP_AFTER_S` the process ends by itself, for where nobody supervises it;
* the loop turns: a thread of two lines counts how often it looked without the loop having moved. After
  `SILENT_FOR_S` it writes every thread's stack and ends the process (P12: never a zombie). A loop that is
  held by a library which does not let threads run either is left to systemd, which then hears nothing;
* the clock is not trusted: both count their own looks, one a second, and not the time between them. A
  process that was stopped (SIGSTOP, a frozen container, a paused machine) did not look, so it is not blamed
  for the pause.

systemd's protocol is a datagram of a few words (sd_notify(3)); the packages for it are unmaintained
(sdnotify, 2017) or need a C library and its headers (systemd-python), which is more than the twenty lines
below.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from connector import exits

LOOK_EVERY_S: Final = 1.0
UNPROVEN_AFTER_S: Final = 20
GIVE_UP_AFTER_S: Final = 60
SILENT_FOR_S: Final = 30
PROVE_EVERY_S: Final = 5.0

Log = Any  # a structlog logger; its methods are made at run time


class UnprovenError(Exception):
    """The FIX side did not answer ourselves for too long."""


class Notifier:
    """Words for the service manager; silent where there is none."""

    def __init__(self, environment: Mapping[str, str], log: Log) -> None:
        self._log = log
        self._address = environment.get("NOTIFY_SOCKET", "")
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environment.get("WATCHDOG_USEC", "") if for_us else ""
        self.watchdog_s = int(usec) / 1_000_000 if usec.isdecimal() and int(usec) else None

    def say(self, words: str) -> None:
        """Send `words` (`READY=1` and the like). Trouble is logged: we can work without systemd."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.setblocking(False)
                link.sendto(words.encode(), address)
        except OSError as error:
            self._log.warning("notify_failed", words=words, error=str(error))


class Watchdog:
    """Start it on the loop that it is to watch."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        fail_stop: Callable[[BaseException], NoReturn],
        log: Log,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """`environment`: where systemd says how to reach it. The limits count looks, `look_every_s` apart."""
        self._notifier = Notifier(environment, log)
        self._fail_stop = fail_stop
        self._log = log
        self._look_every_s = look_every_s
        self._timer: asyncio.TimerHandle | None = None
        self._over = threading.Event()
        self._turns = 0  # of the loop, one a look; read by the guard
        self._unproven: int | None = (
            None  # looks since the last proof; None: nothing to prove yet, or any more
        )

    @property
    def prove_every_s(self) -> float:
        """How often systemd, and we, want the proof: three times within its patience."""
        return min(PROVE_EVERY_S, (self._notifier.watchdog_s or 60.0) / 3)

    @property
    def alive(self) -> bool:
        """For the liveness probe; whoever gets an answer at all knows that the loop turns."""
        return self._unproven is None or self._unproven <= UNPROVEN_AFTER_S

    @property
    def unproven_s(self) -> float | None:
        """Seconds without proof that the FIX side answers; None while there is no FIX side."""
        return None if self._unproven is None else self._unproven * self._look_every_s

    def start(self) -> None:
        """Watch the running loop."""
        self._look()
        guard = threading.Thread(target=self._guard, name="watchdog", daemon=True)
        guard.start()

    def ready(self) -> None:
        """The FIX port is open: from now on proofs are expected."""
        self._unproven = 0
        self._notifier.say("READY=1\nWATCHDOG=1")

    def proved(self) -> None:
        """The FIX side answered."""
        if self._unproven is not None:
            self._unproven = 0
            self._notifier.say("WATCHDOG=1")

    def stopping(self) -> None:
        """An ordinary end has begun: no more proofs; the loop is still watched."""
        self._unproven = None
        self._notifier.say("STOPPING=1")

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_every_s, self._look)
        self._turns += 1
        if self._unproven is None:
            return
        self._unproven += 1
        if self._unproven == UNPROVEN_AFTER_S + 1:
            self._log.error("fix_unproven", looks=self._unproven)
        elif self._unproven > GIVE_UP_AFTER_S:
            self._fail_stop(UnprovenError(f"the FIX side did not answer in {self._unproven} looks"))

    def _guard(self) -> None:
        seen, still = self._turns, 0
        while not self._over.wait(self._look_every_s):
            seen, still = self._turns, still + 1 if seen == self._turns else 0
            if still > SILENT_FOR_S:
                _end(still)


def _end(looks: int) -> NoReturn:
    """Without the logger: the thread that holds its lock may be the one that hangs."""
    try:
        line = {"level": "error", "event": "loop_silent", "looks": looks, "exit_code": exits.FAILED}
        os.write(2, json.dumps(line).encode() + b"\n")
        faulthandler.dump_traceback(file=2, all_threads=True)
    finally:
        os._exit(exits.FAILED)
