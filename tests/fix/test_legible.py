"""Frames with a right sum that the engine cannot parse: answered, counted, and nothing after them is held up."""

from __future__ import annotations

import pytest

from connector.fix.framing import Frame
from connector.fix.legible import fault_of, header_only
from connector.fix.resend import framed

HEADER = [(b"35", b"D"), (b"34", b"7"), (b"49", b"A"), (b"52", b"20261120-09:30:00"), (b"56", b"B")]


def frame(extra: bytes) -> bytes:
    body = framed(HEADER)
    start = body.index(b"35=")
    inside = body[start:-7] + extra
    raw = b"8=FIX.4.4\x019=%d\x01" % len(inside) + inside
    return raw + b"10=%03d\x01" % (sum(raw) & 0xFF)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (b"junk\x01", "'junk' is not tag=value"),
        (b"=1\x01", "'=1' is not tag=value"),
        (b"a=1\x01", "'a=1' is not tag=value"),
        (b"\x01", "'' is not tag=value"),
        (b"99999999999=1\x01", "'99999999999=1' is not tag=value"),
        (b"355=x\x01", "tag 355 does not follow its length, tag 354"),
        (b"354=5\x01355=x\x01", "tag 355 is not as long as tag 354 says"),
        (b"354=abc\x01355=x\x01", "tag 355 does not follow its length, tag 354"),
        (b"10=000\x0111=c\x01", "tag 10 stands within the message"),
        (b"9=5\x01", "tag 9 stands within the message"),
    ],
)
def test_what_the_engine_cannot_parse_is_named(extra: bytes, said: str) -> None:
    assert fault_of(frame(extra)) == said


@pytest.mark.parametrize("extra", [b"", b"11=c\x01", b"58=\x01", b"354=3\x01355=a\x01b\x01", b"58=a=b=c\x01"])
def test_what_it_can_parse_is_left_alone(extra: bytes) -> None:
    """Encoded text may hold a delimiter; a value may hold '='."""
    assert fault_of(frame(extra)) is None


def test_the_header_alone_keeps_the_number() -> None:
    header = header_only(Frame(frame(b"junk\x01"), b"D"))

    assert header is not None
    assert header.raw == framed(
        [(b"35", b"D"), (b"34", b"7"), (b"49", b"A"), (b"56", b"B"), (b"52", b"20261120-09:30:00")]
    )
    assert header_only(Frame(frame(b"")[:-7].replace(b"34=7\x01", b"") + b"10=000\x01", b"D")) is None
