"""Frames of the user data stream; shapes are those of reference sections 1.5-1.8 and 4."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.binance import (
    Ignored,
    Response,
    ServerShutdown,
    StreamFrame,
    StreamTerminated,
    Unreadable,
    read_event,
    read_frame,
)
from mappers.model import OrderStatement, Side, VenueStatus

NEW: dict[str, Any] = {
    "e": "executionReport",
    "E": 1795132800131,
    "s": "BTCUSDT",
    "c": "ord-000123",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "0.00150000",
    "p": "61250.10000000",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 48211300157,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1795132800123,
    "t": -1,
    "I": 9912345678,
    "w": True,
    "m": False,
    "M": False,
    "O": 1795132800123,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": 1795132800123,
    "V": "EXPIRE_MAKER",
}
FILL = NEW | {
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "l": "0.00100000",
    "z": "0.00100000",
    "L": "61250.10000000",
    "n": "0.00000100",
    "N": "BTC",
    "t": 990017001,
    "m": True,
}


def frame(event: dict[str, Any], subscription: int | None = 1) -> bytes:
    wrapped: dict[str, Any] = {"event": event}
    if subscription is not None:
        wrapped = {"subscriptionId": subscription} | wrapped
    return json.dumps(wrapped).encode()


def statement(event: dict[str, Any]) -> OrderStatement:
    said = read_frame(frame(event)).event
    assert isinstance(said, OrderStatement), said
    return said


def test_an_accepted_order_is_a_statement_without_a_trade() -> None:
    """`t` is -1 where nothing traded; `r` NONE is no reason."""
    said = statement(NEW)

    assert (said.order_id, said.client_order_id, said.symbol) == (48211300157, "ord-000123", "BTCUSDT")
    assert (said.status, said.trades, said.reason) == (VenueStatus.NEW, (), None)
    assert (said.quantity, said.executed, said.price) == (Decimal("0.0015"), Decimal(0), Decimal("61250.1"))
    assert (said.side, said.time_ms) == (Side.BUY, 1795132800123)


def test_a_fill_is_a_trade_with_everything_the_oms_needs() -> None:
    """P5: quantity, price, fee, fee currency, maker/taker, trade id."""
    (trade,) = statement(FILL).trades

    assert (trade.trade_id, trade.quantity, trade.price) == (990017001, Decimal("0.001"), Decimal("61250.1"))
    assert (trade.commission, trade.commission_asset, trade.maker) == (Decimal("0.000001"), "BTC", True)
    assert trade.time_ms == 1795132800123


def test_a_fill_may_leave_its_fee_open() -> None:
    """Nullable since 2026-10-14: unknown is not zero."""
    (trade,) = statement(FILL | {"n": None, "N": None}).trades
    assert (trade.commission, trade.commission_asset) == (None, None)


def test_a_fill_without_an_identity_is_told_by_its_sum_only() -> None:
    """Without a trade id nothing could keep it from being told twice; `z` makes us ask for the trades."""
    said = statement(FILL | {"t": -1})
    assert (said.trades, said.executed) == ((), Decimal("0.001"))


def test_a_cancels_own_id_never_names_the_order() -> None:
    """Trap 9: on CANCELED `c` is the cancel's id and `C` the order's."""
    said = statement(NEW | {"x": "CANCELED", "X": "CANCELED", "c": "cxl-9", "C": "ord-000123"})
    assert (said.client_order_id, said.status) == ("ord-000123", VenueStatus.CANCELED)


@pytest.mark.parametrize(
    ("r", "eR", "reason"),
    [
        ("NONE", "UNFILLED_IOC_QUANTITY_EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("INSUFFICIENT_BALANCES", None, "INSUFFICIENT_BALANCES"),
        ("INSUFFICIENT_BALANCES", "REJECTED", "REJECTED"),
        ("NONE", "NONE", None),
        ("NONE", None, None),
    ],
)
def test_the_reason_of_an_end_is_kept(r: str, eR: str | None, reason: str | None) -> None:
    """eR says more than r where both speak."""
    event = NEW | {"x": "EXPIRED", "X": "EXPIRED", "r": r} | ({} if eR is None else {"eR": eR})
    assert statement(event).reason == reason


def test_self_trade_prevention_says_how_much_was_kept_back() -> None:
    """TRADE_PREVENTION has no trade: `A` is the sum prevented, `B` the last part."""
    said = statement(
        NEW
        | {"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "v": 11, "A": "0.0004", "B": "0.0001", "u": 7}
    )
    assert (said.status, said.prevented_quantity) == (VenueStatus.EXPIRED_IN_MATCH, Decimal("0.0004"))
    assert said.trades == ()


def test_an_orders_type_may_be_new_to_us_but_its_status_may_not() -> None:
    """A stranger's order type changes nothing; a status we do not know would be guessed at."""
    assert statement(NEW | {"o": "TYPE_FROM_TOMORROW"}).type is None
    assert isinstance(read_frame(frame(NEW | {"X": "STATUS_FROM_TOMORROW"})).event, Unreadable)


@pytest.mark.parametrize("subscription", [0, 1, 65535, None])
def test_a_frame_names_its_subscription(subscription: int | None) -> None:
    """Cross and isolated share a socket and only this tells them apart."""
    assert read_frame(frame(FILL, subscription)).subscription_id == subscription


def test_bare_and_stream_wrapped_events_are_read_alike() -> None:
    """Other transports wrap differently (reference, section 1.8)."""
    expected = read_frame(frame(FILL)).event
    bare = json.dumps(FILL).encode()

    assert read_frame(bare).event == expected
    assert read_event(bare) == expected
    assert read_frame(b'{"stream":"key","data":' + bare + b"}").event == expected
    assert read_frame(frame(FILL).decode()).event == expected


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (
            '{"subscriptionId":1,"event":{"e":"eventStreamTerminated","E":1795219200130}}',
            StreamTerminated(time_ms=1795219200130),
        ),
        ('{"event":{"e":"serverShutdown","E":1795132800123}}', ServerShutdown(time_ms=1795132800123)),
        (
            '{"subscriptionId":1,"event":{"e":"outboundAccountPosition","E":1,"u":1,"B":[{"a":"BTC","f":"1","l":"0"}]}}',
            Ignored(name="outboundAccountPosition"),
        ),
        (
            '{"subscriptionId":1,"event":{"e":"balanceUpdate","E":1,"a":"USDT","d":"-100.0","T":1}}',
            Ignored(name="balanceUpdate"),
        ),
        (
            '{"subscriptionId":1,"event":{"e":"listStatus","E":1,"s":"LTCUSDT","g":5100,"c":"OCO","O":[{"s":"LTCUSDT"}]}}',
            Ignored(name="listStatus"),
        ),
        ('{"e":"USER_LIABILITY_CHANGE","E":1,"a":"BTC","t":"BORROW"}', Ignored(name="USER_LIABILITY_CHANGE")),
        ('{"e":"listenKeyExpired","E":"1795132800123"}', Ignored(name="listenKeyExpired")),
        ('{"event":{"e":"eventFromTomorrow"}}', Ignored(name="eventFromTomorrow")),
    ],
)
def test_other_events_are_known_by_name(text: str, event: object) -> None:
    """Unknown events must be ignored, by name, so that the log can say so."""
    assert read_frame(text).event == event


def test_a_response_is_told_from_an_event() -> None:
    """`id` makes a response; its result stays JSON for whoever asked."""
    read = read_frame(
        '{"id":"s-1","status":200,"result":{"subscriptionId":1,"expirationTime":1795219200123000}}'
    )
    assert read == StreamFrame(
        event=Response(id="s-1", status=200, result=b'{"subscriptionId":1,"expirationTime":1795219200123000}')
    )


def test_a_refused_request_says_code_text_and_when_to_come_back() -> None:
    """`retryAfter` is an absolute time here, unlike REST's header."""
    text = (
        '{"id":3,"status":429,"error":{"code":-1003,"msg":"Too much",'
        '"data":{"serverTime":1795132800123,"retryAfter":1795132860000}},"rateLimits":[]}'
    )
    assert read_frame(text).event == Response(
        id="3", status=429, result=b"", code=-1003, text="Too much", retry_at_ms=1795132860000
    )


def test_a_revoked_session_answers_nobody() -> None:
    """`{"id":null,"status":401,...}` comes unasked (reference, section 1.5)."""
    event = read_frame('{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key."}}').event
    assert isinstance(event, Response)
    assert (event.id, event.status, event.code) == (None, 401, -2015)


@pytest.mark.parametrize(
    "event",
    [
        {name: value for name, value in FILL.items() if name != "i"},
        FILL | {"q": "NaN"},
        FILL | {"z": "1E+999999"},
        FILL | {"l": "0.0"},
        FILL | {"L": None},
        FILL | {"T": "soon"},
    ],
)
def test_an_order_event_nobody_can_read_is_never_ignored(event: dict[str, Any]) -> None:
    """It may have been a fill: the account must be reconciled."""
    assert isinstance(read_frame(frame(event)).event, Unreadable)


def test_a_number_or_its_text_is_the_same_number() -> None:
    """ "Accept int-or-string for ids"; decimals from a JSON number keep their digits."""
    loose = json.dumps(FILL | {"i": "48211300157", "t": "990017001"}).replace('"0.00000100"', "0.00000100")
    said = read_event(loose.encode())

    assert isinstance(said, OrderStatement)
    assert (said.order_id, said.trades[0].trade_id) == (48211300157, 990017001)
    assert str(said.trades[0].commission) == "0.00000100"


@given(st.one_of(st.binary(), st.text(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_no_frame_breaks_the_reader(text: bytes | str) -> None:
    """Trap 19: one odd frame must not end the stream."""
    assert isinstance(read_frame(text), StreamFrame)


@given(
    st.dictionaries(
        st.sampled_from([*list(NEW), "A", "eR"]),
        st.one_of(
            st.none(), st.integers(), st.text(max_size=5), st.booleans(), st.lists(st.none(), max_size=1)
        ),
        max_size=6,
    )
)
def test_no_order_event_breaks_the_reader(changes: dict[str, Any]) -> None:
    """Whatever stands in a field, the outcome is a value."""
    assert isinstance(read_frame(frame(FILL | changes)), StreamFrame)
