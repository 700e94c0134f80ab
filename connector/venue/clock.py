"""The venue's time, told from our monotonic clock (reference 1.3, trap 15).

A sample says: between `sent_ns` and `received_ns` of our clock the venue read `server_ns` of its own.
That bounds the offset from both sides; the middle is the estimate and half the width its uncertainty.
The narrowest of the recent samples wins, each widened by what the two clocks may have drifted since.
Built on the monotonic clock, a step of the machine's wall clock does not reach a signature.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

MAX_AHEAD_MS = 1000  # the venue refuses what is this far ahead of its time (-1021), whatever recvWindow is
_BIAS_NS = (
    10_000_000  # at most this much later than the estimate: late is covered by recvWindow, ahead is not
)
_DRIFT_PPM = (
    200  # both clocks together; quartz is within 50, a disciplined slew within 500 for minutes at most
)
_KEPT = 16
_FAILURES = 2  # end a burst: the venue is not reached, or asks to wait
_MICROSECONDS_FROM = 10**15  # serverTime of 16 digits is in microseconds (X-MBX-TIME-UNIT)


@dataclass(frozen=True, slots=True)
class TimeSample:
    """One answer of /api/v3/time. `sent_ns`, `received_ns`: our monotonic clock; `server_ns`: epoch."""

    sent_ns: int
    received_ns: int
    server_ns: int
    resolution_ns: int = 1_000_000  # the venue cuts: its clock read up to this much more

    @property
    def low_ns(self) -> int:
        """The least the venue's clock minus ours can be."""
        return self.server_ns - self.received_ns

    @property
    def high_ns(self) -> int:
        """The most it can be."""
        return self.server_ns + self.resolution_ns - self.sent_ns


class VenueClock:
    """Pure estimator of the venue's epoch time. Every verb takes our monotonic time."""

    def __init__(self, *, now_ns: int, wall_ns: int) -> None:
        """Until the first sample the machine's own clock (`wall_ns`, epoch, read at `now_ns`) has to do."""
        self._assumed_ns = wall_ns - now_ns
        self._samples: deque[TimeSample] = deque(maxlen=_KEPT)

    @property
    def measured(self) -> bool:
        """The venue has been asked and has answered since the last doubt."""
        return bool(self._samples)

    def add(self, sample: TimeSample) -> None:
        """Learn from an answer. One that contradicts what we had means that a clock was set: it wins."""
        assert sample.sent_ns <= sample.received_ns
        low, high = sample.low_ns, sample.high_ns
        agreeing = [
            old
            for old in self._samples
            if old.low_ns - _drift_ns(old, sample.received_ns) <= high
            and old.high_ns + _drift_ns(old, sample.received_ns) >= low
        ]
        if len(agreeing) < len(self._samples):
            self._samples = deque(agreeing, maxlen=_KEPT)
        self._samples.append(sample)

    def distrust(self) -> None:
        """The venue says that our timestamps are wrong (-1021): forget the samples, keep the estimate."""
        if self._samples:
            best = self._samples[-1]
            self._assumed_ns = (best.low_ns + best.high_ns) // 2
            self._samples.clear()

    def timestamp_ms(self, now_ns: int) -> int:
        """`timestamp` of a request signed now: epoch ms, rather slightly late than ahead."""
        offset_ns, uncertainty_ns = self._estimate(now_ns)
        return (now_ns + offset_ns - min(uncertainty_ns, _BIAS_NS)) // 1_000_000

    def skew_ms(self, now_ns: int) -> int:
        """How far a timestamp of ours may be ahead of the venue's time, for P4: the venue takes such a
        request this much longer than recvWindow. Never above what the venue refuses as ahead."""
        _, uncertainty_ns = self._estimate(now_ns)
        return min(MAX_AHEAD_MS, math.ceil(uncertainty_ns / 1_000_000))

    def offset_ms(self, now_ns: int, wall_ns: int) -> float:
        """Venue time minus the machine's wall clock (`wall_ns`, epoch, read at `now_ns`): for people."""
        return (now_ns + self._estimate(now_ns)[0] - wall_ns) / 1_000_000

    def _estimate(self, now_ns: int) -> tuple[int, int]:
        """Offset to our clock and its uncertainty, ns."""
        if not self._samples:
            return self._assumed_ns, MAX_AHEAD_MS * 1_000_000
        widths = [(s.high_ns - s.low_ns) // 2 + _drift_ns(s, now_ns) for s in self._samples]
        uncertainty_ns = min(widths)
        best = self._samples[widths.index(uncertainty_ns)]
        return (best.low_ns + best.high_ns) // 2, uncertainty_ns


def _drift_ns(sample: TimeSample, now_ns: int) -> int:
    return max(0, now_ns - sample.received_ns) * _DRIFT_PPM // 1_000_000


class _ServerTime(msgspec.Struct):
    serverTime: int


def read_server_time(body: bytes, sent_ns: int, received_ns: int) -> TimeSample | None:
    """The sample in an answer of GET /api/v3/time; None when it is not one. Unit by magnitude."""
    try:
        stated = msgspec.json.decode(body, type=_ServerTime).serverTime
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if stated >= _MICROSECONDS_FROM:
        return TimeSample(sent_ns, received_ns, stated * 1_000, 1_000)
    return TimeSample(sent_ns, received_ns, stated * 1_000_000)


class ClockKeeper:
    """Keeps a `VenueClock` measured: a burst at start and after every doubt, single samples in between."""

    def __init__(
        self,
        clock: VenueClock,
        ask: Callable[[], Awaitable[TimeSample | None]],
        *,
        every_s: float = 30.0,
        retry_s: float = 1.0,
        burst: int = 5,
    ) -> None:
        """`ask` measures once; None when the venue could not be asked."""
        self._clock = clock
        self._ask = ask
        self._every_s = every_s
        self._retry_s = retry_s
        self._burst = burst
        self._doubt = asyncio.Event()
        self._measuring: asyncio.Task[bool] | None = None

    async def measure(self) -> bool:
        """Take a burst of samples, one after the other; whether at least one came back.

        Whoever asks while one is being taken waits for that one.
        """
        if self._measuring is None:
            self._measuring = asyncio.get_running_loop().create_task(self._take_burst())
            self._measuring.add_done_callback(self._measured)
        return await asyncio.shield(self._measuring)

    async def _take_burst(self) -> bool:
        taken = failed = 0
        while taken + failed < self._burst and failed < _FAILURES:
            if await self._sample():
                taken += 1
            else:
                failed += 1
        return taken > 0

    def _measured(self, _: asyncio.Task[bool]) -> None:
        self._measuring = None

    def doubt(self) -> None:
        """The venue refused a timestamp (-1021): measure at once. However often called, it asks once."""
        self._doubt.set()

    async def run(self) -> None:
        """Measure for ever; cancel it to stop."""
        await self.measure()
        while True:
            doubted = await self._pause(self._every_s if self._clock.measured else self._retry_s)
            if doubted:
                self._clock.distrust()
                await self.measure()
                await asyncio.sleep(
                    self._retry_s
                )  # a venue that goes on refusing is not asked in a tight loop
            else:
                await self._sample()

    async def _pause(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._doubt.wait()
        except TimeoutError:
            return False
        self._doubt.clear()
        return True

    async def _sample(self) -> bool:
        sample = await self._ask()
        if sample is None:
            return False
        self._clock.add(sample)
        return True
