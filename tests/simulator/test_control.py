"""`/sim`: prices, liquidity, forced fills, venue-side cancels, streams, state."""

import asyncio
from typing import Any

import aiohttp
import pytest

from connector.simulator.config import SimulatorConfig
from connector.simulator.control import ROUTES
from connector.simulator.server import start
from tests.simulator.client import Client, now_ms, ws_signed

M = "/sapi/v1/margin"


async def get(client: Client, path: str) -> Any:
    async with client.session.get(f"{client.simulator.url}/sim/{path}") as reply:
        return await reply.json()


async def complaint(client: Client, path: str, **body: object) -> str:
    async with client.session.post(f"{client.simulator.url}/sim/{path}", json=body) as reply:
        answer = await reply.json()
        assert reply.status == 400, answer
        return str(answer["error"])


async def test_a_moved_price_fills_what_it_crosses_and_triggers_stops(client: Client) -> None:
    stream = await client.stream()
    await client.limit("59000", "0.1", newClientOrderId="resting")
    await client.order(
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_LOSS",
        quantity="0.2",
        stopPrice="58900",
        newClientOrderId="stop",
    )

    market = await client.sim("price", symbol="BTCUSDT", price="58900")

    assert market["BTCUSDT"]["lastPrice"] == "58894.11"  # the stop sold into the new bid
    reports = await stream.reports(4)
    assert [(r["c"], r["x"], r["X"]) for r in reports] == [
        ("resting", "NEW", "NEW"),
        ("stop", "NEW", "NEW"),
        ("resting", "TRADE", "FILLED"),
        ("stop", "TRADE", "FILLED"),
    ]
    assert (reports[2]["L"], reports[2]["m"]) == ("59000.00000000", True)


async def test_a_price_can_move_around_resting_orders(client: Client) -> None:
    await client.limit("59000", "0.1", newClientOrderId="resting")

    market = await client.sim("price", symbol="BTCUSDT", price="58000", fills=False)

    assert market["BTCUSDT"]["bids"][0] == ["59000", "0.1"]
    assert all(float(price) > 59000 for price, _ in market["BTCUSDT"]["asks"])


async def test_a_trade_elsewhere_moves_only_the_last_price(client: Client) -> None:
    market = await client.sim("last", symbol="BTCUSDT", price="61000")

    assert market["BTCUSDT"]["lastPrice"] == "61000"
    assert market["BTCUSDT"]["bids"][0][0] == "59994"


async def test_liquidity_can_be_added_removed_and_refilled(client: Client) -> None:
    cleared = await client.sim("liquidity", symbol="BTCUSDT", action="clear")
    assert (cleared["BTCUSDT"]["bids"], cleared["BTCUSDT"]["asks"]) == ([], [])

    order = {"symbol": "BTCUSDT", "action": "add", "side": "SELL", "price": "60010", "quantity": "0.3"}
    await client.sim("liquidity", **order)
    added = await client.sim("liquidity", **order | {"price": "60020"})
    assert added["BTCUSDT"]["asks"] == [["60010", "0.3"], ["60020", "0.3"]]
    removed = await client.sim("liquidity", symbol="BTCUSDT", action="remove", side="SELL", price="60010")
    assert removed["BTCUSDT"]["asks"] == [["60020", "0.3"]]
    refilled = await client.sim("liquidity", symbol="BTCUSDT", action="refill")
    assert len(refilled["BTCUSDT"]["bids"]) == 5


async def test_house_liquidity_trades_with_a_customers_order(client: Client) -> None:
    stream = await client.stream()
    await client.limit("59999", "0.1", newClientOrderId="mine")

    await client.sim("liquidity", symbol="BTCUSDT", action="add", side="SELL", price="59999", quantity="0.04")

    report = (await stream.reports(2))[1]
    assert (report["x"], report["X"], report["l"]) == ("TRADE", "PARTIALLY_FILLED", "0.04000000")


async def test_an_order_is_filled_in_the_parts_asked_for(client: Client) -> None:
    stream = await client.stream()
    order = (await client.limit("59000", "0.3", newClientOrderId="mine")).json

    one = await client.sim("fill", clientOrderId="mine", quantity="0.1")
    two = await client.sim("fill", symbol="BTCUSDT", orderId=order["orderId"], price="58990")

    assert (one["status"], one["executedQty"]) == ("PARTIALLY_FILLED", "0.1")
    assert (two["status"], two["cummulativeQuoteQty"]) == ("FILLED", "17698")
    reports = await stream.reports(3)
    assert [(r["x"], r["l"], r["L"]) for r in reports[1:]] == [
        ("TRADE", "0.10000000", "59000.00000000"),
        ("TRADE", "0.20000000", "58990.00000000"),
    ]
    account = (await client.call("GET", f"{M}/account")).json
    usdt = next(row for row in account["userAssets"] if row["asset"] == "USDT")
    assert (usdt["free"], usdt["locked"]) == ("982302", "0")


async def test_impossible_fills_are_explained(client: Client) -> None:
    await client.limit("59000", "0.3", newClientOrderId="mine")

    assert "no such order" in await complaint(client, "fill", clientOrderId="nobody")
    assert "has 0.3" in await complaint(client, "fill", clientOrderId="mine", quantity="1")
    assert "worse than" in await complaint(client, "fill", clientOrderId="mine", price="59001")
    assert "clientOrderId" in await complaint(client, "fill")
    await client.sim("cancel", clientOrderId="mine")
    assert "EXPIRED" in await complaint(client, "fill", clientOrderId="mine")


async def test_a_stop_can_be_triggered_where_it_stands(client: Client) -> None:
    await client.order(
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_LOSS",
        quantity="0.2",
        stopPrice="50000",
        newClientOrderId="stop",
    )

    order = await client.sim("trigger", clientOrderId="stop")

    assert (order["status"], order["isWorking"]) == ("FILLED", True)
    assert "not a waiting stop" in await complaint(client, "trigger", clientOrderId="stop")


async def test_the_venues_own_cancel_is_an_expiry(client: Client) -> None:
    """Reference section 4.1: EXPIRED with eR EXCHANGE_CANCELED, not CANCELED."""
    stream = await client.stream()
    await client.limit("59000", "0.3", newClientOrderId="mine")

    await client.sim("cancel", clientOrderId="mine")

    report = (await stream.reports(2))[1]
    assert (report["x"], report["X"], report["eR"], report["c"], report["C"]) == (
        "EXPIRED",
        "EXPIRED",
        "EXCHANGE_CANCELED",
        "mine",
        "",
    )
    row = (await client.call("GET", f"{M}/order", symbol="BTCUSDT", origClientOrderId="mine")).json
    assert (row["status"], row["expiryReason"]) == ("EXPIRED", "EXCHANGE_CANCELED")


async def test_a_liquidation_expires_orders_and_trades_one_nobody_sent(client: Client) -> None:
    stream = await client.stream()
    await client.limit("59000", "0.3", newClientOrderId="mine")

    order = await client.sim("liquidate", account="desk", symbol="BTCUSDT", side="SELL", quantity="2")

    reports = await stream.reports(4)
    assert [(r["x"], r["X"]) for r in reports] == [
        ("NEW", "NEW"),
        ("EXPIRED", "EXPIRED"),
        ("NEW", "NEW"),
        ("TRADE", "FILLED"),
    ]
    assert reports[2]["c"].startswith("autoclose-")
    rows = (await client.call("GET", f"{M}/forceLiquidationRec")).json
    assert (rows["total"], rows["rows"][0]["orderId"], rows["rows"][0]["executedQty"]) == (
        1,
        order["orderId"],
        "2",
    )


async def test_frozen_streams_answer_pings_and_lose_events(client: Client) -> None:
    stream = await client.stream()
    await client.sim("streams", action="freeze", account="desk")
    await client.limit("59000", "0.1", newClientOrderId="lost")

    assert await stream.silent()
    assert (await stream.request("ping"))["result"] == {}
    await client.sim("streams", action="thaw", account="desk")
    await client.limit("59000", "0.1", newClientOrderId="told")

    assert (await stream.reports(1))[0]["c"] == "told"


async def test_freezing_one_account_leaves_the_other_alone(client: Client) -> None:
    other = client.as_key(client.simulator.demo_keys[2])
    stream = await other.stream()
    await client.sim("streams", action="freeze", account="desk")

    await other.limit("59000", "0.1")

    assert (await stream.reports(1))[0]["x"] == "NEW"


async def test_cut_streams_lose_their_sockets(client: Client) -> None:
    stream = await client.stream()
    other = await client.as_key(client.simulator.demo_keys[2]).stream()

    await client.sim("streams", action="cut", account="desk")

    message = await asyncio.wait_for(stream.socket.receive(), 3)
    assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    assert (await other.request("ping"))["status"] == 200
    await asyncio.sleep(0.05)
    assert (await client.state())["streams"]["subscriptions"] == ["other/CROSS_MARGIN"]


async def test_expired_tokens_end_streams_and_cannot_be_used_again(client: Client) -> None:
    stream = await client.stream()
    spare = (await client.raw("POST", "/sapi/v1/userListenToken")).json["token"]

    await client.sim("streams", action="expire")

    assert (await stream.next())["event"]["e"] == "eventStreamTerminated"
    again = await stream.request("userDataStream.subscribe.listenToken", listenToken=spare)
    assert again["error"]["code"] == -1209


@pytest.mark.parametrize(
    ("action", "text"),
    [("broken_frame", '{"subscriptionId":0'), ("empty_frame", ""), ("shutdown", '{"event"')],
)
async def test_frames_can_be_sent_at_once(client: Client, action: str, text: str) -> None:
    stream = await client.stream()

    await client.sim("streams", action=action)

    message = await asyncio.wait_for(stream.socket.receive(), 3)
    assert message.data.startswith(text)


async def test_balances_can_be_set_and_are_told(client: Client) -> None:
    stream = await client.stream()

    await client.sim("balances", account="desk", asset="USDT", free="10", borrowed="3", interest="0.5")

    event = (await stream.next())["event"]
    assert event["B"] == [{"a": "USDT", "f": "10.00000000", "l": "0.00000000"}]
    wallets = (await client.state())["wallets"]
    assert wallets["desk/CROSS_MARGIN"]["USDT"] == {
        "free": "10",
        "locked": "0",
        "borrowed": "3",
        "interest": "0.5",
    }
    refused = await client.limit("59000", "0.1")
    assert refused.error[1] == -2010


async def test_a_shifted_clock_refuses_honest_timestamps(client: Client) -> None:
    await client.sim("clock", offsetMs=-3000)
    ahead = await client.call("GET", f"{M}/account")
    server = (await client.raw("GET", "/api/v3/time")).json["serverTime"]
    await client.sim("clock", offsetMs=8000)
    late = await client.call("GET", f"{M}/account")
    await client.sim("clock", offsetMs=0)

    assert "1000ms ahead" in ahead.error[2]
    assert abs(server - now_ms() + 3000) < 1000
    assert "outside of the recvWindow" in late.error[2]
    assert (await client.call("GET", f"{M}/account")).status == 200


async def test_a_ban_can_be_imposed_and_lifted(client: Client) -> None:
    await client.sim("ban", seconds=60)
    banned = await client.raw("GET", "/api/v3/time")
    await client.sim("ban", seconds=0)

    assert (banned.status, banned.headers["Retry-After"]) == (418, "60")
    assert (await client.raw("GET", "/api/v3/time")).status == 200


async def test_a_symbol_can_be_halted(client: Client) -> None:
    await client.sim("status", symbol="BTCUSDT", status="HALT")
    assert (await client.limit("59000", "0.1")).error == (400, -1013, "Market is closed.")
    info = (await client.raw("GET", "/api/v3/exchangeInfo?symbolStatus=HALT")).json
    assert [row["symbol"] for row in info["symbols"]] == ["BTCUSDT"]
    await client.sim("status", symbol="BTCUSDT", status="TRADING")
    assert (await client.limit("59000", "0.1")).status == 200


async def test_prices_move_in_steps(client: Client) -> None:
    seen = {(await client.sim("step", symbol="BTCUSDT"))["BTCUSDT"]["lastPrice"] for _ in range(10)}

    assert len(seen) > 3


async def test_state_tells_orders_trades_and_placements(client: Client) -> None:
    await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1", newClientOrderId="mine")
    await client.limit("1", "1", newClientOrderId="refused")
    await client.limit("59000", "0.1", newClientOrderId="mine")

    state = await get(client, "state?account=desk&symbol=BTCUSDT")

    assert state["placements"] == {
        "mine": {"received": 2, "accepted": 2},
        "refused": {"received": 1, "accepted": 0},
    }
    assert [(o["clientOrderId"], o["status"]) for o in state["orders"]] == [
        ("mine", "FILLED"),
        ("mine", "NEW"),
    ]
    assert [(t["clientOrderId"], t["qty"]) for t in state["trades"]] == [("mine", "0.1")]
    assert list(state["markets"]) == ["BTCUSDT"]
    assert state["requests"]["byRoute"]["POST /sapi/v1/margin/order"] == 3
    assert (await get(client, "state?account=other"))["orders"] == []


async def test_one_order_can_be_looked_at_by_either_id(client: Client) -> None:
    placed = (await client.limit("59000", "0.1", newClientOrderId="mine")).json

    by_name = await get(client, "order?clientOrderId=mine")
    by_id = await get(client, f"order?symbol=BTCUSDT&orderId={placed['orderId']}")

    assert by_name == by_id
    assert (by_name["account"], by_name["locked"]) == ("desk/CROSS_MARGIN", "5900")


async def test_a_refused_liquidation_leaves_the_orders_alone(client: Client) -> None:
    await client.limit("59000", "0.1", newClientOrderId="mine")

    text = await complaint(client, "liquidate", account="desk", symbol="BTCUSDT", side="SELL", quantity="100")

    assert "less than 100 BTC" in text
    assert (await get(client, "order?clientOrderId=mine"))["status"] == "NEW"


async def test_a_list_of_faults_with_a_wrong_one_adds_none(client: Client) -> None:
    await complaint(client, "faults", faults=[{"action": "429"}, {"action": "explode"}])

    assert (await get(client, "faults"))["faults"] == []


async def test_reset_begins_again(client: Client) -> None:
    stream = await client.stream()
    await client.limit("59000", "0.1")
    await stream.take(2)
    await client.sim("faults", action="429", count=0)

    await client.sim("reset")

    state = await client.state()
    assert (state["orders"], state["placements"]) == ([], {})
    assert state["wallets"]["desk/CROSS_MARGIN"]["USDT"]["free"] == "1000000"
    message = await asyncio.wait_for(stream.socket.receive(), 3)
    assert message.type is not aiohttp.WSMsgType.TEXT
    assert (await client.limit("59000", "0.1")).json["orderId"] == 7_712_345_001


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("price", {"symbol": "BTCUSDT"}, "price is missing"),
        ("price", {"symbol": "BTCUSDT", "price": "x"}, "is not a number"),
        ("price", {"symbol": "BTCUSDT", "price": "-1"}, "non-negative"),
        ("price", {"symbol": "BTCUSDT", "price": 0}, "not positive"),
        ("price", {"price": "1"}, "symbol is missing"),
        ("price", {"symbol": "BTCUSDT", "price": "59000.001"}, "ticks of 0.01"),
        ("last", {"symbol": "BTCUSDT", "price": "1000001"}, "ticks of 0.01"),
        (
            "liquidity",
            {"symbol": "BTCUSDT", "action": "add", "side": "SELL", "price": 1, "quantity": "0.000001"},
            "steps of 0.00001",
        ),
        ("price", {"symbol": "NOPE", "price": "1"}, "Invalid symbol"),
        ("liquidity", {"symbol": "BTCUSDT", "action": "burn"}, "add, remove, clear, refill"),
        ("liquidity", {"symbol": "BTCUSDT", "action": "add", "side": "BOTH"}, "quantity is missing"),
        ("streams", {"action": "melt"}, "cut, freeze"),
        ("streams", {"action": "cut", "account": "nobody"}, "desk"),
        ("balances", {"asset": "USDT"}, "there are desk, other"),
        ("clock", {"offsetMs": "1"}, "not an integer"),
        ("moves", {"enabled": "no"}, "neither true nor false"),
        ("rules", {"gravity": True}, "triggerRepeatsNew"),
        ("faults", {"action": "429", "x": 1}, "unknown field"),
        (
            "liquidate",
            {"account": "desk", "symbol": "BTCUSDT", "side": "SELL", "quantity": "100"},
            "less than",
        ),
    ],
)
async def test_wrong_requests_are_explained(
    client: Client, path: str, body: dict[str, object], text: str
) -> None:
    assert text in await complaint(client, path, **body)


async def test_broken_json_and_unknown_routes(client: Client) -> None:
    async with client.session.post(f"{client.simulator.url}/sim/price", data="{") as reply:
        assert reply.status == 400
        assert "not JSON" in (await reply.json())["error"]
    async with client.session.get(f"{client.simulator.url}/sim/nothing") as reply:
        assert reply.status == 404
        assert "POST /sim/price" in (await reply.json())["routes"]


async def test_the_index_lists_every_route(client: Client) -> None:
    async with client.session.get(f"{client.simulator.url}/sim") as reply:
        assert len((await reply.json())["routes"]) == len(ROUTES)


async def test_a_revoked_key_is_refused_and_a_restored_one_works(client: Client) -> None:
    client = client.as_key(client.simulator.demo_keys[1])
    stream = await client.socket()
    await stream.request("session.logon", **ws_signed(client))

    await client.sim("keys", apiKey=client.key.api_key, enabled=False)

    assert (await client.call("GET", f"{M}/account")).error[:2] == (401, -2015)
    await stream.socket.send_json({"id": 9, "method": "time"})
    frame = await asyncio.wait_for(stream.socket.receive_json(), 3)
    assert (frame["id"], frame["status"], frame["error"]["code"]) == (None, 401, -2015)
    assert (await stream.request("session.status"))["result"]["apiKey"] is None
    await client.sim("keys", apiKey=client.key.api_key, enabled=True)
    assert (await client.call("GET", f"{M}/account")).status == 200
    assert "unknown" in await complaint(client, "keys", apiKey="nobody")


async def test_stopping_does_not_wait_for_clients(config: SimulatorConfig) -> None:
    running = await start(config)
    async with aiohttp.ClientSession() as session:
        client = Client(running, session, running.demo_keys[0])
        stream = await client.stream()
        await client.sim("faults", action="delay_reply", delay_ms=60_000)
        slow = asyncio.create_task(client.limit("59000", "0.1"))
        await stream.reports(1)
        begun = asyncio.get_running_loop().time()

        await running.stop()

        assert asyncio.get_running_loop().time() - begun < 3
        with pytest.raises(aiohttp.ClientError):
            await slow
        await client.close()
