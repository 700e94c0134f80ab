"""Request parameters: where they come from, what signs them, and the venue's complaints about them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote_plus

from connector.simulator.errors import refusal

DECIMAL_PATTERN = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER_PATTERN = r"^[0-9]{1,20}$"
_DECIMAL = re.compile(DECIMAL_PATTERN)
_INTEGER = re.compile(INTEGER_PATTERN)
_ENCODED = re.compile(rb"(?:[A-Za-z0-9\-._~!*'()+&=/]|%[0-9A-Fa-f]{2})*")
ASSET_PRECISION = 8

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Raw:
    """Query string and body exactly as received, before any decoding."""

    query: bytes
    body: bytes

    def signed_payload(self) -> bytes:
        """What the signature covers: query followed by body, both without the signature itself."""
        return _without_signature(self.query) + _without_signature(self.body)

    def is_percent_encoded(self) -> bool:
        """Tell whether every value was encoded before it was signed, as the venue demands since 2026-01-15.

        Besides the unreserved characters of RFC 3986, what JavaScript's and HTML forms' encoders leave
        is let through. Stricter than the venue may be: what passes here passes there.
        """
        return _ENCODED.fullmatch(self.query) is not None and _ENCODED.fullmatch(self.body) is not None

    def decoded(self) -> dict[str, str]:
        """Merge both places; the query string wins over the body.

        Raises:
            VenueError: -1101 for a name given twice in one place, -1100 for bytes that are not UTF-8.
        """
        if not self.body:
            return _decode(self.query)
        return _decode(self.body) | _decode(self.query)


def _without_signature(part: bytes) -> bytes:
    if b"signature=" not in part:
        return part
    return b"&".join(pair for pair in part.split(b"&") if not pair.startswith(b"signature="))


def _decode(part: bytes) -> dict[str, str]:
    decoded: dict[str, str] = {}
    for pair in part.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        try:
            key = _unquoted(name)
            if key in decoded:
                raise refusal(-1101)
            decoded[key] = _unquoted(value)
        except UnicodeDecodeError:
            raise refusal(-1100, name.decode("ascii", "replace"), "UTF-8") from None
    return decoded


def _unquoted(text: bytes) -> str:
    """Decode `%XX` and `+`; most names and values contain neither."""
    plain = text.decode()
    return unquote_plus(plain, errors="strict") if "%" in plain or "+" in plain else plain


class Params:
    """Typed access; every refusal names the parameter as the venue does."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        """Return a value, None when absent.

        Raises:
            VenueError: -1105 when sent empty.
        """
        value = self.values.get(name)
        if value == "":
            raise refusal(-1105, name)
        return value

    def required(self, name: str) -> str:
        """Return a value.

        Raises:
            VenueError: -1102 when absent or empty.
        """
        value = self.values.get(name)
        if not value:
            raise refusal(-1102, name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return a non-negative decimal, None when absent.

        Raises:
            VenueError: -1100 not a number as the venue writes them, -1111 more than eight decimals.
        """
        value = self.text(name)
        if value is None:
            return None
        if not _DECIMAL.match(value):
            raise refusal(-1100, name, DECIMAL_PATTERN)
        _, _, decimals = value.partition(".")
        if len(decimals.rstrip("0")) > ASSET_PRECISION:
            raise refusal(-1111, name)
        return Decimal(value)

    def required_decimal(self, name: str) -> Decimal:
        self.required(name)
        value = self.decimal(name)
        assert value is not None
        return value

    def integer(self, name: str) -> int | None:
        """Return a non-negative integer, None when absent.

        Raises:
            VenueError: -1100 not digits.
        """
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.match(value):
            raise refusal(-1100, name, INTEGER_PATTERN)
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return TRUE/FALSE; lower case is tolerated, as at the venue.

        Raises:
            VenueError: -1130 for anything else.
        """
        value = self.text(name)
        if value is None:
            return default
        if value.upper() not in ("TRUE", "FALSE"):
            raise refusal(-1130, name)
        return value.upper() == "TRUE"

    def choice(self, name: str, kind: type[E], refuse: Callable[[], Exception]) -> E | None:
        """Return an enum member, None when absent; `refuse` makes the error for other values."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError:
            raise refuse() from None

    def refuse_unless_allowed(self, sent: Iterable[str], allowed: Iterable[str]) -> None:
        """Refuse the first of `sent` that is present but not `allowed`.

        Raises:
            VenueError: -1106.
        """
        permitted = set(allowed)
        for name in sent:
            if name in self.values and name not in permitted:
                raise refusal(-1106, name)
