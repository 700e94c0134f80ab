"""What a mistyped name may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `did you mean X? ` where one of the allowed comes near, else nothing."""
    close = get_close_matches(name, list(allowed), 1)
    return f"did you mean {close[0]}? " if close else ""
