"""An acceptor in a process of its own, for tests of how it dies: `acceptor_process.py STORE REACTION` prints its port."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from connector.fix.acceptor import FixAcceptor, SessionSpec


class Log:
    def info(self, event: str, **values: Any) -> None: ...
    def warning(self, event: str, **values: Any) -> None: ...
    def error(self, event: str, **values: Any) -> None: ...


class Application:
    def __init__(self, reaction: str) -> None:
        self._reaction = reaction
        self.acceptor: FixAcceptor

    def on_message(self, session: str, text: str) -> None:
        if self._reaction == "flood":
            for number in range(50):
                note = f"58={'x' * 2000}\x01"
                assert self.acceptor.send(session, f"35=8\x0137=7\x0117={number}\x01150=0\x0139=0\x01{note}")
        if self._reaction == "raise":
            raise ValueError("our bug")
        if self._reaction == "exit":
            sys.exit(3)
        if self._reaction == "kill":
            os.kill(os.getpid(), 9)

    def on_logon(self, session: str, reset: bool) -> None:
        if self._reaction == "raise on logon":
            raise ValueError("our bug")

    def on_reset(self, session: str) -> None:
        if self._reaction == "raise on reset":
            raise ValueError("our bug")

    def on_receipt(self, session: str, mark: int) -> None:
        if self._reaction == "raise on receipt":
            raise ValueError("our bug")

    def on_logout(self, session: str) -> None:
        if self._reaction == "raise on logout":
            raise ValueError("our bug")


def fail_stop(error: BaseException) -> NoReturn:
    print(f"fail-stop: {error!r}", flush=True)
    os._exit(70)


def broken_fail_stop(error: BaseException) -> NoReturn:
    raise RuntimeError("even this fails")


async def main(store: str, reaction: str) -> None:
    application = Application(reaction.removesuffix(" broken"))
    acceptor = application.acceptor = FixAcceptor(
        host="127.0.0.1",
        port=0,
        sessions=[SessionSpec(sender_comp_id="GW", target_comp_id="OMS1")],
        store_path=Path(store),
        dictionary=Path(__file__).parents[2] / "config" / "FIX44.xml",
        application=application,
        fail_stop=broken_fail_stop if reaction.endswith(" broken") else fail_stop,
        first_message_deadline_s=2.0,
        log=Log(),
    )
    port = await acceptor.start()
    if reaction == "raise on receipt":
        acceptor.told("OMS1->GW", 1)
    print(port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
