"""What a venue refusal proves (P4), and what it is called in FIX."""

from __future__ import annotations

import pytest

from mappers.binance_requests import Operation
from mappers.model import RefusalKind
from mappers.reasons import cxl_rej_reason, judge, ord_rej_reason, refusal

NEW, CANCEL, QUERY = Operation.NEW_ORDER, Operation.CANCEL, Operation.QUERY


@pytest.mark.parametrize("operation", [NEW, CANCEL])
@pytest.mark.parametrize(
    "code", [-1000, -1001, -1003, -1004, -1006, -1007, -1008, -1015, -1016, -3000, -3007, -3044]
)
def test_a_code_that_proves_nothing_leaves_the_outcome_unknown(operation: Operation, code: int) -> None:
    """Reference section 5.1, "never definitive": query before any resend."""
    assert judge(operation, 400, code, "whatever") is None


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("http", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("code", [None, -1000, -2010, -2013, -1121])
def test_5xx_proves_nothing_whatever_its_body_says(operation: Operation, http: int, code: int | None) -> None:
    """5xx: execution status unknown; a "Service Unavailable" that means failure is not promised for margin."""
    assert judge(operation, http, code, "Order does not exist.") is None


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("http", [403, 418, 429])
@pytest.mark.parametrize("code", [None, -1003, -1015])
def test_a_refusal_at_the_door_means_wait(operation: Operation, http: int, code: int | None) -> None:
    """WAF, ban and rate limits refuse before anything looks at the order; the body may be HTML."""
    assert judge(operation, http, code, "") is RefusalKind.BACK_OFF


@pytest.mark.parametrize(
    ("http", "code"), [(200, -2010), (400, None), (400, 0), (400, 200), (404, -2010), (302, -1)]
)
def test_an_answer_that_is_not_the_order_desks_proves_nothing(http: int, code: int | None) -> None:
    """Errors inside a 200, bodies that cannot be read, other hosts' 404: the order may be there."""
    assert judge(NEW, http, code, "") is None


@pytest.mark.parametrize(
    ("operation", "http", "code", "text", "kind"),
    [
        (NEW, 400, -2010, "Duplicate order sent.", RefusalKind.DUPLICATE),
        (NEW, 400, -2010, "Account has insufficient balance for requested action.", RefusalKind.FINAL),
        (NEW, 400, -1013, "Filter failure: LOT_SIZE", RefusalKind.FINAL),
        (NEW, 400, -3045, "The system doesn't have enough asset now.", RefusalKind.FINAL),
        (NEW, 400, -98765, "A code from tomorrow.", RefusalKind.FINAL),
        (NEW, 400, -2013, "Order does not exist.", None),
        (NEW, 400, -2011, "Unknown order sent.", None),
        (CANCEL, 400, -2011, "Unknown order sent.", RefusalKind.NOT_OPEN),
        (CANCEL, 400, -2011, "Cancel order is invalid. Check origClOrdId and orderId.", RefusalKind.NOT_OPEN),
        (CANCEL, 400, -2011, "This account may not place or cancel orders.", RefusalKind.FINAL),
        (CANCEL, 400, -2013, "Order does not exist.", RefusalKind.NOT_OPEN),
        (CANCEL, 400, -1121, "Invalid symbol.", RefusalKind.FINAL),
        (QUERY, 400, -2013, "Order does not exist.", RefusalKind.NOT_FOUND),
        (QUERY, 400, -2026, "Order was canceled or expired with no executed qty", RefusalKind.NOT_FOUND),
        (QUERY, 400, -1121, "Invalid symbol.", RefusalKind.FINAL),
        (QUERY, 400, -1008, "Server is currently overloaded", RefusalKind.BACK_OFF),
        (QUERY, 400, -1001, "Internal error", None),
        (Operation.OPEN_ORDERS, 400, -3044, "System busy.", RefusalKind.BACK_OFF),
    ],
)
def test_a_code_means_what_its_question_makes_it(
    operation: Operation, http: int, code: int, text: str, kind: RefusalKind | None
) -> None:
    """The same code proves different things about a placement, a cancel and a question."""
    assert judge(operation, http, code, text) is kind


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize(
    ("http", "code", "kind"),
    [
        (400, -1021, RefusalKind.CLOCK),
        (400, -1022, RefusalKind.KEY),
        (400, -2014, RefusalKind.KEY),
        (401, -2015, RefusalKind.KEY),
        (401, -1002, RefusalKind.KEY),
    ],
)
def test_clock_and_key_troubles_are_told_apart(
    operation: Operation, http: int, code: int, kind: RefusalKind
) -> None:
    """Not processed either way: one needs a new time, the other a human."""
    assert judge(operation, http, code, "") is kind


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (-2010, "Account has insufficient balance for requested action.", 3),
        (-2010, "Duplicate order sent.", 6),
        (-2010, "Order would immediately match and take.", 99),
        (-2010, "Stop loss orders are not supported for this symbol.", 11),
        (-2010, "This action is disabled on this account.", 0),
        (-1013, "Market is closed.", 2),
        (-1013, "Filter failure: LOT_SIZE", 13),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", 99),
        (-1013, "Filter failure: MAX_NUM_ORDERS", 3),
        (-1013, "Filter failure: EXCHANGE_MAX_NUM_ALGO_ORDERS", 3),
        (-1013, "This symbol does not allow the specified self-trade prevention mode.", 11),
        (-1015, "Too many new orders; current limit is 50 orders per 10 SECOND.", 3),
        (-1121, "Invalid symbol.", 1),
        (-3003, "Margin account does not exist.", 15),
        (-3006, "Your borrow amount has exceed maximum borrow amount.", 3),
        (-11001, "Isolated margin account does not exist.", 15),
        (-424242, "A code from tomorrow.", 99),
        (None, "", 99),
    ],
)
def test_order_refusals_get_fix_44s_own_reason(code: int | None, text: str, reason: int) -> None:
    """OrdRejReason(103) for the blotter; code and words go along."""
    assert ord_rej_reason(code, text) == reason


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (-2011, "Unknown order sent.", 1),
        (-2013, "Order does not exist.", 1),
        (-2011, "This account may not place or cancel orders.", 2),
        (-1007, "Timeout", 99),
    ],
)
def test_cancel_refusals_get_fix_44s_own_reason(code: int, text: str, reason: int) -> None:
    """CxlRejReason(102)."""
    assert cxl_rej_reason(code, text) == reason


def test_the_oms_hears_the_venues_own_words() -> None:
    """Text(58) is the venue's code and text, ErrorCode(25016) its code."""
    told = refusal(NEW, 400, -2010, "Account has insufficient balance for requested action.")

    assert told.text == "-2010 Account has insufficient balance for requested action."
    assert (told.reason, told.venue_code) == (3, -2010)


def test_a_venue_text_cannot_forge_a_field_or_break_the_engine() -> None:
    """SOH would end the field, a lone surrogate raises inside the engine, an HTML page would fill the log."""
    told = refusal(NEW, 400, -2010, "bad\x0139=2\x01\r\n\udcff" + "x" * 5000)

    assert told.text.isprintable()
    assert told.text.startswith("-2010 bad?39=2????x")
    assert len(told.text) < 600
    told.text.encode("utf-8")


def test_a_body_nobody_can_read_still_says_its_status() -> None:
    """A 403 of the firewall carries HTML or nothing."""
    assert refusal(NEW, 403, None, "").text == "HTTP 403 no text"
