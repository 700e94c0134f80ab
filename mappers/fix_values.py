"""Single field values: read and checked, or refused by tag number, name, value and what is allowed (P10)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from mappers.fix_tags import named
from mappers.text import printable

Fields = Mapping[str, str]
"""One message: tag (as text) to value; of a tag that repeats in groups, the first."""

_T = TypeVar("_T")

_DIGITS = 20  # each side: far beyond any market, and short enough to stay exact everywhere
_DECIMAL = re.compile(rf"(?=\.?[0-9])[0-9]{{0,{_DIGITS}}}(?:\.[0-9]{{0,{_DIGITS}}})?")


class InvalidValueError(Exception):
    """The client sent what we cannot honour; `text` is what it is told, `reason` an OrdRejReason(103).

    Args:
        tag: the field to blame.
        value: as sent; None: the field is missing.
        rule: what would be allowed.
    """

    def __init__(self, tag: int, value: str | None, rule: str, reason: int) -> None:
        what = f"{named(tag)} is missing" if value is None else shown(tag, value)
        self.text, self.reason = f"{what}: {rule}", reason
        super().__init__(self.text)


def shown(tag: int, value: str) -> str:
    """`Price(44)=1e5`, whatever the value holds."""
    return f"{named(tag)}={printable(value, 64)}"


def choice(fields: Fields, tag: int, allowed: Mapping[str, _T], default: _T, reason: int) -> _T:
    """The meaning of a value that must be one of a few; `default` where the tag is absent."""
    value = fields.get(str(tag))
    if value is None:
        return default
    try:
        return allowed[value]
    except KeyError:
        raise InvalidValueError(tag, value, f"allowed are {listed(allowed)}", reason) from None


def positive(fields: Fields, tag: int, reason: int) -> Decimal | None:
    """A quantity or price above zero, with the digits that were sent (P9); None where the tag is absent."""
    value = fields.get(str(tag))
    if value is None:
        return None
    if not _DECIMAL.fullmatch(value):
        rule = f"a decimal like 0.015 is needed: no sign, no exponent, at most {_DIGITS} digits each side"
        raise InvalidValueError(tag, value, rule, reason)
    number = Decimal(value)
    if not number:
        raise InvalidValueError(tag, value, "it must be above zero", reason)
    return number


def identifier(fields: Fields, tag: int, reason: int) -> str | None:
    """A name the client gave: any printable text, None where the tag is absent or empty.

    U+FFFD stands for bytes that were no UTF-8: two names may have become one with it.
    """
    value = fields.get(str(tag))
    if value and (not value.isprintable() or "\ufffd" in value):
        raise InvalidValueError(tag, value, "it has characters that are not printable UTF-8", reason)
    return value or None


def listed(values: Iterable[object]) -> str:
    """`1, 3, 4`."""
    return ", ".join(str(value) for value in values) or "none"
