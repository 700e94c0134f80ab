"""ResendRequest(2) in batches: a client's whole history must not be one piece of work.

The engine answers a request by loading, marking and queueing the whole range at once while every other
session waits (2.4 s for 100,000 reports), and does so again for each repetition. So a long request is
handed to it as many short ones, one in each turn of the loop, and only while the client reads what it got.
Only the first of them uses the client's MsgSeqNum(34); the others carry one that was consumed before, which
the engine takes for a ResendRequest and does not count.

While a range is on its way, a request that starts within it asks for what will come anyway: TCP keeps the
order. It only lengthens the range, by the messages that were sent in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connector.fix.framing import SOH, Frame, fields

BATCH = 50  # messages; some 2 ms of the engine's work
MAX_SAME = 10  # requests in a row for the same begin in one connection
_FRAMING = (b"8", b"9", b"10")


@dataclass(frozen=True, slots=True)
class Range:
    """What is still to be sent again, both ends included."""

    begin: int
    end: int


@dataclass(slots=True)
class Resends:
    """The resends of one connection. `parties`: the client's and our comp ID, as the client writes them."""

    parties: tuple[bytes, bytes]
    started: int = 0  # where the range under way began
    left: Range | None = None
    _same: int = 0
    _last_begin: int | None = field(default=None)

    def asked(self, frame: Frame, next_out: int) -> bytes | None:
        """What to hand to the engine for this ResendRequest; None when it was asked too often.

        `next_out`: the number of our next message.
        """
        wanted = _range(frame, next_out)
        if wanted is None:
            return frame.raw  # the engine says what is wrong with it
        self._same = self._same + 1 if wanted.begin == self._last_begin else 1
        self._last_begin = wanted.begin
        if self._same > MAX_SAME:
            return None
        if self.left is not None and self.started <= wanted.begin <= self.left.end + 1:
            self.left = Range(self.left.begin, max(self.left.end, wanted.end))
            return rewritten(frame.raw, {b"35": b"0", b"7": None, b"16": None})  # its number is consumed
        end = max(wanted.end, self.left.end) if self.left is not None else wanted.end
        first = self.begin(Range(wanted.begin, end))
        return rewritten(frame.raw, {b"16": b"%d" % first.end})

    @property
    def pending(self) -> bool:
        """Something is left to be sent again."""
        return self.left is not None

    def begin(self, wanted: Range) -> Range:
        """A range is to be sent; the first batch of it."""
        self.started, self.left = wanted.begin, wanted
        return self._batch()

    def following(self, consumed: int, now: datetime) -> bytes:
        """The next batch as a request under an already `consumed` number; only while something is left."""
        batch = self._batch()
        client, ours = self.parties
        head = [(b"35", b"2"), (b"34", b"%d" % consumed), (b"49", client), (b"52", _utc(now)), (b"56", ours)]
        return framed([*head, (b"7", b"%d" % batch.begin), (b"16", b"%d" % batch.end)])

    def _batch(self) -> Range:
        assert self.left is not None
        batch = Range(self.left.begin, min(self.left.begin + BATCH - 1, self.left.end))
        self.left = Range(batch.end + 1, self.left.end) if batch.end < self.left.end else None
        return batch


def next_expected(frame: Frame, next_out: int) -> Range | None:
    """What a Logon's NextExpectedMsgSeqNum(789) asks for again, when it is more than one batch."""
    value = dict(fields(frame.raw)).get(b"789", b"")
    if not value.isdigit() or not 0 < int(value) < next_out - BATCH:
        return None
    return Range(int(value), next_out - 1)


def rewritten(raw: bytes, changes: Mapping[bytes, bytes | None]) -> bytes:
    """The frame with other values of these tags, None: without them."""
    kept = [
        (tag, changes.get(tag, value))
        for tag, value in fields(raw)
        if tag not in _FRAMING and changes.get(tag, value) is not None
    ]
    return framed([(tag, value) for tag, value in kept if value is not None])


def framed(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """A frame of these fields, from MsgType(35) on."""
    body = b"".join(tag + b"=" + value + SOH for tag, value in pairs)
    raw = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return raw + b"10=%03d\x01" % (sum(raw) & 0xFF)


def _range(frame: Frame, next_out: int) -> Range | None:
    """The numbers a ResendRequest means; None when it makes no sense."""
    pairs = fields(frame.raw)
    given = dict(pairs)
    if len(given) < len(pairs):  # a tag twice: the engine and we could read different things
        return None
    begin, end = given.get(b"7", b""), given.get(b"16", b"")
    if not (begin.isdigit() and end.isdigit()) or not begin.lstrip(b"0"):
        return None
    last = int(end) if 0 < int(end) < next_out else next_out - 1
    return Range(int(begin), last) if int(begin) <= last else None


def _utc(now: datetime) -> bytes:
    return now.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3].encode()
