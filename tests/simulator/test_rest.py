"""Shapes and quirks of the REST replies (reference sections 2.3-2.11, 6, 7)."""

from typing import Any

import pytest

from connector.simulator.server import RunningSimulator
from tests.simulator.client import Client, now_ms

M = "/sapi/v1/margin"
ACK_KEYS = {"symbol", "orderId", "clientOrderId", "isIsolated", "transactTime"}
RESULT_KEYS = ACK_KEYS | {
    "price",
    "origQty",
    "executedQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "selfTradePreventionMode",
}


@pytest.mark.parametrize(
    ("resp_type", "keys"),
    [("ACK", ACK_KEYS), ("RESULT", RESULT_KEYS), ("FULL", RESULT_KEYS | {"fills"})],
)
async def test_the_response_type_decides_the_keys(client: Client, resp_type: str, keys: set[str]) -> None:
    answer = await client.limit("59000.10", "0.00150", newOrderRespType=resp_type)

    assert answer.status == 200
    assert set(answer.json) == keys


async def test_numbers_have_their_zeros_stripped(client: Client) -> None:
    order = (await client.limit("59000.10", "0.00150")).json

    assert (order["price"], order["origQty"], order["executedQty"]) == ("59000.1", "0.0015", "0")
    assert isinstance(order["orderId"], int)
    assert order["isIsolated"] is False


async def test_a_market_order_tells_its_fills_and_price_zero(client: Client) -> None:
    order = (await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1")).json

    assert (order["status"], order["price"]) == ("FILLED", "0")
    assert [(f["price"], f["qty"], f["commissionAsset"]) for f in order["fills"]] == [
        ("60006", "0.735", "BTC"),
        ("60012", "0.265", "BTC"),
    ]
    assert all(isinstance(f["tradeId"], int) for f in order["fills"])


async def test_a_borrowed_amount_is_a_bare_number(client: Client) -> None:
    answer = await client.limit("60000", "20", sideEffectType="MARGIN_BUY")

    assert b'"marginBuyBorrowAmount":200000,"marginBuyBorrowAsset":"USDT"' in answer.body


async def test_a_single_cancel_answers_the_order_id_as_text(client: Client) -> None:
    placed = (await client.limit("59000", "0.1", newClientOrderId="mine")).json

    cancel = (
        await client.call(
            "DELETE", f"{M}/order", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="cxl"
        )
    ).json

    assert cancel["orderId"] == str(placed["orderId"])
    assert (cancel["clientOrderId"], cancel["origClientOrderId"], cancel["status"]) == (
        "cxl",
        "mine",
        "CANCELED",
    )
    assert not {"transactTime", "orderListId", "selfTradePreventionMode"} & set(cancel)


async def test_cancelling_all_open_orders_pads_numbers_and_shares_one_id(client: Client) -> None:
    for name in ("a", "b"):
        await client.limit("59000", "0.1", newClientOrderId=name)

    rows = (await client.call("DELETE", f"{M}/openOrders", symbol="BTCUSDT")).json

    assert [row["origClientOrderId"] for row in rows] == ["a", "b"]
    assert len({row["clientOrderId"] for row in rows}) == 1
    assert (rows[0]["origQty"], rows[0]["orderListId"]) == ("0.10000000", -1)
    assert isinstance(rows[0]["orderId"], int)
    again = await client.call("DELETE", f"{M}/openOrders", symbol="BTCUSDT")
    assert again.error == (400, -2011, "Unknown order sent.")


async def test_cancel_refusals(client: Client) -> None:
    placed = (await client.limit("59000", "0.1", newClientOrderId="mine")).json
    order = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}

    disagree = await client.call("DELETE", f"{M}/order", **order, origClientOrderId="other")
    nothing = await client.call("DELETE", f"{M}/order", symbol="BTCUSDT")
    isolated = await client.call("DELETE", f"{M}/order", **order, isIsolated="TRUE")
    first = await client.call("DELETE", f"{M}/order", **order)
    second = await client.call("DELETE", f"{M}/order", **order)

    assert disagree.error == (400, -2011, "Cancel order is invalid. Check origClOrdId and orderId.")
    assert nothing.error[:2] == (400, -1102)
    assert isolated.error == second.error == (400, -2011, "Unknown order sent.")
    assert first.status == 200


async def test_a_queried_order_has_the_documented_keys(client: Client) -> None:
    await client.limit("59000", "0.1", newClientOrderId="mine")

    order = (await client.call("GET", f"{M}/order", symbol="BTCUSDT", origClientOrderId="mine")).json

    assert set(order) == {
        "clientOrderId",
        "cummulativeQuoteQty",
        "executedQty",
        "icebergQty",
        "isWorking",
        "orderId",
        "origQty",
        "price",
        "side",
        "status",
        "stopPrice",
        "symbol",
        "isIsolated",
        "time",
        "timeInForce",
        "type",
        "selfTradePreventionMode",
        "updateTime",
    }
    assert (order["isWorking"], order["icebergQty"], order["stopPrice"]) == (True, "0", "0")


async def test_open_orders_without_symbol_are_those_of_the_cross_account(client: Client) -> None:
    await client.limit("59000", "0.1", newClientOrderId="btc")
    await client.limit("2900", "1", symbol="ETHUSDT", newClientOrderId="eth")
    await client.limit("59000", "0.1", isIsolated="TRUE", newClientOrderId="iso")

    everything = (await client.call("GET", f"{M}/openOrders")).json
    one = (await client.call("GET", f"{M}/openOrders", symbol="ETHUSDT")).json
    isolated = (await client.call("GET", f"{M}/openOrders", symbol="BTCUSDT", isIsolated="TRUE")).json
    unnamed = await client.call("GET", f"{M}/openOrders", isIsolated="TRUE")

    assert [row["clientOrderId"] for row in everything] == ["btc", "eth"]
    assert [row["clientOrderId"] for row in one] == ["eth"]
    assert [(row["clientOrderId"], row["isIsolated"]) for row in isolated] == [("iso", True)]
    assert unnamed.error[:2] == (400, -1102)


async def test_all_orders_pages_by_order_id(client: Client) -> None:
    ids = [(await client.limit("59000", "0.1")).json["orderId"] for _ in range(4)]

    newest = (await client.call("GET", f"{M}/allOrders", symbol="BTCUSDT", limit=2)).json
    following = (await client.call("GET", f"{M}/allOrders", symbol="BTCUSDT", orderId=ids[1], limit=2)).json
    recent = (
        await client.call("GET", f"{M}/allOrders", symbol="BTCUSDT", startTime=now_ms() - 60_000, limit=3)
    ).json
    future = (await client.call("GET", f"{M}/allOrders", symbol="BTCUSDT", startTime=now_ms() + 60_000)).json

    assert [row["orderId"] for row in newest] == ids[2:]
    assert [row["orderId"] for row in following] == ids[1:3]
    assert [row["orderId"] for row in recent] == ids[:3]
    assert future == []


async def test_a_period_over_24_hours_is_refused(client: Client) -> None:
    answer = await client.call(
        "GET", f"{M}/myTrades", symbol="BTCUSDT", startTime=now_ms() - 90_000_000, endTime=now_ms()
    )

    assert answer.error == (400, -1127, "More than 24 hours between startTime and endTime.")


async def test_my_trades_page_by_trade_id_and_order(client: Client) -> None:
    first = (await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1")).json
    second = (await client.order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")).json
    ids = [fill["tradeId"] for order in (first, second) for fill in order["fills"]]

    rows = (await client.call("GET", f"{M}/myTrades", symbol="BTCUSDT")).json
    page = (await client.call("GET", f"{M}/myTrades", symbol="BTCUSDT", fromId=ids[1], limit=1)).json
    of_order = (await client.call("GET", f"{M}/myTrades", symbol="BTCUSDT", orderId=second["orderId"])).json

    assert [row["id"] for row in rows] == ids
    assert [row["id"] for row in page] == [ids[1]]
    assert [row["id"] for row in of_order] == ids[2:]
    assert set(rows[0]) == {
        "commission",
        "commissionAsset",
        "id",
        "isBestMatch",
        "isBuyer",
        "isMaker",
        "orderId",
        "price",
        "qty",
        "symbol",
        "isIsolated",
        "time",
    }


async def test_orders_carry_the_order_count_headers(client: Client) -> None:
    await client.limit("59000", "0.1")
    answer = await client.limit("59000", "0.1")

    assert answer.headers["X-MBX-ORDER-COUNT-1D"] == "2"
    rows = (await client.call("GET", f"{M}/rateLimit/order")).json
    assert [(row["interval"], row["intervalNum"], row["count"]) for row in rows][1] == ("DAY", 1, 2)


async def test_prevented_matches_are_listed(client: Client) -> None:
    maker = (await client.limit("59990", "0.1", side="SELL", type="LIMIT")).json
    assert maker["status"] == "FILLED"  # the house bids 59994
    maker = (await client.limit("60001", "0.1", side="SELL")).json
    taker = (await client.limit("60001", "0.1", selfTradePreventionMode="EXPIRE_MAKER")).json

    rows = (
        await client.call("GET", f"{M}/myPreventedMatches", symbol="BTCUSDT", orderId=taker["orderId"])
    ).json

    assert [(r["takerOrderId"], r["makerOrderId"], r["makerPreventedQuantity"]) for r in rows] == [
        (taker["orderId"], maker["orderId"], "0.1")
    ]
    neither = await client.call("GET", f"{M}/myPreventedMatches", symbol="BTCUSDT")
    assert neither.error[:2] == (400, -1128)


async def test_exchange_info_has_every_filter(client: Client) -> None:
    info = (await client.raw("GET", "/api/v3/exchangeInfo")).json

    by_name = {row["symbol"]: row for row in info["symbols"]}
    assert {"BTCUSDT", "ETHUSDT", "BNBUSDT", "LTCUSDT", "ETHBTC"} <= set(by_name)
    filters = {row["filterType"]: row for row in by_name["BTCUSDT"]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert {"PERCENT_PRICE_BY_SIDE", "NOTIONAL", "MARKET_LOT_SIZE", "ICEBERG_PARTS", "MAX_NUM_ORDERS"} <= set(
        filters
    )
    assert "STOP_LOSS" in by_name["BTCUSDT"]["orderTypes"]
    assert "STOP_LOSS" not in by_name["LTCUSDT"]["orderTypes"]
    assert by_name["BTCUSDT"]["allowedSelfTradePreventionModes"][:3] == [
        "EXPIRE_TAKER",
        "EXPIRE_MAKER",
        "EXPIRE_BOTH",
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("symbol=ETHBTC", ["ETHBTC"]),
        ("symbols=%5B%22ETHBTC%22,%22BTCUSDT%22%5D", ["ETHBTC", "BTCUSDT"]),
        ("symbolStatus=HALT", []),
    ],
)
async def test_exchange_info_can_be_narrowed(client: Client, query: str, names: list[str]) -> None:
    info = (await client.raw("GET", f"/api/v3/exchangeInfo?{query}")).json

    assert [row["symbol"] for row in info["symbols"]] == names


async def test_public_market_data(client: Client) -> None:
    depth = (await client.raw("GET", "/api/v3/depth?symbol=BTCUSDT&limit=2")).json
    assert depth["bids"][0][0] == "59994.00000000"
    assert len(depth["asks"]) == 2
    touch = (await client.raw("GET", "/api/v3/ticker/bookTicker?symbol=BTCUSDT")).json
    assert (touch["bidPrice"], touch["askPrice"]) == ("59994.00000000", "60006.00000000")
    prices = (await client.raw("GET", "/api/v3/ticker/price")).json
    assert {row["symbol"] for row in prices} == set(client.simulator.world.exchange.markets)
    one = (await client.raw("GET", "/api/v3/ticker/price?symbol=BTCUSDT")).json
    assert one == {"symbol": "BTCUSDT", "price": "60000.00000000"}
    assert (await client.raw("GET", "/api/v3/avgPrice?symbol=BTCUSDT")).json["price"] == "60000.00000000"
    assert (await client.raw("GET", "/api/v3/trades?symbol=BTCUSDT")).json[0]["price"] == "60000.00000000"
    assert (await client.raw("GET", "/api/v3/ping")).json == {}
    assert abs((await client.raw("GET", "/api/v3/time")).json["serverTime"] - now_ms()) < 2000
    assert (await client.raw("GET", "/api/v3/depth?symbol=NOPE")).error == (400, -1121, "Invalid symbol.")


async def test_margin_reference_data_needs_the_key_but_no_signature(client: Client) -> None:
    pairs = (await client.raw("GET", f"{M}/allPairs")).json
    assert pairs[0] | {"id": 0} == {
        "id": 0,
        "base": "BTC",
        "quote": "USDT",
        "symbol": "BTCUSDT",
        "isBuyAllowed": True,
        "isMarginTrade": True,
        "isSellAllowed": True,
    }
    isolated = (await client.raw("GET", f"{M}/isolated/allPairs?symbol=ETHUSDT")).json
    assert [row["symbol"] for row in isolated] == ["ETHUSDT"]
    assets = (await client.raw("GET", f"{M}/allAssets?asset=BTC")).json
    assert assets[0]["assetFullName"] == "Bitcoin"
    index = (await client.raw("GET", f"{M}/priceIndex?symbol=BTCUSDT")).json
    assert index["price"] == "60000"
    nameless = await client.raw("GET", f"{M}/allPairs", headers={"X-MBX-APIKEY": ""})
    assert nameless.error == (401, -2014, "API-key format invalid.")


async def test_the_cross_account_shows_locks_and_debts(client: Client) -> None:
    await client.limit("59000", "1")
    await client.call(
        "POST", f"{M}/borrow-repay", asset="BTC", isIsolated="FALSE", amount="1.5", type="BORROW"
    )

    account = (await client.call("GET", f"{M}/account")).json

    assets = {row["asset"]: row for row in account["userAssets"]}
    assert assets["USDT"] == {
        "asset": "USDT",
        "borrowed": "0",
        "free": "941000",
        "interest": "0",
        "locked": "59000",
        "netAsset": "1000000",
    }
    assert (assets["BTC"]["borrowed"], assets["BTC"]["free"], assets["BTC"]["netAsset"]) == (
        "1.5",
        "11.5",
        "10",
    )
    assert account["accountType"] == "MARGIN_1"
    assert float(account["marginLevel"]) > 10


async def test_loans_are_recorded_and_repaid(client: Client) -> None:
    loan: dict[str, Any] = {"asset": "USDT", "isIsolated": "FALSE", "amount": "1000"}
    borrowed = (await client.call("POST", f"{M}/borrow-repay", **loan, type="BORROW")).json
    await client.call("POST", f"{M}/borrow-repay", **loan | {"amount": "400"}, type="REPAY")
    too_much = await client.call("POST", f"{M}/borrow-repay", **loan, type="REPAY")

    rows = (await client.call("GET", f"{M}/borrow-repay", type="BORROW", startTime=0)).json
    repaid = (await client.call("GET", f"{M}/borrow-repay", type="REPAY", startTime=0)).json

    assert rows["rows"][0] | {"timestamp": 0} == {
        "type": "MANUAL",
        "isolatedSymbol": "",
        "amount": "1000",
        "asset": "USDT",
        "interest": "0",
        "principal": "1000",
        "status": "CONFIRMED",
        "timestamp": 0,
        "txId": borrowed["tranId"],
    }
    assert (repaid["total"], repaid["rows"][0]["amount"]) == (1, "400")
    assert too_much.error == (400, -3015, "Repay amount exceeds borrow amount.")


async def test_transfers_reach_every_wallet(client: Client) -> None:
    legs = [
        {"type": "MAIN_MARGIN"},
        {"type": "MARGIN_ISOLATEDMARGIN", "toSymbol": "BTCUSDT"},
        {"type": "ISOLATEDMARGIN_MARGIN", "fromSymbol": "BTCUSDT"},
        {"type": "MARGIN_MAIN"},
        {"type": "MAIN_ISOLATED_MARGIN", "toSymbol": "BTCUSDT"},
    ]
    for leg in legs:
        answer = await client.call("POST", "/sapi/v1/asset/transfer", asset="USDT", amount="100", **leg)
        assert answer.status == 200, answer.body

    wallets = (await client.state())["wallets"]
    assert wallets["desk/SPOT"]["USDT"]["free"] == "99900"
    assert wallets["desk/CROSS_MARGIN"]["USDT"]["free"] == "1000000"
    assert wallets["desk/ISOLATED_MARGIN/BTCUSDT"]["USDT"]["free"] == "100100"
    unknown = await client.call(
        "POST", "/sapi/v1/asset/transfer", asset="USDT", amount="1", type="MAIN_UMFUTURE"
    )
    assert unknown.error[:2] == (400, -1130)


async def test_isolated_accounts_are_shown_and_traded_apart(client: Client) -> None:
    order = (await client.limit("59000", "1", isIsolated="TRUE")).json
    assert order["isIsolated"] is True

    every = (await client.call("GET", f"{M}/isolated/account")).json
    one = (await client.call("GET", f"{M}/isolated/account", symbols="BTCUSDT")).json

    assert len(every["assets"]) == 6
    assert "totalAssetOfBtc" in every
    assert "totalAssetOfBtc" not in one
    assert one["assets"][0]["quoteAsset"]["locked"] == "59000"
    assert one["assets"][0]["marginLevelStatus"] == "EXCESSIVE"


async def test_limits_of_borrowing_and_transferring(client: Client) -> None:
    borrowable = (await client.call("GET", f"{M}/maxBorrowable", asset="BTC")).json
    transferable = (await client.call("GET", f"{M}/maxTransferable", asset="BTC")).json
    coefficients = (await client.call("GET", f"{M}/tradeCoeff")).json

    assert borrowable == {"amount": "60", "borrowLimit": "60"}
    assert transferable == {"amount": "10"}
    assert coefficients["forceLiquidationBar"] == "1.1"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/sapi/v1/userDataStream", 410, -1016),
        ("PUT", "/sapi/v1/userDataStream/isolated", 410, -1016),
        ("POST", "/api/v3/userDataStream", 410, -1016),
        ("POST", "/sapi/v1/margin/transfer", 404, -1099),
        ("POST", "/sapi/v1/margin/loan", 404, -1099),
        ("POST", "/api/v3/order", 404, -1099),
        ("GET", "/sapi/v1/margin/nonsense", 404, -1099),
        ("PATCH", "/sapi/v1/margin/order", 404, -1099),
        ("GET", "/", 404, -1099),
    ],
)
async def test_removed_and_unknown_endpoints_answer_json(
    client: Client, method: str, path: str, status: int, code: int
) -> None:
    answer = await client.raw(method, path)

    assert answer.error[:2] == (status, code)


async def test_order_lists_say_that_they_are_not_simulated(client: Client) -> None:
    answer = await client.call("POST", f"{M}/order/oco", symbol="BTCUSDT")

    assert answer.error[:2] == (400, -1020)
    assert "not simulated" in answer.error[2]


async def test_unknown_parameters_are_ignored(client: Client) -> None:
    """/sapi is thought to ignore them."""
    assert (await client.limit("59000", "0.1", strategy="x")).status == 200


async def test_a_stop_on_the_book_is_not_working(client: Client, simulator: RunningSimulator) -> None:
    await client.order(
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_LOSS_LIMIT",
        timeInForce="GTC",
        quantity="0.1",
        price="59000",
        stopPrice="59500",
        newClientOrderId="stop",
    )

    row = (await client.call("GET", f"{M}/openOrders", symbol="BTCUSDT")).json[0]

    assert (row["isWorking"], row["stopPrice"], row["status"]) == (False, "59500", "NEW")
