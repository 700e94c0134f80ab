"""The process around the exchange: one port for `/api`, `/sapi`, `/ws-api/v3` and `/sim`."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import web

from connector.simulator.config import SimulatorConfig
from connector.simulator.control import Control
from connector.simulator.gateway import Arrival, Gateway, Reply
from connector.simulator.keys import DemoKey
from connector.simulator.params import Raw
from connector.simulator.scenario.director import Director
from connector.simulator.world import World
from connector.simulator.ws_api import WsApi

WS_PATH = "/ws-api/v3"


class RunningSimulator:
    """A simulator that listens. `world` is open to tests in the same process."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.world = World(config)
        self.port = 0
        self._gateway = Gateway(self.world)
        self._ws_api = WsApi(self.world)
        self._control = Control(self.world)
        self._runner: web.ServerRunner | None = None
        self._mover: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Base of REST addresses, without a trailing slash: stands for `https://api.binance.com`."""
        return f"http://{self.config.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Stands for `wss://ws-api.binance.com:443/ws-api/v3`."""
        return f"ws://{self.config.host}:{self.port}{WS_PATH}"

    @property
    def demo_keys(self) -> list[DemoKey]:
        """The generated key pairs, none when keys were configured."""
        return self.config.demo_keys()

    @property
    def director(self) -> Director:
        """Plays scenarios; `listeners` hear how they go."""
        return self._control.director

    async def listen(self) -> None:
        """Bind and serve.

        Raises:
            OSError: the address cannot be bound.
        """
        # No access log: it would show signed addresses.
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.host, self.config.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        self._mover = asyncio.create_task(self._move_prices())

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._mover is not None:
            self._mover.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._mover
        self.director.forget()
        self._gateway.close()
        self.world.hub.cut(None)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _move_prices(self) -> None:
        while True:
            await asyncio.sleep(self.config.price_step_ms / 1000)
            self.world.step()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        ip = request.remote or ""
        if path == WS_PATH:
            return await self._ws_api.serve(request, dict(parse_qsl(query)), ip)
        if path == "/sim" or path.startswith("/sim/"):
            reply = self._control.serve(request.method, path, query, await request.read())
            return await self._send(request, reply)
        arrival = Arrival(
            method=request.method,
            path=path,
            raw=Raw(query.encode(), await request.read() if request.can_read_body else b""),
            api_key=request.headers.get("X-MBX-APIKEY"),
            ip=ip,
            time_unit=request.headers.get("X-MBX-TIME-UNIT"),
        )
        return await self._send(request, await self._gateway.serve(arrival))

    async def _send(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        """Write the reply, then let its events out; a delayed or lost reply does not hold them back."""
        response = web.Response(
            status=reply.status, body=reply.body, headers=reply.headers, content_type=reply.content_type
        )
        if reply.lost:
            self.world.hub.flush()
            if request.transport is not None:
                request.transport.close()
            return response
        if reply.delay_ms:
            self.world.hub.flush()
            await asyncio.sleep(reply.delay_ms / 1000)
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            pass  # the client went away; what it asked for has happened all the same
        finally:
            self.world.hub.flush()
        return response


async def start(config: SimulatorConfig) -> RunningSimulator:
    """Start a simulator on the running loop.

    Raises:
        OSError: the address cannot be bound.
        FaultError: a configured fault cannot be used.
    """
    simulator = RunningSimulator(config)
    await simulator.listen()
    return simulator


def run(config: SimulatorConfig, started: Callable[[RunningSimulator], None] | None = None) -> None:
    """Serve in the foreground until SIGTERM or SIGINT; `started` is called once it listens.

    Raises:
        OSError: the address cannot be bound.
    """

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        simulator = await start(config)
        try:
            if started is not None:
                started(simulator)
            await stopped.wait()
        finally:
            await simulator.stop()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it exists: a desk's load test should meet its own limits first."""
    try:
        import uvloop  # noqa: PLC0415 - not available on every platform
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
