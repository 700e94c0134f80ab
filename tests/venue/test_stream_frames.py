"""WS-API frames: told apart by what they are, and never a reason to fall over."""

from __future__ import annotations

import json

import pytest

from connector.venue.stream_frames import (
    AccountEvent,
    Answered,
    Frame,
    Odd,
    ShuttingDown,
    Terminated,
    read_frame,
    subscribe_frame,
)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (
            '{"id":3,"status":200,"result":{"subscriptionId":1,"expirationTime":1795132860123000}}',
            Answered(3, 1, 1795132860123000),
        ),
        ('{"id":3,"status":200,"result":{"subscriptionId":0},"rateLimits":[{"count":14}]}', Answered(3, 0)),
        ('{"id":4,"status":200,"result":{}}', Answered(4)),
        (
            '{"id":4,"status":400,"error":{"code":-1209,"msg":"Invalid listenToken."}}',
            Answered(4, code=-1209, text="Invalid listenToken.", refused=True),
        ),
        ('{"id":4,"status":503}', Answered(4, text="status 503", refused=True)),
        (
            '{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key"}}',
            Answered(None, code=-2015, text="Invalid API-key", refused=True),
        ),
        (
            '{"subscriptionId":1,"event":{"e":"executionReport","E":1,"s":"币安"}}',
            AccountEvent("executionReport"),
        ),
        ('{"subscriptionId":1,"event":{"e":"somethingNew"}}', AccountEvent("somethingNew")),
        ('{"stream":"key","data":{"e":"executionReport"}}', AccountEvent("executionReport")),
        ('{"e":"liabilityChange","E":1}', AccountEvent("liabilityChange")),
        ('{"subscriptionId":7,"event":{"e":"eventStreamTerminated","E":1}}', Terminated(7)),
        ('{"event":{"e":"eventStreamTerminated","E":1}}', Terminated(None)),
        ('{"event":{"e":"serverShutdown","E":1795132800123}}', ShuttingDown()),
    ],
)
def test_a_frame_is_what_the_reference_says_it_is(text: str, frame: Frame) -> None:
    """Reference 1.5 (answers), 1.6 and 4.5 (control events), 1.8 (bare and combined events)."""
    assert read_frame(text) == frame


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{}",
        "[]",
        "null",
        "1",
        '"x"',
        "{",
        '{"event":{}}',
        '{"event":[1]}',
        '{"id":{"a":1}}',
        "[" * 100_000,
    ],
)
def test_an_odd_frame_is_counted_not_fatal(text: str) -> None:
    """Trap 19: an empty frame broke other people's stream."""
    assert isinstance(read_frame(text), Odd)


def test_an_odd_frame_is_described_without_its_content() -> None:
    """It may be anything, a token too."""
    assert "secret" not in repr(read_frame('{"id": secret'))


def test_the_subscription_carries_the_token_and_nothing_else() -> None:
    """Reference 1.7: no login, no signature."""
    assert json.loads(subscribe_frame(5, "tok-en_1")) == {
        "id": 5,
        "method": "userDataStream.subscribe.listenToken",
        "params": {"listenToken": "tok-en_1"},
    }
