"""The venue's REST answers; bodies are those of reference sections 2.3-2.9."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.binance import ListenToken, Operation, read_listen_token, read_reply, read_server_time
from mappers.model import (
    OrderStatement,
    OrderType,
    OutcomeUnknown,
    RefusalKind,
    Side,
    Stated,
    TradesStated,
    VenueRefused,
    VenueStatus,
)

ACK = (
    b'{"symbol":"BTCUSDT","orderId":48211300157,"clientOrderId":"ord-000123","isIsolated":false,'
    b'"transactTime":1795132800123}'
)
FULL = b"""{"symbol":"BTCUSDT","orderId":48211300158,"clientOrderId":"ord-000124","isIsolated":false,
 "transactTime":1795132801007,"price":"0","origQty":"0.0015","executedQty":"0.0015","cummulativeQuoteQty":"91.86",
 "status":"FILLED","timeInForce":"GTC","type":"MARKET","side":"SELL","selfTradePreventionMode":"EXPIRE_MAKER",
 "marginBuyBorrowAmount":0.0015,"marginBuyBorrowAsset":"BTC",
 "fills":[{"price":"61240","qty":"0.001","commission":"0.06124","commissionAsset":"USDT","tradeId":990017001},
          {"price":"61240","qty":"0.0005","commission":null,"commissionAsset":null,"tradeId":990017002}]}"""
CANCELLED = b"""{"symbol":"LTCUSDT","orderId":"7712345001","origClientOrderId":"ord-000123","clientOrderId":"cxl-000123",
 "price":"71.5","origQty":"10","executedQty":"8","cummulativeQuoteQty":"572","status":"CANCELED",
 "timeInForce":"GTC","type":"LIMIT","side":"SELL","isIsolated":true}"""
QUERIED = b"""{"clientOrderId":"ord-000123","cummulativeQuoteQty":"-1","executedQty":"0","icebergQty":"0","isWorking":true,
 "orderId":7712345001,"origQty":"0.3","price":"0.0049363","side":"SELL","status":"EXPIRED","stopPrice":"0","symbol":"BNBBTC",
 "isIsolated":false,"time":1795132800100,"timeInForce":"GTC","type":"LIMIT","selfTradePreventionMode":"NONE",
 "updateTime":1795132800200,"expiryReason":"EXCHANGE_CANCELED"}"""
TRADES = b"""[{"commission":"0.5","commissionAsset":"BNB","id":12,"isBestMatch":true,"isBuyer":false,"isMaker":true,
 "orderId":39324,"price":"0.02","qty":"3","symbol":"BNBBTC","isIsolated":false,"time":1795132800300},
 {"commission":"0.00006","commissionAsset":"BTC","id":11,"isBuyer":false,"isMaker":false,"orderId":"39324",
 "price":"0.02","qty":"1","symbol":"BNBBTC","isIsolated":false,"time":1795132800200}]"""


def stated(operation: Operation, body: bytes) -> OrderStatement:
    outcome = read_reply(operation, 200, body)
    assert isinstance(outcome, Stated), outcome
    (statement,) = outcome.statements
    return statement


def test_an_ack_says_that_the_order_is_there_and_nothing_else() -> None:
    """Quantities not said must not be read as zero."""
    said = stated(Operation.NEW_ORDER, ACK)

    assert (said.order_id, said.client_order_id, said.symbol) == (48211300157, "ord-000123", "BTCUSDT")
    assert said.status is VenueStatus.NEW
    assert (said.quantity, said.executed, said.trades) == (None, None, ())
    assert said.time_ms == 1795132800123


def test_a_full_reply_carries_its_fills() -> None:
    """Both fills took: the order had just arrived. A null commission (since 2026-10-14) is not a commission of 0."""
    said = stated(Operation.NEW_ORDER, FULL)

    assert (said.status, said.side, said.type) == (VenueStatus.FILLED, Side.SELL, OrderType.MARKET)
    assert (said.quantity, said.executed) == (Decimal("0.0015"), Decimal("0.0015"))
    first, second = said.trades
    assert (first.trade_id, first.quantity, first.price) == (990017001, Decimal("0.001"), Decimal(61240))
    assert (first.commission, first.commission_asset, first.maker) == (Decimal("0.06124"), "USDT", False)
    assert (second.trade_id, second.commission, second.commission_asset) == (990017002, None, None)
    assert {trade.time_ms for trade in said.trades} == {1795132801007}


def test_a_json_number_keeps_its_digits() -> None:
    """marginBuyBorrowAmount is a number token; as a float 0.1 + 17 digits would change (P9)."""
    body = FULL.replace(b"0.0015,", b"0.10000000000000000123,")
    said = stated(Operation.NEW_ORDER, body)

    assert said.borrowed == Decimal("0.10000000000000000123")
    assert said.borrowed_asset == "BTC"


def test_a_cancel_reply_is_about_the_order_not_the_cancel() -> None:
    """`clientOrderId` is the cancel's id there, `orderId` a string (reference, section 2.4)."""
    said = stated(Operation.CANCEL, CANCELLED)

    assert (said.client_order_id, said.order_id) == ("ord-000123", 7712345001)
    assert (said.status, said.executed) == (VenueStatus.CANCELED, Decimal(8))


def test_a_queried_order_has_the_time_and_reason_of_its_last_change() -> None:
    """`updateTime`, not `time`; a negative quote sum means "unknown" and is not used at all."""
    said = stated(Operation.QUERY, QUERIED)

    assert (said.status, said.reason, said.time_ms) == (
        VenueStatus.EXPIRED,
        "EXCHANGE_CANCELED",
        1795132800200,
    )
    assert said.executed == 0


@pytest.mark.parametrize("operation", [Operation.OPEN_ORDERS, Operation.ALL_ORDERS])
def test_lists_of_orders_are_statements_in_the_venues_order(operation: Operation) -> None:
    """An empty list is an answer too."""
    other = QUERIED.replace(b"7712345001", b'"7712345002"')
    outcome = read_reply(operation, 200, b"[" + QUERIED + b"," + other + b"]")

    assert isinstance(outcome, Stated)
    assert [said.order_id for said in outcome.statements] == [7712345001, 7712345002]
    assert read_reply(operation, 200, b"[]") == Stated()


@pytest.mark.parametrize(("limit", "full"), [(1, True), (2, True), (3, False), (None, False)])
def test_trades_come_oldest_first_and_say_whether_there_may_be_more(limit: int | None, full: bool) -> None:
    """A full page is asked on from its last trade id."""
    outcome = read_reply(Operation.TRADES, 200, TRADES, None, limit)

    assert isinstance(outcome, TradesStated)
    assert [(order_id, trade.trade_id, trade.maker) for order_id, trade in outcome.trades] == [
        (39324, 11, False),
        (39324, 12, True),
    ]
    assert outcome.full_page is full


@pytest.mark.parametrize(
    "operation", [Operation.NEW_ORDER, Operation.CANCEL, Operation.QUERY, Operation.TRADES]
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>504</html>",
        b"{}",
        b"null",
        b"[1]",
        b"\xff\xfe",
        b'{"code":-1000,"msg":"inside a 200"}',
        ACK[:-20],
        FULL.replace(b'"FILLED"', b'"A_STATUS_FROM_TOMORROW"'),
        FULL.replace(b'"0.0015","executedQty"', b'"NaN","executedQty"'),
        FULL.replace(b'"executedQty":"0.0015"', b'"executedQty":"1E+999999"'),
    ],
)
def test_a_200_nobody_can_read_is_unknown(operation: Operation, body: bytes) -> None:
    """P4: the order may well be there; guessing a reject would be the worst of answers."""
    assert isinstance(read_reply(operation, 200, body), OutcomeUnknown)


@pytest.mark.parametrize("quantity", [b"0", b"-1", b"NaN", b""])
def test_a_fill_that_cannot_be_one_makes_the_placement_unknown(quantity: bytes) -> None:
    """Asked again, the venue tells the order and its trades anew."""
    body = FULL.replace(b'"qty":"0.001"', b'"qty":"' + quantity + b'"')
    assert isinstance(read_reply(Operation.NEW_ORDER, 200, body), OutcomeUnknown)


def test_a_cancel_reply_without_the_orders_own_id_is_unknown() -> None:
    """It could only be attributed to the cancel's id, which is nobody's order."""
    body = CANCELLED.replace(b'"origClientOrderId":"ord-000123",', b"")
    assert isinstance(read_reply(Operation.CANCEL, 200, body), OutcomeUnknown)


def test_a_refusal_carries_the_venues_words_and_code() -> None:
    """103, 58 and 25016 of the report come from here."""
    body = b'{"code":-2010,"msg":"Account has insufficient balance for requested action."}'
    outcome = read_reply(Operation.NEW_ORDER, 400, body)

    assert isinstance(outcome, VenueRefused)
    assert outcome.kind is RefusalKind.FINAL
    assert outcome.refusal.text == "-2010 Account has insufficient balance for requested action."
    assert (outcome.refusal.reason, outcome.refusal.venue_code) == (3, -2010)


@pytest.mark.parametrize(
    ("header", "wait_ms"),
    [("7", 7000), (" 60 ", 60000), (None, None), ("", None), ("soon", None), ("-1", None), ("9" * 30, None)],
)
def test_retry_after_is_in_seconds_or_absent(header: str | None, wait_ms: int | None) -> None:
    """Order-count 429s carry none on margin (reference, section 1.10)."""
    outcome = read_reply(Operation.NEW_ORDER, 429, b'{"code":-1015,"msg":"Too many new orders"}', header)

    assert isinstance(outcome, VenueRefused)
    assert (outcome.kind, outcome.retry_after_ms) == (RefusalKind.BACK_OFF, wait_ms)


def test_an_unknown_outcome_says_what_was_heard() -> None:
    """For the log and for Text(58) of a pending order."""
    body = b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}'
    assert read_reply(Operation.NEW_ORDER, 503, b"<html>") == OutcomeUnknown(cause="HTTP 503")
    assert read_reply(Operation.NEW_ORDER, 400, body) == OutcomeUnknown(
        cause="HTTP 400 -1007 Timeout waiting for response from backend server."
    )


def test_a_good_key_is_a_statement_of_nothing() -> None:
    """The key check's answer is only asked for its status."""
    assert read_reply(Operation.ACCOUNT, 200, b'[{"rateLimitType":"ORDERS"}]') == Stated()
    refused = read_reply(
        Operation.ACCOUNT, 401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions."}'
    )
    assert isinstance(refused, VenueRefused)
    assert refused.kind is RefusalKind.KEY


@pytest.mark.parametrize("key", [b"token", b"listenToken"])
@pytest.mark.parametrize("expires", [b"1795219200123", b"1795219200123000", b'"1795219200123"'])
def test_a_listen_token_expires_in_ms_whatever_the_unit(key: bytes, expires: bytes) -> None:
    """REST says ms, the WS-API has been seen with us: told apart by magnitude (reference, section 1.7)."""
    body = b'{"' + key + b'":"abc_SECRET","expirationTime":' + expires + b"}"
    token = read_listen_token(200, body)

    assert isinstance(token, ListenToken)
    assert (token.token, token.expires_ms) == ("abc_SECRET", 1795219200123)
    assert "SECRET" not in repr(token)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token":""}', b'{"token":{"SECRET":1}}'])
def test_a_missing_listen_token_is_unknown_and_quotes_nothing(body: bytes) -> None:
    """A token is a credential (P11)."""
    outcome = read_listen_token(200, body)
    assert isinstance(outcome, OutcomeUnknown)
    assert "SECRET" not in outcome.cause


def test_a_refused_listen_token_says_why() -> None:
    """A wrong key, a rate limit."""
    outcome = read_listen_token(429, b'{"code":-1003,"msg":"Too much"}', "3")
    assert isinstance(outcome, VenueRefused)
    assert outcome.retry_after_ms == 3000


def test_the_venues_clock_is_in_ms() -> None:
    """/api/v3/time."""
    assert read_server_time(200, b'{"serverTime":1795132800123}') == 1795132800123
    assert isinstance(read_server_time(200, b"{}"), OutcomeUnknown)
    assert isinstance(read_server_time(500, b""), OutcomeUnknown)


@given(
    operation=st.sampled_from(Operation),
    http=st.sampled_from([200, 400, 401, 403, 404, 429, 503]),
    body=st.binary(),
)
def test_no_body_breaks_the_reader(operation: Operation, http: int, body: bytes) -> None:
    """Something between us and the venue may answer anything."""
    assert isinstance(
        read_reply(operation, http, body, None, 1), Stated | TradesStated | VenueRefused | OutcomeUnknown
    )
