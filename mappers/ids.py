"""Client order ids: how our orders and cancels are called at the venue, and how to read such a name back.

Two schemes (`orderMapperType`), both within what the venue takes, `[A-Za-z0-9_-]{1,36}`:

- SEQUENCE: `clientOrderIdPrefix` and the connector's own request number. The number comes from the journal
  and is never used twice, so the id is unique for ever as long as the journal, or the prefix, is this
  installation's own.
- COMPOSITE: `sourceId-orderId`, the FIX client and its ClOrdID(11). '-' is forbidden in the source, so the
  first '-' splits, and a stream event can be attributed with an empty journal. The prefix is not applied.

Orders and cancels share one space of names: SEQUENCE numbers both, and the ClOrdID(11) of a cancel is its
own.
"""

from __future__ import annotations

import re
from typing import Protocol

MAX_LENGTH = 36
MAX_PREFIX_LENGTH = 24  # leaves twelve digits: a million requests a day for 2,700 years

_LEGAL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_ALLOWED = "A-Z a-z 0-9 _ -"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)  # 18 digits: within the journal's signed 64 bits


class IdError(ValueError):
    """No client order id can be made: the request must be refused; the text says which rule broke."""


class IdMapper(Protocol):
    """One scheme of client order ids."""

    def order_id(self, number: int, source_id: str, cl_ord_id: str) -> str:
        """The venue's `newClientOrderId` for this order.

        Args:
            number: the request's own number in the journal, >= 0.
            source_id: SenderCompID(49), or OnBehalfOfCompID(115) when the client routes for others.
            cl_ord_id: ClOrdID(11).

        Raises:
            IdError: a rule of the scheme or of the venue breaks; the text names it.
        """
        ...

    def cancel_id(self, number: int, source_id: str, cl_ord_id: str) -> str | None:
        """The `newClientOrderId` of a cancel request, or None to let the venue make one up.

        None where `order_id` would raise: a cancel is never refused for its name (P8).
        """
        ...

    def read(self, client_order_id: str) -> int | tuple[str, str] | None:
        """The number, or (source, ClOrdID), that `order_id` was given; None for a name that is not of this
        scheme.
        """
        ...


class SequenceIds:
    """SEQUENCE: prefix and number.

    Raises:
        IdError: the prefix has a character the venue refuses, or more than `MAX_PREFIX_LENGTH` characters.
    """

    def __init__(self, prefix: str = "") -> None:
        if not _LEGAL.fullmatch(prefix):
            raise IdError(f"clientOrderIdPrefix={prefix}: {_illegal(prefix)}; the venue allows {_ALLOWED}")
        if len(prefix) > MAX_PREFIX_LENGTH:
            raise IdError(
                f"clientOrderIdPrefix={prefix}: {len(prefix)} characters; at most {MAX_PREFIX_LENGTH}, "
                f"so that the number fits into the venue's {MAX_LENGTH}"
            )
        self._prefix = prefix

    def order_id(self, number: int, source_id: str, cl_ord_id: str) -> str:  # noqa: ARG002 (the protocol's)
        """See `IdMapper`. Raises IdError only when the numbers outgrow the venue's 36 characters."""
        assert number >= 0
        text = f"{self._prefix}{number}"
        if len(text) > MAX_LENGTH:
            raise IdError(
                f"ClOrdID(11)={cl_ord_id}: SEQUENCE client order id {text} would be {len(text)} characters; "
                f"the venue allows {MAX_LENGTH}: shorten clientOrderIdPrefix"
            )
        return text

    def cancel_id(self, number: int, source_id: str, cl_ord_id: str) -> str | None:
        """See `IdMapper`."""
        try:
            return self.order_id(number, source_id, cl_ord_id)
        except IdError:
            return None

    def read(self, client_order_id: str) -> int | None:
        """The number of one of our ids. With an empty prefix a stranger's all-digit id reads as ours: look
        it up.
        """
        if not client_order_id.startswith(self._prefix) or len(client_order_id) > MAX_LENGTH:
            return None
        digits = client_order_id[len(self._prefix) :]
        return int(digits) if _NUMBER.fullmatch(digits) else None


class CompositeIds:
    """COMPOSITE: source, '-', ClOrdID(11)."""

    def order_id(self, number: int, source_id: str, cl_ord_id: str) -> str:  # noqa: ARG002 (the protocol's)
        """See `IdMapper`."""
        text = f"{source_id}-{cl_ord_id}"
        if (
            len(text) <= MAX_LENGTH
            and _LEGAL.fullmatch(text)
            and source_id
            and cl_ord_id
            and "-" not in source_id
        ):
            return text
        raise IdError(_broken_rule(source_id, cl_ord_id, text))

    def cancel_id(self, number: int, source_id: str, cl_ord_id: str) -> str | None:
        """See `IdMapper`."""
        try:
            return self.order_id(number, source_id, cl_ord_id)
        except IdError:
            return None

    def read(self, client_order_id: str) -> tuple[str, str] | None:
        """(source, ClOrdID). A stranger's name with a '-' reads too: the source says whether it is one of
        ours.
        """
        if len(client_order_id) > MAX_LENGTH or not _LEGAL.fullmatch(client_order_id):
            return None
        source_id, dash, cl_ord_id = client_order_id.partition("-")
        return (source_id, cl_ord_id) if dash and source_id and cl_ord_id else None


def _broken_rule(source_id: str, cl_ord_id: str, text: str) -> str:
    """Which rule of COMPOSITE these two break; sources are named by both tags they can come from."""
    source = f"SenderCompID(49) or OnBehalfOfCompID(115)={source_id}"
    if not source_id:
        return f"{source}: the source of a COMPOSITE client order id is empty"
    if "-" in source_id:
        return f"{source}: '-' ends the source of a COMPOSITE client order id and must not be in it"
    if not _LEGAL.fullmatch(source_id):
        return f"{source}: {_illegal(source_id)} in a COMPOSITE client order id; the venue allows {_ALLOWED}"
    if not cl_ord_id:
        return "ClOrdID(11)=: the order part of a COMPOSITE client order id is empty"
    if not _LEGAL.fullmatch(cl_ord_id):
        where = f"{_illegal(cl_ord_id)} in a COMPOSITE client order id"
        return f"ClOrdID(11)={cl_ord_id}: {where}; the venue allows {_ALLOWED}"
    return (
        f"ClOrdID(11)={cl_ord_id}: COMPOSITE client order id would be {len(text)} characters; "
        f"the venue allows {MAX_LENGTH}"
    )


def _illegal(text: str) -> str:
    """The first character that is not allowed, as a person can recognise it."""
    character = next(character for character in text if not _LEGAL.fullmatch(character))
    return f"character {character!a}"
