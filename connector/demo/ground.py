"""What the story stands on: simulator, connector and FIX client, each a process, in one directory."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from connector.demo.children import Child
from connector.demo.client import FixClient
from connector.demo.messages import Row
from connector.demo.venue import Venue
from connector.settings.shipped import shipped

HOST = "127.0.0.1"
CONNECTOR = "CONNECTOR"  # its SenderCompID(49)
NARRATOR = "DEMO"  # the story's FIX client
GUEST = "OMS1"  # the session left free for the reader's own client
START_S = 30.0
OWN_USDT = "10000"  # less than the first order costs, so that the venue has to lend

CONFIGURATION = """\
# Written by `connector demo`. {comment}
connectors:
  BINANCE:
    template: connector.crypto.binance
    settings:
      restUrl: {rest_url}
      websocketUrl: {ws_url}
      apiKeys:
        - {{apiKey: "file:api.key", apiSecret: "file:api.pem", account: CROSS}}
      clientOrderIdPrefix: demo-
fix:
  acceptor: {{host: {host}, port: 0, senderCompId: {connector}, storePath: fix}}
  sessions:
    - targetCompId: {narrator}
      username: demo
      password: "file:demo.password"
      connector: BINANCE
      account: CROSS
    - targetCompId: {guest}
      username: oms1
      password: "file:oms1.password"
      connector: BINANCE
      account: CROSS
journal: {{path: journal.db}}
logging: {{level: info, format: json}}
admin: {{enabled: true, host: {host}, port: 0}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the reader's own FIX client gets in."""

    host: str
    port: int
    sender_comp_id: str
    target_comp_id: str
    username: str
    password: str
    dictionary: Path
    rest_url: str
    admin_url: str
    log: Path


class Ground:
    """Starts the three in order and stops them in the opposite one."""

    def __init__(
        self, directory: Path, show: Callable[[Row], None], progress: Callable[[str, float], None]
    ) -> None:
        """`progress` is told each step that is done and the seconds it took."""
        self.children: list[Child] = []
        self._directory = directory
        self._show = show
        self._progress = progress
        self._passwords = {NARRATOR: secrets.token_urlsafe(9), GUEST: secrets.token_urlsafe(9)}
        self._admin_port = 0
        self._fix_port = 0
        self.venue: Venue
        self.client: FixClient

    async def start(self, stack: AsyncExitStack) -> None:
        """Start everything; `stack` undoes it.

        Raises:
            ChildError: naming what could not be started.
        """
        await self._timed(self._start_simulator(stack))
        await self._timed(self._start_connector(stack))
        await self._timed(self._start_client(stack))

    @property
    def access(self) -> Access:
        """For `--keep`."""
        return Access(
            host=HOST,
            port=self._fix_port,
            sender_comp_id=GUEST,
            target_comp_id=CONNECTOR,
            username="oms1",
            password=self._passwords[GUEST],
            dictionary=shipped("FIX44.xml"),
            rest_url=self.venue.url,
            admin_url=f"http://{HOST}:{self._admin_port}",
            log=self._log("connector"),
        )

    async def _timed(self, step: Any) -> None:
        began = time.monotonic()
        self._progress(await step, time.monotonic() - began)

    async def _start_simulator(self, stack: AsyncExitStack) -> str:
        options = ("--host", HOST, "--port", "0", "--json", "--no-moves")
        simulator = self._child(stack, "simulator", "-m", "connector", "simulate", *options)
        await simulator.start()
        described = await simulator.ready(lambda line: "wsUrl" in line, START_S)
        self.venue = Venue(described["url"], self._show)
        stack.push_async_callback(self.venue.close)
        await self.venue.prepare("USDT", OWN_USDT)
        self._configure(described)
        return f"exchange simulator at {described['url']}"

    async def _start_connector(self, stack: AsyncExitStack) -> str:
        path = str(self._directory / "connector.yaml")
        connector = self._child(stack, "connector", "-m", "connector", "run", "--config", path)
        await connector.start()
        started = await connector.ready(lambda line: line.get("event") == "started", START_S)
        self._fix_port, self._admin_port = started["fix_port"], started["admin_port"]
        url = f"http://{HOST}:{self._admin_port}/readyz"

        async with ClientSession(timeout=ClientTimeout(total=2)) as http:

            async def account_open() -> dict[str, Any] | None:
                try:
                    async with http.get(url) as reply:
                        return {} if reply.status == 200 else None
                except (ClientError, TimeoutError):
                    return None

            await connector.until(account_open, START_S, f"did not get its account ready ({url})")
        return f"connector: FIX 4.4 at {HOST}:{self._fix_port}, account reconciled"

    async def _start_client(self, stack: AsyncExitStack) -> str:
        child = Child("FIX client", self._log("oms"), "-m", "connector.demo.oms", piped=True)
        self.children.append(child)
        self.client = FixClient(child, self._show)
        stack.push_async_callback(self.client.stop)
        await self.client.start(
            {
                "host": HOST,
                "port": self._fix_port,
                "sender": NARRATOR,
                "target": CONNECTOR,
                "username": "demo",
                "password": self._passwords[NARRATOR],
                "store": str(self._directory / "oms"),
                "dictionary": str(shipped("FIX44.xml")),
            }
        )
        return f"FIX client logged on: {NARRATOR} -> {CONNECTOR}"

    def _child(self, stack: AsyncExitStack, name: str, *command: str) -> Child:
        child = Child(name, self._log(name), *command)
        self.children.append(child)
        stack.push_async_callback(child.stop)
        return child

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def _configure(self, described: Any) -> None:
        """Write the connector's configuration and its secrets' files."""
        key = next(key for key in described["keys"] if key["kind"] == "ED25519")
        files = {
            "api.key": key["apiKey"],
            "api.pem": key["apiSecret"],
            "demo.password": self._passwords[NARRATOR],
            "oms1.password": self._passwords[GUEST],
            "connector.yaml": CONFIGURATION.format(
                comment="Secrets are in the files beside it.",
                rest_url=json.dumps(described["url"]),
                ws_url=json.dumps(described["wsUrl"]),
                host=HOST,
                connector=CONNECTOR,
                narrator=NARRATOR,
                guest=GUEST,
            ),
        }
        for name, text in files.items():
            path = self._directory / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
