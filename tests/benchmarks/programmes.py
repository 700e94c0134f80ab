"""The programmes of one round: each starts what it measures afresh and gives plain numbers (us, 1/s)."""

from __future__ import annotations

import gc
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.benchmarks.processes import (
    HERE,
    SERVER_CORE,
    BenchError,
    Stub,
    started,
    stub_running,
    until,
)
from tests.benchmarks.raw_fix import RawFixClient, Round

IN_FLIGHT = 32
WARM_UP = 200
PASSWORD = "not-a-secret-of-anyone"
Numbers = dict[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure, and the compiled stand-in to do it against."""

    orders: int
    stub: Path


def percentiles(name: str, samples_ns: list[int]) -> Numbers:
    """`name`_p50 and `name`_p99 in us."""
    ordered = sorted(samples_ns)
    assert ordered[0] >= 0, f"{name}: a negative time; the clocks of two processes differ"
    return {
        f"{name}_p50_us": ordered[len(ordered) // 2] / 1000,
        f"{name}_p99_us": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] / 1000,
    }


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No collection of ours inside a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _measured(client: RawFixClient, orders: int, in_flight: int) -> Round:
    with _undisturbed():
        return client.sustained(orders, in_flight)


def _round_trips(run: Round) -> list[int]:
    return [trip.reported_ns - trip.sent_ns for trip in run.trips.values()]


def echo(plan: Plan) -> Numbers:
    """(a) E: NewOrderSingle -> report of the bare quickfix acceptor, alone and with 32 in flight."""
    with tempfile.TemporaryDirectory() as directory:
        port_file = Path(directory) / "port"
        arguments = [sys.executable, str(HERE / "fix_echo.py"), str(port_file)]
        with started(arguments, SERVER_CORE) as process:
            until(lambda: port_file.exists() and port_file.read_text() != "", "the echo listened", process)
            client = RawFixClient(int(port_file.read_text()))
            _measured(client, WARM_UP, 1)
            alone = _measured(client, plan.orders, 1)
            many = _measured(client, plan.orders, IN_FLIGHT)
            client.close()
    return {
        **percentiles("echo", _round_trips(alone)),
        **percentiles("echo_in_flight", _round_trips(many)),
        "echo_per_s": plan.orders / many.elapsed_s,
    }


def post(plan: Plan) -> Numbers:
    """(d) bare aiohttp signed POSTs, one after the other and with 32 in flight."""
    with tempfile.TemporaryDirectory() as directory, stub_running(plan.stub, Path(directory)) as stub:
        module = ["-m", "tests.benchmarks.bare_post", stub.url, str(plan.orders), str(IN_FLIGHT)]
        with started([sys.executable, *module], SERVER_CORE) as process:
            assert process.stdout
            found = json.loads(process.stdout.read() or "null")
    if found is None:
        raise BenchError("bare_post ended without a result")
    return {**percentiles("post", found["sequential_ns"]), "post_per_s": found["posts"] / found["elapsed_s"]}


def journal(plan: Plan) -> Numbers:
    """(e) the journal's verbs, on the file system of the temporary directory."""
    with tempfile.TemporaryDirectory() as directory:
        module = ["-m", "tests.benchmarks.journal_cost", directory, str(plan.orders)]
        with started([sys.executable, *module], SERVER_CORE) as process:
            assert process.stdout
            found = json.loads(process.stdout.read() or "null")
    if found is None:
        raise BenchError("journal_cost ended without a result")
    return {
        **percentiles("append", found["append_ns"]),
        **percentiles("durable", found["durable_ns"]),
        "shared_row_us": found["shared_row_ns"] / 1000,
    }


def connector(plan: Plan) -> Numbers:
    """(b) and (c): the whole connector, everything on as shipped but TLS, between client and stand-in."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with stub_running(plan.stub, directory) as stub, _connector_running(directory, stub) as port:
            client = RawFixClient(port, username="bench", password=PASSWORD)
            _settle(client, stub, _measured(client, WARM_UP, 1))
            alone = _measured(client, plan.orders, 1)
            inward, outward = _halves(alone, stub)
            fills = _settle(client, stub, alone)
            many = _measured(client, plan.orders, IN_FLIGHT)
            _settle(client, stub, many)
            client.close()
    return {
        **percentiles("in", inward),
        **percentiles("out", outward),
        **percentiles("total", _round_trips(alone)),
        **percentiles("fill", fills),
        **percentiles("in_flight", _round_trips(many)),
        "orders_per_s": plan.orders / many.elapsed_s,
    }


def _halves(run: Round, stub: Stub) -> tuple[list[int], list[int]]:
    """A = FIX bytes sent -> request complete at the exchange; B = its reply given -> report read."""
    stamps = stub.stamps()[-len(run.trips) :]
    inward, outward = [], []
    for trip, (_, arrived_ns, replied_ns, _) in zip(run.trips.values(), stamps, strict=True):
        inward.append(arrived_ns - trip.sent_ns)
        outward.append(
            max(0, trip.reported_ns - replied_ns)
        )  # the stand-in may be descheduled before its stamp
    return inward, outward


def _settle(client: RawFixClient, stub: Stub, run: Round) -> list[int]:
    """Have every order of `run` filled over the stream; event pushed -> report read, in ns."""
    stub.fill()
    client.wait_for_fills(run)
    pushed = [stamp[3] for stamp in stub.stamps()[-len(run.trips) :]]
    stub.reset()
    reported = sorted(trip.filled_ns for trip in run.trips.values())
    return [read - told for told, read in zip(sorted(pushed), reported, strict=True)]


@contextmanager
def _connector_running(directory: Path, stub: Stub) -> Iterator[int]:
    """The connector on the server's core, ready for orders; gives its FIX port."""
    configuration = directory / "connector.yaml"
    configuration.write_text(json.dumps(_configuration(directory, stub)))  # JSON is YAML
    log = directory / "connector.log"
    arguments = [sys.executable, "-m", "connector", "run", "-c", str(configuration)]
    with started(arguments, SERVER_CORE, log=log) as process:
        try:
            until(lambda: _fix_port(log) is not None, "the connector was ready", process)
            port = _fix_port(log)
            assert port is not None
            yield port
            _ended_well(process)
        except Exception as error:
            tail = "\n".join(log.read_text().splitlines()[-8:])
            raise BenchError(f"{error}\nthe connector's last words:\n{tail}") from error


def _ended_well(process: subprocess.Popen[str]) -> None:
    process.terminate()
    status = process.wait(20)
    if status:
        raise BenchError(f"the connector ended with status {status}")


def _fix_port(log: Path) -> int | None:
    for line in log.read_text().splitlines():
        if '"started"' in line:
            return int(json.loads(line)["fix_port"])
    return None


def _configuration(directory: Path, stub: Stub) -> dict[str, object]:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    settings = {
        "restUrl": stub.url,
        "websocketUrl": stub.websocket_url,
        "apiKeys": [{"apiKey": secrets.token_hex(32), "apiSecret": key.decode(), "account": "MAIN"}],
        "clientOrderIdPrefix": "bench-",
        "recvWindow": 5000,
        "warmConnections": 32,
        "reconcileInterval": "1h",  # its cost is another benchmark's
    }
    return {
        "connectors": {"BENCH": {"template": "connector.crypto.binance", "settings": settings}},
        "fix": {
            "acceptor": {"port": 0, "storePath": str(directory / "fix")},
            "sessions": [
                {
                    "targetCompId": "BENCH",
                    "username": "bench",
                    "password": PASSWORD,
                    "connector": "BENCH",
                    "account": "MAIN",
                }
            ],
        },
        "journal": {"path": str(directory / "journal.db")},
        "logging": {"level": "info", "format": "json"},
        "admin": {"port": 0},
    }


PROGRAMMES: dict[str, Callable[[Plan], Numbers]] = {
    "echo": echo,
    "post": post,
    "connector": connector,
    "journal": journal,
}
