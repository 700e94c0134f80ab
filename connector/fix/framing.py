"""Bytes of a FIX connection -> whole, checked messages (FIX 4.4 vol. 2, "Message Integrity").

A frame is `8=FIX.4.4|9=<BodyLength>|35=<MsgType>|...|10=<CheckSum>|`. Nothing else reaches the engine, which
waits for ever inside its own loop for the rest of a first message and keeps an unfinished one of any length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SOH = b"\x01"
BEGIN = b"8=FIX.4.4\x019="  # BeginString(8) and the start of BodyLength(9): the only prefix we take
TRAILER_SIZE = len(b"10=000\x01")
MAX_LENGTH_DIGITS = 6
MAX_FRAME_BYTES = 64 * 1024
MAX_GARBLED = 10  # in one connection: a line that keeps breaking is not a FIX line


class FramingError(Exception):
    """What arrives is not FIX 4.4: the connection is of no further use."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message whose BodyLength(9) and CheckSum(10) are right."""

    raw: bytes
    msg_type: bytes  # MsgType(35)


@dataclass(frozen=True, slots=True)
class Garbled:
    """A message to be ignored: its number is not consumed, so that the counterparty sends it again
    (FIX Session Layer Test Cases 2.t and 3: "consider garbled and ignore")."""

    reason: str


class FrameReader:
    """Cuts bytes in any chunks into frames.

    `limit`: bytes of the longest frame taken; it may be raised once the counterparty is known.
    """

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self.limit = limit
        self._rest = b""
        self._garbled = 0

    def feed(self, data: bytes) -> Iterator[Frame | Garbled]:
        """Yield what `data` completes.

        Raises:
            FramingError: another protocol or version, a frame beyond `limit`, or too many garbled ones.
        """
        self._rest += data
        start = 0
        try:
            while (found := self._next(start)) is not None:
                message, start = found
                yield message
        finally:
            self._rest = self._rest[start:]

    def _next(self, start: int) -> tuple[Frame | Garbled, int] | None:
        body = self._body_start(start)
        if body is None:
            return None
        length = int(self._rest[start + len(BEGIN) : body - 1])
        end = body + length + TRAILER_SIZE
        if end - start > self.limit:
            raise FramingError(f"BodyLength(9)={length} is beyond the limit of {self.limit} bytes")
        if len(self._rest) < end:
            return None
        raw = self._rest[start:end]
        fault = _fault(raw, body - start)
        if fault is None:
            return Frame(raw, raw[body - start + 3 : raw.index(SOH, body - start)]), end
        self._garbled += 1
        if self._garbled > MAX_GARBLED:
            raise FramingError(f"more than {MAX_GARBLED} garbled messages, the last: {fault}")
        return Garbled(fault), self._resynchronise(start, end, fault)

    def _body_start(self, start: int) -> int | None:
        """Where the body of the frame at `start` begins, None until that can be told."""
        head = self._rest[start : start + len(BEGIN)]
        if head != BEGIN[: len(head)]:
            raise FramingError(f"not FIX 4.4: a message starts with {head!r}")
        first = start + len(BEGIN)
        soh = self._rest.find(SOH, first, first + MAX_LENGTH_DIGITS + 1)
        if soh < 0:
            if len(self._rest) - first > MAX_LENGTH_DIGITS:
                raise FramingError(f"BodyLength(9) has more than {MAX_LENGTH_DIGITS} digits")
            return None
        if not self._rest[first:soh].isdigit():
            raise FramingError(f"BodyLength(9)={self._rest[first:soh]!r} is not a number")
        return soh + 1

    def _resynchronise(self, start: int, end: int, fault: str) -> int:
        """A wrong sum costs one message; after a wrong length we go on at the next BeginString(8)."""
        if fault.startswith("CheckSum"):
            return end
        following = self._rest.find(SOH + BEGIN, start)
        if following < 0:
            raise FramingError(f"{fault}, and no message starts after it")
        return following + len(SOH)


def _fault(raw: bytes, body: int) -> str | None:
    """Why the frame is not to be believed, or None."""
    trailer = raw[-TRAILER_SIZE:]
    if not (trailer.startswith(b"10=") and trailer[-1:] == SOH and trailer[3:6].isdigit()):
        return "BodyLength(9) does not lead to CheckSum(10)"
    if raw[-TRAILER_SIZE - 1 : -TRAILER_SIZE] != SOH:
        return "BodyLength(9) does not end at a delimiter"
    if not raw.startswith(b"35=", body):
        return "MsgType(35) is not the third field"
    if sum(raw[:-TRAILER_SIZE]) & 0xFF != int(trailer[3:6]):
        return f"CheckSum(10)={trailer[3:6].decode()} is wrong"
    return None


def fields(raw: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a frame in their order; what is not `tag=value` is left out."""
    return [
        (tag, value) for tag, equals, value in (part.partition(b"=") for part in raw.split(SOH)) if equals
    ]


def msg_seq_num(raw: bytes) -> int | None:
    """MsgSeqNum(34) of a frame, None when it is missing or not a number."""
    start = raw.find(b"\x0134=")
    if start < 0:
        return None
    digits = raw[start + 4 : raw.index(SOH, start + 4)]
    return int(digits) if digits.isdigit() else None
