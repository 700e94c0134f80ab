"""The venue's time: never ahead, as exact as the best recent answer, and honest about what it does not know."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from connector.venue.clock import MAX_AHEAD_MS, ClockKeeper, TimeSample, VenueClock, read_server_time

MS = 1_000_000
EPOCH_NS = 1_795_132_800_123 * MS


def _clock(wall_error_ms: int = 0) -> VenueClock:
    """Our monotonic clock begins at 0 when the venue's shows EPOCH_NS."""
    return VenueClock(now_ns=0, wall_ns=EPOCH_NS + wall_error_ms * MS)


def _sample(sent_ms: float, received_ms: float, read_ms: float, step_ms: float = 0) -> TimeSample:
    """The venue read its clock (cut to ms) at our moment `read_ms`."""
    server_ns = EPOCH_NS + int((read_ms + step_ms) * MS)
    return TimeSample(int(sent_ms * MS), int(received_ms * MS), server_ns // MS * MS)


def test_without_a_sample_the_machine_clock_does_and_the_skew_is_the_most_there_can_be() -> None:
    """The venue itself refuses what is 1000 ms ahead, so no unmeasured clock can be worth more."""
    clock = _clock()

    assert not clock.measured
    assert clock.skew_ms(0) == MAX_AHEAD_MS
    assert abs(clock.timestamp_ms(500 * MS) - (EPOCH_NS // MS + 500)) <= 10


def test_half_the_round_trip_is_the_estimate_and_the_uncertainty() -> None:
    clock = _clock(wall_error_ms=7_000)

    clock.add(_sample(100, 140, 120))

    assert clock.measured
    assert clock.skew_ms(140 * MS) == 21  # half of 40 ms, and the venue's own resolution
    assert abs(clock.timestamp_ms(140 * MS) - (EPOCH_NS // MS + 140)) <= 11
    assert clock.offset_ms(0, EPOCH_NS + 7_000 * MS) == pytest.approx(-7_000, abs=1)


@pytest.mark.parametrize("read_ms", [100, 120, 140])
def test_a_timestamp_is_rather_late_than_ahead(read_ms: float) -> None:
    """Trap 15: an answer that was slow one way only moves the estimate by half the round trip, not more."""
    clock = _clock()
    clock.add(_sample(100, 140, read_ms))

    error_ms = clock.timestamp_ms(140 * MS) - (EPOCH_NS // MS + 140)

    assert -31 <= error_ms <= 11
    assert error_ms <= clock.skew_ms(140 * MS)


def test_the_narrowest_recent_answer_wins_until_drift_has_widened_it() -> None:
    clock = _clock()
    clock.add(_sample(0, 2, 1))
    clock.add(_sample(1_000, 1_200, 1_190))

    assert clock.skew_ms(1_200 * MS) == 2
    assert clock.skew_ms(1_200 * MS + 600_000 * MS) >= 100  # ten minutes later it is the newer one's turn


def test_an_answer_that_contradicts_means_a_clock_was_set_and_wins() -> None:
    """A suspended machine or a venue that steps its clock: yesterday's best answer is worth nothing."""
    clock = _clock()
    for n in range(5):
        clock.add(_sample(n * 10, n * 10 + 1, n * 10))

    clock.add(_sample(1_000, 1_100, 1_050, step_ms=5_000))

    assert abs(clock.timestamp_ms(1_100 * MS) - (EPOCH_NS // MS + 6_100)) <= 61
    assert clock.skew_ms(1_100 * MS) == 51


def test_after_a_doubt_the_estimate_stays_and_the_certainty_goes() -> None:
    clock = _clock(wall_error_ms=9_000)
    clock.add(_sample(0, 2, 1))

    clock.distrust()

    assert not clock.measured
    assert clock.skew_ms(2 * MS) == MAX_AHEAD_MS
    assert abs(clock.timestamp_ms(2 * MS) - (EPOCH_NS // MS + 2)) <= 12


@pytest.mark.parametrize("seed", range(30))
def test_the_true_time_lies_within_the_uncertainty_whatever_the_network_does(seed: int) -> None:
    """P4 counts on it: seeded delays, a drifting venue clock, answers lost in between."""
    chance = Random(seed)
    drift = chance.uniform(-150e-6, 150e-6)
    clock, now = _clock(), 0.0
    for _ in range(60):
        now += chance.uniform(1, 60_000)
        there, back = chance.expovariate(1 / 30), chance.expovariate(1 / 30)
        read = now + there
        server_ns = EPOCH_NS + int(read * (1 + drift) * MS)
        clock.add(TimeSample(int(now * MS), int((read + back) * MS), server_ns // MS * MS))
        now = read + back + chance.uniform(0, 30_000)
        truth_ms = EPOCH_NS / MS + now * (1 + drift)
        now_ns = int(now * MS)

        assert clock.timestamp_ms(now_ns) - truth_ms <= clock.skew_ms(now_ns)
        assert truth_ms - clock.timestamp_ms(now_ns) <= clock.skew_ms(now_ns) + 11


@pytest.mark.parametrize(
    ("body", "server_ns", "resolution_ns"),
    [
        (b'{"serverTime":1795132800123}', 1_795_132_800_123_000_000, 1_000_000),
        (b'{"serverTime":1795132800123456,"more":1}', 1_795_132_800_123_456_000, 1_000),
    ],
)
def test_the_unit_of_the_server_time_is_told_by_its_magnitude(
    body: bytes, server_ns: int, resolution_ns: int
) -> None:
    """Reference 1.2: ms by default, µs when asked for."""
    assert read_server_time(body, 1, 2) == TimeSample(1, 2, server_ns, resolution_ns)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"serverTime":"x"}', b"[]", b"\xff", b'{"serverTime":1.5}']
)
def test_an_answer_that_is_no_time_is_no_sample(body: bytes) -> None:
    assert read_server_time(body, 1, 2) is None


class _Asked:
    def __init__(self, *, failures: int = 0) -> None:
        self.count = 0
        self.failures = failures
        self.waits: list[tuple[int, asyncio.Event]] = []

    async def __call__(self) -> TimeSample | None:
        self.count += 1
        for count, event in self.waits:
            if self.count >= count:
                event.set()
        if self.count <= self.failures:
            return None
        return _sample(self.count, self.count + 1, self.count)

    async def reaches(self, count: int) -> None:
        event = asyncio.Event()
        self.waits.append((count, event))
        async with asyncio.timeout(5):
            await event.wait()


async def test_the_keeper_measures_a_burst_at_start_and_goes_on_until_it_has_an_answer() -> None:
    clock, ask = _clock(), _Asked(failures=4)
    task = asyncio.create_task(ClockKeeper(clock, ask, every_s=3600, retry_s=0.001, burst=3).run())

    await ask.reaches(5)
    await asyncio.sleep(0.05)

    assert clock.measured
    assert ask.count == 5  # three at start, then one by one until the first answer; the next in an hour
    task.cancel()


async def test_any_number_of_refused_timestamps_is_one_new_measurement() -> None:
    """-1021 on fifty orders in flight must not become fifty bursts."""
    clock, ask = _clock(), _Asked()
    keeper = ClockKeeper(clock, ask, every_s=3600, retry_s=0.001, burst=3)
    task = asyncio.create_task(keeper.run())
    await ask.reaches(3)

    for _ in range(50):
        keeper.doubt()
    await ask.reaches(6)
    await asyncio.sleep(0.05)

    assert (ask.count, clock.measured) == (6, True)
    task.cancel()


async def test_measurements_asked_for_at_the_same_time_are_one() -> None:
    """Fifty orders that each want a fresh clock must not become fifty bursts."""
    clock, ask = _clock(), _Asked()
    keeper = ClockKeeper(clock, ask, burst=3)

    assert await asyncio.gather(*(keeper.measure() for _ in range(50))) == [True] * 50
    assert ask.count == 3
    assert await keeper.measure()
    assert ask.count == 6
