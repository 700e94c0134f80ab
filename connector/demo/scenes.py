"""The story: seven scenes in one market. Prices are set by the story, so it goes the same way every time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from connector.demo.client import FixClient, StoryError
from connector.demo.compare import Terms
from connector.demo.venue import Venue

SYMBOL = "BTCUSDT"
TERMS = Terms(wallet="main/CROSS_MARGIN", assets={SYMBOL: ("BTC", "USDT")})
STREAM_DOWN_S = 5.0
STREAM_UP_S = 15.0

BUY, SELL = "1", "2"
LIMIT, STOP, STOP_LIMIT = "2", "3", "4"
NEW, PARTLY, FILLED, CANCELED, REJECTED = "0", "1", "2", "4", "8"
TRADE = "F"


@dataclass(frozen=True, slots=True)
class Stage:
    """Who plays. `pause`: a moment for the reader, nothing to programs."""

    client: FixClient
    venue: Venue
    pause: Callable[[], Awaitable[None]]

    async def order(self, cl_ord_id: str, side: str, quantity: str, kind: str, **more: str) -> None:
        """NewOrderSingle(D); `more`: tags as t44="59998"."""
        extra = {int(tag.removeprefix("t")): value for tag, value in more.items()}
        fields = {11: cl_ord_id, 55: SYMBOL, 54: side, 38: quantity, 40: kind} | extra
        await self.client.send("D", fields)

    async def reported(self, cl_ord_id: str, exec_type: str, **more: str) -> dict[int, str]:
        """Wait for the ExecutionReport."""
        extra = {int(tag.removeprefix("t")): value for tag, value in more.items()}
        fields = {35: "8", 11: cl_ord_id, 150: exec_type} | extra
        wanted = ", ".join(f"{tag}={value}" for tag, value in fields.items())
        return await self.client.expect(f"the report {wanted}", fields)


@dataclass(frozen=True, slots=True)
class Scene:
    """`line`: what will happen and why."""

    title: str
    line: str
    play: Callable[[Stage], Awaitable[None]]


async def margin_buy(stage: Stage) -> None:
    """Three sellers hit one resting bid."""
    await stage.order("margin-buy", BUY, "0.5", LIMIT, t44="59998", t59="1", t6101="MARGIN_BUY")
    await stage.reported("margin-buy", NEW)
    for quantity, total in (("0.2", "0.2"), ("0.1", "0.3"), ("0.2", "0.5")):
        await stage.pause()
        await stage.venue.trader(SYMBOL, "SELL", quantity, "59998")
        await stage.reported("margin-buy", TRADE, t14=total)


async def post_only(stage: Stage) -> None:
    """The best offer stands at 60006."""
    await stage.order("post-only", BUY, "0.1", LIMIT, t44="60010", t18="6")
    await stage.reported("post-only", REJECTED)


async def stop(stage: Stage) -> None:
    """A market stop below the market."""
    await stage.order("stop", SELL, "0.2", STOP, t99="59800", t6101="AUTO_REPAY")
    await stage.reported("stop", NEW)
    await stage.pause()
    await stage.venue.market_moves(SYMBOL, "59790")
    await stage.reported("stop", TRADE, t39=FILLED)


async def take_profit(stage: Stage) -> None:
    """A take-profit limit above the market."""
    await stage.order(
        "take-profit",
        SELL,
        "0.2",
        STOP_LIMIT,
        t99="60200",
        t44="60150",
        t59="1",
        t6100="TakeProfit",
        t6101="AUTO_REPAY",
    )
    await stage.reported("take-profit", NEW)
    await stage.pause()
    await stage.venue.market_moves(SYMBOL, "60210")
    await stage.reported("take-profit", TRADE, t39=FILLED)


async def cancel(stage: Stage) -> None:
    """A bid far below the market, taken back."""
    await stage.order("resting", BUY, "0.05", LIMIT, t44="59000", t59="1")
    await stage.reported("resting", NEW)
    await stage.pause()
    await stage.client.send("F", {41: "resting", 11: "cxl-resting", 55: SYMBOL, 54: BUY, 38: "0.05"})
    await stage.reported("cxl-resting", CANCELED)


async def fat_finger(stage: Stage) -> None:
    """A quantity ten thousand times too large; the venue must not hear of it."""
    before = (await stage.venue.state())["placements"]
    await stage.order("fat-finger", BUY, "10000", LIMIT, t44="60000", t59="1")
    report = await stage.reported("fat-finger", REJECTED)
    if "LOT_SIZE" not in report.get(58, ""):
        raise StoryError(f"the refusal does not name the filter LOT_SIZE: Text(58)={report.get(58, '')}")
    if (await stage.venue.state())["placements"] != before:
        raise StoryError("the fat-finger order reached the venue")


async def reconnect(stage: Stage) -> None:
    """One fill before, one while the stream is down, one after."""
    await stage.order("reconnect", BUY, "0.3", LIMIT, t44="60212", t59="1", t6101="MARGIN_BUY")
    await stage.reported("reconnect", NEW)
    await stage.venue.trader(SYMBOL, "SELL", "0.1", "60212")
    await stage.reported("reconnect", TRADE, t14="0.1")
    await stage.pause()
    await stage.venue.cut_streams()
    await streams(stage, up=False, within_s=STREAM_DOWN_S)
    await stage.venue.trader(SYMBOL, "SELL", "0.1", "60212")
    await stage.pause()
    await stage.venue.allow_streams()
    await stage.reported("reconnect", TRADE, t14="0.2")
    await streams(stage, up=True, within_s=STREAM_UP_S)
    await stage.pause()
    await stage.venue.trader(SYMBOL, "SELL", "0.1", "60212")
    await stage.reported("reconnect", TRADE, t39=FILLED)


async def streams(stage: Stage, *, up: bool, within_s: float) -> None:
    """Wait until the connector has its user data stream, or has lost it.

    Raises:
        StoryError: the time is over.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while bool((await stage.venue.state())["streams"]["subscriptions"]) != up:
        if asyncio.get_running_loop().time() > deadline:
            raise StoryError(f"the user data stream was not {'up' if up else 'down'} within {within_s:.0f} s")
        await asyncio.sleep(0.05)
    stage.venue.tell(f"stream {'up' if up else 'down'}", "as the exchange sees it")


SCENES: tuple[Scene, ...] = (
    Scene(
        "A margin buy, filled in parts",
        "6101=MARGIN_BUY: the account owns 10,000 USDT, the venue lends the rest of 29,999; "
        "three sellers hit the bid.",
        margin_buy,
    ),
    Scene(
        "A post-only order refused",
        "18=6 may only add to the book, but this price would buy from it at once: the venue says no.",
        post_only,
    ),
    Scene(
        "A stop that triggers",
        "Sell if BTC falls to 59,800; 6101=AUTO_REPAY pays the loan back with what it earns.",
        stop,
    ),
    Scene(
        "A take-profit that triggers",
        "6100=TakeProfit turns the stop around: sell above 60,150 once BTC has risen to 60,200.",
        take_profit,
    ),
    Scene(
        "A resting order cancelled",
        "Far below the market nothing happens to it, so the trader takes it back.",
        cancel,
    ),
    Scene(
        "A fat finger",
        "10000 BTC instead of 1: the connector refuses it by the symbol's own filter, nothing is sent.",
        fat_finger,
    ),
    Scene(
        "The user data stream breaks between two fills",
        "One fill happens while nobody can hear it; after the reconnect it must be told, once.",
        reconnect,
    ),
)
