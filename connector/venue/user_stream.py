"""The user data stream on asyncio: carries out what `connector.core.stream` decides, reports back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog
from structlog.typing import FilteringBoundLogger

from connector.core.stream import StreamMachine
from connector.core.stream_values import (
    Action,
    Alarm,
    CloseSocket,
    Down,
    OpenSocket,
    RequestToken,
    Scope,
    StreamSettings,
    Subscribe,
    Up,
    UpReason,
    lifetime_ns,
)
from connector.venue.stream_frames import (
    AccountEvent,
    Answered,
    Odd,
    ShuttingDown,
    Terminated,
    read_frame,
    subscribe_frame,
)

_PING_EVERY_S = 20.0  # a peer that is gone without a word is found within one and a half of these
_CLOSE_S = 1.0  # patience with a peer that does not answer our close
_ENDS = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
)


class TokenError(Exception):
    """No token was got; the text says why, for people. It holds no secret."""


@dataclass(frozen=True, slots=True)
class Token:
    """A listen token and its `expirationTime` (ms or µs; None when the venue did not say)."""

    text: str = field(repr=False)
    expiration: int | None


class UserStream:
    """One account's stream. All verbs belong to the loop it was started on."""

    def __init__(
        self,
        url: str,
        scopes: tuple[Scope, ...],
        settings: StreamSettings,
        *,
        fetch_token: Callable[[Scope], Awaitable[Token]],
        on_event: Callable[[str], None],
        on_up: Callable[[UpReason], None],
        on_down: Callable[[str], None],
        fail_stop: Callable[[BaseException], None],
        now_ns: Callable[[], int],
        venue_now_ms: Callable[[], int],
        chance: Callable[[], float],
        on_alarm: Callable[[Alarm], None] = lambda _: None,
        max_message_bytes: int = 1024 * 1024,
        tls: ssl.SSLContext | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        """Nothing is connected before `start`.

        Args:
            url: `websocketUrl`, e.g. wss://ws-api.binance.com:443/ws-api/v3.
            scopes: (None,) for a cross account, else the isolated symbols.
            fetch_token: asks the venue for one token living for `settings.validity_ns`; raises TokenError.
            on_event: takes the text of each frame with an account event, as received; also of one that is
                neither event nor answer as far as we can see, since a torn event is a reason to reconcile.
            on_up, on_down: the stream became whole (reconcile), or may miss events from now on.
            fail_stop: takes any exception of ours, a callback's included: the daemon must end (P12).
            now_ns: monotonic; venue_now_ms: epoch; chance: numbers in [0, 1).
        """
        self._url = url
        self._settings = settings
        self._machine = StreamMachine(scopes, settings, chance)
        self._fetch_token = fetch_token
        self._on_event, self._on_up, self._on_down, self._on_alarm = on_event, on_up, on_down, on_alarm
        self._fail_stop = fail_stop
        self._now_ns, self._venue_now_ms = now_ns, venue_now_ms
        self._max_message_bytes = max_message_bytes
        self._tls: ssl.SSLContext | bool = tls or True
        self._log: FilteringBoundLogger = log or structlog.get_logger()
        self._session: aiohttp.ClientSession | None = None
        self._sockets: dict[int, asyncio.Task[None]] = {}
        self._open: dict[int, aiohttp.ClientWebSocketResponse] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._ended = False
        self.events = 0  # account events received
        self.odd_frames = 0  # frames passed over

    # For the daemon

    def start(self) -> None:
        """Connect, and stay connected until `close`."""
        assert self._session is None, "started before"
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
        )
        self._do(self._machine.connect(self._now_ns()))

    async def close(self) -> None:
        """Close every connection and wait until nothing of ours runs any more."""
        if not self._ended:
            self._do(self._machine.close())
            self._end()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    @property
    def up(self) -> bool:
        """Every scope is subscribed and nothing speaks against events arriving."""
        return self._machine.up

    def order_message_sent(self, key: str) -> None:
        """An order or a cancel is about to leave; `key` names it until it is answered."""
        self._do(self._machine.order_message_sent(self._now_ns(), key))

    def order_message_answered(self, key: str, *, event_expected: bool) -> None:
        """Its outcome is known; False when it was refused or never sent, since no event will come then."""
        self._do(self._machine.order_message_answered(self._now_ns(), key, event_expected=event_expected))

    # Carrying out

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if self._ended:
                return
            self._carry_out(action)
        self._arm()

    def _carry_out(self, action: Action) -> None:
        match action:
            case OpenSocket(number):
                self._sockets[number] = self._spawn(self._serve(number))
            case CloseSocket(number):
                self._open.pop(number, None)
                self._sockets.pop(number).cancel()
            case RequestToken(scope):
                self._spawn(self._request_token(scope))
            case Subscribe(number, request, _, token):
                self._spawn(self._send(number, subscribe_frame(request, token)))
            case Up(reason):
                self._log.info("stream_up", reason=reason.value)
                self._on_up(reason)
            case Down(cause):
                self._log.warning("stream_down", cause=cause)
                self._on_down(cause)
            case Alarm(kind, text):
                self._log.warning("stream_alarm", kind=kind.value, cause=text)
                self._on_alarm(action)

    def _arm(self) -> None:
        """One timer. It may ring early, its reason gone: cheaper than moving it with every order."""
        next_ns = self._machine.next_timer_ns
        if next_ns is None or self._ended:
            return
        if self._timer is not None:
            if self._timer_ns <= next_ns:
                return
            self._timer.cancel()
        self._timer_ns = next_ns
        delay_s = max(0, next_ns - self._now_ns()) / 1_000_000_000
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        try:
            self._do(self._machine.tick(self._now_ns()))
        except Exception as error:  # noqa: BLE001 (whatever it is, a stream that has stopped must not look alive)
            self._broke(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broke(error)

    def _broke(self, error: BaseException) -> None:
        if not self._ended:
            self._end()
            self._fail_stop(error)

    def _end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    # Connections

    async def _serve(self, number: int) -> None:
        """One connection from handshake to end; whatever ends it, the machine hears of it once."""
        assert self._session is not None
        self._log.info("stream_connecting", connection=number)
        try:
            async with self._session.ws_connect(
                self._url,
                heartbeat=_PING_EVERY_S,
                max_msg_size=self._max_message_bytes,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                ssl=self._tls,
            ) as socket:
                if number in self._sockets:
                    self._open[number] = socket
                    self._do(self._machine.opened(self._now_ns(), number))
                cause = await self._receive(number, socket)
        except (aiohttp.ClientError, OSError) as error:
            cause = type(error).__name__
        if self._sockets.pop(number, None) is not None:
            self._open.pop(number, None)
            self._do(self._machine.closed(self._now_ns(), number, cause))

    async def _receive(self, number: int, socket: aiohttp.ClientWebSocketResponse) -> str:
        while number in self._sockets:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._frame(number, message.data)
            elif message.type in _ENDS:
                return f"connection ended ({message.type.name}, close code {socket.close_code})"
            else:
                self._odd(Odd(message.type.name))
        return "closed by us"

    async def _send(self, number: int, text: str) -> None:
        socket = self._open.get(number)
        if socket is None:
            return
        try:
            await socket.send_str(text)
        except (aiohttp.ClientError, OSError) as error:
            # The receiving side ends with the connection; until then the answer is simply missing.
            self._log.warning("stream_send_failed", connection=number, cause=type(error).__name__)

    def _frame(self, number: int, text: str) -> None:
        frame = read_frame(text)
        now_ns = self._now_ns()
        match frame:
            case AccountEvent():
                self.events += 1
                if actions := self._machine.event_received(now_ns, number):
                    self._do(actions)
                self._on_event(text)
            case Answered():
                self._answered(now_ns, number, frame)
            case Terminated(subscription_id):
                self._do(self._machine.event_stream_terminated(now_ns, number, subscription_id))
            case ShuttingDown():
                self._log.warning("stream_server_shutdown", connection=number)
                self._do(self._machine.server_shutdown(now_ns, number))
            case Odd():
                self._odd(frame)
                if text.strip():
                    self._on_event(text)

    def _answered(self, now_ns: int, number: int, answer: Answered) -> None:
        if not isinstance(answer.id, int):
            self._log.warning(
                "stream_answer_to_nothing", connection=number, code=answer.code, cause=answer.text
            )
        elif answer.refused:
            actions = self._machine.subscribe_refused(
                now_ns, number, answer.id, code=answer.code, text=answer.text
            )
            self._do(actions)
        else:
            left_ns = self._left_ns(answer.expiration)
            self._log.info(
                "stream_subscribed",
                connection=number,
                subscription_id=answer.subscription_id,
                lifetime_s=None if left_ns is None else left_ns // 1_000_000_000,
            )
            actions = self._machine.subscribed(
                now_ns, number, answer.id, subscription_id=answer.subscription_id, lifetime_ns=left_ns
            )
            self._do(actions)

    def _odd(self, frame: Odd) -> None:
        self.odd_frames += 1
        self._log.warning("stream_frame_ignored", cause=frame.why)

    # Tokens

    async def _request_token(self, scope: Scope) -> None:
        try:
            async with asyncio.timeout(self._settings.token_ns / 1_000_000_000):
                token = await self._fetch_token(scope)
        except TokenError as error:
            self._do(self._machine.token_failed(self._now_ns(), scope, str(error)))
        except TimeoutError:
            self._do(self._machine.token_failed(self._now_ns(), scope, "no answer in time"))
        else:
            left_ns = self._left_ns(token.expiration)
            self._log.info(
                "stream_token_received",
                scope=scope or "cross",
                expiration=token.expiration,
                lifetime_s=None if left_ns is None else left_ns // 1_000_000_000,
            )
            self._do(self._machine.token_received(self._now_ns(), scope, token.text, left_ns))

    def _left_ns(self, expiration: int | None) -> int | None:
        return None if expiration is None else lifetime_ns(expiration, self._venue_now_ms())
