"""The admin port: is the process alive, does it take orders? Plain HTTP for supervisors and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web


class Probes:
    """`/livez`: 200 while the loop turns and the FIX side answers itself, else 503 (or no answer at all).
    `/readyz`: 200 when every account is reconciled, else 503. Both as JSON."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ready: Callable[[], Mapping[str, bool]],
        alive: Callable[[], tuple[bool, float | None]],
    ) -> None:
        """`alive`: whether, and seconds since the FIX side answered (None: there is none now)."""
        self._host = host
        self._alive = alive
        self._ready = ready
        self._runner: web.AppRunner | None = None
        self.port = port  # the bound one after `start`

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be bound.
        """
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        alive, unproven_s = self._alive()
        body = {"alive": alive, "fix_unproven_s": unproven_s}
        return web.json_response(body, status=200 if alive else 503)

    async def _readyz(self, _request: web.Request) -> web.Response:
        accounts = dict(self._ready())
        ready = all(accounts.values())
        return web.json_response({"ready": ready, "accounts": accounts}, status=200 if ready else 503)
