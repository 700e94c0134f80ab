"""`connector journal` on the journal of a running daemon, and on one that kill -9 left."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

from connector import exits
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms


async def journal(verb: str, daemon: Daemon, *options: str) -> tuple[int, str, str]:
    """The command as an operator types it: exit code, output, errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connector", "journal", verb, str(daemon.directory / "journal.db"), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def flat(text: str) -> list[str]:
    """Lines with single spaces: tables are aligned for people."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def assert_tells(text: str, *phrases: str) -> None:
    """Each phrase stands in a line of its own, in this order."""
    lines = iter(flat(text))
    for phrase in phrases:
        assert any(phrase in line for line in lines), f"{phrase!r} is not told, or not in this order:\n{text}"


async def test_show_tells_whole_stories_on_a_live_daemon(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Issue 3, shown item 6: one filled, one unknown and then rejected, one cancelled order; the daemon goes on."""
    daemon, oms = make_daemon(settings={"recvWindow": 300}), Oms()
    await daemon.start()
    await oms.connect(daemon)
    await venue.sim("faults", route="POST /sapi/v1/margin/order", action="request_lost")
    lost = await oms.order(px="49000.00")
    await oms.report(lost, "A")
    filled = await oms.order(px="50000.00")
    name = (await oms.report(filled, "0"))[526]
    await venue.sim("fill", clientOrderId=name, quantity="0.004")
    await venue.sim("fill", clientOrderId=name, quantity="0.006")
    first, second = await oms.report(filled, "F"), await oms.report(filled, "F")
    canceled = await oms.order(px="48000.00")
    resting = await oms.report(canceled, "0")
    cancel = await oms.cancel(canceled)
    await oms.report(cancel, "4")
    rejected = await oms.report(lost, "8", timeout_s=16)

    code, text, _ = await journal("show", daemon, "--order", filled)
    assert code == exits.OK
    assert_tells(
        text,
        f"ClOrdID {filled}, session OMS1->CONNECTOR, account BINANCE: BUY 0.01 BTCUSDT LIMIT at 50000.00 GTC",
        f"OMS sent an order: BUY 0.01 BTCUSDT LIMIT at 50000.00 GTC; its client order id at the venue: {name}",
        f"venue accepted, venue order id {first[37]}",
        f"venue filled 0.004 at {first[31]}",
        f"venue filled 0.006 at {second[31]}",
        "now: FILLED, 0.01 filled, average price 50000, 0 left; the OMS has every report",
    )
    assert f"0.004 0.006 ExecID(17)={first[17]}: TRADE, order PARTIALLY_FILLED" in " ".join(flat(text))
    assert f"ExecID(17)={second[17]}: TRADE, order FILLED" in text
    for other in (name, first[37], f"BTCUSDT:{first[37]}"):
        assert (await journal("show", daemon, "--order", other))[1] == text

    code, text, _ = await journal("show", daemon, "--order", lost)
    assert_tells(
        text,
        "OMS sent an order",
        "connector does not know whether the order arrived",
        "connector rejected: never reached the venue",
        "now: REJECTED, nothing filled; the OMS has every report",
    )
    assert f"ExecID(17)={rejected[17]}: REJECTED, order REJECTED" in text

    code, text, _ = await journal("show", daemon, "--order", cancel)
    assert_tells(
        text,
        f"ClOrdID {canceled}, session",
        "OMS sent an order",
        f"venue accepted, venue order id {resting[37]}",
        f"OMS asked to cancel it, ClOrdID {cancel}",
        f"venue canceled, as ClOrdID {cancel} asked",
        "now: CANCELED, nothing filled; the OMS has every report",
    )

    code, text, _ = await journal("verify", daemon)
    assert code == exits.OK
    assert "whole" in text
    assert (await oms.ask(filled))[39] == "2"  # reading disturbed nobody
    assert daemon.process
    assert daemon.process.returncode is None


async def test_a_journal_left_by_kill_9_is_read_as_it_is(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Reading neither repairs nor changes it: the WAL and the database stay byte for byte."""
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    order = await oms.order(px="50000.00")
    await oms.report(order, "0")
    await daemon.kill()
    await oms.close()
    files = [daemon.directory / "journal.db", daemon.directory / "journal.db-wal"]
    before = [file.read_bytes() for file in files]

    code, text, _ = await journal("show", daemon, "--open")
    assert code == exits.OK
    assert_tells(text, order, "1 unsettled")
    code, text, _ = await journal("show", daemon, "--open", "--json")
    (found,) = json.loads(text)
    assert (found["cl_ord_id"], found["state"], found["filled"]) == (order, "NEW", "0")
    code, text, _ = await journal("export", daemon)
    facts = [json.loads(line) for line in text.splitlines()]
    kinds = [fact["fact"]["is"] for fact in facts if fact["fact"]["is"] != "NumbersSaved"]
    assert kinds[:2] == ["Requested", "Accepted"]
    assert [file.read_bytes() for file in files] == before


async def test_a_flipped_byte_in_the_middle_refuses_to_start_and_names_the_position(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    """Issue 3, shown item 4: a row that was changed is not believed, and nothing is repaired silently."""
    daemon, oms = make_daemon(), Oms()
    await daemon.start()
    await oms.connect(daemon)
    orders = [await oms.order(px="50000.00") for _ in range(5)]
    for order in orders:
        await oms.report(order, "0")
    await oms.close()
    assert await daemon.stop() == exits.OK
    file = daemon.directory / "journal.db"
    code, text, _ = await journal("export", daemon)
    position = next(
        json.loads(line)["position"] for line in text.splitlines() if f'"cl_ord_id":"{orders[2]}"' in line
    )
    content = bytearray(file.read_bytes())
    content[content.index(b'"cl_ord_id":"%s"' % orders[2].encode()) + 13] ^= 1
    file.write_bytes(content)

    code, text, err = await journal("verify", daemon)
    assert code == exits.JOURNAL
    assert f"damaged at position {position}" in err
    code, text, _ = await journal("verify", daemon, "--json")
    found = json.loads(text)
    assert (code, found["ok"], found["position"]) == (exits.JOURNAL, False, position)
    await daemon.launch()
    assert await daemon.ended() == exits.JOURNAL
    assert f"damaged at position {position}" in daemon.events("journal_refused")[0]["text"]


async def test_what_is_no_journal_is_said_in_one_sentence(
    make_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = make_daemon()
    code, _, err = await journal("show", daemon)
    assert (code, len(flat(err))) == (exits.USAGE, 1)
    assert "there is no such file" in err
    daemon.directory.mkdir()
    (daemon.directory / "journal.db").write_text(
        "connectors:\n  this is a configuration, not a journal\n" * 30
    )
    for verb in ("show", "verify", "export"):
        code, _, err = await journal(verb, daemon)
        assert (code, len(flat(err))) == (exits.JOURNAL, 1), err
        assert "is no journal" in err
