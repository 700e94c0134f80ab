"""The processes a benchmark needs: started pinned to a core, said to be ready, ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]  # the same one where there is only one
READY_WITHIN_S = 60


class BenchError(Exception):
    """The benchmark cannot run, or what it measured did not do its work."""


def pin(core: int) -> None:
    """Keep this process, and what it starts, on `core`."""
    os.sched_setaffinity(0, {core})


@contextmanager
def started(arguments: list[str], core: int, log: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A child on `core` with pipes for its input and output, ended at the end; `log` takes its errors."""
    errors = log.open("w") if log else None
    process = subprocess.Popen(
        [*_on(core), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        assert process.stdin
        assert process.stdout
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()
        if errors:
            errors.close()


def _on(core: int) -> list[str]:
    """A prefix that pins what follows; Python itself, so that nothing but Python is needed."""
    pinned = f"import os,sys; os.sched_setaffinity(0,{{{core}}}); os.execvp(sys.argv[1],sys.argv[1:])"
    return [sys.executable, "-c", pinned]


def first_line(process: subprocess.Popen[str]) -> str:
    """What a child says first, which is how it says that it is ready."""
    assert process.stdout
    line = process.stdout.readline().strip()
    if not line:
        raise BenchError(f"{process.args!r} ended before it was ready (status {process.wait(5)})")
    return line


def until(ready: Callable[[], bool], what: str, process: subprocess.Popen[str]) -> None:
    """Wait until `ready` says so, as long as `process` lives."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not ready():
        if process.poll() is not None:
            raise BenchError(f"the process ended with status {process.returncode} before {what}")
        if time.monotonic() > deadline:
            raise BenchError(f"not within {READY_WITHIN_S} s: {what}")
        time.sleep(0.02)


def compiled_stub(into: Path) -> Path:
    """The stand-in for the exchange, compiled.

    Raises:
        BenchError: there is no C compiler, or it refuses.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BenchError(
            "no C compiler found: install gcc or clang (Debian: apt install gcc); the exchange's stand-in needs it"
        )
    program = into / "venue_stub"
    command = [compiler, "-O2", "-o", str(program), str(HERE / "venue_stub.c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{compiler} cannot compile venue_stub.c: {done.stderr.strip()}")
    return program


class Stub:
    """The running stand-in: its address and what it noted."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.websocket_url = f"ws://127.0.0.1:{port}/ws-api/v3"

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:
            return reply.read().decode()

    def reset(self) -> None:
        """Forget all orders."""
        self._get("/bench/reset")

    def fill(self) -> None:
        """Begin to fill what is open, over the stream, one order a millisecond."""
        self._get("/bench/fill")

    def stamps(self) -> list[tuple[str, int, int, int]]:
        """Of each order: client id, then monotonic ns of request complete, reply given, fill pushed (0: not)."""
        lines = [line.split() for line in self._get("/bench/stamps").splitlines()]
        return [(name, int(arrived), int(replied), int(pushed)) for name, arrived, replied, pushed in lines]


@contextmanager
def stub_running(program: Path, directory: Path) -> Iterator[Stub]:
    """The stand-in on the client's core, where it works only while the client waits."""
    info = directory / "exchange_info.json"
    info.write_text(json.dumps(EXCHANGE_INFO))
    with started([str(program), str(info)], CLIENT_CORE) as process:
        yield Stub(int(first_line(process)))


EXCHANGE_INFO = {
    "timezone": "UTC",
    "serverTime": 1795132800000,
    "rateLimits": [],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quoteAssetPrecision": 8,
            "orderTypes": [
                "LIMIT",
                "LIMIT_MAKER",
                "MARKET",
                "STOP_LOSS",
                "STOP_LOSS_LIMIT",
                "TAKE_PROFIT",
                "TAKE_PROFIT_LIMIT",
            ],
            "icebergAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "isMarginTradingAllowed": True,
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
            "permissionSets": [["SPOT", "MARGIN"]],
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.01",
                    "maxPrice": "1000000.00",
                    "tickSize": "0.01",
                },
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001"},
                {
                    "filterType": "NOTIONAL",
                    "minNotional": "5.00",
                    "applyMinToMarket": True,
                    "maxNotional": "9000000.00",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
            ],
        }
    ],
}
