"""FIX 4.4 in: one message text to one value. Never raises on what a client sends; everything has an answer.

NewOrderSingle(D), OrderCancelRequest(F) and OrderStatusRequest(H) are understood. A message that cannot be
honoured becomes the refusal its kind deserves: ExecutionReport(8) with 150=8 for an order,
OrderCancelReject(9) for a cancel, BusinessMessageReject(j) for what has no order to report on.

The text is split once. Raw data fields could hide an SOH and so forge a field; EncodedText(355) is therefore
refused, and so is a field of ours that comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mappers.fix_order import read_order, read_side, read_symbol
from mappers.fix_tags import MESSAGES, SOH, named
from mappers.fix_time import epoch_ms
from mappers.fix_values import Fields, InvalidValueError, identifier, listed, shown
from mappers.model import (
    CancelOrder,
    Inbound,
    Received,
    Refusal,
    RefusedCancel,
    RefusedMessage,
    RefusedOrder,
    StatusRequest,
)
from mappers.profile import SessionProfile
from mappers.reasons import OTHER
from mappers.text import printable

# BusinessRejectReason(380)
BUSINESS_OTHER, UNSUPPORTED_MESSAGE, MISSING_FIELD = 0, 3, 5

ECHOED = (55, 54, 38, 152, 40, 18, 44, 99, 111, 59, 6100, 6101, 6102, 25001)
"""What an ExecutionReport repeats of a refused order, as it was sent."""

_OURS = frozenset(
    str(tag)
    for tag in (1, 11, 15, 34, 35, 37, 41, 43, 60, 97, 115, 790, *ECHOED)  # fields we act on
)


def read_message(text: str, profile: SessionProfile) -> Received:
    """One application message as the engine hands it over, header and trailer included.

    Args:
        text: tag=value fields separated by SOH.
        profile: the session it came from.
    """
    parts = text.split(SOH)
    fields = _fields(parts)
    reader = _READERS.get(fields.get("35", ""), _unsupported)
    twice = None if len(fields) == len(parts) - 1 else _repeated(parts)
    poss_dup = fields.get("43") == "Y"
    return Received(
        message=reader(fields, profile, twice),
        seq_num=_number(fields.get("34", "")),
        poss_dup=poss_dup,
        first_sent_ms=epoch_ms(fields.get("122" if poss_dup else "52", "")),
        poss_resend=fields.get("97") == "Y",
    )


def _fields(parts: list[str]) -> dict[str, str]:
    """Backwards, so that of a repeated tag the first stays: the order's own fields come before its groups."""
    try:
        return dict([part.split("=", 1) for part in reversed(parts) if part])
    except ValueError:
        return dict([part.split("=", 1) for part in reversed(parts) if "=" in part])


def _repeated(parts: list[str]) -> str | None:
    """The first field we act on that comes twice; groups repeat others, which is fine."""
    seen: set[str] = set()
    for part in parts:
        tag = part.partition("=")[0]
        if tag in seen and tag in _OURS:
            return tag
        seen.add(tag)
    return None


def _check_age_known(fields: Fields) -> None:
    """A possible duplicate that does not say when it was first sent may be of any age."""
    if fields.get("43") == "Y" and epoch_ms(fields.get("122", "")) is None:
        rule = "needed with PossDupFlag(43)=Y, a UTC time like 20261120-09:30:00.123"
        raise InvalidValueError(122, fields.get("122"), rule, OTHER)


def _number(text: str) -> int:
    """MsgSeqNum(34) or 0: the engine has checked it, and a journal integer must stay within 64 bits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _order(fields: Fields, profile: SessionProfile, twice: str | None) -> Inbound:
    if not fields.get("11"):
        return _refused_message(fields, profile, MISSING_FIELD, "ClOrdID(11) is missing")
    source_id, on_behalf_of = profile.client_comp_id, False
    try:
        source_id, on_behalf_of = _source(fields, profile)
        _check_once(fields, twice)
        _check_age_known(fields)
        return read_order(fields, profile, source_id, on_behalf_of)
    except InvalidValueError as error:
        return RefusedOrder(
            session=profile.session,
            source_id=source_id,
            cl_ord_id=printable(fields["11"]),
            account=printable(fields.get("1", profile.default_account), 64),
            echo=tuple((tag, printable(fields[str(tag)], 64)) for tag in ECHOED if fields.get(str(tag))),
            refusal=Refusal(text=error.text, reason=error.reason),
            on_behalf_of=on_behalf_of,
        )


def _cancel(fields: Fields, profile: SessionProfile, twice: str | None) -> Inbound:
    for tag in (11, 41):
        if not fields.get(str(tag)):
            return _refused_message(fields, profile, MISSING_FIELD, f"{named(tag)} is missing")
    source_id, on_behalf_of = profile.client_comp_id, False
    try:
        source_id, on_behalf_of = _source(fields, profile)
        _check_once(fields, twice)
        return CancelOrder(
            session=profile.session,
            source_id=source_id,
            cl_ord_id=identifier(fields, 11, OTHER) or "",
            orig_cl_ord_id=identifier(fields, 41, OTHER) or "",
            order_id=identifier(fields, 37, OTHER),
            symbol=read_symbol(fields),
            side=read_side(fields),
            on_behalf_of=on_behalf_of,
        )
    except InvalidValueError as error:
        return RefusedCancel(
            session=profile.session,
            source_id=source_id,
            cl_ord_id=printable(fields["11"]),
            orig_cl_ord_id=printable(fields["41"]),
            refusal=Refusal(text=error.text, reason=OTHER),
            on_behalf_of=on_behalf_of,
        )


def _status(fields: Fields, profile: SessionProfile, twice: str | None) -> Inbound:
    if not fields.get("11"):
        return _refused_message(fields, profile, MISSING_FIELD, "ClOrdID(11) is missing")
    try:
        source_id, on_behalf_of = _source(fields, profile)
        _check_once(fields, twice)
        return StatusRequest(
            session=profile.session,
            source_id=source_id,
            cl_ord_id=identifier(fields, 11, OTHER) or "",
            symbol=read_symbol(fields),
            side=read_side(fields),
            order_id=identifier(fields, 37, OTHER),
            status_req_id=identifier(fields, 790, OTHER),
            on_behalf_of=on_behalf_of,
        )
    except InvalidValueError as error:
        return _refused_message(fields, profile, BUSINESS_OTHER, error.text)


def _unsupported(fields: Fields, profile: SessionProfile, twice: str | None) -> Inbound:  # noqa: ARG001
    kind = fields.get("35", "")
    name, remedy = MESSAGES.get(kind, ("", "allowed are D, F, H"))
    text = f"{shown(35, kind)}{f' ({name})' if name else ''} is not supported: {remedy}"
    return _refused_message(fields, profile, UNSUPPORTED_MESSAGE, text)


_READERS: Mapping[str, Callable[[Fields, SessionProfile, str | None], Inbound]] = {
    "D": _order,
    "F": _cancel,
    "H": _status,
}


def _source(fields: Fields, profile: SessionProfile) -> tuple[str, bool]:
    """Who the message is from: the client, or, when it may, the firm it routes for."""
    name = fields.get("115")
    if name is None:
        return profile.client_comp_id, False
    if name not in profile.on_behalf_of:
        allowed = f"this session may send {listed(profile.on_behalf_of)}"
        raise InvalidValueError(115, name, allowed, OTHER)
    return name, True


def _check_once(fields: Fields, twice: str | None) -> None:
    if twice is not None:
        raise InvalidValueError(int(twice), fields[twice], "the field comes twice", OTHER)


def _refused_message(fields: Fields, profile: SessionProfile, reason: int, text: str) -> RefusedMessage:
    ref_id = fields.get("11")
    return RefusedMessage(
        session=profile.session,
        ref_msg_type=printable(fields.get("35", ""), 8),
        ref_seq_num=_number(fields.get("34", "")),
        ref_id=printable(ref_id) if ref_id else None,
        refusal=Refusal(text=text, reason=reason),
    )
