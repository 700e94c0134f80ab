"""The bare quickfix acceptor that everything is measured against: toString and split in, one string out.

python fix_echo.py PORT_FILE - the engine's own threads, no dictionary, memory store, no log. The engine
listens on every address; a listener of loopback alone is put over that, and its port is the one written.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import quickfix as fix

SOH = "\x01"


class Echo(fix.Application):
    """Answers each NewOrderSingle with a report of fixed shape."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def onCreate(self, session) -> None: ...  # type: ignore[no-untyped-def]

    def onLogon(self, session) -> None: ...  # type: ignore[no-untyped-def]

    def onLogout(self, session) -> None: ...  # type: ignore[no-untyped-def]

    def toAdmin(self, message, session) -> None: ...  # type: ignore[no-untyped-def]

    def fromAdmin(self, message, session) -> None: ...  # type: ignore[no-untyped-def]

    def toApp(self, message, session) -> None: ...  # type: ignore[no-untyped-def]

    def fromApp(self, message, session) -> None:  # type: ignore[no-untyped-def]
        values = dict(part.split("=", 1) for part in message.toString().split(SOH) if part)
        self._count += 1
        report = SOH.join(
            (
                "8=FIX.4.4",
                "9=0",
                "35=8",
                f"37={self._count}",
                f"11={values['11']}",
                f"17=E{self._count}",
                "150=0",
                "39=0",
                f"1={values['1']}",
                f"55={values['55']}",
                f"54={values['54']}",
                f"38={values['38']}",
                f"40={values['40']}",
                f"44={values['44']}",
                f"59={values['59']}",
                "14=0",
                f"151={values['38']}",
                "6=0",
                f"60={values['60']}",
                "10=000",
                "",
            )
        )
        fix.Session.sendToTarget(fix.Message(report, False), session)


def listening() -> dict[int, int]:
    """Descriptor -> port of every listening TCP socket of this process."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            with socket.socket(fileno=os.dup(int(entry.name))) as candidate:
                if candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found[int(entry.name)] = candidate.getsockname()[1]
        except OSError:
            continue
    return found


def main(port_file: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    settings = Path(tempfile.mkdtemp()) / "settings"
    settings.write_text(
        "[DEFAULT]\nConnectionType=acceptor\nStartTime=00:00:00\nEndTime=00:00:00\nHeartBtInt=30\n"
        "UseDataDictionary=N\nSocketNodelay=Y\nCheckLatency=N\n"
        f"[SESSION]\nBeginString=FIX.4.4\nSenderCompID=CONNECTOR\nTargetCompID=BENCH\nSocketAcceptPort={port}\n"
    )
    application, store = Echo(), fix.MemoryStoreFactory()
    acceptor = fix.SocketAcceptor(application, store, fix.SessionSettings(str(settings)))
    acceptor.start()
    loopback = socket.socket()
    loopback.bind(("127.0.0.1", 0))
    loopback.listen(16)
    [descriptor] = [fd for fd, its in listening().items() if its == port]
    os.dup2(loopback.fileno(), descriptor)
    port_file.write_text(str(loopback.getsockname()[1]))
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
