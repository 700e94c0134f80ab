"""The real daemon in its own process: configured, started, killed, read by its log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.exchange import Exchange

USER, PASSWORD = "oms", "oms-password"


def config(venue: Exchange, directory: Path, **changes: Any) -> dict[str, Any]:
    """A whole configuration; `settings`, `session`, `keys` change the usual one."""
    api_key, api_secret = venue.key()
    settings = {
        "restUrl": venue.url,
        "websocketUrl": venue.ws_url,
        "apiKeys": [{"apiKey": api_key, "apiSecret": api_secret.strip().replace("\n", "#")}],
    } | changes.get("settings", {})
    session = {
        "targetCompId": "OMS1",
        "username": USER,
        "password": PASSWORD,
        "connector": "BINANCE",
    } | changes.get("session", {})
    return {
        "connectors": {"BINANCE": {"template": "connector.crypto.binance", "settings": settings}},
        "fix": {
            "acceptor": {"port": 0, "storePath": str(directory / "fix")},
            "sessions": [session, *changes.get("more_sessions", [])],
        },
        "journal": {"path": str(directory / "journal.db")},
        "admin": {"enabled": changes.get("admin", False), "port": 0},
        "logging": {"level": "info", "format": "json"},
    }


@dataclass
class Daemon:
    """One daemon over its restarts: same configuration, journal and FIX store."""

    directory: Path
    settings: dict[str, Any]
    process: asyncio.subprocess.Process | None = None
    port: int = 0
    _log_start: int = field(default=0)

    @property
    def log_file(self) -> Path:
        return self.directory / "daemon.log"

    async def launch(self, *arguments: str) -> None:
        """Start the process; it may not live long."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "connector.yaml"
        file.write_text(yaml.safe_dump(self.settings))
        file.chmod(0o600)
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "connector", "run", "-c", str(file), *arguments, stderr=log, stdout=log
            )

    async def start(self, *arguments: str, timeout_s: float = 20.0) -> None:
        """Start and wait until the FIX port is open."""
        await self.launch(*arguments)
        event = await self.event("started", timeout_s=timeout_s)
        self.port = event["fix_port"]

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The log events since the last start."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode().splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in events if name in (None, event["event"])]

    async def event(self, name: str, timeout_s: float = 10.0, count: int = 1) -> dict[str, Any]:
        """Wait for the `count`th event of that name since the last start."""
        assert self.process is not None
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            found = self.events(name)
            if len(found) >= count:
                return found[count - 1]
            ended = self.process.returncode is not None
            if ended or asyncio.get_running_loop().time() > deadline:
                state = f"ended with {self.process.returncode}" if ended else "runs"
                tail = "\n".join(self.log_file.read_text().splitlines()[-40:])
                raise AssertionError(
                    f"no event {name} ({count}) in {timeout_s} s; the daemon {state}:\n{tail}"
                )
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self, timeout_s: float = 20.0) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), timeout_s)

    async def ended(self, timeout_s: float = 20.0) -> int:
        """The exit code of a daemon that ends by itself."""
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), timeout_s)

    async def clean_up(self) -> None:
        """Leave no process behind, nor a failure unexplained."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        if os.environ.get("SHOW_DAEMON_LOG") and self.log_file.exists():
            sys.stderr.write(self.log_file.read_text())
