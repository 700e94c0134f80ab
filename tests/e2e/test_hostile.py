"""What an OMS, an operator or an accident may do, found by attacking the connector."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector import exits
from tests.support.books import assert_books_agree
from tests.support.daemon import PASSWORD, USER, Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms, now


@pytest.mark.parametrize(
    "poison", ["junk\x01", "355=x\x01", "354=5\x01355=x\x01", "=1\x01", "99999999999=1\x01"]
)
async def test_a_message_the_engine_cannot_parse_holds_up_nothing(
    venue: Exchange, daemon: Daemon, oms: Oms, poison: str
) -> None:
    """P8: the engine would ask for it again for ever, and the cancels behind it would wait."""
    resting = await oms.order(px="50000.00")
    await oms.report(resting, "0")
    data, number = oms.client.build("D", {11: "bad", 55: "BTCUSDT", 54: "1", 38: "1", 40: "1", 60: now()})
    body = data[data.index(b"35=") : -7] + poison.encode()
    raw = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    await oms.client.send_raw(raw + b"10=%03d\x01" % (sum(raw) & 0xFF))

    reject = await oms.client.expect("j", {45: str(number)})
    assert "was not processed" in reject[58]
    await oms.client.expect("3", {45: str(number)})
    assert (await oms.report(await oms.cancel(resting), "4"))[39] == "4"
    assert daemon.events("fix_illegible_message")
    await assert_books_agree(venue, oms)


async def test_a_session_taken_out_of_the_configuration_leaves_the_others_alone(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Its orders go on at the venue; what happens to them is kept for it, and the operator is told."""
    second = {"targetCompId": "OMS2", "username": USER, "password": PASSWORD, "connector": "BINANCE"}
    daemon = make_daemon(more_sessions=[second])
    await daemon.start()
    one, two = Oms(), Oms("OMS2")
    for client in (one, two):
        await client.connect(daemon)
    order = await two.order(px="50000.00")
    name = (await two.report(order, "0"))[526]
    for client in (one, two):
        await client.close()
    assert await daemon.stop() == 0
    sessions = daemon.settings["fix"]["sessions"]
    daemon.settings["fix"]["sessions"] = sessions[:1]

    await daemon.start()
    await one.connect(daemon)
    await daemon.event("stream_up")
    await venue.sim("fill", clientOrderId=name)
    assert (await daemon.event("fix_session_not_configured"))["session"] == "OMS2->CONNECTOR"
    assert (await one.report(await one.order(px="50000.00"), "0"))[39] == "0"
    await one.close()
    assert await daemon.stop() == 0

    daemon.settings["fix"]["sessions"] = sessions
    await daemon.start()
    await two.connect(daemon)
    assert (await two.report(order, "F"))[39] == "2"
    await one.connect(daemon)
    await assert_books_agree(venue, one, two)


async def test_two_daemons_on_one_fix_store_are_refused(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Each with its own journal; in one store they would give one MsgSeqNum(34) to two messages."""
    first, second = make_daemon(), make_daemon()
    second.settings["fix"]["acceptor"]["storePath"] = first.settings["fix"]["acceptor"]["storePath"]
    await first.start()
    await second.launch()

    assert await second.ended() == exits.START
    assert "in use by another connector" in second.events("start_failed")[0]["text"]
