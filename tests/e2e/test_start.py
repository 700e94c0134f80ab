"""What is found at start: keys, journal, ports; and what several accounts and sessions are to each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector import exits
from tests.support.books import assert_books_agree
from tests.support.daemon import PASSWORD, USER, Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms


def key_of(venue: Exchange, kind: str) -> dict[str, str]:
    api_key, secret = venue.key(kind=kind)
    return {"apiKey": api_key, "apiSecret": secret.strip().replace("\n", "#")}


@pytest.mark.parametrize(("kind", "said"), [("ED25519", "Ed25519"), ("HMAC", "HMAC-SHA256")])
async def test_both_kinds_of_key_are_recognised_proven_and_trade(
    venue: Exchange, make_daemon: Callable[..., Daemon], kind: str, said: str
) -> None:
    daemon, oms = make_daemon(settings={"apiKeys": [key_of(venue, kind)]}), Oms()
    await daemon.start()
    await oms.connect(daemon)

    assert daemon.events("signing_chosen")[0]["kind"] == said
    assert daemon.events("key_proven")
    await oms.report(await oms.order(type="1"), "F")
    await assert_books_agree(venue, oms)


@pytest.mark.parametrize(
    "damage",
    [
        lambda pem: pem.replace("MC4C", "MC4D", 1),
        lambda pem: pem[: len(pem) // 2] + pem[len(pem) // 2 + 4 :],
        lambda pem: pem.replace("-----END PRIVATE KEY-----", ""),
    ],
    ids=["a letter changed", "letters missing", "the end missing"],
)
async def test_a_damaged_pem_is_found_at_start_not_by_the_first_order(
    venue: Exchange, make_daemon: Callable[..., Daemon], damage: Callable[[str], str]
) -> None:
    """The page demands the fallback to HMAC; the harmless signed request then finds it (design, section 5)."""
    key = key_of(venue, "ED25519")
    broken = damage(key["apiSecret"])
    daemon = make_daemon(settings={"apiKeys": [key | {"apiSecret": broken}]})
    await daemon.launch()

    assert await daemon.ended() == exits.KEY
    assert daemon.events("signing_key_suspect")
    [refused] = daemon.events("key_refused")
    assert "-1022" in refused["text"]
    log = daemon.log_file.read_text()
    assert key["apiKey"] not in log
    assert broken[30:60] not in log, "P11"
    assert await venue.placements() == {}


async def test_a_key_the_venue_does_not_know_is_refused_at_start(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon = make_daemon(settings={"apiKeys": [key_of(venue, "HMAC") | {"apiKey": "A" * 64}]})
    await daemon.launch()

    assert await daemon.ended() == exits.KEY
    assert (
        "-2015" in daemon.events("key_refused")[0]["text"]
        or "-2008" in daemon.events("key_refused")[0]["text"]
    )


async def test_two_daemons_on_one_journal_are_refused(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    first = make_daemon()
    await first.start()
    second = Daemon(first.directory.parent / "second", first.settings)
    await second.launch()

    assert await second.ended() == exits.JOURNAL
    assert "in use" in second.events("journal_refused")[0]["text"]


async def test_a_taken_port_is_said_in_one_line(venue: Exchange, make_daemon: Callable[..., Daemon]) -> None:
    first, second = make_daemon(), make_daemon()
    await first.start()
    second.settings["fix"]["acceptor"]["port"] = first.port
    await second.launch()

    assert await second.ended() == exits.START
    assert str(first.port) in second.events("start_failed")[0]["text"]


async def test_a_wrong_configuration_ends_with_2_and_names_path_and_remedy(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon = make_daemon(settings={"recvwindow": 5000})
    await daemon.launch()

    assert await daemon.ended() == exits.USAGE
    assert "connectors.BINANCE.settings.recvwindow" in daemon.log_file.read_text()
    assert "recvWindow" in daemon.log_file.read_text()


async def test_cross_and_isolated_accounts_of_one_key(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """isIsolated is carried with the order for life (trap 10)."""
    key = key_of(venue, "ED25519")
    keys = [key | {"account": "CROSS"}, key | {"account": "ISO", "isolatedSymbols": ["ETHUSDT", "BTCUSDT"]}]
    daemon, oms = make_daemon(settings={"apiKeys": keys}), Oms()
    await daemon.start()
    await oms.connect(daemon)

    cross = await oms.report(await oms.order(px="50000.00"), "0")
    isolated_order = await oms.order(px="50000.00", account="ISO")
    isolated = await oms.report(isolated_order, "0")
    assert (cross[1], isolated[1]) == ("CROSS", "ISO")
    at_venue = [await venue.order(report[526]) for report in (cross, isolated)]
    assert [order["account"] for order in at_venue if order] == [
        "main/CROSS_MARGIN",
        "main/ISOLATED_MARGIN/BTCUSDT",
    ]
    await daemon.event("stream_up", count=2)
    await venue.sim("fill", clientOrderId=isolated[526], quantity="0.004")
    assert (await oms.report(isolated_order, "F"))[14] == "0.004"
    assert (await oms.report(await oms.cancel(isolated_order), "4"))[14] == "0.004"

    refused = await oms.report(await oms.order(px="600.00", symbol="BNBUSDT", account="ISO"), "8")
    assert "BNBUSDT" in refused[58]
    unknown = await oms.report(await oms.order(px="50000.00", account="NOSUCH"), "8")
    assert "CROSS" in unknown[58]
    assert "ISO" in unknown[58]
    await assert_books_agree(venue, oms)


async def test_two_sessions_may_use_the_same_clordid_and_hear_only_their_own(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    second = {"targetCompId": "OMS2", "username": USER, "password": PASSWORD, "connector": "BINANCE"}
    daemon = make_daemon(more_sessions=[second])
    await daemon.start()
    one, two = Oms(), Oms("OMS2")
    for client in (one, two):
        await client.connect(daemon)
        await client.order("same", px="50000.00")
    reports = [await client.report("same", "0") for client in (one, two)]

    assert reports[0][37] != reports[1][37]
    assert (await two.client.expect("8", timeout_s=0.5) if two.client.inbox else None) is None
    await one.cancel("same", cl_ord_id="x")
    await one.report("x", "4")
    await two.client.expect_silence(0.5)
    await assert_books_agree(venue, one, two)


async def test_composite_ids_name_the_source_and_clordid(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon = make_daemon(
        settings={"orderMapperType": "COMPOSITE", "clientOrderIdPrefix": "unused"},
        session={"onBehalfOf": ["DESK7"]},
    )
    oms = Oms()
    await daemon.start()
    await oms.connect(daemon)

    assert (await oms.report(await oms.order("a-1", px="50000.00"), "0"))[526] == "OMS1-a-1"
    routed = await oms.order("a-1", px="50000.00", header={115: "DESK7"})
    new = await oms.report(routed, "0")
    assert (new[526], new[128]) == ("DESK7-a-1", "DESK7")
    too_long = await oms.report(await oms.order("x" * 40, px="50000.00"), "8")
    assert "36" in too_long[58]
    assert "ClOrdID(11)" in too_long[58]


async def test_orders_are_answered_when_the_client_resets_its_numbers_mid_day(
    venue: Exchange, daemon: Daemon, oms: Oms
) -> None:
    """141=Y: open orders untouched; what was told while the client was away is told again, 97=Y (fault 12)."""
    await daemon.event("stream_up")
    order = await oms.order(px="50000.00", qty="0.02")
    name = (await oms.report(order, "0"))[526]
    await oms.close()
    await daemon.event("session_closed")
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    await daemon.event("order_partially_filled")

    await oms.connect(daemon, reset=True)

    fill = await oms.report(order, "F", t97="Y")
    assert fill[14] == "0.01"
    assert (await oms.ask(order))[39] == "1"
    await assert_books_agree(venue, oms)
