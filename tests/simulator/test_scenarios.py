"""Scenarios over real sockets: what steps do, how it is told, and that those we ship run to their end."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connector.simulator.cli import main
from connector.simulator.config import SimulatorConfig
from connector.simulator.scenario import shelf
from connector.simulator.scenario.progress import Result
from connector.simulator.scenario.vocabulary import ACTS
from connector.simulator.server import start
from tests.simulator.client import Client

PLACE = "POST /sapi/v1/margin/order"


async def begin(client: Client, *steps: dict[str, Any], **top: Any) -> Any:
    body = {"name": "test", "description": "of a test", "steps": list(steps), **top}
    return await client.sim("scenario", **body)


async def standing(client: Client) -> Any:
    async with client.session.get(f"{client.simulator.url}/sim/scenario") as reply:
        return await reply.json()


async def ended(client: Client, timeout_s: float = 5.0) -> list[Any]:
    """The progress of the steps, once the scenario is over."""
    async with asyncio.timeout(timeout_s):
        while (told := await standing(client))["state"] == "running":
            await asyncio.sleep(0.02)
    return [line for line in told["progress"] if "step" in line]


async def test_a_step_acts_after_what_it_waits_for(client: Client) -> None:
    """The second order triggers the fault, the third is hit by it."""
    await begin(
        client,
        {
            "when": {"event": "order_accepted", "count": 2, "clientOrderId": "x*"},
            "fault": {"action": "error_before", "route": PLACE, "status": 503},
        },
    )

    statuses = []
    for name in ("x1", "y", "x2", "x3", "x4"):
        statuses.append((await client.limit("59000", "0.1", newClientOrderId=name)).status)
        await asyncio.sleep(0.02)

    assert statuses == [200, 200, 200, 503, 200]
    (line,) = await ended(client)
    assert (line["result"], line["trigger"]) == ("done", "order_accepted x2 BTCUSDT desk")


async def test_an_act_is_undone_after_its_time(client: Client) -> None:
    stream = await client.stream()
    await begin(client, {"streams": "freeze", "for": "150ms"})
    await asyncio.sleep(0.05)

    await client.limit("59000", "0.1", newClientOrderId="unheard")
    assert await stream.silent(0.02)
    lines = await ended(client)
    await client.limit("59000", "0.1", newClientOrderId="heard")

    assert [line["result"] for line in lines] == ["done", "undone"]
    assert (await stream.reports(1))[0]["c"] == "heard"


async def market(client: Client) -> Any:
    return (await client.state())["markets"]["BTCUSDT"]


async def asset(client: Client) -> Any:
    return (await client.state())["wallets"]["desk/CROSS_MARGIN"]["USDT"]


async def fault_count(client: Client) -> int:
    async with client.session.get(f"{client.simulator.url}/sim/faults") as reply:
        return len((await reply.json())["faults"])


async def banned(client: Client) -> int:
    return (await client.raw("GET", "/api/v3/time")).status


async def time_refused(client: Client) -> int:
    return (await client.limit("59000", "0.1")).status


@pytest.mark.parametrize(
    ("act", "value", "seen", "meanwhile"),
    [
        ("fault", [{"action": "cut"}, {"action": "429"}], fault_count, lambda now: now == 2),
        ("price", {"symbol": "BTCUSDT", "move": "-1%"}, market, lambda now: now["lastPrice"] == "59400"),
        ("last", {"symbol": "BTCUSDT", "price": "61000"}, market, lambda now: now["lastPrice"] == "61000"),
        ("status", {"symbol": "*", "status": "HALT"}, market, lambda now: now["status"] == "HALT"),
        (
            "balances",
            {"account": "desk", "asset": "USDT", "free": "7", "borrowed": "3"},
            asset,
            lambda now: (now["free"], now["borrowed"]) == ("7", "3"),
        ),
        ("ban", "60s", banned, lambda now: now == 418),
        ("clock", "-20s", time_refused, lambda now: now == 400),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_what_can_be_undone_is(
    client: Client, act: str, value: Any, seen: Callable[..., Any], meanwhile: Callable[..., bool]
) -> None:
    before = await seen(client)
    await begin(client, {act: value, "for": "200ms"})
    await asyncio.sleep(0.05)

    during = await seen(client)
    lines = await ended(client)
    after = await seen(client)

    assert meanwhile(during), during
    assert [line["result"] for line in lines] == ["done", "undone"], lines
    if act in ("price", "last"):
        assert after["lastPrice"] == before["lastPrice"]
    else:
        assert after == before


async def test_switches_go_back_to_what_they_were(client: Client) -> None:
    key = client.simulator.demo_keys[2].api_key
    await begin(
        client,
        {"moves": True, "for": "50ms"},
        {"rules": {"renewalKeepsId": False, "triggerRepeatsNew": False}, "for": "50ms"},
        {"keys": {"apiKey": key, "enabled": False}, "for": "50ms"},
        {"liquidity": {"symbol": "BTCUSDT", "action": "clear"}, "for": "50ms"},
    )
    await asyncio.sleep(0.02)
    world = client.simulator.world
    assert (world.price_moves, world.exchange.ledger.rules.renewal_keeps_id) == (True, False)
    assert key in world.revoked
    assert (await market(client))["bids"] == []

    lines = await ended(client)

    assert [line["result"] for line in lines] == ["done"] * 4 + ["undone"] * 4
    assert (world.price_moves, world.exchange.ledger.rules.renewal_keeps_id) == (False, True)
    assert key in world.keys
    assert (await market(client))["bids"] != []


async def test_orders_are_those_waited_for_or_chosen(client: Client) -> None:
    for name in ("a1", "a2", "b1"):
        await client.limit("59000", "0.1", newClientOrderId=name)

    await begin(
        client,
        {"fill": {"clientOrderId": "a*", "which": "first", "quantity": "0.02"}},
        {"fill": {"clientOrderId": "a*", "which": "all", "share": "50%"}},
        {"cancel": {"reason": "RISK"}},
        {"when": "order_accepted", "fill": {"share": "10%", "price": "58000"}},
        {"fill": {"clientOrderId": "nobody"}},
    )
    await client.limit("59000", "0.1", newClientOrderId="c1")
    lines = await ended(client)

    orders = {order["clientOrderId"]: order for order in (await client.state())["orders"]}
    assert {name: order["executedQty"] for name, order in orders.items()} == {
        "a1": "0.07",
        "a2": "0.05",
        "b1": "0",
        "c1": "0.01",
    }
    assert (orders["b1"]["status"], orders["b1"]["expiryReason"]) == ("EXPIRED", "RISK")
    assert lines[-1]["result"] == "failed"
    assert "no open order of clientOrderId nobody" in lines[-1]["text"]


async def test_a_crossing_order_of_another_session_expires_ours(client: Client) -> None:
    stream = await client.stream()
    await client.limit("50000", "0.1", newClientOrderId="mine")
    await begin(client, {"cross": {}})
    await ended(client)

    reports = [report for report in await stream.reports(4) if report["c"] == "mine"]
    assert [report["X"] for report in reports] == ["NEW", "EXPIRED_IN_MATCH"]
    assert (await market(client))["bids"][0][0] == "59994"  # the house is back


async def test_stops_liquidations_and_orders_of_others(client: Client) -> None:
    await client.order(
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_LOSS",
        quantity="0.1",
        stopPrice="50000",
        newClientOrderId="s",
    )
    await begin(
        client,
        {"trigger": {"clientOrderId": "s"}},
        {
            "order": {
                "account": "desk",
                "symbol": "BTCUSDT",
                "side": "BUY",
                "type": "LIMIT",
                "quantity": "0.1",
                "price": "50000",
                "newClientOrderId": "web",
            }
        },
        {"liquidate": {"account": "desk", "symbol": "BTCUSDT", "side": "SELL", "quantity": "1"}},
    )
    lines = await ended(client)

    orders = {order["clientOrderId"]: order["status"] for order in (await client.state())["orders"]}
    assert [line["result"] for line in lines] == ["done"] * 3, lines
    assert (orders.pop("s"), orders.pop("web")) == ("FILLED", "EXPIRED")
    assert list(orders.values()) == ["FILLED"]


async def test_streams_that_listen_already_count_since_the_start(client: Client) -> None:
    await client.stream()

    await begin(client, {"note": "there", "when": {"event": "stream_subscribed", "since": "start"}})

    assert [line["result"] for line in await ended(client)] == ["done"]


async def test_streams_are_heard_of_when_they_begin_renew_and_end(client: Client) -> None:
    await begin(
        client,
        {"when": "stream_subscribed", "note": "1"},
        {"when": "stream_renewed", "note": "2"},
        {"when": {"event": "stream_ended", "account": "desk"}, "note": "3"},
        {"when": {"event": "request", "route": "WS userDataStream.*"}, "within": "50ms", "note": "4"},
    )
    stream = await client.stream()
    await stream.subscribe(client)
    await stream.socket.close()

    assert [line["result"] for line in await ended(client)] == ["done", "done", "done", "skipped"]


async def test_where_it_stands(client: Client) -> None:
    assert (await standing(client))["state"] == "none"
    await begin(
        client,
        {"streams": "freeze", "for": "10s"},
        {"when": {"event": "fill", "count": 3}, "note": "x"},
        expect="nothing",
    )
    await asyncio.sleep(0.05)

    told = await standing(client)

    assert (told["scenario"], told["state"], told["step"], told["of"]) == ("test", "running", 2, 2)
    assert told["waitingFor"].startswith("fill number 3 (0 of 3 so far)")
    assert told["inForce"] == [1]
    assert told["expect"] == "nothing"
    assert set(told["shipped"]) == set(shelf.names())


async def test_only_one_runs_at_a_time_and_stopping_undoes(client: Client) -> None:
    await begin(client, {"streams": "freeze", "for": "10s"})
    await asyncio.sleep(0.02)
    url = f"{client.simulator.url}/sim/scenario"

    async with client.session.post(url, params={"name": "clock"}) as refused:
        assert (refused.status, (await refused.json())["error"]) == (
            400,
            "scenario test is running; stop it first",
        )
    async with client.session.post(url, params={"name": "clock", "replace": "true"}) as replaced:
        assert (await replaced.json())["scenario"] == "clock"
    assert (await client.state())["streams"]["frozen"] == []
    async with client.session.delete(url) as stopped:
        assert (await stopped.json())["state"] == "stopped"


async def test_a_reset_ends_a_scenario(client: Client) -> None:
    await begin(client, {"streams": "freeze", "for": "10s"})
    await asyncio.sleep(0.02)

    await client.sim("reset")

    assert ((await standing(client))["state"], (await client.state())["streams"]["frozen"]) == ("stopped", [])


async def test_faults_of_a_posted_scenario_are_all_told(client: Client) -> None:
    text = "name: n\ndescription: d\nsteps:\n- fautl: {}\n- streams: {action: cut, account: dsek}\n"

    async with client.session.post(f"{client.simulator.url}/sim/scenario", data=text) as reply:
        told = await reply.json()

    assert reply.status == 400
    assert [fault.partition("; ")[0] for fault in told["faults"]] == [
        "line 4: steps[0].fautl: unknown key",
        "line 5: steps[1].streams.account: 'dsek': did you mean desk? one of desk, other",
    ]


@pytest.mark.parametrize("query", ["", "?name=a&replace=maybe", "?name=nonesuch"])
async def test_a_scenario_has_to_be_named_or_given(client: Client, query: str) -> None:
    async with client.session.post(f"{client.simulator.url}/sim/scenario{query}") as reply:
        assert (reply.status, "error" in await reply.json()) == (400, True)


@asynccontextmanager
async def customer(client: Client) -> AsyncIterator[None]:
    """Somebody who trades whatever the venue does: orders, cancels, a stream that comes back."""
    numbers = count(1)

    async def place() -> None:
        with suppress(aiohttp.ClientError):
            name = f"o{next(numbers)}"
            await client.limit("59000", "0.1", newClientOrderId=name, timestamp=client_ms(client))
            if int(name[1:]) % 7 == 0:
                await client.call(
                    "DELETE",
                    "/sapi/v1/margin/order",
                    symbol="BTCUSDT",
                    origClientOrderId=name,
                    timestamp=client_ms(client),
                )

    async def trade() -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(place())
                await asyncio.sleep(0.04)

    async def listen() -> None:
        while True:
            with suppress(aiohttp.ClientError, AssertionError, TypeError, TimeoutError):
                stream = await client.stream()
                while not stream.socket.closed:
                    await stream.socket.receive()
            await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(trade()), asyncio.create_task(listen())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def client_ms(client: Client) -> int:
    """As a client that measures the venue's clock."""
    return client.simulator.world.clock.now_us() // 1000


@pytest.mark.parametrize("name", shelf.names())
async def test_a_shipped_scenario_runs_to_its_end(name: str) -> None:
    """Thirty times faster, against somebody who trades: every step is done, none fails or is skipped."""
    config = SimulatorConfig(price_moves=False, scenario_speed=30.0)
    running = await start(config)
    async with aiohttp.ClientSession() as session:
        client = Client(running, session, running.demo_keys[1])
        async with customer(client):
            async with session.post(f"{running.url}/sim/scenario", params={"name": name}) as reply:
                assert reply.status == 200, await reply.json()
            lines = await ended(client, 30)
        await client.close()
        told = await standing(client)
    await running.stop()

    assert told["state"] == "finished"
    odd = [line for line in lines if line["result"] not in (Result.DONE, Result.UNDONE)]
    assert odd == []
    assert {line["step"] for line in lines} == set(range(1, told["of"] + 1))
    assert told["expect"]
    assert told["scenario"] == name
    assert running.world.clock.offset_us == 0
    assert running.world.hub.frozen == set()
    assert {market.spec.status for market in running.world.exchange.markets.values()} == {"TRADING"}


def test_the_scenarios_we_ship_show_every_kind_of_trouble() -> None:
    steps = [step for name in shelf.names() for step in shelf.shipped(name).steps]
    faults = [fault for step in steps for fault in step.values.get("faults", [])]  # type: ignore[attr-defined]

    assert len(shelf.names()) >= 8
    assert {step.act for step in steps} >= {
        "fault", "clear_faults", "price", "fill", "cancel", "cross", "order", "liquidate", "streams", "clock", "ban",
        "status",
    }  # fmt: skip
    assert {fault["action"] for fault in faults} >= {
        "reply_lost", "request_lost", "error_before", "error_after", "429", "token_refused", "subscribe_refused",
        "delay_request", "delay_reply", "event_first", "duplicate_events", "reorder_events", "drop_events",
        "delay_events",
    }  # fmt: skip


def test_each_shipped_file_begins_with_what_must_be_shown() -> None:
    for place in shelf.PLACES:
        for path in place.glob("*.yaml"):
            head = path.read_text(encoding="utf-8").partition("\nname:")[0]
            assert all(line.startswith("#") for line in head.splitlines()), path
            assert "A good connector must show" in head, path


def scenario_file(tmp_path: Path, steps: str) -> str:
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\ndescription: d\nexpect: all well\nsteps:\n{steps}")
    return str(file)


def output_of(*options: str, until: str) -> str:
    """What the command prints up to a line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "connector.simulator", "--port", "0", "--no-moves", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        text = ""
        while until not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        return text
    finally:
        process.kill()
        process.communicate()


def test_people_see_the_steps_as_they_happen(tmp_path: Path) -> None:
    file = scenario_file(
        tmp_path, "  - {streams: freeze, for: 10s, note: quiet}\n  - {after: 20s, fill: {which: last}}\n"
    )

    lines = output_of("--scenario", file, "--time-scale", "100", until="all well").partition("Ctrl-C.\n")[2]

    told = [line.split(maxsplit=1)[1] for line in lines.splitlines() if line[:9].strip()[:1].isdigit()]
    assert told == [
        "scenario mine started  d",
        '1/2  streams of all accounts: freeze  "quiet"',
        "1/2  undone: streams",
        "2/2  failed: fill: no open order of which last",
        "scenario mine finished",
    ]
    assert lines.endswith("What a good connector has shown:\n    all well\n")


def test_programs_get_json_lines(tmp_path: Path) -> None:
    file = scenario_file(tmp_path, "  - {clock: +3s, after: 1s}\n")

    text = output_of("--json", "--scenario", file, "--time-scale", "50", until='"finished"')

    start_line, *lines = map(json.loads, text.splitlines())
    assert "wsUrl" in start_line
    assert [line["result"] for line in lines] == ["started", "done", "finished"]
    assert (lines[1]["step"], lines[1]["of"], lines[1]["act"]) == (1, 1, "clock")
    assert lines[1]["timeMs"] >= 1000


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--scenario", "frozen-strem"], "did you mean frozen-stream?"),
        (["--scenario", "missing.yaml"], "missing.yaml: "),
        (["--account", "a", "--scenario", "BAD"], "steps[0].streams.account: 'main': one of a"),
    ],
)
def test_an_unusable_scenario_ends_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    bad = scenario_file(tmp_path, "  - {streams: {action: cut, account: main}}\n")
    options = [bad if option == "BAD" else option for option in options]

    assert main([*options, "--port", "0"]) == 2
    assert complaint in capsys.readouterr().err


def test_the_shipped_ones_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-scenarios"]) == 0

    out = capsys.readouterr().out
    assert all(f"{name}\n    " in out for name in shelf.names())


def test_the_manual_names_every_act_and_every_scenario() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")

    for name in (*ACTS, *shelf.names()):
        assert f"`{name}`" in manual, name
