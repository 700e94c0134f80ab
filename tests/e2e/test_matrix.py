"""Everything that is legal, through a real quickfix initiator: the venue's view and the FIX view agree.

Daemon, simulator and initiator are three processes. The market stands at 59994 / 60006.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.settings import shipped
from tests.support.daemon import PASSWORD, USER, Daemon
from tests.support.exchange import Exchange
from tests.support.oms import TAGS, now
from tests.support.quickfix_initiator import QuickfixInitiator

Report = dict[int, str]
BUY, SELL = "1", "2"


@dataclass
class Client:
    """A quickfix initiator that knows how to ask for an order."""

    initiator: QuickfixInitiator
    venue: Exchange
    count: int = 0

    async def order(self, **terms: str) -> str:
        self.count += 1
        name = terms.pop("cl_ord_id", f"m{self.count}")
        terms = {"symbol": "BTCUSDT", "side": BUY, **terms}
        if "cash" not in terms:
            terms.setdefault("qty", "0.01")
        fields = {35: "D", 11: name, 60: now(), **{TAGS[key]: value for key, value in terms.items()}}
        await self.initiator.send(fields)
        return name

    async def cancel(self, orig: str, side: str = BUY, symbol: str = "BTCUSDT") -> str:
        self.count += 1
        name = f"x{self.count}"
        await self.initiator.send({35: "F", 11: name, 41: orig, 55: symbol, 54: side, 60: now()})
        return name

    async def report(self, name: str, exec_type: str) -> Report:
        return await self.initiator.expect("8", {11: name, 150: exec_type})

    async def placed(self, **terms: str) -> tuple[Report, dict[str, Any]]:
        """Place an order that the venue accepts: the report 150=0 and the venue's view."""
        name = await self.order(**terms)
        new = await self.report(name, "0")
        at_venue = await self.venue.order(new[526])
        assert at_venue is not None
        assert str(at_venue["orderId"]) == new[37]
        return new, at_venue

    async def refused(self, **terms: str) -> Report:
        return await self.report(await self.order(**terms), "8")


@pytest.fixture
async def client(venue: Exchange, daemon: Daemon, tmp_path: Path) -> AsyncIterator[Client]:
    initiator = QuickfixInitiator(
        host="127.0.0.1",
        port=daemon.port,
        sender="OMS1",
        target="CONNECTOR",
        username=USER,
        password=PASSWORD,
        store=str(tmp_path / "initiator"),
        dictionary=str(shipped("FIX44.xml")),
        heartbeat_s=30,
        reset=False,
    )
    await initiator.start()
    await initiator.expect_event("logon")
    yield Client(initiator, venue)
    await initiator.stop()


# OrdType(40), side, further terms -> type and state at the venue. Prices far from the market rest or wait.
RESTING = [
    ("2", BUY, {"px": "50000.00"}, "LIMIT"),
    ("2", SELL, {"px": "70000.00"}, "LIMIT"),
    ("2", BUY, {"px": "50000.00", "inst": "6"}, "LIMIT_MAKER"),
    ("2", SELL, {"px": "70000.00", "inst": "6"}, "LIMIT_MAKER"),
    ("2", BUY, {"px": "50000.00", "qty": "0.02", "max_floor": "0.01"}, "LIMIT"),
    ("3", BUY, {"stop": "65000.00"}, "STOP_LOSS"),
    ("3", SELL, {"stop": "55000.00"}, "STOP_LOSS"),
    ("3", BUY, {"stop": "55000.00", "stop_type": "TakeProfit"}, "TAKE_PROFIT"),
    ("3", SELL, {"stop": "65000.00", "stop_type": "TakeProfit"}, "TAKE_PROFIT"),
    ("4", BUY, {"stop": "65000.00", "px": "65100.00"}, "STOP_LOSS_LIMIT"),
    ("4", SELL, {"stop": "55000.00", "px": "54900.00", "stop_type": "StopLoss"}, "STOP_LOSS_LIMIT"),
    ("4", BUY, {"stop": "55000.00", "px": "55100.00", "stop_type": "TakeProfit"}, "TAKE_PROFIT_LIMIT"),
    ("4", SELL, {"stop": "65000.00", "px": "64900.00", "stop_type": "TakeProfit"}, "TAKE_PROFIT_LIMIT"),
]  # fmt: skip


async def test_every_resting_type_on_both_sides_is_placed_and_cancelled(client: Client) -> None:
    for ord_type, side, terms, venue_type in RESTING:
        new, at_venue = await client.placed(type=ord_type, side=side, **terms)

        assert (at_venue["type"], at_venue["status"]) == (venue_type, "NEW"), terms
        assert (new[39], new[14], new[54]) == ("0", "0", side)
        assert new.get(18) == terms.get("inst")
        if ord_type in "34":
            assert new[6100] == terms.get("stop_type", "StopLoss")
            assert new[99] == terms["stop"]
        cancel = await client.cancel(new[11], side)
        canceled = await client.report(cancel, "4")
        assert (canceled[39], canceled[41], canceled[37]) == ("4", new[11], new[37])
        gone = await client.venue.order(new[526])
        assert gone is not None
        assert gone["status"] == "CANCELED"


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_time_in_force_with_every_type_that_takes_one(client: Client, side: str) -> None:
    through, away = ("60100.00", "50000.00") if side == BUY else ("59900.00", "70000.00")
    for tif, venue_tif in (("1", "GTC"), ("3", "IOC"), ("4", "FOK")):
        new, _ = await client.placed(type="2", side=side, px=through, tif=tif)
        fill = await client.report(new[11], "F")
        assert (new[59], fill[39], fill[14]) == (tif, "2", "0.01")

        stop = "65000.00" if side == BUY else "55000.00"
        new, at_venue = await client.placed(type="4", side=side, stop=stop, px=stop, tif=tif)
        assert at_venue["timeInForce"] == venue_tif

        new, at_venue = await client.placed(type="2", side=side, px=away, tif=tif)
        if tif == "1":
            assert at_venue["status"] == "NEW"
        else:
            expired = await client.report(new[11], "C")
            assert (expired[39], expired[14], expired[151]) == ("C", "0", "0")
            assert at_venue["status"] == "EXPIRED"


async def test_market_orders_by_quantity_and_by_cash(client: Client) -> None:
    for side in (BUY, SELL):
        new, at_venue = await client.placed(type="1", side=side)
        assert (await client.report(new[11], "F"))[39] == "2"
        assert at_venue["status"] == "FILLED"

        new, at_venue = await client.placed(type="1", side=side, cash="1200")
        fill = await client.report(new[11], "F")
        assert (fill[39], fill[14]) == ("2", at_venue["executedQty"])
        assert (fill[152], fill[38]) == ("1200", at_venue["executedQty"])


async def test_post_only_that_would_take_is_refused_with_the_venues_words(client: Client) -> None:
    refused = await client.refused(type="2", px="60100.00", inst="6")

    assert (refused[39], refused[37], refused[25016]) == ("8", "NONE", "-2010")
    assert refused[58] == "-2010 Order would immediately match and take."


SIDE_EFFECTS = [
    ("NO_SIDE_EFFECT", "NO_SIDE_EFFECT", "NO_SIDE_EFFECT"),
    ("MARGIN_BUY", "MARGIN_BUY", "MARGIN_BUY"),
    ("AUTO_REPAY", "AUTO_REPAY", "AUTO_REPAY"),
    ("AUTO_BORROW_REPAY", "AUTO_BORROW_REPAY", "AUTO_BORROW_REPAY"),
    ("MARGIN_BUY_REPAY_SELL", "MARGIN_BUY", "AUTO_REPAY"),
    ("MARGIN_SELL_REPAY_BUY", "AUTO_REPAY", "MARGIN_BUY"),
]


async def test_every_side_effect_on_both_sides_per_order(client: Client) -> None:
    for name, on_buy, on_sell in SIDE_EFFECTS:
        for side, price, expected in ((BUY, "50000.00", on_buy), (SELL, "70000.00", on_sell)):
            new, at_venue = await client.placed(type="2", side=side, px=price, side_effect=name)
            assert at_venue["sideEffectType"] == expected, (name, side)
            assert new[6101] == name


@pytest.mark.parametrize(("name", "on_buy", "on_sell"), SIDE_EFFECTS)
async def test_every_side_effect_as_the_default(
    venue: Exchange, make_daemon: Callable[..., Daemon], name: str, on_buy: str, on_sell: str
) -> None:
    from tests.support.oms import Oms  # noqa: PLC0415

    daemon, oms = make_daemon(settings={"sideEffectType": name}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    for side, price, expected in ((BUY, "50000.00", on_buy), (SELL, "70000.00", on_sell)):
        new = await oms.report(await oms.order(side=side, px=price), "0")
        at_venue = await venue.order(new[526])
        assert at_venue is not None
        assert at_venue["sideEffectType"] == expected
        assert new[6101] == name
    await oms.close()


async def test_margin_buy_borrows_what_is_missing(client: Client) -> None:
    await client.venue.sim("balances", asset="USDT", free="100")
    new, _ = await client.placed(type="1", qty="0.02", side_effect="MARGIN_BUY")
    await client.report(new[11], "F")

    wallets = (await client.venue.state())["wallets"]
    assert float(wallets["main/CROSS_MARGIN"]["USDT"]["borrowed"]) > 1000


@pytest.mark.parametrize(
    ("mode", "resting_ends", "taking_ends"),
    [("EXPIRE_MAKER", True, False), ("EXPIRE_TAKER", False, True), ("EXPIRE_BOTH", True, True)],
)
async def test_every_stp_mode_between_orders_of_one_account(
    client: Client, mode: str, resting_ends: bool, taking_ends: bool
) -> None:
    """The reason is in Text(58): the venue's EXPIRED_IN_MATCH is told as 150=C."""
    await client.venue.sim("liquidity", symbol="BTCUSDT", action="clear")
    resting, _ = await client.placed(type="2", side=SELL, px="60006.00", stp=mode)
    taking, at_venue = await client.placed(type="2", side=BUY, px="60006.00", stp=mode)

    assert (taking[6102], at_venue["selfTradePreventionMode"]) == (mode, mode)
    for order, ends in ((resting, resting_ends), (taking, taking_ends)):
        now_at_venue = await client.venue.order(order[526])
        assert now_at_venue is not None
        if ends:
            expired = await client.report(order[11], "C")
            assert "EXPIRED_IN_MATCH" in expired[58]
            assert now_at_venue["status"] == "EXPIRED_IN_MATCH"
        else:
            assert now_at_venue["status"] == "NEW"


async def test_stp_none_is_checked_against_the_symbols_modes(client: Client) -> None:
    refused = await client.refused(type="2", px="50000.00", stp="NONE")

    assert "SelfTradePreventionMode(6102)=NONE" in refused[58]


async def test_a_stop_and_a_take_profit_trigger_and_fill(client: Client) -> None:
    stop, _ = await client.placed(type="3", side=SELL, stop="59000.00")
    profit, _ = await client.placed(
        type="4", side=SELL, stop="61000.00", px="60900.00", stop_type="TakeProfit"
    )

    await client.venue.sim("price", symbol="BTCUSDT", price="61010")
    assert (await client.report(profit[11], "F"))[39] == "2"
    await client.venue.sim("price", symbol="BTCUSDT", price="58990")
    assert (await client.report(stop[11], "F"))[39] == "2"


async def test_status_requests_know_every_order(client: Client) -> None:
    resting, _ = await client.placed(type="2", px="50000.00")
    filled, _ = await client.placed(type="1")
    await client.report(filled[11], "F")
    refused = await client.refused(type="2", px="50000.001")
    for name, ord_status in ((resting[11], "0"), (filled[11], "2"), (refused[11], "8"), ("never-sent", "8")):
        await client.initiator.send({35: "H", 11: name, 55: "BTCUSDT", 54: BUY})
        status = await client.report(name, "I")
        assert status[39] == ord_status, name
    assert status[37] == "NONE"


async def test_an_unsupported_message_is_answered_by_business_message_reject(client: Client) -> None:
    await client.initiator.send({35: "G", 41: "a", 11: "b", 55: "BTCUSDT", 54: BUY, 60: now(), 40: "2"})

    reject = await client.initiator.expect("j")
    assert (reject[372], reject[380]) == ("G", "3")
