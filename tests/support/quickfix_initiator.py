"""A real quickfix initiator in a process of its own, driven by JSON lines.

stdin:  {"send": [["35", "D"], ["11", "c1"], ...]}   an application message, body fields after MsgType(35)
        {"logout": "text"}                            Logout(5)
        {"stop": true}                                Logout and exit (so does the end of stdin)
stdout: {"event": "logon"}, {"event": "logout"}
        {"message": [["35", "8"], ...]}               each application message
        {"admin": [["35", "3"], ...]}                 each Reject(3) and Logout(5)

Run: python quickfix_initiator.py '{"host": ..., "port": ..., "sender": ..., "target": ..., "username": ..., "password": ...,
"store": "/dir", "dictionary": "/file", "heartbeat_s": 30, "reset": false}'
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Pairs = list[tuple[int, str]]


class QuickfixInitiator:
    """The parent's end of such a process."""

    def __init__(self, **config: Any) -> None:
        """The keys of the JSON above."""
        self._config = config
        self.lines: list[dict[str, Any]] = []  # not yet expected
        self._news = asyncio.Condition()

    async def start(self) -> None:
        """Start the process; it connects by itself and again every second."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__)),
            json.dumps(self._config),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        self._task = asyncio.create_task(self._read())

    async def send(self, fields: Mapping[int, str] | Pairs) -> None:
        """Send an application message; the first field is MsgType(35)."""
        items = fields.items() if isinstance(fields, Mapping) else fields
        await self._say({"send": [[str(tag), value] for tag, value in items]})

    async def expect_event(self, name: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait for {"event": name}."""
        return await self._take(lambda line: line.get("event") == name, f"event {name}", timeout_s)

    async def expect(
        self,
        msg_type: str,
        where: Mapping[int, str] | None = None,
        *,
        timeout_s: float = 10.0,
    ) -> dict[int, str]:
        """Wait for a message of that type and those values; repeated tags keep their first value."""

        def fits(line: dict[str, Any]) -> bool:
            message = _first_values(line)
            return message.get(35) == msg_type and all(
                message.get(tag) == value for tag, value in (where or {}).items()
            )

        return _first_values(await self._take(fits, f"35={msg_type} {where}", timeout_s))

    async def stop(self, timeout_s: float = 15.0) -> int:
        """Logout and exit; returns the exit code."""
        if self._process.returncode is None:
            await self._say({"stop": True})
        code = await asyncio.wait_for(self._process.wait(), timeout_s)
        await self._task
        return code

    async def kill(self) -> None:
        """kill -9."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._task

    async def _say(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                self.lines.append(json.loads(line))
                self._news.notify_all()

    async def _take(self, fits: Any, what: str, timeout_s: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(timeout_s), self._news:
                while True:
                    for index, line in enumerate(self.lines):
                        if fits(line):
                            return self.lines.pop(index)
                    await self._news.wait()
        except TimeoutError:
            rest = "\n  ".join(map(json.dumps, self.lines)) or "nothing"
            raise AssertionError(f"no {what} in {timeout_s} s; there is:\n  {rest}") from None


def _first_values(line: dict[str, Any]) -> dict[int, str]:
    result: dict[int, str] = {}
    for tag, value in line.get("message") or line.get("admin") or []:
        result.setdefault(int(tag), value)
    return result


def main(config: dict[str, Any]) -> None:  # the child
    import quickfix as fix  # noqa: PLC0415 - 110 MB that only the child needs

    def say(line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)

    def fields(message: Any) -> list[list[str]]:
        text = message.toString().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return [list(part.partition("=")[::2]) for part in text.split("\x01")[:-1]]

    class Client(fix.Application):  # type: ignore[misc]
        def onCreate(self, session_id: Any) -> None: ...

        def onLogon(self, session_id: Any) -> None:
            say({"event": "logon"})

        def onLogout(self, session_id: Any) -> None:
            say({"event": "logout"})

        def toAdmin(self, message: Any, session_id: Any) -> None:
            if message.getHeader().getField(35) == "A":
                for tag, name in ((553, "username"), (554, "password")):
                    if config.get(name) is not None:
                        message.setField(tag, config[name])
                if config.get("reset"):
                    message.setField(141, "Y")

        def toApp(self, message: Any, session_id: Any) -> None: ...

        def fromAdmin(self, message: Any, session_id: Any) -> None:
            if message.getHeader().getField(35) in "35":
                say({"admin": fields(message)})

        def fromApp(self, message: Any, session_id: Any) -> None:
            say({"message": fields(message)})

    block = fix.Dictionary()
    for name, value in {
        "ConnectionType": "initiator",
        "NonStopSession": "Y",
        "HeartBtInt": str(config.get("heartbeat_s", 30)),
        "ReconnectInterval": "1",
        "SocketConnectHost": config["host"],
        "SocketConnectPort": str(config["port"]),
        "SocketNodelay": "Y",
        "FileStorePath": config["store"],
        "DataDictionary": config["dictionary"],
    }.items():
        block.setString(name, value)
    session_id = fix.SessionID("FIX.4.4", config["sender"], config["target"])
    settings = fix.SessionSettings()
    settings.set(session_id, block)
    dictionary = fix.DataDictionary(config["dictionary"])
    client = Client()
    initiator = fix.SocketInitiator(client, fix.FileStoreFactory(settings), settings)
    initiator.start()
    for line in sys.stdin:
        order = json.loads(line)
        if "send" in order:
            body = "".join(f"{tag}={value}\x01" for tag, value in order["send"])
            message = fix.Message(f"8=FIX.4.4\x019=0\x01{body}10=000\x01", dictionary, False)
            fix.Session.sendToTarget(message, session_id)
        elif "logout" in order:
            fix.Session.lookupSession(session_id).logout(order["logout"])
        elif "stop" in order:
            break
    initiator.stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
