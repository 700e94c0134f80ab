"""User data over the WS-API: tokens, sessions, timers (reference sections 1.5-1.7)."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from connector.simulator.config import SimulatorConfig, Timers
from connector.simulator.server import RunningSimulator, start
from tests.simulator.client import Client, now_ms, sign, ws_signed


async def test_a_token_opens_the_stream_of_the_cross_account(client: Client) -> None:
    before = now_ms()
    token = await client.raw("POST", "/sapi/v1/userListenToken?validity=60000")
    stream = await client.socket()

    result = (await stream.request("userDataStream.subscribe.listenToken", listenToken=token.json["token"]))[
        "result"
    ]

    assert 50 < len(token.json["token"]) <= 80
    assert 0 <= token.json["expirationTime"] - before - 60_000 < 2000
    assert result["subscriptionId"] == 0
    assert result["expirationTime"] // 1000 == token.json["expirationTime"]  # microseconds here
    await client.limit("59000", "0.1", newClientOrderId="mine")
    frame = await stream.next()
    assert (frame["subscriptionId"], frame["event"]["c"]) == (0, "mine")


async def test_a_signed_token_request_is_fine_too(client: Client) -> None:
    assert (await client.call("POST", "/sapi/v1/userListenToken", isIsolated="false")).status == 200


async def test_the_default_validity_is_24_hours(client: Client) -> None:
    token = (await client.raw("POST", "/sapi/v1/userListenToken")).json

    assert abs(token["expirationTime"] - now_ms() - 86_400_000) < 2000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("validity=86400001", -1130),
        ("validity=0", -1130),
        ("isIsolated=true", -1102),
        ("isIsolated=true&symbol=NOPE", -1121),
    ],
)
async def test_token_requests_that_cannot_be_met(client: Client, query: str, code: int) -> None:
    answer = await client.raw("POST", f"/sapi/v1/userListenToken?{query}")

    assert answer.error[:2] == (400, code)


async def test_cross_and_isolated_streams_share_a_socket_and_stay_apart(client: Client) -> None:
    stream = await client.stream()
    isolated = await stream.subscribe(client, isIsolated="true", symbol="BTCUSDT")
    assert isolated["subscriptionId"] == 1

    await client.limit("59000", "0.1", newClientOrderId="cross")
    await client.limit("59000", "0.1", newClientOrderId="iso", isIsolated="TRUE")

    frames = [await stream.next() for _ in range(4)]
    assert [(f["subscriptionId"], f["event"].get("c", "position")) for f in frames] == [
        (0, "cross"),
        (0, "position"),
        (1, "iso"),
        (1, "position"),
    ]
    listed = (await stream.request("session.subscriptions"))["result"]
    assert listed == [{"subscriptionId": 0}, {"subscriptionId": 1}]


async def test_a_new_token_on_the_same_socket_renews_without_a_gap(client: Client) -> None:
    stream = await client.stream(validity=400)

    renewed = await stream.subscribe(client, validity=60_000)
    await asyncio.sleep(0.5)
    await client.limit("59000", "0.1")

    assert renewed["subscriptionId"] == 0
    assert (await stream.reports(1))[0]["x"] == "NEW"


async def test_renewal_may_also_give_a_new_id(client: Client) -> None:
    """Which of the two the venue does is not documented."""
    await client.sim("rules", renewalKeepsId=False)
    stream = await client.stream()

    renewed = await stream.subscribe(client)
    await client.limit("59000", "0.1")

    assert renewed["subscriptionId"] == 1
    assert (await stream.next())["subscriptionId"] == 1
    await stream.next()
    assert await stream.silent()


async def test_an_expired_stream_says_so_and_keeps_the_socket(client: Client) -> None:
    stream = await client.stream(validity=150)

    frame = await stream.next()

    assert (frame["subscriptionId"], frame["event"]["e"]) == (0, "eventStreamTerminated")
    await client.limit("59000", "0.1")
    assert await stream.silent()
    assert (await stream.request("ping"))["result"] == {}


@pytest.mark.parametrize("token", ["nonsense", "A" * 70])
async def test_a_bad_token_is_minus_1209(client: Client, token: str) -> None:
    stream = await client.socket()

    answer = await stream.request("userDataStream.subscribe.listenToken", listenToken=token)

    assert (answer["status"], answer["error"]["code"]) == (400, -1209)


async def test_an_expired_token_is_minus_1209(client: Client) -> None:
    token = (await client.raw("POST", "/sapi/v1/userListenToken?validity=1")).json["token"]
    await asyncio.sleep(0.01)
    stream = await client.socket()

    answer = await stream.request("userDataStream.subscribe.listenToken", listenToken=token)

    assert answer["error"]["code"] == -1209


async def test_the_same_token_twice_is_already_active(client: Client) -> None:
    token = (await client.raw("POST", "/sapi/v1/userListenToken")).json["token"]
    stream = await client.socket()
    await stream.request("userDataStream.subscribe.listenToken", listenToken=token)

    again = await stream.request("userDataStream.subscribe.listenToken", listenToken=token)

    assert again["error"] == {"code": -2035, "msg": "User Data Stream subscription already active."}


async def test_unsubscribing_ends_the_stream_and_not_the_socket(client: Client) -> None:
    stream = await client.stream()
    wrong = await stream.request("userDataStream.unsubscribe", subscriptionId=7)
    right = await stream.request("userDataStream.unsubscribe", subscriptionId=0)

    assert wrong["error"]["code"] == -2036
    assert right["result"] == {}
    assert stream.events[0]["event"]["e"] == "eventStreamTerminated"
    assert (await stream.request("session.subscriptions"))["result"] == []


async def test_ed25519_logs_on_and_listens_to_spot(client: Client) -> None:
    client = client.as_key(client.simulator.demo_keys[1])
    stream = await client.socket()
    assert (await stream.request("userDataStream.subscribe"))["error"]["code"] == -1002

    logon = (await stream.request("session.logon", **ws_signed(client)))["result"]
    subscribed = (await stream.request("userDataStream.subscribe"))["result"]
    status = (await stream.request("session.status"))["result"]

    assert logon["apiKey"] == client.key.api_key
    assert subscribed == {"subscriptionId": 0}
    assert (status["userDataStream"], status["authorizedSince"]) == (True, logon["authorizedSince"])
    await client.call("POST", "/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="5")
    event = (await stream.next())["event"]
    assert (event["e"], event["a"], event["d"]) == ("balanceUpdate", "USDT", "-5.00000000")
    out = (await stream.request("session.logout"))["result"]
    assert (out["apiKey"], out["userDataStream"]) == (None, False)
    assert stream.events[0]["event"]["e"] == "eventStreamTerminated"


async def test_an_hmac_key_cannot_log_on_but_can_sign_a_subscription(client: Client) -> None:
    stream = await client.socket()

    logon = await stream.request("session.logon", **ws_signed(client))
    subscribed = await stream.request("userDataStream.subscribe.signature", **ws_signed(client))

    assert (logon["status"], logon["error"]["code"]) == (400, -1022)
    assert subscribed["result"] == {"subscriptionId": 0}


async def test_a_ws_signature_over_encoded_text_is_refused(client: Client) -> None:
    """The payload is sorted and raw, and contains apiKey."""
    stream = await client.socket()
    good = ws_signed(client, note="a b")
    bad = good | {"signature": sign(client.key, b"timestamp=1")}

    assert (await stream.request("userDataStream.subscribe.signature", **bad))["error"]["code"] == -1022
    assert (await stream.request("userDataStream.subscribe.signature", **good))["status"] == 200


async def test_answers_echo_ids_and_carry_rate_limits(client: Client) -> None:
    stream = await client.socket()
    for number in (7, "seven", None):
        await stream.socket.send_json({"id": number, "method": "time"})
        answer = await stream.socket.receive_json()
        assert (answer["id"], answer["status"]) == (number, 200)
        assert abs(answer["result"]["serverTime"] - now_ms()) < 2000
        assert answer["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
    quiet = await client.socket("?returnRateLimits=false")
    assert "rateLimits" not in await quiet.request("ping")
    micro = await client.socket("?timeUnit=MICROSECOND")
    assert (await micro.request("time"))["result"]["serverTime"] > 10**15


async def test_events_come_in_the_unit_of_the_connection(client: Client) -> None:
    micro = await client.socket("?timeUnit=MICROSECOND")
    await micro.subscribe(client)
    milli = await client.stream()

    await client.limit("59000", "0.1")

    for name in ("E", "T", "O", "W"):
        assert (await _peek(micro))["event"][name] // 1000 == (await _peek(milli))["event"][name]


async def _peek(stream: Any) -> Any:
    if not stream.events:
        stream.events.append(await stream.next())
    return stream.events[0]


@pytest.mark.parametrize(
    ("frame", "code"),
    [("{", -1100), ("[]", -1100), ('{"id":1}', -1100), ('{"id":1,"method":"ping","params":[1]}', -1100)],
)
async def test_a_malformed_frame_is_answered_without_an_id(client: Client, frame: str, code: int) -> None:
    stream = await client.socket()

    await stream.socket.send_str(frame)

    answer = await stream.socket.receive_json()
    assert (answer["id"], answer["error"]["code"]) == (None, code)


async def test_spot_orders_are_not_offered(client: Client) -> None:
    """order.place with an ordinary key would trade the spot wallet, never margin."""
    stream = await client.socket()

    answer = await stream.request("order.place", symbol="BTCUSDT")

    assert answer["error"]["code"] == -1020


async def test_public_data_over_the_socket(client: Client) -> None:
    stream = await client.socket()

    info = (await stream.request("exchangeInfo", symbols=["ETHBTC"]))["result"]
    depth = (await stream.request("v3/depth", symbol="BTCUSDT", limit=1))["result"]

    assert [row["symbol"] for row in info["symbols"]] == ["ETHBTC"]
    assert depth["asks"][0][0] == "60006.00000000"


async def test_a_loan_is_told_as_a_position(client: Client) -> None:
    stream = await client.stream()

    await client.call(
        "POST", "/sapi/v1/margin/borrow-repay", asset="BTC", isIsolated="FALSE", amount="1", type="BORROW"
    )

    event = (await stream.next())["event"]
    assert (event["e"], event["B"]) == (
        "outboundAccountPosition",
        [{"a": "BTC", "f": "11.00000000", "l": "0.00000000"}],
    )


async def test_events_follow_the_reply(client: Client) -> None:
    """By default the reply is written first; `event_first` turns it round."""
    stream = await client.stream()
    order = asyncio.create_task(client.limit("59000", "0.1"))

    event = await stream.next()

    assert (await order).json["orderId"] == event["event"]["i"]


@pytest.fixture
async def hasty() -> AsyncIterator[RunningSimulator]:
    """The 20 s / 60 s / 24 h timers, run in fractions of a second."""
    timers = Timers(ping_s=0.05, pong_s=0.2, life_s=0.8)
    running = await start(SimulatorConfig(price_moves=False, timers=timers))
    yield running
    await running.stop()


def test_a_day_made_short_leaves_a_client_the_time_to_answer_a_ping() -> None:
    """`--time-scale` is for the 24 h cut; pongs within milliseconds no client could promise."""
    day = Timers().scaled(28_800)

    assert (day.life_s, day.ping_s, day.pong_s) == (3.0, 0.2, 2.0)
    assert Timers().scaled(4) == Timers(ping_s=5.0, pong_s=15.0, life_s=21_600.0)


async def test_the_server_pings_and_a_connection_has_a_life(hasty: RunningSimulator) -> None:
    pings = []
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(hasty.ws_url, autoping=False)
        while True:
            message = await asyncio.wait_for(socket.receive(), 3)
            if message.type is not aiohttp.WSMsgType.PING:
                break
            pings.append(message.data)
            await socket.pong(message.data)
        await socket.close()

    assert len(pings) >= 5
    assert abs(int(pings[0]) - now_ms()) < 5000
    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)


async def test_a_connection_without_pongs_is_cut(hasty: RunningSimulator) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(hasty.ws_url, autoping=False)
        begun = asyncio.get_running_loop().time()
        while not socket.closed:
            message = await asyncio.wait_for(socket.receive(), 3)
            if message.type is not aiohttp.WSMsgType.PING:
                break
        await socket.close()

    assert asyncio.get_running_loop().time() - begun < 0.6


async def test_a_ping_of_the_client_is_answered(client: Client) -> None:
    socket = await client.session.ws_connect(client.simulator.ws_url, autoping=False)

    await socket.ping(b"hello")

    message = await asyncio.wait_for(socket.receive(), 3)
    assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"hello")
    await socket.close()


async def test_frames_are_one_json_text_each(client: Client) -> None:
    stream = await client.stream()
    await client.limit("59000", "0.1")

    message = await asyncio.wait_for(stream.socket.receive(), 3)

    assert message.type is aiohttp.WSMsgType.TEXT
    assert set(json.loads(message.data)) == {"subscriptionId", "event"}


async def test_a_moving_market_fills_resting_orders_in_parts() -> None:
    """Prices walk, small trades hit the touch, crossed orders fill in parts; the seed makes it repeatable."""
    running = await start(SimulatorConfig(price_step_ms=10, seed=3))
    async with aiohttp.ClientSession() as session:
        client = Client(running, session, running.demo_keys[0])
        stream = await client.stream()
        await client.limit("60000", "2", newClientOrderId="mine")
        fills = []
        while not fills or fills[-1]["X"] != "FILLED":
            fills += [r for r in await stream.reports(1) if r["x"] == "TRADE"]
        await client.close()
    await running.stop()

    assert len(fills) > 1
    assert sum(Decimal(fill["l"]) for fill in fills) == 2
    assert all(Decimal(fill["L"]) <= 60000 for fill in fills)
