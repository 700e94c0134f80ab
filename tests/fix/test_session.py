"""What a logged-on client can rely on, and what one client cannot do to the others (reference: faults 8-17, 27)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from connector.fix import link
from tests.fix.conftest import Desk, order, report, small_receive_buffer
from tests.support.fix_client import FixClient, frame, utc_now

NAMED_REJECTS = {
    "0": "Invalid tag number",
    "2": "Tag not defined",
    "4": "without a value",
    "6": "data format",
}


def numbers(desk: Desk, client: str = "OMS1") -> tuple[int, int]:
    """What the engine has stored: next outgoing, next incoming."""
    sender, _, target = (desk.store / f"FIX.4.4-GW-{client}.seqnums").read_text().partition(":")
    return int(sender), int(target)


def answer_with(desk: Desk, exec_id: str) -> Callable[[str, str], None]:
    def answer(session: str, text: str) -> None:
        assert desk.send(report(exec_id), session)

    return answer


async def test_an_order_reaches_the_application_as_plain_text(desk: Desk) -> None:
    client = await desk.logged_on()

    await client.send(
        "D", order("c1", t6100="TakeProfit", t6101="MARGIN_BUY", t6102="EXPIRE_MAKER", t152="10")
    )
    await client.send("F", {41: "c1", 11: "c2", 55: "BTCUSDT", 54: "1", 60: utc_now()})
    await client.send("H", {11: "c1", 55: "BTCUSDT", 54: "1"})
    await desk.received(3)

    assert [session for session, _ in desk.app.messages] == ["OMS1->GW"] * 3
    texts = [text for _, text in desk.app.messages]
    assert all(text.startswith("8=FIX.4.4\x019=") and text.endswith("\x01") for text in texts)
    assert "\x016101=MARGIN_BUY\x01" in texts[0]
    assert [text.split("\x01")[2] for text in texts] == ["35=D", "35=F", "35=H"]


async def test_the_number_is_consumed_only_when_the_application_has_returned(desk: Desk) -> None:
    """P2: the sequence number is our receipt."""
    during: list[tuple[int, int]] = []
    desk.app.react = lambda session, text: during.append(numbers(desk))
    client = await desk.logged_on()

    number = await client.send("D", order("c1"))
    await desk.received(1)

    assert during == [(2, number)]
    assert numbers(desk) == (2, number + 1)


async def test_a_report_may_be_sent_from_within_the_callback(desk: Desk) -> None:
    desk.app.react = answer_with(desk, "e1")
    client = await desk.logged_on()
    await client.send("D", order("c1"))
    await client.expect("8", {17: "e1"})


async def test_text_that_is_not_utf8_neither_harms_nor_gets_lost(desk: Desk) -> None:
    """Such bytes reach Python as surrogates, which the engine's setters refuse (fact 21)."""
    client = await desk.logged_on()
    body = frame({35: "D", 34: "2", 49: "OMS1", 52: utc_now(), 56: "GW", **order("c1"), 58: "XY"})
    raw = body.replace(b"58=XY", b"58=\xff\xe9")
    raw = raw[:-7] + b"10=%03d\x01" % (sum(raw[:-7]) % 256)
    client.next_out = 3
    await client.send_raw(raw)
    await desk.received(1)
    assert "\x0158=\ufffd\ufffd\x01" in desk.app.messages[0][1]

    assert desk.send(report("e1", t58="caf\u00e9 \udcff \u20ac"))
    assert (await client.expect("8"))[58] == "caf\u00e9 ? \u20ac"


async def test_entries_of_a_group_stay_together(desk: Desk) -> None:
    """Two fees in one report; on a resend as well."""
    client = await desk.logged_on()
    fees = "136=2\x01137=0.1\x01138=BNB\x01139=4\x01137=0.2\x01138=BTC\x01139=4\x01"
    body = "".join(f"{tag}={value}\x01" for tag, value in report("e1").items()) + fees + "58=last\x01"
    assert desk.send(body)
    first = await client.expect("8")
    client.next_in -= 1
    await client.send("2", {7: first[34], 16: "0"})
    again = await client.expect("8", {43: "Y"})
    for message in (first, again):
        start = [tag for tag, _ in message.fields].index(136)
        assert "|".join(
            f"{tag}={value}" for tag, value in message.fields[start : start + 7]
        ) + "|" == fees.replace("\x01", "|")


@pytest.mark.parametrize(
    ("changes", "tag", "reason"),
    [
        ({"t9999": "1"}, "9999", "0"),
        ({"t31": "1"}, "31", "2"),
        ({"t110": "5"}, "110", "2"),
        ({"t210": "5"}, "210", "2"),
        ({"t58": ""}, "58", "4"),
        ({"t38": "1e3"}, "38", "6"),
        ({"t44": "abc"}, "44", "6"),
    ],
    ids=str,
)
async def test_the_dictionary_refuses_by_tag_what_no_order_may_carry(
    desk: Desk, changes: dict[str, str], tag: str, reason: str
) -> None:
    """P10; Reject(3) with RefTagID(371) and SessionRejectReason(373)."""
    client = await desk.logged_on()
    number = await client.send("D", order("c1", **changes))

    reject = await client.expect("3")

    assert (reject[45], reject[371], reject[373]) == (str(number), tag, reason)
    assert NAMED_REJECTS[reason] in reject[58]
    assert desk.app.messages == []


@pytest.mark.parametrize(
    "change",
    [
        {"t59": "Z"},
        {"t59": "GTC"},
        {"t40": "XX"},
        {"t54": "Q"},
        {"t18": "G 6"},
        {"t6101": "BORROW"},
        {"t25001": "x"},
    ],
    ids=str,
)
async def test_values_we_must_refuse_by_name_reach_the_application(
    desk: Desk, change: dict[str, str]
) -> None:
    """P10: the engine could only name the tag; our ExecutionReport names the value and the allowed ones."""
    client = await desk.logged_on()
    await client.send("D", order("c1", **change))
    await desk.received(1)
    ((tag, value),) = change.items()
    assert f"\x01{tag[1:]}={value}\x01" in desk.app.messages[0][1]


async def test_reports_sent_while_the_client_is_away_wait_for_it(desk: Desk) -> None:
    """Fact 16; the client sees a gap and asks."""
    client = await desk.logged_on()
    await client.logout()
    for number in range(3):
        assert desk.send(report(f"e{number}"))

    await client.connect("127.0.0.1", desk.port)
    await client.logon()

    for number in range(3):
        late = await client.expect("8", {17: f"e{number}"})
        assert late[43] == "Y"
        assert late.get(122)
    await client.expect_silence()


async def test_a_restart_keeps_numbers_and_undelivered_reports(desk: Desk) -> None:
    client = await desk.logged_on()
    await client.send("D", order("c1"))
    await desk.received(1)
    assert desk.send(report("e1"))
    await client.expect("8", {17: "e1"})
    await desk.stop()
    assert (await client.expect("5"))[58] == "the connector is stopping"
    await client.close()

    await desk.start()
    assert desk.send(report("e2"))
    await client.connect("127.0.0.1", desk.port)
    await client.logon()

    assert (await client.expect("8"))[17] == "e2"
    await client.send("D", order("c2"))
    await desk.received(2)
    await client.expect_silence(0.1)


async def test_orders_sent_into_a_gap_are_processed_once_and_in_order(desk: Desk) -> None:
    """The client counts higher than we do: we ask, it sends again, nothing overtakes (fault 11)."""
    client = await desk.logged_on()
    lost = [client.build("D", order(f"lost{number}")) for number in range(3)]
    assert [number for _, number in lost] == [2, 3, 4]
    await client.send("D", order("after"))
    await desk.received(4)

    ids = [text.partition("\x0111=")[2].partition("\x01")[0] for _, text in desk.app.messages]
    assert ids == ["lost0", "lost1", "lost2", "after"]


async def test_a_number_too_low_ends_the_session_and_says_what_is_due(desk: Desk) -> None:
    """Fault 10."""
    client = await desk.logged_on()
    await client.send("D", order("c1"))
    await client.send("D", order("c2"), seq=2)
    logout = await client.expect("5")
    assert logout[58] == "MsgSeqNum too low, expecting 3 but received 2"
    await client.expect_closed()
    assert len(desk.app.messages) == 1


async def test_what_waits_behind_a_gap_is_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine keeps every message beyond a gap in memory (fact 14)."""
    monkeypatch.setattr(link, "MAX_AHEAD", 50)
    client = await desk.logged_on()
    client.answers = False
    client.store.clear()
    client.next_out += 1_000_000
    far = [client.build("D", order(f"c{number}"), seq=client.next_out + number)[0] for number in range(60)]
    await client.send_raw(b"".join(far))
    await client.expect_closed()
    assert (
        desk.log.named("fix_connection_closed")[0]["reason"]
        == "more than 50 messages or 8388608 bytes beyond a gap"
    )
    assert desk.app.messages == []


async def test_who_does_not_read_may_not_ask_again(desk: Desk) -> None:
    """Each ResendRequest would add the whole history to the engine's queue."""
    client = await desk.logged_on()
    small_receive_buffer(client)
    client._tasks[0].cancel()
    for number in range(12):
        assert desk.send(report(f"e{number}", t58="x" * 800_000))
        await asyncio.sleep(0.01)
    assert desk.log.named("fix_client_reads_slowly")
    await client.send("2", {7: "1", 16: "0"})
    async with asyncio.timeout(5):
        while not desk.app.logouts:
            await asyncio.sleep(0.01)
    assert "asks for messages again" in desk.log.named("fix_connection_closed")[0]["reason"]


async def test_mutated_messages_harm_nobody_else(desk: Desk) -> None:
    """Whole frames with odd content, in segments of several, from a client that knows its password; seeded."""
    random = Random(20240501)
    other = await desk.logged_on("OMS2")
    kinds = ["D", "F", "H", "0", "1", "2", "3", "4", "5", "A", "8", "j", "AE", "zz"]
    tags = [7, 16, 34, 36, 43, 45, 49, 52, 56, 58, 97, 112, 122, 123, 141, 11, 55, 38, 136, 137, 9999, 0]
    values = [
        "",
        "0",
        "1",
        "-1",
        "Y",
        "N",
        "x",
        "99999999999999999999",
        "OMS1",
        "20200101-00:00:00",
        "\x00",
        "\u00ff",
    ]
    for _ in range(200):
        client = desk.client(answers=False)
        await client.connect("127.0.0.1", desk.port)
        await client.send_logon(reset=True)
        segment = b""
        for number in range(2, 12):
            head = {34: str(number), 49: "OMS1", 52: utc_now(), 56: "GW"}
            fields = [(35, random.choice(kinds)), *head.items(), *order(f"c{number}").items()]
            for _ in range(random.randrange(4)):
                at = random.randrange(1, len(fields) + 1)
                odd = (random.choice(tags), random.choice(values))
                fields[at : at + random.randrange(2)] = [odd]
            segment += frame(fields)
        with contextlib.suppress(ConnectionError):
            await client.send_raw(segment)
        await asyncio.sleep(0.005)
        await client.close()
        client.faults.clear()
    assert desk.app.logons.count(("OMS1->GW", True)) >= 150, "most rounds did reach the engine"
    assert desk.send(report("alive"), "OMS2->GW")
    await other.expect("8", {17: "alive"})


async def test_a_possible_duplicate_is_not_processed_again(desk: Desk) -> None:
    client = await desk.logged_on()
    await client.send("D", order("c1"))
    await client.send("D", order("c1"), seq=2, header={43: "Y", 122: utc_now()})
    await client.send("D", order("c2"))
    await desk.received(2)


async def test_logout_and_sequence_reset_in_one_segment_do_not_end_the_process(desk: Desk) -> None:
    """They abort the engine when they share a read (fact 3): nothing is forwarded behind a Logout."""
    other = await desk.logged_on("OMS2")
    for _ in range(3):
        client = await desk.logged_on() if not desk.clients[1:] else desk.clients[1]
        if client.closed.is_set():
            await client.connect("127.0.0.1", desk.port)
            await client.logon()
        logout, _ = client.build("5", {})
        reset, _ = client.build("4", {36: "1"})
        client.next_out -= 1
        await client.send_raw(logout + reset + reset)
        await client.expect("5")
        await client.expect_closed()
        await client.close()
    assert desk.send(report("e1"), "OMS2->GW")
    await other.expect("8", {17: "e1"})


@pytest.mark.parametrize(
    "first",
    [
        lambda client: client.build("D", order("low"), seq=1)[0],
        lambda client: client.build("A", {98: "0", 108: "30"})[0],
        lambda client: client.build("0", {52: "20200101-00:00:00"})[0],
        lambda client: frame([(35, "0"), (34, "2"), (49, "WRONG"), (52, utc_now()), (56, "GW")]),
        lambda client: frame([(35, "0"), (34, "2"), (49, "OMS1"), (52, "20200101-00:00:00"), (56, "GW")]),
        lambda client: frame([(35, "0"), (34, "2"), (35, "5"), (49, "OMS1"), (52, utc_now()), (56, "GW")]),
    ],
    ids=["number too low", "second Logon", "52 twice", "wrong comp ID", "wrong time", "35 twice"],
)
@pytest.mark.parametrize("gap_fill", [{}, {123: "N"}, {123: "Y"}], ids=str)
async def test_sequence_reset_behind_whatever_costs_the_session_is_harmless(
    desk: Desk, first: Any, gap_fill: dict[int, str]
) -> None:
    """Every way to end the session inside the segment leads to the same abort of the engine."""
    other = await desk.logged_on("OMS2")
    client = await desk.logged_on()
    client.answers = False
    reset = client.build("4", {36: "0", **gap_fill}, seq=3)[0]
    await client.send_raw(first(client) + reset + reset)
    await asyncio.sleep(0.05)
    assert desk.send(report("e1"), "OMS2->GW")
    await other.expect("8", {17: "e1"})


async def test_sequence_reset_below_the_expected_number_is_rejected_and_the_session_lives(desk: Desk) -> None:
    client = await desk.logged_on()
    await client.send("D", order("c1"))
    await client.send("4", {36: "1"}, seq=3)
    reject = await client.expect("3")
    assert (reject[372], reject[373]) == ("4", "5")
    await client.send("D", order("c2"))
    await desk.received(2)


async def test_orders_in_the_same_segment_as_the_logon_are_not_left_lying(desk: Desk) -> None:
    """The engine looks at what follows a first message only when more arrives."""
    client = desk.client()
    await client.connect("127.0.0.1", desk.port)
    logon, _ = client.build("A", {98: "0", 108: "30", 553: "user-OMS1", 554: client.password or ""})
    orders = [client.build("D", order(f"c{number}"))[0] for number in range(50)]
    await client.send_raw(logon + b"".join(orders))
    await client.expect("A")
    await desk.received(50)


async def test_orders_sent_right_before_the_connection_breaks_are_processed(desk: Desk) -> None:
    client = await desk.logged_on()
    await client.send_raw(b"".join(client.build("D", order(f"c{number}"))[0] for number in range(200)))
    await client.close()
    await desk.received(200)
    assert numbers(desk)[1] == 202


async def test_a_garbled_message_is_ignored_and_asked_for_again(desk: Desk) -> None:
    """FIX Session Layer Test Cases: a wrong CheckSum(10) or BodyLength(9) is noise; the number is not consumed."""
    client = await desk.logged_on()
    wrong_sum, _ = client.build("D", order("c1"))
    wrong_sum = wrong_sum[:-7] + b"10=%03d\x01" % ((int(wrong_sum[-4:-1]) + 1) % 256)
    await client.send_raw(wrong_sum)
    wrong_length, _ = client.build("D", order("c2"))
    length = wrong_length.partition(b"\x019=")[2].partition(b"\x01")[0]
    wrong_length = wrong_length.replace(b"\x019=" + length, b"\x019=%d" % (int(length) + 7))
    good, _ = client.build("D", order("c3"))
    await client.send_raw(wrong_length + good)
    await desk.received(3)

    ids = [text.partition("\x0111=")[2].partition("\x01")[0] for _, text in desk.app.messages]
    assert ids == ["c1", "c2", "c3"]
    assert len(desk.log.named("fix_garbled_message_ignored")) == 2


async def test_a_frame_beyond_the_limit_cuts_that_client_only(desk: Desk) -> None:
    other = await desk.logged_on("OMS2")
    client = await desk.logged_on()
    await client.send_raw(b"8=FIX.4.4\x019=500000\x0135=D\x01" + b"x" * 200_000)
    await client.expect_closed()
    assert desk.app.logouts == ["OMS1->GW"]
    assert desk.send(report("e1"), "OMS2->GW")
    await other.expect("8", {17: "e1"})


async def test_heartbeats_go_out_by_polling_and_test_requests_are_answered(desk: Desk) -> None:
    client = await desk.logged_on(heartbeat_s=1)
    await client.send("1", {112: "are you there?"})
    await asyncio.sleep(2.5)
    beats = [message for message in client.seen if message[35] == "0"]
    assert beats[0][112] == "are you there?"
    assert len(beats) >= 2
    assert desk.app.logouts == []


async def test_a_dead_peer_is_found_and_its_session_free_at_once(desk: Desk) -> None:
    """Fault 16: no FIN ever comes; TestRequest after 1.2 intervals, the end after 2.4."""
    client = await desk.logged_on(heartbeat_s=1, answers=False)
    started = time.monotonic()
    await client.expect_closed(6.0)
    assert time.monotonic() - started < 4.5
    assert [message[35] for message in client.seen].count("1") == 1
    assert desk.app.logouts == ["OMS1->GW"]
    await client.close()
    client.answers = True
    await client.connect("127.0.0.1", desk.port)
    await client.logon()


@pytest.mark.parametrize("desk_options", [{"output_limit_bytes": 256 * 1024}])
async def test_a_slow_consumer_is_cut_alone_and_its_reports_are_kept(desk: Desk) -> None:
    """Fault 17: the engine's own queue has no limit (fact 14)."""
    other = await desk.logged_on("OMS2")
    client = await desk.logged_on()
    small_receive_buffer(client)
    client._tasks[0].cancel()  # it stops reading
    sent = 0
    while not desk.app.logouts:
        assert desk.send(report(f"e{sent}", t58="x" * 1000))
        sent += 1
        if sent % 20 == 0:
            await asyncio.sleep(0)
        assert sent < 100_000
    assert desk.app.logouts == ["OMS1->GW"]
    (cut,) = desk.log.named("fix_slow_consumer_cut")
    assert 256 * 1024 < cut["waiting"] < 300 * 1024
    assert desk.send(report("o1"), "OMS2->GW")
    await other.expect("8", {17: "o1"})

    await client.close()
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    for number in range(sent):
        await client.expect("8", {17: f"e{number}"}, timeout_s=20)


async def test_a_dead_peer_with_a_full_buffer_frees_its_session_too(desk: Desk) -> None:
    """The engine gives it up while nobody reads the engine's side."""
    client = await desk.logged_on(heartbeat_s=1)
    small_receive_buffer(client)
    for task in client._tasks:
        task.cancel()  # it neither reads nor beats
    for number in range(12):
        assert desk.send(report(f"e{number}", t58="x" * 800_000))
        await asyncio.sleep(0.01)
    assert desk.log.named("fix_client_reads_slowly")
    async with asyncio.timeout(6):
        while not desk.log.named("fix_connection_closed"):
            await asyncio.sleep(0.05)
    assert desk.app.logouts == ["OMS1->GW"]
    assert "does not read" in desk.log.named("fix_connection_closed")[0]["reason"]

    await client.close()
    client.answers = True
    await client.connect("127.0.0.1", desk.port)
    await client.logon()
    await client.expect("8", {17: "e11"})


async def test_a_thousand_reports_are_sent_again_while_others_are_served(desk: Desk) -> None:
    """Fault 13."""
    client = await desk.logged_on()
    other = await desk.logged_on("OMS2")
    await client.logout()
    for number in range(1000):
        assert desk.send(report(f"e{number}", t58="x" * 300))

    await client.connect("127.0.0.1", desk.port)
    started = time.monotonic()
    await client.logon()
    assert desk.send(report("o1"), "OMS2->GW")
    await other.expect("8", {17: "o1"})
    for number in range(1000):
        await client.expect("8", {17: f"e{number}"})
    print(f"1000 reports sent again in {time.monotonic() - started:.3f} s")
    await client.expect_silence(0.1)
    await client.send("D", order("c1"))
    await desk.received(1)


async def test_stop_says_logout_and_waits_for_the_answer(desk: Desk) -> None:
    client = await desk.logged_on(answers=False)
    stopping = asyncio.create_task(desk.stop(5.0))
    logout = await client.expect("5")
    assert logout[58] == "the connector is stopping"
    assert not stopping.done()
    await client.send("5", {})
    await asyncio.wait_for(stopping, 1.0)
    await client.expect_closed()
    assert desk.app.logouts == ["OMS1->GW"]


async def test_stop_does_not_wait_for_ever_for_a_mute_client(desk: Desk) -> None:
    client = await desk.logged_on(answers=False)
    started = time.monotonic()
    await desk.stop(0.5)
    assert time.monotonic() - started < 2.0
    await client.expect_closed()
    assert desk.app.logouts == ["OMS1->GW"]


async def test_a_flood_on_one_session_leaves_the_other_usable(desk: Desk) -> None:
    """Design section 7 and aim 9: a few messages a turn, then the others."""
    desk.app.react = answer_with(desk, "e")
    flooding = await desk.logged_on()
    calm = await desk.logged_on("OMS2")
    data = b"".join(flooding.build("D", order(f"f{number}"))[0] for number in range(5000))
    flood = asyncio.create_task(flooding.send_raw(data))
    times = []
    for number in range(50):
        started = time.monotonic()
        await calm.send("D", order(f"c{number}"))
        await calm.expect("8")
        times.append(time.monotonic() - started)
    await flood
    print(
        f"calm session during a flood: median {sorted(times)[25] * 1e3:.2f} ms, worst {max(times) * 1e3:.2f} ms"
    )
    assert max(times) < 1.0


async def test_round_trip(desk: Desk) -> None:
    """A sanity figure: printed, not asserted."""
    desk.app.react = answer_with(desk, "e")
    client: FixClient = await desk.logged_on()
    times = []
    for number in range(500):
        started = time.perf_counter()
        await client.send("D", order(f"c{number}"))
        await client.expect("8")
        times.append(time.perf_counter() - started)
    times.sort()
    print(f"round trip with the test client: median {times[250] * 1e6:.0f} us, p99 {times[495] * 1e6:.0f} us")
