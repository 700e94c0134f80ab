"""What a venue refusal lets us conclude, and which FIX reason it becomes.

Two questions, two tables:

- `judge`: did the request happen? Only what is proven is said; `None` means unknown and the venue is asked
  (P4).
- `ord_rej_reason`, `cxl_rej_reason`: OrdRejReason(103) and CxlRejReason(102) for a person's blotter. The
  venue's own code and words go along in ErrorCode(25016) and Text(58), so a coarse reason loses nothing.

Source: reference `binance-margin-api.md`, section 5 ("never definitive", suggested classes, engine texts).
Codes are matched before texts; texts vary, so only their stable parts are looked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from mappers.binance_requests import Operation
from mappers.model import Refusal, RefusalKind
from mappers.text import printable

DUPLICATE_ORDER = "Duplicate order sent"

NEVER_DEFINITIVE = frozenset(
    {-1000, -1001, -1003, -1004, -1006, -1007, -1008, -1015, -1016, -3000, -3007, -3044}
)
"""Codes that prove nothing about an order: it may be at the venue. -1003 and -1015 prove something only
beside HTTP 429 or 418, whose status alone says "not processed"."""

_BACK_OFF_STATUS = frozenset(
    {403, 418, 429}
)  # WAF, ban, rate limit: refused before anything read the request
_BUSY = frozenset(
    {-1003, -1004, -1008, -1015, -3044}
)  # a question that was not answered may simply be put again
_ANYWHERE: Mapping[int, RefusalKind] = {  # said before the request is looked at, whatever it asks
    -1021: RefusalKind.CLOCK,
    -1002: RefusalKind.KEY,
    -1022: RefusalKind.KEY,
    -2008: RefusalKind.KEY,
    -2014: RefusalKind.KEY,
    -2015: RefusalKind.KEY,
}
_ACTS = frozenset({Operation.NEW_ORDER, Operation.CANCEL})

_CANCEL_REFUSED_FOR_GOOD = (  # -2011 with any other words: ask what became of the order
    "may not place or cancel",
    "action is disabled",
    "trading is not enabled",
)


def judge(operation: Operation, http: int, code: int | None, text: str) -> RefusalKind | None:
    """What an answer other than success proves; None: nothing, the outcome is unknown.

    Args:
        operation: what was asked for.
        http: HTTP status.
        code: the venue's `code`, None when the body could not be read.
        text: the venue's `msg`.
    """
    if http in _BACK_OFF_STATUS:
        return RefusalKind.BACK_OFF
    if not 400 <= http < 500 or code is None or code >= 0:
        return None  # 5xx; 200 with an error inside; a body nobody can read
    if code in _BUSY and operation not in _ACTS:
        return RefusalKind.BACK_OFF
    if code in _ANYWHERE:
        return _ANYWHERE[code]
    if code in NEVER_DEFINITIVE or http != 400:
        return None  # 404, 409, 410 ...: not the order desk speaking
    return _JUDGES.get(operation, _judge_question)(code, text)


def _judge_new_order(code: int, text: str) -> RefusalKind | None:
    if DUPLICATE_ORDER in text:
        return RefusalKind.DUPLICATE
    if code in {-2011, -2013}:
        return None  # answers to other questions: something is confused, ask
    return RefusalKind.FINAL  # HTTP 400 is the venue's "not placed", also with a code no table knows


def _judge_cancel(code: int, text: str) -> RefusalKind | None:
    if code == -2013:
        return RefusalKind.NOT_OPEN
    if code == -2011:
        for_good = any(words in text for words in _CANCEL_REFUSED_FOR_GOOD)
        return RefusalKind.FINAL if for_good else RefusalKind.NOT_OPEN
    return RefusalKind.FINAL


def _judge_question(code: int, text: str) -> RefusalKind | None:  # noqa: ARG001 (one signature for all judges)
    # -2026: cancelled or expired without a fill more than 90 days ago, and archived: gone, with nothing
    # executed
    return RefusalKind.NOT_FOUND if code in {-2013, -2026} else RefusalKind.FINAL


_JUDGES = {Operation.NEW_ORDER: _judge_new_order, Operation.CANCEL: _judge_cancel}


BROKER_OPTION, UNKNOWN_SYMBOL, EXCHANGE_CLOSED, EXCEEDS_LIMIT = 0, 1, 2, 3
UNKNOWN_ORDER, DUPLICATE, STALE_ORDER = 5, 6, 8
UNSUPPORTED, INCORRECT_QUANTITY, UNKNOWN_ACCOUNT, OTHER = 11, 13, 15, 99
"""OrdRejReason(103), FIX 4.4."""

_ORDER_TEXTS: tuple[tuple[str, int], ...] = (
    (DUPLICATE_ORDER, DUPLICATE),
    ("insufficient balance", EXCEEDS_LIMIT),
    ("Market is closed", EXCHANGE_CLOSED),
    ("Filter failure: LOT_SIZE", INCORRECT_QUANTITY),
    ("Filter failure: MARKET_LOT_SIZE", INCORRECT_QUANTITY),
    ("Filter failure: MIN_NOTIONAL", INCORRECT_QUANTITY),
    ("Filter failure: NOTIONAL", INCORRECT_QUANTITY),
    ("Filter failure: ICEBERG_PARTS", INCORRECT_QUANTITY),
    ("Filter failure: MAX_", EXCEEDS_LIMIT),
    ("Filter failure: EXCHANGE_MAX_", EXCEEDS_LIMIT),
    ("Invalid quantity", INCORRECT_QUANTITY),
    ("Order book liquidity is less than", INCORRECT_QUANTITY),
    ("IcebergQty exceeds QTY", INCORRECT_QUANTITY),
    ("Price * QTY is zero", INCORRECT_QUANTITY),
    ("not supported for this symbol", UNSUPPORTED),
    ("nsupported order combination", UNSUPPORTED),
    ("self-trade prevention mode", UNSUPPORTED),
    ("not permitted for this account", BROKER_OPTION),
    ("restricted for this account", BROKER_OPTION),
    ("action is disabled", BROKER_OPTION),
    ("may not place or cancel", BROKER_OPTION),
    ("trading is not enabled", BROKER_OPTION),
)

_ORDER_CODES: Mapping[int, int] = {
    -1003: EXCEEDS_LIMIT,
    -1014: UNSUPPORTED,
    -1015: EXCEEDS_LIMIT,
    -1020: UNSUPPORTED,
    -1106: UNSUPPORTED,
    -1114: UNSUPPORTED,
    -1115: UNSUPPORTED,
    -1116: UNSUPPORTED,
    -1121: UNKNOWN_SYMBOL,
    -2013: UNKNOWN_ORDER,
    -3003: UNKNOWN_ACCOUNT,
    -3004: BROKER_OPTION,
    -3006: EXCEEDS_LIMIT,
    -3008: EXCEEDS_LIMIT,
    -3012: BROKER_OPTION,
    -3013: EXCEEDS_LIMIT,
    -3014: BROKER_OPTION,
    -3021: BROKER_OPTION,
    -3022: BROKER_OPTION,
    -3023: EXCEEDS_LIMIT,  # margin level too low
    -3027: UNKNOWN_SYMBOL,
    -3028: UNKNOWN_SYMBOL,
    -3041: EXCEEDS_LIMIT,
    -3045: EXCEEDS_LIMIT,  # the venue itself has nothing to lend
    -11001: UNKNOWN_ACCOUNT,
    -11008: EXCEEDS_LIMIT,
}


def ord_rej_reason(code: int | None, text: str) -> int:
    """OrdRejReason(103) of a refused order; 99 (Other) where FIX 4.4 has no word for it."""
    if code is not None and code in _ORDER_CODES:
        return _ORDER_CODES[code]
    return next((reason for words, reason in _ORDER_TEXTS if words in text), OTHER)


TOO_LATE, CANCEL_UNKNOWN_ORDER, CANCEL_BROKER_OPTION, CANCEL_PENDING, CANCEL_DUPLICATE = 0, 1, 2, 3, 6
"""CxlRejReason(102), FIX 4.4; 99 is Other here too."""


def cxl_rej_reason(code: int | None, text: str) -> int:
    """CxlRejReason(102) of a refused cancel, as the venue alone knows it; "too late" is for who knows the
    order.
    """
    if any(words in text for words in _CANCEL_REFUSED_FOR_GOOD):
        return CANCEL_BROKER_OPTION
    return CANCEL_UNKNOWN_ORDER if code in {-2011, -2013} else OTHER


def refusal(operation: Operation, http: int, code: int | None, text: str) -> Refusal:
    """The refusal as the OMS is told it: the venue's code and words, verbatim but printable."""
    said = printable(text) or "no text"
    reason = cxl_rej_reason(code, text) if operation is Operation.CANCEL else ord_rej_reason(code, text)
    return Refusal(
        text=f"HTTP {http} {said}" if code is None else f"{code} {said}", reason=reason, venue_code=code
    )
