"""WS-API sessions and their subscriptions: frames leave through a queue, so that nobody waits."""

import asyncio
from dataclasses import dataclass, field

import msgspec
from aiohttp import WSMsgType, web

from connector.simulator.account import TradingAccount
from connector.simulator.keys import ApiKey

OUTBOUND_FRAMES = 10_000  # a client that reads slower than this is cut

# Everything this venue says in JSON, over HTTP too; Decimal becomes a bare number.
encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(slots=True, eq=False)
class Subscription:
    """One account's events on one connection."""

    id: int
    session: "Session"
    account: TradingAccount
    by_logon: bool
    token: str = ""
    expires_us: int | None = None
    timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True, eq=False)
class Session:
    """One WS-API connection. Frames leave through a queue, so that nobody waits for a slow client."""

    socket: web.WebSocketResponse
    request: web.BaseRequest
    ip: str
    connected_us: int
    microseconds: bool
    rate_limits: bool
    key: ApiKey | None = None
    authorized_us: int = 0
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    next_subscription_id: int = 0
    last_pong: float = 0.0
    frames: "asyncio.Queue[bytes]" = field(default_factory=lambda: asyncio.Queue(OUTBOUND_FRAMES))

    def send(self, frame: bytes) -> None:
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.cut()

    def send_json(self, message: object) -> None:
        self.send(encoder.encode(message))

    def cut(self) -> None:
        """Drop the connection without a close frame."""
        transport = self.request.transport
        if transport is not None:
            transport.abort()

    async def write_frames(self) -> None:
        """Send queued frames until cancelled or the peer is gone."""
        while True:
            frame = await self.frames.get()
            try:
                await self.socket.send_frame(frame, WSMsgType.TEXT)
            except ConnectionError:
                return

    def time(self, time_us: int) -> int:
        return time_us if self.microseconds else time_us // 1000
