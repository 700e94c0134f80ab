"""Keeps secrets out of every log line (promise P11), whoever put them there.

The usual line is only searched: one pass for each known form. A line that holds something is taken apart,
cleaned and written anew; a line that cannot be cleaned is withheld.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

import msgspec

HIDDEN = "********"
_SHORTEST = 4  # characters; scrubbing shorter ones would garble every line, and they are no secrets
_PEM_LINE = 16  # characters of a PEM's body that tell enough of it

_SECRET_NAME = re.compile(
    r"secret|passw|signature|api[-_]?key|token|listen[-_]?key|private[-_]?key|credential|authorization",
    re.IGNORECASE,
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)
_PARAMETER = re.compile(
    r"(\b(?:signature|api[-_]?secret|api[-_]?key|listen[-_]?key|listen[-_]?token|token|password)=)[^&\s\"'<>|\x01]+",
    re.IGNORECASE,
)
_FIX_PASSWORD = re.compile(r"((?:^|[\x01|])(?:554|925)=)[^\x01|]+")  # Password, NewPassword

# What a line must hold for the three patterns above to find anything: `in` is faster than they are.
_MARKS = ("ignature=", "ecret=", "ey=", "oken=", "assword=", "554=", "925=", "PRIVATE KEY", "IGNATURE=")


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a value under this name is hidden whatever it is."""
    return _SECRET_NAME.search(name) is not None


def masked(name: str, value: object) -> object:
    """The value to show under `name`: numbers, switches and what is masked already tell nothing."""
    if isinstance(value, int | float | None) or not is_secret_name(name):
        return value
    return value if isinstance(value, str) and HIDDEN in value else HIDDEN


class Scrubber:
    """Finds and hides the given secrets, and whatever looks like one, in lines of JSON."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        self._needles = (*_MARKS, *sorted({_in_json(form) for form in self._forms}))

    def __repr__(self) -> str:
        return f"Scrubber({len(self._forms)} forms)"

    def line(self, line: str) -> str:
        """The JSON line without secrets."""
        for needle in self._needles:
            if needle in line:
                return self._cleaned(line)
        return line

    def text(self, text: str) -> str:
        """A text without secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        text = _PEM.sub(f"{HIDDEN} (PEM)", text)
        text = _PARAMETER.sub(rf"\g<1>{HIDDEN}", text)
        return _FIX_PASSWORD.sub(rf"\g<1>{HIDDEN}", text)

    def _cleaned(self, line: str) -> str:
        clean = encoded(_walked(json.loads(line), self.text))
        if any(_in_json(form) in clean for form in self._forms):
            return '{"event":"log_event_withheld","level":"error"}'
        return clean


def encoded(event: object) -> str:
    """Plain data as one line of JSON; texts with half characters (bytes that were no UTF-8) are escaped."""
    try:
        return msgspec.json.encode(event).decode()
    except (UnicodeError, TypeError, ValueError, RecursionError):
        return json.dumps(event, default=repr, skipkeys=True)


def _walked(value: object, clean: Callable[[str], str]) -> object:
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(name): _walked(item, clean) for name, item in value.items()}
        case list():
            return [_walked(item, clean) for item in value]
        case bool() | None:
            return value
        case _:  # digits of a number may be a secret too
            return value if clean(str(value)) == str(value) else HIDDEN


def _forms(secret: str) -> Iterator[str]:
    """The secret as it may appear: itself, in a URL, in a traceback; a PEM also line by line."""
    secret = secret.strip()
    if len(secret) < _SHORTEST:
        return
    lines = re.split(r"[\r\n#]+", secret) if "-----BEGIN" in secret else []
    for part in (secret, *(line for line in lines if len(line) >= _PEM_LINE and "-----" not in line)):
        yield from {part, quote(part, safe=""), quote_plus(part), repr(part)[1:-1]}


def _in_json(text: str) -> str:
    return encoded(text)[1:-1]
