"""Secret values that cannot be printed by accident (promise P11)."""

import hmac
from typing import NoReturn, Self

HIDDEN = "********"
_LONG_ENOUGH = 3  # show an end only if at least this many times as much stays hidden


class Secret:
    """A text that every form of printing masks; only `reveal()` gives it back.

    `head` and `tail` are the most characters ever shown from either end (P11: an API key 5 + 4, a secret
    0 + 5); a short value and a PEM, whose ends tell nothing, are hidden whole.
    """

    __slots__ = ("_head", "_tail", "_value")

    def __init__(self, value: str, *, head: int = 0, tail: int = 0) -> None:
        self._value, self._head, self._tail = value, head, tail

    def reveal(self) -> str:
        """The value itself, for signing and comparing; never for a text that somebody reads."""
        return self._value

    def masked(self) -> str:
        """The value as it may be shown."""
        shown = self._head + self._tail
        if self._value.lstrip().startswith("-----BEGIN"):
            return f"{HIDDEN} (PEM)"
        if not shown or len(self._value) < _LONG_ENOUGH * shown:
            return HIDDEN
        return self._value[: self._head] + HIDDEN + self._value[len(self._value) - self._tail :]

    def __str__(self) -> str:
        return self.masked()

    def __repr__(self) -> str:
        return f"Secret({self.masked()})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere: no pickling")
