"""Weights per endpoint, order counts, 429 and 418 (reference section 1.10)."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from connector.simulator.config import SimulatorConfig
from connector.simulator.errors import VenueError
from connector.simulator.limits import DAY_US, OrderCounter, RateLimits, WeightLimiter
from connector.simulator.server import start
from tests.simulator.client import Client
from tests.simulator.kit import START_US, Desk

M = "/sapi/v1/margin"


@pytest.fixture
async def throttled() -> AsyncIterator[Client]:
    limits = RateLimits(ip_weight=25, uid_weight=3000, api_weight=10, breaches_before_ban=2, connections=2)
    running = await start(SimulatorConfig(price_moves=False, limits=limits))
    async with aiohttp.ClientSession() as session:
        yield Client(running, session, running.demo_keys[0])
    await running.stop()


async def test_every_sapi_endpoint_has_its_own_pool(client: Client) -> None:
    first = await client.call("GET", f"{M}/account")
    second = await client.call("GET", f"{M}/account")
    other = await client.call("GET", f"{M}/myTrades", symbol="BTCUSDT")

    assert first.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "10"
    assert second.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "20"
    assert other.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "10"


async def test_borrowing_orders_weigh_1500(client: Client) -> None:
    """Since 2026-05-07; all other orders weigh 6, both per user."""
    plain = await client.limit("59000", "0.1")
    borrowing = await client.limit("59000", "0.1", sideEffectType="MARGIN_BUY")

    assert plain.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "6"
    assert borrowing.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "1506"
    assert "X-SAPI-USED-IP-WEIGHT-1M" not in plain.headers


async def test_the_public_pool_is_shared(client: Client) -> None:
    await client.raw("GET", "/api/v3/time")
    answer = await client.raw("GET", "/api/v3/exchangeInfo")

    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "21"


async def test_too_much_weight_is_429_with_retry_after_and_then_418(throttled: Client) -> None:
    answers = [await throttled.call("GET", f"{M}/account") for _ in range(6)]

    assert [answer.status for answer in answers] == [200, 200, 429, 429, 418, 418]
    refused = answers[2]
    assert refused.error[1] == -1003
    assert "current limit is 25 request weight per 1 MINUTE" in refused.error[2]
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 120
    assert "IP banned until" in answers[-1].error[2]


async def test_a_refused_borrowing_order_leaves_room_for_plain_ones(throttled: Client) -> None:
    statuses = [(await throttled.limit("59000", "0.1", sideEffectType="MARGIN_BUY")).status for _ in range(3)]

    assert statuses == [200, 200, 429]


async def test_ws_connections_are_limited(throttled: Client) -> None:
    for _ in range(2):
        await (await throttled.socket()).socket.close()

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await throttled.socket()
    assert refused.value.status == 429


def test_order_counts_are_per_account_and_windows_are_aligned() -> None:
    desk = Desk(limits=RateLimits(orders_10s=2))
    desk.now_us = START_US + 9_000_000
    desk.buy("0.1", "59000")
    desk.buy("0.1", "59000")

    with pytest.raises(VenueError) as refused:
        desk.buy("0.1", "59000")
    desk.buy("0.1", "59000", desk.b)
    desk.now_us = START_US + 10_000_000
    desk.buy("0.1", "59000")

    assert (refused.value.status, refused.value.code, refused.value.msg) == (
        429,
        -1015,
        "Too many new orders; current limit is 2 orders per 10 SECOND.",
    )


def test_fills_give_order_count_back() -> None:
    """Taker first fill -1, maker first fill -5, never below zero."""
    counter = OrderCounter(RateLimits())
    for _ in range(7):
        counter.charge(START_US)

    counter.credit_fill(START_US, is_maker=False)
    assert counter.ten_seconds.count == 6
    counter.credit_fill(START_US, is_maker=True)
    assert counter.ten_seconds.count == 1
    counter.credit_fill(START_US, is_maker=True)
    assert (counter.ten_seconds.count, counter.day.count) == (0, 0)


def test_an_exceeded_day_stops_the_ten_second_count() -> None:
    counter = OrderCounter(RateLimits(orders_1d=1))
    counter.charge(START_US)

    with pytest.raises(
        VenueError, match=r"-1015: Too many new orders; current limit is 1 orders per 1 DAY\."
    ):
        counter.charge(START_US)
    assert counter.ten_seconds.count == 1
    counter.charge(START_US + DAY_US)


def test_a_ban_ends() -> None:
    limiter = WeightLimiter(RateLimits())
    limiter.ban("1.2.3.4", START_US + 1_500_000)

    with pytest.raises(VenueError) as refused:
        limiter.check_ban("1.2.3.4", START_US)
    limiter.check_ban("5.6.7.8", START_US)
    limiter.check_ban("1.2.3.4", START_US + 1_500_000)

    assert (refused.value.status, refused.value.headers) == (418, {"Retry-After": "2"})
