"""The body of a `/sim` request: typed fields whose complaints say what is allowed."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from connector.simulator.operations import ControlError
from connector.simulator.orders import Side


class Body:
    """The JSON object of a control request; every complaint names the field and what it should be."""

    def __init__(self, values: Mapping[str, object], from_query: frozenset[str] = frozenset()) -> None:
        self.values, self.from_query = values, from_query

    def text(self, name: str) -> str:
        value = self.optional_text(name)
        if value is None:
            raise ControlError(f"{name} is missing")
        return value

    def optional_text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise ControlError(f"{name}: {value!r} is not a text")
        return value

    def decimal(self, name: str) -> Decimal:
        value = self.optional_decimal(name)
        if value is None:
            raise ControlError(f"{name} is missing")
        return value

    def optional_decimal(self, name: str) -> Decimal | None:
        value = self.values.get(name)
        if value is None:
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise ControlError(f"{name}: {value!r} is not a number") from None
        if not number.is_finite() or number < 0:
            raise ControlError(f"{name}: {value} is not a non-negative number")
        return number

    def integer(self, name: str) -> int:
        """Return an integer; in a query string it comes as text."""
        value = self.values.get(name)
        if isinstance(value, str) and value.removeprefix("-").isdecimal() and name in self.from_query:
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ControlError(f"{name}: {value!r} is not an integer")
        return value

    def optional_integer(self, name: str) -> int | None:
        return None if self.values.get(name) is None else self.integer(name)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise ControlError(f"{name}: {value!r} is neither true nor false")
        return value

    def side(self, name: str = "side") -> Side:
        return Side(self.one_of(name, tuple(Side)))

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise ControlError(f"{name}: {value!r} is none of {', '.join(allowed)}")
        return value


def with_document(query: str, body: bytes) -> Body:
    """Take the body as it is, as text under `document`; the rest comes from the query string.

    Raises:
        ControlError: the body is not UTF-8.
    """
    values: dict[str, object] = dict(parse_qsl(query, keep_blank_values=True))
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ControlError(f"the body is not UTF-8: {error}") from None
    return Body(values | ({"document": text} if text.strip() else {}), frozenset(values))


def merged(query: str, body: bytes) -> Body:
    """Merge the query string and a JSON object body, which wins.

    Raises:
        ControlError: the body is neither empty nor a JSON object nor a list (of faults).
    """
    values: dict[str, object] = dict(parse_qsl(query, keep_blank_values=True))
    if not body.strip():
        return Body(values, frozenset(values))
    try:
        parsed = json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise ControlError(f"the body is not JSON: {error}") from None
    if isinstance(parsed, list):
        return Body({"faults": parsed})
    if not isinstance(parsed, dict):
        raise ControlError("the body is not a JSON object")
    return Body(values | parsed, frozenset(values) - frozenset(parsed))
