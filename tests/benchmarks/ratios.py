"""From a round's numbers to the ratios that may be quoted, with their spread over the rounds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

Numbers = dict[str, float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One quotient of two numbers of the same round, and what it should be."""

    part: str  # (a) to (e) of the benchmark
    name: str
    numerator: str
    denominator: str
    must: float | None = None
    stretch: float | None = None
    more_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """A value over the rounds."""

    median: float
    lowest: float
    highest: float


# The aims are those of the reference's table, numbered there; where it wants TLS to the exchange, we
# measure both sides of the quotient without.
RATIOS = (
    Ratio("b", "A p50 / E p50", "in_p50_us", "echo_p50_us", 3.0, 2.0),
    Ratio("b", "A p99 / E p99", "in_p99_us", "echo_p99_us", 2.5, 2.0),
    Ratio("b", "B p50 / E p50", "out_p50_us", "echo_p50_us", 2.2, 1.5),
    Ratio("b", "B p99 / E p99", "out_p99_us", "echo_p99_us"),
    Ratio("b", "fill -> report p50 / E p50", "fill_p50_us", "echo_p50_us"),
    Ratio("b", "fill -> report p99 / E p99", "fill_p99_us", "echo_p99_us"),
    Ratio("b", "order -> report p50 / E p50", "total_p50_us", "echo_p50_us"),
    Ratio("c", "orders/s / bare POST/s", "orders_per_s", "post_per_s", 0.8, 1.5, True),
    Ratio("c", "orders/s / echoes/s", "orders_per_s", "echo_per_s", more_is_better=True),
    Ratio("c", "p99 of 32 in flight / echo's", "in_flight_p99_us", "echo_in_flight_p99_us"),
    Ratio("d", "bare POST p50 / E p50", "post_p50_us", "echo_p50_us"),
    Ratio("e", "durable alone / append", "durable_p50_us", "append_p50_us"),
    Ratio("e", "row of 32 in flight / append", "shared_row_us", "append_p50_us"),
    Ratio("e", "durable alone / E p50", "durable_p50_us", "echo_p50_us"),
)


def spread(values: list[float]) -> Spread:
    """Median, lowest and highest."""
    return Spread(statistics.median(values), min(values), max(values))


def over_rounds(ratio: Ratio, rounds: list[Numbers]) -> Spread | None:
    """The quotient in each round that has both numbers; None where no round has."""
    quotients = [
        numbers[ratio.numerator] / numbers[ratio.denominator]
        for numbers in rounds
        if ratio.numerator in numbers and ratio.denominator in numbers
    ]
    return spread(quotients) if quotients else None


def verdict(ratio: Ratio, found: Spread) -> str:
    """Which aim the median reaches; empty where there is none."""
    if ratio.must is None or ratio.stretch is None:
        return ""

    def reaches(aim: float) -> bool:
        return found.median >= aim if ratio.more_is_better else found.median <= aim

    return "stretch" if reaches(ratio.stretch) else "must" if reaches(ratio.must) else "missed"
