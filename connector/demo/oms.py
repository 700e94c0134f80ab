"""The demo's OMS: a real quickfix initiator, spoken to in JSON lines.

stdin:  first line the configuration (host, port, sender, target, username, password, store, dictionary),
        then {"send": [[35, "D"], [11, "c1"], ...]}: an application message, body fields after MsgType(35);
        the end of stdin is Logout(5) and the end of the process.
stdout: {"event": "logon"}, {"event": "logout"}; each message as it crosses the engine's border, epoch ns:
        {"sent": [[8, "FIX.4.4"], ...], "at_ns": 0}, {"received": [...], "at_ns": 0}
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import quickfix

HEARTBEAT_S = 10
NEWS = frozenset({"3", "5"})  # of the session's own messages: Reject, Logout


class Mouth:
    """Standard output, shared by the engine's thread and ours."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, **line: object) -> None:
        """Write one JSON line."""
        with self._lock:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()

    def message(self, word: str, message: Any) -> None:
        """Write one FIX message."""
        text = message.toString().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        pairs = (field.partition("=") for field in text.split("\x01") if field)
        self.say(**{word: [[int(tag), value] for tag, _, value in pairs]}, at_ns=time.time_ns())


class Application(quickfix.Application):  # type: ignore[misc]  # the engine has no types
    """What the engine tells a client."""

    def __init__(self, mouth: Mouth, username: str, password: str) -> None:
        super().__init__()
        self._mouth, self._credentials = mouth, ((553, username), (554, password))

    def onCreate(self, session: Any) -> None:
        """Nothing to prepare."""

    def onLogon(self, session: Any) -> None:  # noqa: ARG002
        """The connector let us in."""
        self._mouth.say(event="logon")

    def onLogout(self, session: Any) -> None:  # noqa: ARG002
        """Logged out, or the connection is lost."""
        self._mouth.say(event="logout")

    def toAdmin(self, message: Any, session: Any) -> None:  # noqa: ARG002
        """Logon(A) carries the credentials."""
        if message.getHeader().getField(35) == "A":
            for tag, value in self._credentials:
                message.setField(tag, value)

    def toApp(self, message: Any, session: Any) -> None:  # noqa: ARG002
        """An order leaves."""
        self._mouth.message("sent", message)

    def fromAdmin(self, message: Any, session: Any) -> None:  # noqa: ARG002
        """Heartbeats are not worth a line, a Reject is."""
        if message.getHeader().getField(35) in NEWS:
            self._mouth.message("received", message)

    def fromApp(self, message: Any, session: Any) -> None:  # noqa: ARG002
        """A report."""
        self._mouth.message("received", message)


def session_settings(config: dict[str, Any], session: Any) -> Any:
    """The engine's settings for the one session."""
    block = quickfix.Dictionary()
    for name, value in {
        "ConnectionType": "initiator",
        "NonStopSession": "Y",
        "HeartBtInt": str(HEARTBEAT_S),
        "ReconnectInterval": "1",
        "SocketConnectHost": config["host"],
        "SocketConnectPort": str(config["port"]),
        "SocketNodelay": "Y",
        "FileStorePath": config["store"],
        "DataDictionary": config["dictionary"],
    }.items():
        block.setString(name, value)
    settings = quickfix.SessionSettings()
    settings.set(session, block)
    return settings


def main() -> None:
    """Run until the end of stdin."""
    config = json.loads(sys.stdin.readline())
    session = quickfix.SessionID("FIX.4.4", config["sender"], config["target"])
    settings = session_settings(config, session)
    dictionary = quickfix.DataDictionary(config["dictionary"])
    application = Application(Mouth(), config["username"], config["password"])
    initiator = quickfix.SocketInitiator(application, quickfix.FileStoreFactory(settings), settings)
    initiator.start()
    for line in sys.stdin:
        body = "".join(f"{tag}={value}\x01" for tag, value in json.loads(line)["send"])
        message = quickfix.Message(f"8=FIX.4.4\x019=0\x01{body}10=000\x01", dictionary, False)
        quickfix.Session.sendToTarget(message, session)
    initiator.stop()


if __name__ == "__main__":
    main()
