"""Bytes to frames: whole ones only, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fix.framing import MAX_GARBLED, Frame, FrameReader, FramingError, Garbled, fields, msg_seq_num
from tests.support.fix_client import frame

TEXT = st.text(st.characters(exclude_characters="\x01", codec="utf-8"), max_size=60)
MESSAGES = st.lists(st.tuples(st.sampled_from(["0", "D", "8", "AE"]), TEXT), max_size=6)


@given(messages=MESSAGES, data=st.data())
def test_any_chunks_give_the_same_frames(messages: list[tuple[str, str]], data: st.DataObject) -> None:
    raws = [frame([(35, kind), (34, "1"), (58, text)]) for kind, text in messages]
    stream = b"".join(raws)
    reader = FrameReader()
    found: list[Frame | Garbled] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == [Frame(raw, kind.encode()) for raw, (kind, _) in zip(raws, messages, strict=True)]


@given(st.binary(max_size=300))
def test_nothing_but_frames_comes_out_of_noise(noise: bytes) -> None:
    reader = FrameReader()
    try:
        found = list(reader.feed(noise))
    except FramingError:
        return
    assert found == []


@given(position=st.integers(0, 40), byte=st.integers(0, 255))
def test_a_changed_byte_never_passes(position: int, byte: int) -> None:
    """Unless it is the byte that was there."""
    raw = frame({35: "D", 34: "7", 11: "c1", 58: "some text"})
    changed = raw[:position] + bytes([byte]) + raw[position + 1 :]
    try:
        found = list(FrameReader().feed(changed))
    except FramingError:
        return
    assert all(isinstance(item, Garbled) for item in found) or changed == raw


def test_a_wrong_sum_costs_one_message_only() -> None:
    good = frame({35: "0", 34: "2"})
    bad = frame({35: "0", 34: "1"}, checksum=1)
    assert [type(item) for item in FrameReader().feed(bad + good)] == [Garbled, Frame]


@pytest.mark.parametrize("length", [1, 3, 25])
def test_after_a_wrong_length_the_next_message_is_found(length: int) -> None:
    good = frame({35: "0", 34: "2", 58: "later"})
    bad = frame({35: "0", 34: "1", 58: "first"}, length=length)
    items = list(FrameReader().feed(bad + good + good))
    assert [type(item) for item in items] == [Garbled, Frame, Frame]


def test_too_many_garbled_messages_are_not_a_fix_line() -> None:
    bad = frame({35: "0", 34: "1"}, checksum=1)
    reader = FrameReader()
    assert len(list(reader.feed(bad * MAX_GARBLED))) == MAX_GARBLED
    with pytest.raises(FramingError, match="more than 10 garbled messages, the last: CheckSum"):
        list(reader.feed(bad))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"8=FIX.4.2\x01", "not FIX 4.4"),
        (b"GET / HTTP/1.1", "not FIX 4.4"),
        (b"8=FIX.4.4\x0135=", "not FIX 4.4"),
        (b"8=FIX.4.4\x019=1234567", "more than 6 digits"),
        (b"8=FIX.4.4\x019=12a\x01", "not a number"),
        (b"8=FIX.4.4\x019=\x01", "not a number"),
        (b"8=FIX.4.4\x019=+12\x01", "not a number"),
        (b"8=FIX.4.4\x019=999999\x01", "beyond the limit of 65536"),
    ],
)
def test_what_ends_a_connection_says_why(data: bytes, text: str) -> None:
    with pytest.raises(FramingError, match=text):
        list(FrameReader().feed(data))


def test_a_length_that_starts_with_zeros_is_still_a_length() -> None:
    raw = frame({35: "0", 34: "1"}).replace(b"\x019=", b"\x019=00")
    raw = raw[:-7] + b"10=%03d\x01" % (sum(raw[:-7]) % 256)
    (item,) = FrameReader().feed(raw)
    assert isinstance(item, Frame)


def test_the_limit_counts_the_whole_frame() -> None:
    raw = frame({35: "0", 58: "x" * 100})
    assert len(list(FrameReader(len(raw)).feed(raw))) == 1
    with pytest.raises(FramingError):
        list(FrameReader(len(raw) - 1).feed(raw))


def test_fields_and_numbers() -> None:
    raw = frame({35: "D", 34: "12", 58: "a=b", 11: ""})
    assert fields(raw)[2:6] == [(b"35", b"D"), (b"34", b"12"), (b"58", b"a=b"), (b"11", b"")]
    assert msg_seq_num(raw) == 12
    assert msg_seq_num(frame({35: "D", 34: "x"})) is None
    assert msg_seq_num(frame({35: "D"})) is None
