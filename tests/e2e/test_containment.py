"""The FIX side under faults, with real processes and sockets (reference: fix-gateway.md section 3, by number)."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from connector import exits
from tests.support.books import assert_books_agree
from tests.support.daemon import PASSWORD, USER, Daemon
from tests.support.exchange import Exchange
from tests.support.fix_client import Message, utc_now
from tests.support.oms import Oms

SECOND = {"targetCompId": "OMS2", "username": USER, "password": PASSWORD, "connector": "BINANCE"}
MB = 1024


def rss_kb(daemon: Daemon) -> int:
    """Resident memory of the daemon."""
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def executions(oms: Oms) -> list[Message]:
    return [message for message in oms.client.handled if message[35] == "8" and message[150] != "I"]


async def test_fault_09_killed_after_the_report_was_stored_it_is_sent_again(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """The client finds a gap, asks, and has every report; none has two ExecIDs."""
    daemon, oms = make_daemon(), Oms()
    await daemon.start("--kill-at", "after_report")
    await oms.connect(daemon)
    for task in oms.client._tasks:
        task.cancel()  # what was written to its socket is never read
    order = await oms.order(px="50000.00")
    assert await daemon.ended() == -signal.SIGKILL
    await oms.close()

    await daemon.start()
    await oms.connect(daemon)

    stored = await oms.report(order, "0", t43="Y")
    told = [message for message in oms.client.seen if message.get(150) == "0"]
    assert {message[17] for message in told} == {stored[17]}
    await assert_books_agree(venue, oms)


async def test_fault_10_a_number_too_low_ends_the_session_in_words(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await oms.report(await oms.order(px="50000.00"), "0")
    before = await venue.placements()
    await oms.close()

    oms.client.next_out = 1
    await oms.client.connect("127.0.0.1", daemon.port)
    await oms.client.send_logon()
    logout = await oms.client.expect("5")

    assert logout[58] == "MsgSeqNum too low, expecting 3 but received 1"
    await oms.client.expect_closed()
    assert daemon.events("fix_logout_sent")
    assert await venue.placements() == before
    await oms.close()


async def test_fault_11_orders_behind_a_gap_wait_and_are_judged_by_their_age(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon, oms = make_daemon(), Oms()
    daemon.settings["fix"]["acceptor"]["staleOrderAge"] = "1s"
    await daemon.start()
    await oms.connect(daemon)
    await oms.close()
    lost = oms.client.build(
        "D", {11: "old", 55: "BTCUSDT", 54: "1", 60: utc_now(), 38: "0.01", 40: "2", 44: "50000"}
    )
    await asyncio.sleep(1.5)

    await oms.connect(daemon)
    fresh = await oms.order(px="50000.00")

    refused = await oms.report("old", "8")
    assert "122" in refused[58] or "old" in refused[58]
    new = await oms.report(fresh, "0")
    assert lost[1] == 2
    assert list(await venue.placements()) == [new[526]]
    await assert_books_agree(venue, oms)
    await oms.close()


async def test_fault_12_what_was_on_the_wire_when_the_client_died_survives_its_reset(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Killed in mid-delivery, and the connector killed as well; 141=Y deletes the engine's store, and yet every report
    is had, with its old ExecID. What the client proved to have read is not told again."""
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await daemon.event("stream_up")
    read = await oms.order(px="50000.00", qty="0.02")
    name = (await oms.report(read, "0"))[526]
    await until(lambda: any(m[35] == "1" and m[112].startswith("READ-") for m in oms.client.seen), 12)
    await asyncio.sleep(0.3)
    for task in oms.client._tasks:
        task.cancel()  # from here on it reads nothing
    await venue.sim("fill", clientOrderId=name, quantity="0.01")
    await daemon.event("order_partially_filled")
    await daemon.kill()
    await oms.close()
    await daemon.start()

    await oms.connect(daemon, reset=True)

    fill = await oms.report(read, "F", t97="Y")
    assert (fill[14], fill[34]) == ("0.01", "2"), "a new message under a new number"
    await oms.client.expect_silence(0.5)
    assert (await oms.ask(read))[39] == "1"
    await assert_books_agree(venue, oms)
    await oms.close()


async def test_fault_13_a_long_history_is_sent_again_while_the_other_session_trades(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """3,000 refusals while the client does not read; then all of them again and again."""
    daemon, oms, other = make_daemon(more_sessions=[SECOND]), Oms(), Oms("OMS2")
    await daemon.start()
    await oms.connect(daemon)
    await other.connect(daemon)
    count = 3000
    for number in range(count):
        await oms.order(f"n{number}", symbol="NOSUCH", px="1")
    await until(lambda: len(executions(oms)) == count, 60)

    for begin in (1, 2, 1, 3):
        await oms.client.send("2", {7: str(begin), 16: "0"})
    waits = []
    for _ in range(20):
        started = time.perf_counter()
        await other.order(symbol="NOSUCH", px="1")
        await other.client.expect("8")
        waits.append(time.perf_counter() - started)

    print(f"another session's refusal meanwhile: worst {max(waits) * 1e3:.0f} ms")
    assert max(waits) < 1.0
    again = lambda: sum(m.get(43) == "Y" for m in oms.client.seen if m[35] == "8")  # noqa: E731
    await until(lambda: again() >= count, 60)
    await asyncio.sleep(1.0)
    assert again() <= 3 * count, "four requests, most of them for what was on its way"
    assert len(executions(oms)) == count
    await oms.close()
    await other.close()


async def test_fault_16_a_half_open_connection_is_found_and_its_session_free(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """No FIN ever: TestRequest after 1.2 intervals, the end after 2.4, and a new logon at once. Orders stay."""
    daemon, oms = make_daemon(), Oms()
    daemon.settings["fix"]["acceptor"]["heartbeatIntervalRange"] = [1, 60]
    await daemon.start()
    oms.client.heartbeat_s = 1
    await oms.connect(daemon)
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    oms.client.answers = False
    started = time.monotonic()
    await oms.client.expect_closed(8)
    assert time.monotonic() - started < 5
    await oms.close()

    oms.client.answers = True
    await oms.connect(daemon)
    assert (await oms.ask(order))[39] == "0"
    await assert_books_agree(venue, oms)
    await oms.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x16\x03\x01\x02\x00" * 2000,
        b"GET / HTTP/1.1\r\n\r\n",
        b"8=FIX.4.4\x019=999999\x0135=A\x01" + b"x" * 100_000,
    ],
    ids=["silence", "TLS", "HTTP", "huge"],
)
async def test_fault_18_strangers_are_cut_within_the_deadline_and_cost_nothing(
    venue: Exchange, make_daemon: Callable[..., Daemon], garbage: bytes
) -> None:
    daemon, oms = make_daemon(), Oms()
    daemon.settings["fix"]["acceptor"]["firstMessageDeadline"] = "500ms"
    await daemon.start()
    await oms.connect(daemon)
    before = rss_kb(daemon)

    async def stranger() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            writer.write(garbage)
            assert await reader.read() == b""
        writer.close()
        return time.monotonic() - started

    for _ in range(3):
        waited = await asyncio.gather(*(stranger() for _ in range(100)))
        assert max(waited) < 5
    await oms.report(await oms.order(px="50000.00"), "0", timeout_s=2)
    assert rss_kb(daemon) - before < 20 * MB
    await oms.close()


@pytest.mark.parametrize("reset", [False, True])
async def test_fault_19_a_wrong_password_moves_no_number_and_takes_its_time(
    venue: Exchange, make_daemon: Callable[..., Daemon], reset: bool
) -> None:
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    await oms.client.logout()
    store = {path.name: path.read_bytes() for path in (daemon.directory / "fix").glob("FIX*")}

    intruder = Oms(password="guess")
    started = time.monotonic()
    await intruder.client.connect("127.0.0.1", daemon.port)
    await intruder.client.send_logon(reset=reset)
    await intruder.client.expect_closed(10)

    assert time.monotonic() - started >= 0.9
    assert intruder.client.seen == []
    assert {path.name: path.read_bytes() for path in (daemon.directory / "fix").glob("FIX*")} == store
    assert "Password(554)" in daemon.events("fix_logon_refused")[0]["reason"]
    assert "guess" not in daemon.log_file.read_text()
    await intruder.close()
    await oms.connect(daemon)
    await oms.client.expect_silence(0.2)
    await oms.close()


async def test_fault_20_a_second_logon_is_cut_and_the_first_trades_on(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon, oms, twin = make_daemon(), Oms(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await twin.client.connect("127.0.0.1", daemon.port)
    await twin.client.send_logon(reset=True)
    await twin.client.expect_closed(5)
    assert twin.client.seen == []
    await oms.report(await oms.order(px="50000.00"), "0")
    await twin.close()
    await assert_books_agree(venue, oms)
    await oms.close()


async def worked(daemon: Daemon, oms: Oms) -> str:
    await daemon.start()
    await oms.connect(daemon)
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    return order


async def test_fault_27_a_lost_store_is_noticed_and_nothing_starts_at_1(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """The directory is gone with the disk it was on; the journal still knows the numbers and what is unread."""
    daemon, oms = make_daemon(), Oms()
    order = await worked(daemon, oms)
    await daemon.kill()
    await oms.close()
    shutil.rmtree(daemon.directory / "fix")

    await daemon.start()
    assert daemon.events("fix_store_lost")
    assert daemon.events("fix_numbers_restored")
    await oms.connect(daemon)

    await oms.report(order, "0", t97="Y")
    await oms.report(await oms.order(px="50000.00"), "0")
    assert not oms.client.faults
    await assert_books_agree(venue, oms)
    await oms.client.logout()
    assert await daemon.stop() == exits.OK
    await daemon.start()
    assert not daemon.events("fix_store_lost")
    await oms.connect(daemon)
    await oms.report(await oms.order(px="50000.00"), "0")
    await oms.close()


async def test_fault_27_a_damaged_store_is_refused_and_moving_it_away_repairs(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon, oms = make_daemon(), Oms()
    await worked(daemon, oms)
    await daemon.kill()
    await oms.close()
    store = daemon.directory / "fix"
    numbers = store / "FIX.4.4-CONNECTOR-OMS1.seqnums"
    numbers.write_bytes(bytes(43))

    await daemon.launch()
    assert await daemon.ended() == exits.START
    text = daemon.events("start_failed")[0]["text"]
    assert str(numbers) in text
    assert "Move the session's files (FIX.4.4-CONNECTOR-OMS1.*) away" in text

    for path in store.glob("FIX.4.4-CONNECTOR-OMS1.*"):
        path.unlink()
    await daemon.start()
    await oms.connect(daemon)
    await oms.report(await oms.order(px="50000.00"), "0")
    assert not oms.client.faults
    await assert_books_agree(venue, oms)
    await oms.close()


async def test_fault_27_a_report_that_cannot_be_stored_stops_the_process_and_is_told_after_the_restart(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """The engine would only return False and go on taking orders (fact 7). The store's files are made read-only by a
    limit on the size of files, as a full disk is."""
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    assert daemon.process is not None
    body = daemon.directory / "fix" / "FIX.4.4-CONNECTOR-OMS1.body"
    limit = body.stat().st_size + 10
    biggest = max(
        path.stat().st_size for path in daemon.directory.rglob("*") if path.is_file() and path != body
    )
    padding = max(0, biggest * 4 - limit) + (1 << 20)
    await daemon.stop()
    with body.open("ab") as file:
        file.write(b" " * padding)
    await daemon.start()
    resource.prlimit(
        daemon.process.pid, resource.RLIMIT_FSIZE, (body.stat().st_size + 200, resource.RLIM_INFINITY)
    )
    await oms.close()
    with contextlib.suppress(ConnectionError, AssertionError):
        await oms.connect(daemon)
        for _ in range(20):
            await oms.order(px="50000.00")
            await asyncio.sleep(0.05)
    assert await daemon.ended() == exits.FAILED
    assert daemon.events("fail_stop")
    await oms.close()

    await daemon.start()
    await oms.connect(daemon)
    await oms.ask(order)
    await asyncio.sleep(1.0)
    await assert_books_agree(venue, oms)
    await oms.close()


async def test_fault_27_sigterm_during_traffic_is_a_logout_and_under_15_s(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    orders = [await oms.order(px="50000.00") for _ in range(30)]
    started = time.monotonic()
    assert await daemon.stop() == exits.OK
    assert time.monotonic() - started < 15
    assert (await oms.client.expect("5"))[58] == "the connector is stopping"
    await oms.close()

    await daemon.start()
    await oms.connect(daemon)
    await until(lambda: all(order in oms.told and oms.told[order].ord_status != "A" for order in orders), 30)
    await assert_books_agree(venue, oms)
    await oms.close()


async def alive(daemon: Daemon) -> tuple[int, float | None]:
    port = daemon.events("started")[0]["admin_port"]
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/livez") as reply:
        return reply.status, (await reply.json())["fix_unproven_s"]


async def test_the_liveness_probe_rests_on_a_fix_dialogue(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """It recovers after a pause of the whole process, which is not taken for a silence."""
    daemon = make_daemon(admin=True)
    await daemon.start()
    status, unproven_s = await alive(daemon)
    assert status == 200
    assert unproven_s is not None
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(2)
    daemon.process.send_signal(signal.SIGCONT)
    assert (await alive(daemon))[0] == 200
    await asyncio.sleep(6)
    assert (await alive(daemon))[1] is not None
    assert not daemon.events("fix_proof_missing")
    assert await daemon.stop() == exits.OK


async def test_systemd_hears_that_it_is_ready_alive_and_stopping(
    venue: Exchange, make_daemon: Callable[..., Daemon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "n"))
    manager.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    daemon = make_daemon()
    await daemon.start()
    await asyncio.sleep(3.5)
    assert await daemon.stop() == exits.OK
    heard = []
    with contextlib.suppress(BlockingIOError):
        while True:
            heard.append(manager.recv(4096).decode())
    manager.close()
    assert heard[0] == "READY=1\nWATCHDOG=1"
    assert heard[-1] == "STOPPING=1"
    assert set(heard[1:-1]) == {"WATCHDOG=1"}
    assert len(heard) >= 5, heard
