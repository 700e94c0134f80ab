"""REST client, clock and user data stream together, against the product's own simulator over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from connector.core.stream_values import SECOND_NS, Scope, StreamSettings
from connector.simulator.config import SimulatorConfig
from connector.simulator.server import RunningSimulator, start
from connector.venue.clock import ClockKeeper, TimeSample, VenueClock, read_server_time
from connector.venue.rest import ReplyKind, Rest
from connector.venue.signing import signer_for
from connector.venue.user_stream import Token, TokenError, UserStream
from mappers import binance
from mappers.model import (
    NewOrder,
    OrderStatement,
    OrderType,
    Outcome,
    RefusalKind,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    Stated,
    TimeInForce,
    VenueRefused,
)

STALE_S = 0.5


def resting(cl_ord_id: str = "c1", price: str = "50000.00") -> NewOrder:
    """A buy far below the simulator's market (100,000): it rests."""
    return NewOrder(
        session="A->B",
        source_id="A",
        cl_ord_id=cl_ord_id,
        account="desk",
        isolated=False,
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal("0.001"),
        price=Decimal(price),
        side_effect=SideEffectType.NO_SIDE_EFFECT,
        stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
    )


class Desk:
    """A whole venue side for one key of the simulator."""

    def __init__(
        self, simulator: RunningSimulator, secret: str, api_key: str, recv_window_ms: int = 0
    ) -> None:
        self.clock = VenueClock(now_ns=time.monotonic_ns(), wall_ns=time.time_ns())
        self.rest = Rest(
            simulator.url,
            api_key,
            signer_for(secret),
            now_ns=time.monotonic_ns,
            timestamp_ms=lambda: self.clock.timestamp_ms(time.monotonic_ns()),
            recv_window_ms=recv_window_ms,
            request_timeout_ms=2000,
        )
        self.keeper = ClockKeeper(self.clock, self.measure, every_s=3600)
        self.events: list[Any] = []
        self.said: list[str] = []
        self.settings = StreamSettings(stale_ns=int(STALE_S * SECOND_NS))
        self.stopped: list[BaseException] = []
        self.stream = UserStream(
            simulator.ws_url,
            (None,),
            self.settings,
            fetch_token=self.token,
            on_event=lambda text: self.events.append(binance.read_frame(text).event),
            on_up=lambda reason: self.said.append(f"up {reason}"),
            on_down=lambda cause: self.said.append(f"down {cause}"),
            fail_stop=self.stopped.append,
            now_ns=time.monotonic_ns,
            venue_now_ms=lambda: self.clock.timestamp_ms(time.monotonic_ns()),
            chance=lambda: 0.0,
        )

    async def measure(self) -> TimeSample | None:
        reply = await self.rest.send(binance.server_time())
        return read_server_time(reply.body, reply.sent_ns, reply.received_ns)

    async def token(self, scope: Scope) -> Token:
        request = binance.listen_token(scope, scope is not None, self.settings.validity_ns // 10**6)
        reply = await self.rest.send(request)
        token = binance.read_listen_token(reply.http, reply.body)
        if not isinstance(token, binance.ListenToken):
            raise TokenError(repr(token))
        return Token(token.token, token.expires_ms)

    async def ask(self, request: binance.VenueRequest) -> Outcome:
        reply = await self.rest.send(request)
        assert reply.kind is ReplyKind.ANSWERED, reply
        return binance.read_reply(request.operation, reply.http, reply.body, reply.retry_after_s)

    async def place(self, client_id: str, **options: Any) -> Outcome:
        """As the daemon does: the stream is told before and after."""
        self.stream.order_message_sent(client_id)
        outcome = await self.ask(binance.new_order(resting(**options), client_id))
        expected = not isinstance(outcome, VenueRefused)
        self.stream.order_message_answered(client_id, event_expected=expected)
        return outcome

    async def sees(self, condition: Callable[[], object], within_s: float = 5) -> None:
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(0.005)

    def orders(self) -> list[str]:
        return [event.client_order_id for event in self.events if isinstance(event, OrderStatement)]


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    running = await start(SimulatorConfig(price_moves=False, demo_accounts=("desk",)))
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def sim(simulator: RunningSimulator) -> AsyncIterator[Callable[..., Any]]:
    """POST /sim/<what>."""
    async with aiohttp.ClientSession() as session:

        async def control(what: str, **body: Any) -> Any:
            async with session.post(f"{simulator.url}/sim/{what}", json=body) as response:
                assert response.status == 200, await response.text()
                return await response.json()

        yield control


@pytest_asyncio.fixture
async def open_desk(simulator: RunningSimulator) -> AsyncIterator[Callable[..., Desk]]:
    opened: list[Desk] = []
    keys = {key.kind: key for key in simulator.demo_keys}

    def opener(
        kind: str = "ED25519", damage: Callable[[str], str] = lambda secret: secret, **options: int
    ) -> Desk:
        opened.append(Desk(simulator, damage(keys[kind].secret), keys[kind].api_key, **options))
        return opened[-1]

    yield opener
    for desk in opened:
        await desk.stream.close()
        await desk.rest.close()
        assert desk.stopped == []


Opener = Callable[..., Desk]
Sim = Callable[..., Any]


@pytest_asyncio.fixture
async def desk(open_desk: Opener) -> Desk:
    """Up and measured."""
    opened = open_desk()
    assert await opened.rest.warm(2) == 2
    assert await opened.keeper.measure()
    opened.stream.start()
    await opened.sees(lambda: opened.stream.up)
    return opened


@pytest.mark.parametrize("kind", ["HMAC", "ED25519"])
async def test_an_order_is_placed_and_its_event_arrives(open_desk: Opener, kind: str) -> None:
    desk = open_desk(kind, recv_window_ms=2000)
    desk.stream.start()
    await desk.sees(lambda: desk.stream.up)

    outcome = await desk.place("fx-1")
    await desk.sees(desk.orders)

    assert isinstance(outcome, Stated)
    assert outcome.statements[0].client_order_id == "fx-1"
    assert desk.orders() == ["fx-1"]


async def test_the_harmless_signed_question_accepts_a_good_key(open_desk: Opener) -> None:
    """Design 5: each key is tried at start."""
    assert isinstance(await open_desk().ask(binance.key_check()), Stated)


async def test_the_harmless_signed_question_finds_a_damaged_key(open_desk: Opener) -> None:
    """Design 5: a damaged PEM falls back to HMAC and is found at start, not by the first order."""
    desk = open_desk("ED25519", damage=lambda pem: pem.replace("M", "#", 1) + "x")

    outcome = await desk.ask(binance.key_check())

    assert isinstance(outcome, VenueRefused)
    assert outcome.kind is RefusalKind.KEY


async def test_a_value_that_must_be_encoded_passes_the_signature_check(open_desk: Opener) -> None:
    """-1022 would mean that encoding and signing disagree; the symbol itself is unknown (-1121)."""
    outcome = await open_desk().ask(binance.query("币安ABCUSDT", False, "fx-1"))

    assert isinstance(outcome, VenueRefused)
    assert outcome.refusal.venue_code != -1022


async def test_a_frozen_stream_is_replaced_within_the_timeout_and_a_second(desk: Desk, sim: Sim) -> None:
    """Issue: "the stream frozen after an order: reconnect within staleWebsocketTimeout + 1 s"."""
    await sim("streams", action="freeze")
    placed = time.monotonic()
    assert isinstance(await desk.place("fx-1"), Stated)

    await desk.sees(lambda: len(desk.said) == 3, within_s=STALE_S + 1)

    assert time.monotonic() - placed <= STALE_S + 1
    assert desk.said[1].startswith("down no event within 0.5 s")
    assert desk.said[2] == "up RECONNECTED"
    await sim("streams", action="thaw")
    await desk.place("fx-2")
    await desk.sees(lambda: "fx-2" in desk.orders())


async def test_refused_orders_do_not_disturb_the_stream(desk: Desk) -> None:
    for n in range(3):
        assert isinstance(await desk.place(f"fx-{n}", price="50000.001"), VenueRefused)
    await asyncio.sleep(STALE_S + 0.2)

    assert desk.said == ["up START"]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("cut", ["down connection ended", "up RECONNECTED"]),
        ("expire", ["down eventStreamTerminated (cross)", "up RESUBSCRIBED"]),
        ("shutdown", ["up REPLACED"]),
    ],
)
async def test_whatever_the_venue_does_to_the_stream_it_is_whole_again(
    desk: Desk, sim: Sim, action: str, said: list[str]
) -> None:
    """Reference 1.6, 1.7, 4.5."""
    await sim("streams", action=action)
    await desk.sees(lambda: len(desk.said) == 1 + len(said))

    assert all(got.startswith(expected) for got, expected in zip(desk.said[1:], said, strict=True))
    await desk.place("fx-1")
    await desk.sees(lambda: desk.orders() == ["fx-1"])


async def test_junk_on_the_stream_is_survived(desk: Desk, sim: Sim) -> None:
    """Trap 19; the torn event reaches whoever reconciles."""
    await sim("streams", action="broken_frame")
    await sim("streams", action="empty_frame")
    await desk.place("fx-1")
    await desk.sees(lambda: desk.orders() == ["fx-1"])

    assert desk.said == ["up START"]
    assert desk.stream.odd_frames == 2


async def test_a_lost_reply_is_unknown_and_the_order_exists_once(desk: Desk, sim: Sim) -> None:
    """P3, P4, trap 7."""
    await sim("faults", action="reply_lost", route="POST /sapi/v1/margin/order")

    reply = await desk.rest.send(binance.new_order(resting(), "fx-1"))

    assert reply.kind is ReplyKind.UNKNOWN
    outcome = await desk.ask(binance.query("BTCUSDT", False, "fx-1"))
    assert isinstance(outcome, Stated)
    listed = await desk.ask(binance.open_orders("BTCUSDT", False))
    assert isinstance(listed, Stated)
    assert len(listed.statements) == 1


@pytest.mark.parametrize("fault", ["token_refused", "subscribe_refused"])
async def test_a_start_that_is_refused_twice_works_the_third_time(
    open_desk: Opener, sim: Sim, fault: str
) -> None:
    await sim("faults", action=fault, count=2)
    desk = open_desk()
    desk.stream.start()

    await desk.sees(lambda: desk.stream.up)

    assert desk.said == ["up START"]


@pytest.mark.parametrize("offset_ms", [-60_000, 60_000])
async def test_a_wrong_clock_is_refused_measured_and_right(
    open_desk: Opener, sim: Sim, offset_ms: int
) -> None:
    """-1021, trap 15: ahead or behind, measuring cures it."""
    await sim("clock", offsetMs=offset_ms)
    desk = open_desk()
    refused = await desk.ask(binance.key_check())
    assert isinstance(refused, VenueRefused)
    assert refused.kind is RefusalKind.CLOCK

    assert await desk.keeper.measure()

    assert isinstance(await desk.ask(binance.key_check()), Stated)
    offset = desk.clock.offset_ms(time.monotonic_ns(), time.time_ns())
    assert offset == pytest.approx(offset_ms, abs=50)
