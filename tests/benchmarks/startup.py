"""How long a start takes and how much memory it needs, by how many orders the journal remembers.

python -m tests.benchmarks.startup [PAST ...] - a table of the journal's part of a start (open, prove, replay,
ready to decide), each in a process of its own: reading every row, from a snapshot, and from a pruned journal.
Default: 0, 10000 and 100000 settled orders, each time with 1000 open ones.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from connector import recovery
from connector.core.order import Life
from connector.core.records import (
    Accepted,
    CancelRequested,
    Ended,
    Record,
    Reported,
    Requested,
    Traded,
    encode,
)
from connector.core.router import Router
from connector.journal import Journal, Row, reading
from mappers.model import (
    CancelOrder,
    NewOrder,
    OrderType,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    TimeInForce,
    Trade,
)

OPEN = 1_000
REPEATS = 3
SESSION = "OMS1->CONNECTOR"


def order(number: int) -> NewOrder:
    return NewOrder(
        session=SESSION,
        source_id="OMS1",
        cl_ord_id=f"ORD-20261120-{number:07}",
        account="BINANCE",
        isolated=False,
        symbol=("BTCUSDT", "ETHUSDT", "BNBUSDT")[number % 3],
        side=Side.BUY if number % 2 else Side.SELL,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal("0.01250000"),
        price=Decimal("50123.45"),
        side_effect=SideEffectType.NO_SIDE_EFFECT,
        stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
        transact_time="20261120-14:00:00.000",
    )


def trade(number: int, quantity: str) -> Trade:
    return Trade(
        trade_id=990_000_000 + number,
        quantity=Decimal(quantity),
        price=Decimal("50123.45"),
        commission=Decimal("0.00001250"),
        commission_asset="BNB",
        maker=True,
        time_ms=1_795_183_200_000 + number,
    )


def life(number: int, *, settled: bool) -> Iterator[Record]:
    """Two of three settled orders fill in two parts, one is cancelled; an open one has filled in part."""
    names = {"account": "BINANCE", "client_order_id": f"x-{number}"}
    request = order(number)
    yield Requested(**names, order=request)
    yield Accepted(**names, order_id=7_700_000_000 + number, time_ms=1_795_183_200_000)
    if not settled or number % 3:
        yield Traded(**names, trade=trade(2 * number, "0.00450000"))
    if settled and number % 3:
        yield Traded(**names, trade=trade(2 * number + 1, "0.00800000"), completes=True)
    elif settled:
        cancel = CancelOrder(
            session=SESSION, source_id="OMS1", cl_ord_id=f"CXL-20261120-{number:07}",
            orig_cl_ord_id=request.cl_ord_id, symbol=request.symbol, side=request.side,
        )  # fmt: skip
        yield CancelRequested(**names, cancel_client_id=f"x-c{number}", cancel=cancel)
        yield Ended(**names, life=Life.CANCELED, time_ms=1_795_183_201_000)


def write(path: Path, past: int) -> int:
    """A journal as the daemon would have written it; how many rows."""
    journal = Journal.open(path, product_version="benchmark")
    at_ns, position = time.time_ns() - 86_400 * 10**9, journal.next_position
    rows: list[Row] = []
    for number in range(past + OPEN):
        records = list(life(number, settled=number < past))
        told = []
        for record in records:
            rows.append(Row(position, at_ns, encode(record)))
            if not isinstance(record, Requested):
                told.append(position)
            position += 1
        for each in told:
            rows.append(Row(position, at_ns, encode(Reported(positions=(each,)))))
            position += 1
        if len(rows) > 2_000:
            journal.append(rows)
            rows.clear()
    journal.append(rows)
    journal.close()
    with reading(path) as read:
        return sum(1 for _ in read.replay())


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def one_start(path: Path) -> None:
    """In a process of its own: what a daemon does before it asks the venue."""
    gc.collect()
    before = resident_mb()
    begun = time.perf_counter()
    journal = Journal.open(path, product_version="benchmark")
    router = Router({}, journal.next_position)
    _, rows = recovery.replay_into(router, journal)
    took = time.perf_counter() - begun
    gc.collect()
    book = router.state.book
    found = {"s": took, "mb": resident_mb() - before, "all_mb": resident_mb(), "rows": rows}
    print(json.dumps(found | {"orders": len(book.orders), "open": len(book.live)}))
    os._exit(0)  # the journal is left as kill -9 leaves it; the next start is to find the same


def measured(path: Path) -> dict[str, float]:
    """The median of some starts."""
    runs = []
    for _ in range(REPEATS):
        command = [sys.executable, "-m", "tests.benchmarks.startup", "--start", str(path)]
        runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def measure(past: int, directory: Path) -> Iterator[tuple[str, int, dict[str, float], float]]:
    """Way of starting, past orders, what it cost, size of the journal's file in MB."""
    path = directory / f"journal{past}.db"
    write(path, past)
    yield "every row", past, measured(path), path.stat().st_size / 1e6
    with reading(path) as read:
        recovery.take_snapshot(read, read.confirmed)
    yield "snapshot", past, measured(path), path.stat().st_size / 1e6
    Path(f"{path}.snapshot").unlink()
    command = [sys.executable, "-m", "connector", "journal", "prune", str(path), "--keep-days", "0"]
    subprocess.run(command, check=True, capture_output=True)
    yield "pruned", past, measured(path), path.stat().st_size / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.startup", description=__doc__)
    parser.add_argument("past", nargs="*", type=int, default=[0, 10_000, 100_000])
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.start is not None:
        one_start(given.start)
    table = Table(title=f"Start with {OPEN} open orders, median of {REPEATS}", box=SIMPLE_HEAD)
    for heading in ("past orders", "start from", "rows read", "seconds", "memory for orders MB", "process MB", "journal MB"):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "start from" else "right")
    with tempfile.TemporaryDirectory() as directory:
        for past in given.past:
            for way, count, its, size in measure(past, Path(directory)):
                table.add_row(
                    f"{count:,}", way, f"{its['rows']:,.0f}", f"{its['s']:.2f}", f"{its['mb']:.0f}",
                    f"{its['all_mb']:.0f}", f"{size:.0f}",
                )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
