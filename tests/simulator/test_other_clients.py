"""Other people's clients, unchanged: only addresses and keys are given to them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError
from binance_sdk_margin_trading.margin_trading import MarginTrading
from binance_sdk_margin_trading.rest_api.models import (
    MarginAccountNewOrderNewOrderRespTypeEnum as RespType,
)
from binance_sdk_margin_trading.rest_api.models import MarginAccountNewOrderSideEnum as Side
from binance_sdk_margin_trading.rest_api.models import MarginAccountNewOrderTimeInForceEnum as TimeInForce
from binance_sdk_margin_trading.rest_api.models import MarginAccountNewOrderTypeEnum as OrderType

from connector.simulator.keys import DemoKey
from connector.simulator.server import RunningSimulator

KINDS = pytest.mark.parametrize("kind", ["HMAC", "ED25519"])


def key_of(simulator: RunningSimulator, kind: str) -> DemoKey:
    return next(key for key in simulator.demo_keys if key.kind == kind)


@pytest.fixture
async def python_binance(simulator: RunningSimulator, kind: str) -> AsyncIterator[AsyncClient]:
    key = key_of(simulator, kind)

    class Pointed(AsyncClient):
        API_URL = simulator.url + "/api"
        MARGIN_API_URL = simulator.url + "/sapi"
        WS_API_URL = simulator.ws_url

    secret = {"api_secret": key.secret} if kind == "HMAC" else {"private_key": key.secret}
    client = await Pointed.create(api_key=key.api_key, **secret)
    client.ws_api.TIMEOUT = 0.5  # its reader sleeps this long before it notices that it was closed
    yield client
    await client.close_connection()


@KINDS
async def test_python_binance_places_queries_lists_and_cancels(python_binance: AsyncClient) -> None:
    client = python_binance
    order = await client.create_margin_order(
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.01",
        price="59000",
        sideEffectType="MARGIN_BUY",
        newClientOrderId="pyb-1",
    )
    assert (order["status"], order["clientOrderId"]) == ("NEW", "pyb-1")

    queried = await client.get_margin_order(symbol="BTCUSDT", origClientOrderId="pyb-1")
    opened = await client.get_open_margin_orders(symbol="BTCUSDT")
    cancelled = await client.cancel_margin_order(symbol="BTCUSDT", orderId=order["orderId"])
    listed = await client.get_all_margin_orders(symbol="BTCUSDT")

    assert queried["orderId"] == opened[0]["orderId"] == order["orderId"]
    assert cancelled["status"] == "CANCELED"
    assert [row["status"] for row in listed] == ["CANCELED"]


@KINDS
async def test_python_binance_trades_and_borrows(python_binance: AsyncClient) -> None:
    client = python_binance
    bought = await client.create_margin_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.9")
    trades = await client.get_margin_trades(symbol="BTCUSDT")
    await client.create_margin_order(
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT",
        timeInForce="GTC",
        quantity="11",
        price="61000",
        sideEffectType="MARGIN_BUY",
    )
    account = await client.get_margin_account()
    info = await client.get_symbol_info("BTCUSDT")

    assert [trade["id"] for trade in trades] == [fill["tradeId"] for fill in bought["fills"]]
    assert next(row for row in account["userAssets"] if row["asset"] == "BTC")["borrowed"] == "0.1009"
    assert info is not None
    assert info["filters"][0]["filterType"] == "PRICE_FILTER"


@KINDS
async def test_python_binance_understands_refusals(python_binance: AsyncClient) -> None:
    with pytest.raises(BinanceAPIException) as refused:
        await python_binance.create_margin_order(
            symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="59000.001"
        )

    assert (refused.value.status_code, refused.value.code, refused.value.message) == (
        400,
        -1013,
        "Filter failure: PRICE_FILTER",
    )


@KINDS
@pytest.mark.parametrize("isolated", [False, True])
async def test_python_binances_margin_socket_hears_the_order(
    python_binance: AsyncClient, isolated: bool
) -> None:
    client = python_binance
    manager = BinanceSocketManager(client)
    socket = manager.isolated_margin_socket("BTCUSDT") if isolated else manager.margin_socket()
    async with socket as stream:
        order = await client.create_margin_order(
            symbol="BTCUSDT",
            side="SELL",
            type="MARKET",
            quantity="0.01",
            isIsolated="TRUE" if isolated else "FALSE",
        )
        heard = [await asyncio.wait_for(stream.recv(), 3) for _ in range(3)]

    assert [event.get("x", event["e"]) for event in heard] == ["NEW", "TRADE", "outboundAccountPosition"]
    assert {event["i"] for event in heard[:2]} == {order["orderId"]}


def official(simulator: RunningSimulator, kind: str) -> Any:
    key = key_of(simulator, kind)
    secret = {"api_secret": key.secret} if kind == "HMAC" else {"private_key": key.secret}
    configuration = ConfigurationRestAPI(api_key=key.api_key, base_path=simulator.url, timeout=5000, **secret)
    return MarginTrading(config_rest_api=configuration).rest_api


@KINDS
async def test_the_official_sdk_places_queries_lists_and_cancels(
    simulator: RunningSimulator, kind: str
) -> None:
    """It sends everything in the query, POST and DELETE too. It blocks, hence the thread."""

    def story() -> list[Any]:
        api = official(simulator, kind)
        order = {
            "symbol": "BTCUSDT",
            "side": Side.BUY,
            "type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "quantity": 0.01,
            "price": 59000.1,
        }
        placed = api.margin_account_new_order(
            **order, new_client_order_id="sdk-1", new_order_resp_type=RespType.FULL
        ).data()
        queried = api.query_margin_accounts_order(symbol="BTCUSDT", orig_client_order_id="sdk-1").data()
        opened = api.query_margin_accounts_open_orders(symbol="BTCUSDT").data()
        cancelled = api.margin_account_cancel_order(symbol="BTCUSDT", orig_client_order_id="sdk-1").data()
        listed = api.query_margin_accounts_all_orders(symbol="BTCUSDT").data()
        return [placed, queried, opened, cancelled, listed]

    placed, queried, opened, cancelled, listed = await asyncio.to_thread(story)

    assert (placed.client_order_id, placed.status, placed.price) == ("sdk-1", "NEW", "59000.1")
    assert queried.order_id == opened[0].order_id == placed.order_id
    assert (cancelled.status, cancelled.order_id) == ("CANCELED", str(placed.order_id))
    assert [row.status for row in listed] == ["CANCELED"]


@KINDS
async def test_the_official_sdk_reads_trades_account_and_refusals(
    simulator: RunningSimulator, kind: str
) -> None:
    def story() -> tuple[Any, Any, Any, BadRequestError | None]:
        api = official(simulator, kind)
        order = {"symbol": "BTCUSDT", "side": Side.SELL, "type": OrderType.MARKET}
        bought = api.margin_account_new_order(**order, quantity=0.5).data()
        trades = api.query_margin_accounts_trade_list(symbol="BTCUSDT").data()
        account = api.query_cross_margin_account_details().data()
        try:
            api.margin_account_new_order(**order, quantity=0.000123)
        except BadRequestError as error:
            return bought, trades, account, error
        return bought, trades, account, None

    bought, trades, account, refused = await asyncio.to_thread(story)

    assert bought.status == "FILLED"
    assert [trade.id for trade in trades] == [fill.trade_id for fill in bought.fills]
    assert account.user_assets[0].asset == "BTC"
    assert "LOT_SIZE" in str(refused)


@KINDS
async def test_the_official_sdk_reads_the_order_count(simulator: RunningSimulator, kind: str) -> None:
    def story() -> Any:
        return official(simulator, kind).query_current_margin_order_count_usage().data()

    rows = await asyncio.to_thread(story)

    assert [row.interval for row in rows] == ["SECOND", "DAY"]
