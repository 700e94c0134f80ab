"""The user data stream over real sockets, against a small WS-API of our own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from connector.core.stream_values import SECOND_NS, Alarm, AlarmKind, Scope, StreamSettings
from connector.venue.user_stream import Token, TokenError, UserStream

MS = SECOND_NS // 1000
EVENT = '{"subscriptionId":0,"event":{"e":"executionReport","E":1}}'


class WsApi:
    """Accepts subscriptions and sends what a test tells it to."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.subscribed: list[tuple[int, str]] = []  # (connection, token)
        self.refuse: list[dict[str, object]] = []  # errors for the next subscriptions
        self.refuse_handshakes = 0
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.router.add_get("/ws-api/v3", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws-api/v3"

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_handshakes:
            self.refuse_handshakes -= 1
            return web.Response(status=403, text="<html>no</html>")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        number = len(self.sockets)
        self.sockets.append(socket)
        async for message in socket:
            frame = json.loads(message.data)
            self.subscribed.append((number, frame["params"]["listenToken"]))
            if self.refuse:
                await socket.send_json({"id": frame["id"], "status": 400, "error": self.refuse.pop(0)})
            else:
                expires = time.time_ns() // 1000 + 3600 * 10**6
                result = {"subscriptionId": len(self.subscribed) - 1, "expirationTime": expires}
                await socket.send_json({"id": frame["id"], "status": 200, "result": result})
        return socket


@dataclass
class Desk:
    """Everything the stream told, and the tokens it asked for."""

    said: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    alarms: list[AlarmKind] = field(default_factory=list)
    stopped: list[BaseException] = field(default_factory=list)
    tokens: list[Scope] = field(default_factory=list)
    fetching: int = 0
    refuse_tokens: int = 0
    token_delay_s: float = 0.0
    on_event: Callable[[str], None] | None = None

    async def fetch(self, scope: Scope) -> Token:
        self.tokens.append(scope)
        self.fetching += 1
        try:
            await asyncio.sleep(self.token_delay_s)
        finally:
            self.fetching -= 1
        if self.refuse_tokens:
            self.refuse_tokens -= 1
            raise TokenError("HTTP 503")
        return Token(f"token-{len(self.tokens)}", time.time_ns() // 10**6 + 3_600_000)

    def event(self, text: str) -> None:
        self.events.append(text)
        if self.on_event is not None:
            self.on_event(text)

    def alarm(self, alarm: Alarm) -> None:
        self.alarms.append(alarm.kind)

    async def sees(self, condition: Callable[[], object], within_s: float = 5) -> None:
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[WsApi]:
    server = WsApi()
    await server.open()
    yield server
    await server.close()


@pytest_asyncio.fixture
async def open_stream(api: WsApi) -> AsyncIterator[Callable[..., tuple[UserStream, Desk]]]:
    """Starts streams; afterwards closes them and checks that nothing of theirs is left running."""
    before = _ours()
    streams: list[UserStream] = []

    def opener(
        *scopes: Scope,
        desk: Desk | None = None,
        settings: StreamSettings | None = None,
        url: str | None = None,
    ) -> tuple[UserStream, Desk]:
        desk = desk or Desk()
        stream = UserStream(
            url or api.url,
            scopes or (None,),
            settings or StreamSettings(stale_ns=300 * MS),
            fetch_token=desk.fetch,
            on_event=desk.event,
            on_up=lambda reason: desk.said.append(f"up {reason}"),
            on_down=lambda cause: desk.said.append(f"down {cause}"),
            on_alarm=desk.alarm,
            fail_stop=desk.stopped.append,
            now_ns=time.monotonic_ns,
            venue_now_ms=lambda: time.time_ns() // 10**6,
            chance=lambda: 0.0,
        )
        streams.append(stream)
        stream.start()
        return stream, desk

    yield opener
    for stream in streams:
        await stream.close()
    assert _ours() - before == set()


def _ours() -> set[asyncio.Task[object]]:
    """Tasks of any user stream that are still running."""
    return {task for task in asyncio.all_tasks() if "UserStream." in repr(task.get_coro())}


Opener = Callable[..., tuple[UserStream, Desk]]


async def test_it_comes_up_and_hands_every_event_over_as_received(api: WsApi, open_stream: Opener) -> None:
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    await api.sockets[0].send_str(EVENT)
    await api.sockets[0].send_str('{"subscriptionId":0,"event":{"e":"balanceUpdate","s":"币安"}}')
    await desk.sees(lambda: len(desk.events) == 2)

    assert desk.events == [EVENT, '{"subscriptionId":0,"event":{"e":"balanceUpdate","s":"币安"}}']
    assert desk.said == ["up START"]
    assert api.subscribed == [(0, "token-1")]
    assert stream.events == 2


async def test_isolated_symbols_share_one_socket(api: WsApi, open_stream: Opener) -> None:
    stream, desk = open_stream("BTCUSDT", "ETHUSDT")
    await desk.sees(lambda: stream.up)

    assert sorted(str(scope) for scope in desk.tokens) == ["BTCUSDT", "ETHUSDT"]
    assert len(api.sockets) == 1
    assert len(api.subscribed) == 2


async def test_a_silent_stream_after_an_order_is_replaced_within_the_timeout(
    api: WsApi, open_stream: Opener
) -> None:
    """Product page: staleWebsocketTimeout; shown within it plus one second."""
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)
    started = time.monotonic()

    stream.order_message_sent("fx-1")
    stream.order_message_answered("fx-1", event_expected=True)
    await desk.sees(lambda: len(desk.said) == 3, within_s=1.3)

    assert 0.3 <= time.monotonic() - started < 1.3
    assert desk.said == [
        "up START",
        "down no event within 0.3 s after an order message was sent",
        "up RECONNECTED",
    ]
    assert desk.alarms == [AlarmKind.STALE]
    assert [connection for connection, _ in api.subscribed] == [0, 1]
    assert len({token for _, token in api.subscribed}) == 2


async def test_an_event_or_a_refusal_keeps_the_connection(api: WsApi, open_stream: Opener) -> None:
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    stream.order_message_sent("fx-1")
    await api.sockets[0].send_str(EVENT)
    await desk.sees(lambda: desk.events)
    stream.order_message_sent("fx-2")
    stream.order_message_answered("fx-2", event_expected=False)
    await asyncio.sleep(0.5)

    assert desk.said == ["up START"]


async def test_pings_do_not_keep_a_silent_stream(api: WsApi, open_stream: Opener) -> None:
    """Trap 18: socket alive, no events."""
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    stream.order_message_sent("fx-1")
    for _ in range(6):
        if not api.sockets[0].closed:
            with suppress(ConnectionResetError):  # we were left for being silent: what is to be shown
                await api.sockets[0].ping()
        await asyncio.sleep(0.06)

    await desk.sees(lambda: desk.said[1:2])
    assert desk.said[1].startswith("down no event")


async def test_a_closed_connection_is_replaced_at_once(api: WsApi, open_stream: Opener) -> None:
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    await api.sockets[0].close()
    await desk.sees(lambda: len(desk.said) == 3, within_s=1)

    assert desk.said[2] == "up RECONNECTED"


async def test_an_announced_shutdown_is_bridged_without_a_gap(api: WsApi, open_stream: Opener) -> None:
    """Reference 1.6: subscribed on the new connection before the old one is left."""
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    await api.sockets[0].send_str('{"event":{"e":"serverShutdown","E":1}}')
    await desk.sees(lambda: len(desk.said) == 2)
    await api.sockets[1].send_str(EVENT)
    await desk.sees(lambda: desk.events)

    assert desk.said == ["up START", "up REPLACED"]
    await desk.sees(lambda: api.sockets[0].closed)
    assert not api.sockets[1].closed
    assert list(stream._open) == list(stream._sockets) == [2]  # nothing of the old one is kept


async def test_a_terminated_subscription_is_renewed_on_the_same_socket(
    api: WsApi, open_stream: Opener
) -> None:
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    await api.sockets[0].send_str('{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}')
    await desk.sees(lambda: len(desk.said) == 3)

    assert desk.said[1:] == ["down eventStreamTerminated (cross)", "up RESUBSCRIBED"]
    assert api.subscribed == [(0, "token-1"), (0, "token-2")]


async def test_the_renewal_is_sent_on_the_same_socket_without_a_word_to_the_desk(
    api: WsApi, open_stream: Opener
) -> None:
    stream, desk = open_stream(settings=StreamSettings(heartbeat_ns=200 * MS))
    await desk.sees(lambda: len(api.subscribed) >= 3)

    assert stream.up
    assert desk.said == ["up START"]
    assert {connection for connection, _ in api.subscribed} == {0}


async def test_a_refused_token_is_replaced_by_a_fresh_one(api: WsApi, open_stream: Opener) -> None:
    """-1209, trap 2."""
    api.refuse = [{"code": -1209, "msg": "Invalid listenToken."}]
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    assert api.subscribed == [(0, "token-1"), (0, "token-2")]
    assert desk.alarms == [AlarmKind.SUBSCRIBE_REFUSED]


async def test_a_token_that_cannot_be_got_is_asked_for_again(api: WsApi, open_stream: Opener) -> None:
    stream, desk = open_stream(desk=Desk(refuse_tokens=2))
    await desk.sees(lambda: stream.up)

    assert desk.alarms == [AlarmKind.TOKEN_FAILING] * 2
    assert len(desk.tokens) == 3


async def test_a_token_that_never_comes_is_given_up(open_stream: Opener) -> None:
    _, desk = open_stream(desk=Desk(token_delay_s=60), settings=StreamSettings(token_ns=50 * MS))
    await desk.sees(lambda: len(desk.alarms) >= 2)

    assert set(desk.alarms) == {AlarmKind.TOKEN_FAILING}
    assert desk.fetching <= 1


async def test_a_refused_handshake_is_tried_again(api: WsApi, open_stream: Opener) -> None:
    api.refuse_handshakes = 2
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    assert desk.said == ["up START"]


async def test_a_venue_that_comes_back_is_found_again(api: WsApi, open_stream: Opener) -> None:
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)
    await api.close()
    await desk.sees(lambda: not stream.up)
    await asyncio.sleep(0.1)

    await api.open()
    await desk.sees(lambda: stream.up)

    assert desk.said[0] == "up START"
    assert desk.said[-1] == "up RECONNECTED"


@pytest.mark.parametrize("odd", ["", "not json", "[]", '{"event":{}}', "{"])
async def test_an_odd_frame_is_counted_and_handed_on_for_judgement(
    api: WsApi, open_stream: Opener, odd: str
) -> None:
    """Trap 19: it ends nothing; but it may be a torn event, which is a reason to reconcile."""
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    await api.sockets[0].send_str(odd)
    await api.sockets[0].send_bytes(b"\x00")
    await api.sockets[0].send_str(EVENT)
    await desk.sees(lambda: EVENT in desk.events)

    assert (stream.odd_frames, desk.said) == (2, ["up START"])
    assert desk.events == ([odd, EVENT] if odd else [EVENT])


async def test_a_message_beyond_every_measure_ends_the_connection_not_the_daemon(
    api: WsApi, open_stream: Opener
) -> None:
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    await api.sockets[0].send_str('{"event":{"e":"' + "x" * 2_000_000 + '"}}')
    await desk.sees(lambda: len(desk.said) == 3)

    assert desk.said[2] == "up RECONNECTED"
    assert desk.stopped == []


async def test_a_broken_callback_stops_the_daemon(api: WsApi, open_stream: Opener) -> None:
    """P12: never a zombie that is connected and hears nothing."""

    def broken(_: str) -> None:
        raise KeyError("our bug")

    stream, desk = open_stream(desk=Desk(on_event=broken))
    await desk.sees(lambda: stream.up)

    await api.sockets[0].send_str(EVENT)
    await desk.sees(lambda: desk.stopped)

    assert [repr(error) for error in desk.stopped] == ["KeyError('our bug')"]
    await stream.close()
    assert desk.events == [EVENT]


async def test_a_broken_token_source_stops_the_daemon(open_stream: Opener) -> None:
    """Only a TokenError is expected of it."""

    class BrokenDesk(Desk):
        async def fetch(self, scope: Scope) -> Token:
            raise ZeroDivisionError

    _, desk = open_stream(desk=BrokenDesk())
    await desk.sees(lambda: desk.stopped)

    assert isinstance(desk.stopped[0], ZeroDivisionError)


async def test_closing_says_goodbye_and_leaves_nothing_behind(api: WsApi, open_stream: Opener) -> None:
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)

    await stream.close()
    await stream.close()

    assert desk.said == ["up START", "down closed by us"]
    await desk.sees(lambda: api.sockets[0].closed)
    assert _ours() == set()


async def test_closing_while_connecting_leaves_nothing_behind(open_stream: Opener) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stream, desk = open_stream(url=f"ws://127.0.0.1:{port}/", desk=Desk(token_delay_s=60))
    await desk.sees(lambda: writers and desk.fetching)

    async with asyncio.timeout(2):
        await stream.close()

    assert (desk.said, desk.fetching, desk.stopped) == ([], 0, [])
    server.close()
    for writer in writers:
        writer.close()


async def test_no_log_line_shows_a_token(
    api: WsApi, open_stream: Opener, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """P11, trap 22."""
    caplog.set_level("DEBUG")
    api.refuse = [{"code": -1209, "msg": "Invalid listenToken."}]
    stream, desk = open_stream()
    await desk.sees(lambda: stream.up)
    await api.sockets[0].close()
    await desk.sees(lambda: len(desk.said) == 3)

    printed = capsys.readouterr().out
    assert "stream_subscribed" in printed
    assert "token-" not in printed + caplog.text


def test_the_client_library_has_what_we_build_on() -> None:
    """aiohttp 3.12 brought client middlewares; an older one would send a request twice."""
    assert tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= (3, 12)
