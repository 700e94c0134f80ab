"""The texts of a scenario's leaves -> values; each complaint says what is allowed."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from connector.simulator.nearest import nearest

Parser: TypeAlias = Callable[[str], object]

_DURATION = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)\Z")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_PERCENT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?%\Z")


def text(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def flag(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{value!r} is neither true nor false")
    return value.lower() == "true"


def whole(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def positive(value: str) -> int:
    if (number := whole(value)) < 1:
        raise ValueError(f"{value} is not positive")
    return number


def not_negative(value: str) -> int:
    if (number := whole(value)) < 0:
        raise ValueError(f"{value} is negative")
    return number


def amount(value: str) -> str:
    """Check a non-negative decimal; the digits stay as written."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite() or number < 0:
        raise ValueError(f"{value} is not a non-negative number")
    return value


def signed_duration(value: str) -> int:
    """Return milliseconds; the text has a unit and may have a sign."""
    found = _DURATION.match(value)
    if found is None:
        raise ValueError(f"{value!r} is not a duration such as 500ms, 10s, 2m, 1h")
    sign, digits, unit = found.groups()
    return int(Decimal(sign + digits) * _UNIT_MS[unit])


def duration(value: str) -> int:
    """Return milliseconds, 0 or more."""
    if (milliseconds := signed_duration(value)) < 0:
        raise ValueError(f"{value} is negative")
    return milliseconds


def percent(value: str) -> Decimal:
    """Return the fraction: -0.015 of `-1.5%`."""
    if not _PERCENT.match(value):
        raise ValueError(f"{value!r} is not a percentage such as -1.5%")
    return Decimal(value[:-1]) / 100


def share(value: str) -> Decimal:
    """Return the fraction of `40%`, above 0 and at most 1."""
    if not 0 < (fraction := percent(value)) <= 1:
        raise ValueError(f"{value} is not above 0% and at most 100%")
    return fraction


def one_of(allowed: Iterable[str]) -> Parser:
    names = tuple(str(name) for name in allowed)

    def parse(value: str) -> str:
        if value not in names:
            raise ValueError(f"{value!r}: {nearest(value, names)}one of {', '.join(names)}")
        return value

    return parse
