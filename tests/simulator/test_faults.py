"""The fault engine, fault by fault, over real sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from connector.simulator.config import SimulatorConfig
from connector.simulator.fault import Action, FaultError
from connector.simulator.faults import FaultEngine, Occurrence
from connector.simulator.server import start
from tests.simulator.client import Client, now_ms

M = "/sapi/v1/margin"
PLACE = "POST /sapi/v1/margin/order"


async def fault(client: Client, action: str, **fields: object) -> Any:
    return await client.sim("faults", action=action, **fields)


async def placed(client: Client, client_id: str) -> bool:
    rows = (await client.call("GET", f"{M}/openOrders", symbol="BTCUSDT")).json
    return client_id in [row["clientOrderId"] for row in rows]


async def test_reply_lost_places_the_order_and_closes_the_connection(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "reply_lost", route=PLACE)

    with pytest.raises(aiohttp.ClientError):
        await client.limit("59000", "0.1", newClientOrderId="x")

    assert (await stream.reports(1))[0]["c"] == "x"
    assert await placed(client, "x")
    assert (await client.limit("59000", "0.1", newClientOrderId="y")).status == 200


async def test_request_lost_places_nothing(client: Client) -> None:
    await fault(client, "request_lost", route=PLACE)

    with pytest.raises(aiohttp.ClientError):
        await client.limit("59000", "0.1", newClientOrderId="x")

    assert not await placed(client, "x")
    assert (await client.state())["placements"]["x"] == {"received": 1, "accepted": 0}


@pytest.mark.parametrize(("action", "is_placed"), [("error_before", False), ("error_after", True)])
@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (503, -1000, "An unknown error occurred while processing the request."),
        (500, -1006, "An unexpected response was received from the message bus. Execution status unknown."),
        (
            504,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        ),
        (400, -3007, "You have pending transaction, please try again later.."),
    ],
)
async def test_errors_with_and_without_the_order_placed(
    client: Client, action: str, is_placed: bool, status: int, code: int, text: str
) -> None:
    await fault(client, action, route=PLACE, status=status, code=code)

    answer = await client.limit("59000", "0.1", newClientOrderId="x")

    assert answer.error == (status, code, text)
    assert await placed(client, "x") is is_placed


async def test_an_html_403_as_the_firewall_sends_it(client: Client) -> None:
    html = "<html><body>403 Forbidden</body></html>"
    await fault(client, "error_before", status=403, body=html, content_type="text/html")

    answer = await client.limit("59000", "0.1", newClientOrderId="x")

    assert (answer.status, answer.body.decode()) == (403, html)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert not await placed(client, "x")


@pytest.mark.parametrize(("action", "status"), [("429", 429), ("418", 418)])
@pytest.mark.parametrize("retry_after", [None, 7])
async def test_limits_with_and_without_retry_after(
    client: Client, action: str, status: int, retry_after: int | None
) -> None:
    await fault(client, action, route=PLACE, retry_after=retry_after)

    answer = await client.limit("59000", "0.1", newClientOrderId="x")

    assert answer.error[:2] == (status, -1003)
    assert answer.headers.get("Retry-After") == (None if retry_after is None else "7")
    assert not await placed(client, "x")


async def test_a_slow_reply_does_not_hold_the_events_back(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "event_first", route=PLACE, delay_ms=300)
    order = asyncio.create_task(client.limit("59000", "0.1", newClientOrderId="x"))

    report = (await stream.reports(1))[0]

    assert report["c"] == "x"
    assert not order.done()
    assert (await order).json["orderId"] == report["i"]


async def test_a_slow_request_is_checked_again_before_it_is_forwarded(client: Client) -> None:
    """Check B of reference section 1.3: too old when it reaches the engine."""
    await fault(client, "delay_request", route=PLACE, delay_ms=150)
    late = await client.limit("59000", "0.1", newClientOrderId="x", recvWindow=100)
    await fault(client, "delay_request", route=PLACE, delay_ms=150)
    in_time = await client.limit("59000", "0.1", newClientOrderId="y", recvWindow=1000)

    assert late.error == (400, -1021, "Timestamp for this request is outside of the recvWindow.")
    assert in_time.status == 200
    assert not await placed(client, "x")


@pytest.fixture
async def short_limit() -> AsyncIterator[Client]:
    """The 10 s processing limit, in a fifth of a second."""
    running = await start(SimulatorConfig(price_moves=False, processing_limit_ms=200))
    async with aiohttp.ClientSession() as session:
        yield Client(running, session, running.demo_keys[0])
    await running.stop()


@pytest.mark.parametrize(("window", "arrives"), [(5000, True), (250, False)])
async def test_past_the_processing_limit_the_outcome_is_unknown_and_may_come_late(
    short_limit: Client, window: int, arrives: bool
) -> None:
    """-1007 after the limit; the order is placed afterwards if its recvWindow still allows."""
    await fault(short_limit, "delay_request", route=PLACE, delay_ms=350)
    begun = time.monotonic()

    answer = await short_limit.limit("59000", "0.1", newClientOrderId="x", recvWindow=window)

    assert answer.error[:2] == (504, -1007)
    assert 0.15 < time.monotonic() - begun < 0.34
    assert not await placed(short_limit, "x")
    await asyncio.sleep(0.3)
    assert await placed(short_limit, "x") is arrives


async def test_duplicated_events_are_identical(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "duplicate_events", event="executionReport")

    await client.limit("59000", "0.1")

    one, two = await stream.reports(2)
    assert one == two
    assert await stream.silent() is False  # the position event


async def test_reordered_events_swap_with_the_next(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "reorder_events", event="executionReport")

    await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")

    assert [report["x"] for report in await stream.reports(2)] == ["TRADE", "NEW"]


async def test_an_event_held_back_for_reordering_is_not_lost_for_want_of_a_next(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "reorder_events", event="outboundAccountPosition")

    await client.limit("59000", "0.1")

    assert (await stream.next())["event"]["e"] == "executionReport"
    assert (await stream.next(2))["event"]["e"] == "outboundAccountPosition"


async def test_dropped_events_are_gone(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "drop_events", count=0)

    await client.limit("59000", "0.1")

    assert await stream.silent()
    assert (await client.state())["streams"]["lostEvents"] == 2


async def test_delayed_events_come_late(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "delay_events", event="executionReport", delay_ms=150)

    await client.limit("59000", "0.1")

    assert [event["e"] for event in await stream.take(2)] == ["outboundAccountPosition", "executionReport"]


@pytest.mark.parametrize(("action", "is_empty"), [("broken_frame", False), ("empty_frame", True)])
async def test_odd_frames_precede_the_event(client: Client, action: str, is_empty: bool) -> None:
    stream = await client.stream()
    await fault(client, action)

    await client.limit("59000", "0.1")

    odd = await asyncio.wait_for(stream.socket.receive(), 3)
    assert (odd.data == "") is is_empty
    with pytest.raises(ValueError):
        json.loads(odd.data)
    assert (await stream.reports(1))[0]["x"] == "NEW"


async def test_a_shutdown_notice_has_no_subscription_id(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "server_shutdown")

    await client.limit("59000", "0.1")

    frame = await stream.next()
    assert (set(frame), frame["event"]["e"]) == ({"event"}, "serverShutdown")


async def test_a_cut_ends_the_socket_after_the_event(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "cut", event="executionReport")

    await client.limit("59000", "0.1")

    assert (await stream.reports(1))[0]["x"] == "NEW"
    message = await asyncio.wait_for(stream.socket.receive(), 3)
    while message.type is aiohttp.WSMsgType.TEXT:
        message = await asyncio.wait_for(stream.socket.receive(), 3)
    assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE)


async def test_a_refused_subscription_is_minus_1209(client: Client) -> None:
    await fault(client, "subscribe_refused")
    stream = await client.socket()
    token = (await client.raw("POST", "/sapi/v1/userListenToken")).json["token"]

    first = await stream.request("userDataStream.subscribe.listenToken", listenToken=token)
    second = await stream.request("userDataStream.subscribe.listenToken", listenToken=token)

    assert (first["status"], first["error"]["code"]) == (400, -1209)
    assert second["status"] == 200


async def test_a_renewal_can_be_refused_after_a_good_start(client: Client) -> None:
    """The first subscription stands, its renewal on the same connection does not."""
    await fault(client, "subscribe_refused", skip=1)
    stream = await client.stream()
    token = (await client.raw("POST", "/sapi/v1/userListenToken")).json["token"]

    renewal = await stream.request("userDataStream.subscribe.listenToken", listenToken=token)
    await client.limit("59000", "0.1", newClientOrderId="x")

    assert (renewal["status"], renewal["error"]["code"]) == (400, -1209)
    assert (await stream.reports(1))[0]["c"] == "x"


async def test_a_firewall_may_keep_a_websocket_from_connecting(client: Client) -> None:
    await fault(
        client,
        "error_before",
        route="WS connect",
        status=403,
        body="<html>403 Forbidden</html>",
        content_type="text/html",
    )

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.socket()

    assert refused.value.status == 403
    assert (await (await client.socket()).request("ping"))["status"] == 200


async def test_a_connection_attempt_can_be_lost(client: Client) -> None:
    """Twice: aiohttp tries a GET once more when a kept connection breaks."""
    await fault(client, "request_lost", route="WS connect", count=2)

    with pytest.raises(aiohttp.ClientError):
        await client.socket()

    assert (await (await client.socket()).request("ping"))["status"] == 200


async def test_a_freeze_is_silent_with_live_pings_until_its_time_is_over(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "freeze", event="executionReport", skip=1, delay_ms=200)

    await client.limit("59000", "0.1", newClientOrderId="told")
    await client.limit("59000", "0.1", newClientOrderId="lost")

    assert [report["c"] for report in await stream.reports(1)] == ["told"]
    assert (await stream.next())["event"]["e"] == "outboundAccountPosition"
    assert await stream.silent(0.1)
    assert (await stream.request("ping"))["status"] == 200
    await asyncio.sleep(0.15)
    await client.limit("59000", "0.1", newClientOrderId="after")
    assert (await stream.reports(1))[0]["c"] == "after"


async def test_a_freeze_without_an_end_lasts_until_thawed(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "freeze")

    await client.limit("59000", "0.1")

    assert await stream.silent()
    assert (await client.state())["streams"]["frozen"] == ["desk"]
    await client.sim("streams", action="thaw", account="desk")
    await client.limit("59000", "0.1", newClientOrderId="after")
    assert (await stream.reports(1))[0]["c"] == "after"


async def test_the_venue_cancels_an_order_nobody_cancelled(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "venue_cancel", client_id="x*")

    await client.limit("59000", "0.1", newClientOrderId="y")
    await client.limit("59000", "0.1", newClientOrderId="x1")

    reports = await stream.reports(3)
    assert [(r["c"], r["x"], r.get("eR")) for r in reports] == [
        ("y", "NEW", None),
        ("x1", "NEW", None),
        ("x1", "EXPIRED", "EXCHANGE_CANCELED"),
    ]


async def test_a_fill_can_be_followed_by_a_liquidation(client: Client) -> None:
    stream = await client.stream()
    await fault(client, "liquidate", client_id="x", delay_ms=20, skip=1)

    await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1", newClientOrderId="x")

    reports = await stream.reports(4)
    assert [(r["c"].partition("-")[0], r["x"], r["S"]) for r in reports] == [
        ("x", "NEW", "BUY"),
        ("x", "TRADE", "BUY"),
        ("autoclose", "NEW", "SELL"),
        ("autoclose", "TRADE", "SELL"),
    ]
    assert not await reports_within(stream, 0.1)


async def reports_within(stream: Any, seconds: float) -> list[Any]:
    """What still comes of executionReports."""
    found = []
    try:
        while True:
            event = (await stream.next(seconds))["event"]
            found += [event] if event["e"] == "executionReport" else []
    except TimeoutError:
        return found


async def test_a_venue_act_that_is_impossible_is_not_swallowed(client: Client) -> None:
    await fault(client, "venue_cancel", skip=1)

    await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
    await asyncio.sleep(0.05)

    (trouble,) = (await client.state())["troubles"]
    assert "already FILLED" in trouble


async def test_a_clock_that_jumps_refuses_timestamps_until_they_are_measured_anew(client: Client) -> None:
    await fault(client, "clock_skew", offset_ms=20_000, route=PLACE)

    early = await client.limit("59000", "0.1")
    venue_ms = (await client.raw("GET", "/api/v3/time")).json["serverTime"]
    measured = await client.limit("59000", "0.1", timestamp=venue_ms)

    assert early.error == (400, -1021, "Timestamp for this request is outside of the recvWindow.")
    assert venue_ms - now_ms() == pytest.approx(20_000, abs=500)
    assert measured.status == 200


async def test_two_keys_of_one_account_meet_and_both_streams_hear_of_it(client: Client) -> None:
    """Self-trade prevention between sessions: the taker's mode expires the other session's order."""
    other = client.as_key(client.simulator.demo_keys[1])
    assert other.key.account == client.key.account
    mine, theirs = await client.stream(), await other.stream()
    await client.sim("liquidity", symbol="BTCUSDT", action="clear")
    await client.limit("60000", "0.1", newClientOrderId="resting")

    taker = await other.limit("60000", "0.1", side="SELL", newClientOrderId="crossing")

    assert taker.json["status"] == "NEW"
    for stream in (mine, theirs):
        reports = await stream.reports(3)
        assert [(r["c"], r["X"]) for r in reports] == [
            ("resting", "NEW"),
            ("crossing", "NEW"),
            ("resting", "EXPIRED_IN_MATCH"),
        ]


async def test_an_order_of_another_session_can_be_placed_from_the_control_port(client: Client) -> None:
    stream = await client.stream()
    await client.sim("liquidity", symbol="BTCUSDT", action="clear")
    await client.limit("60000", "0.1", newClientOrderId="mine")

    placed = await client.sim(
        "order",
        account="desk",
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT",
        timeInForce="IOC",
        quantity="0.1",
        price="60000",
    )

    assert placed["status"] == "EXPIRED"  # with the own order gone there is nobody left to trade with
    assert [r["X"] for r in await stream.reports(4)] == ["NEW", "NEW", "EXPIRED_IN_MATCH", "EXPIRED"]
    assert list((await client.state())["placements"]) == ["mine"]


async def test_a_refused_token(client: Client) -> None:
    await fault(client, "token_refused", status=503, code=-1008)

    assert (await client.raw("POST", "/sapi/v1/userListenToken")).error[:2] == (503, -1008)
    assert (await client.raw("POST", "/sapi/v1/userListenToken")).status == 200


async def test_a_fault_chooses_its_victim(client: Client) -> None:
    await fault(client, "error_before", route=PLACE, symbol="ETHUSDT", client_id="a*", account="desk")

    assert (await client.limit("59000", "0.1", newClientOrderId="a1")).status == 200
    assert (await client.limit("2900", "1", symbol="ETHUSDT", newClientOrderId="b1")).status == 200
    stranger = client.as_key(client.simulator.demo_keys[2])
    assert (await stranger.limit("2900", "1", symbol="ETHUSDT", newClientOrderId="a1")).status == 200
    assert (await client.limit("2900", "1", symbol="ETHUSDT", newClientOrderId="a1")).status == 500
    assert (await client.limit("2900", "1", symbol="ETHUSDT", newClientOrderId="a2")).status == 200


async def test_cancels_are_chosen_by_the_original_id(client: Client) -> None:
    await client.limit("59000", "0.1", newClientOrderId="x")
    await fault(client, "error_after", route="DELETE *", client_id="x", status=500)

    cancel = await client.call("DELETE", f"{M}/order", symbol="BTCUSDT", origClientOrderId="x")

    assert cancel.status == 500
    assert not await placed(client, "x")


async def test_count_and_skip(client: Client) -> None:
    await fault(client, "error_before", route=PLACE, skip=1, count=2)

    statuses = [(await client.limit("59000", "0.1")).status for _ in range(4)]

    assert statuses == [200, 500, 500, 200]


async def test_faults_are_listed_and_removed(client: Client) -> None:
    added = await client.sim("faults", faults=[{"action": "429", "count": 0}, {"action": "drop_events"}])
    assert [one["id"] for one in added["faults"]] == [1, 2]

    async with client.session.delete(f"{client.simulator.url}/sim/faults?id=1") as reply:
        assert await reply.json() == {"removed": 1}
    async with client.session.get(f"{client.simulator.url}/sim/faults") as reply:
        assert [one["action"] for one in (await reply.json())["faults"]] == ["drop_events"]
    assert await client.sim("faults", clear=True) == {"removed": 1}
    async with client.session.post(f"{client.simulator.url}/sim/faults", json=[{"action": "429"}]) as reply:
        assert len((await reply.json())["faults"]) == 1


async def test_every_request_is_logged_with_its_faults(client: Client) -> None:
    await fault(client, "error_after", route=PLACE, status=503)
    await client.limit("59000", "0.1", newClientOrderId="x")

    async with client.session.get(f"{client.simulator.url}/sim/requests?clientOrderId=x") as reply:
        log = await reply.json()

    assert log["placements"] == {"x": {"received": 1, "accepted": 1}}
    entry = log["requests"][0]
    told = (entry["request"], entry["status"], entry["code"], entry["faults"])
    assert told == (PLACE, 503, -1000, ["error_after"])
    assert "signature" not in entry["params"]
    assert abs(entry["time"] - now_ms()) < 2000


@pytest.mark.parametrize(
    ("description", "complaint"),
    [
        ({}, "action ''"),
        ({"action": "explode"}, "request_lost"),
        ({"action": "429", "colour": 1}, "unknown field 'colour'"),
        ({"action": "429", "count": "1"}, "count"),
        ({"action": "429", "count": -1}, "negative"),
        ({"action": "429", "count": True}, "count"),
        ({"action": "delay_reply"}, "delay_ms must be given"),
        ({"action": "clock_skew"}, "offset_ms must be given"),
        ({"action": "reply_los"}, "did you mean reply_lost"),
        ({"action": "429", "retry_aftr": 1}, "did you mean retry_after"),
    ],
)
def test_a_wrong_description_is_refused_by_field(description: dict[str, object], complaint: str) -> None:
    with pytest.raises(FaultError, match=complaint):
        FaultEngine().add(description)


def test_request_faults_never_act_on_events_nor_event_faults_on_requests() -> None:
    engine = FaultEngine()
    engine.add({"action": "drop_events"})
    engine.add({"action": "reply_lost"})

    assert [f.action for f in engine.take(Occurrence(route=PLACE))] == [Action.REPLY_LOST]
    assert [f.action for f in engine.take(Occurrence(event="executionReport"))] == [Action.DROP_EVENTS]
    assert engine.faults == []


def test_faults_combine() -> None:
    engine = FaultEngine()
    engine.add({"action": "delay_request", "delay_ms": 5})
    engine.add({"action": "reply_lost"})

    assert len(engine.take(Occurrence(route=PLACE))) == 2
