"""Kinds of values: each checks one raw value from a file and says what is allowed.

`parse` gets what the file's parser made of the value (str, int, float, bool, list, dict or `Period`) and
returns the value the program uses, or raises `RefusedError` naming the value and what is allowed.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from connector.settings import durations, sizes
from connector.settings.durations import Period
from connector.settings.errors import RefusedError
from connector.settings.secret import Secret
from connector.settings.surroundings import Surroundings

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_WHOLE = re.compile(r"[+-]?(?:\d{1,18}|\d{1,3}(?:_\d{3}){1,5})", re.ASCII)
_SHOWN_CHARACTERS = 60
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def shown(raw: object) -> str:
    """A raw value in a fault: one short line; containers only by their name, since they may hold a secret."""
    match raw:
        case None:
            return "nothing"
        case bool():
            return "true" if raw else "false"
        case str():
            text = raw if len(raw) <= _SHOWN_CHARACTERS else raw[:_SHOWN_CHARACTERS] + "…"
            return f"'{text}'" if text.isprintable() else repr(text)
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a block"
        case _:
            return str(raw)[:_SHOWN_CHARACTERS]


def nearest(name: str, names: Collection[str]) -> str | None:
    """The valid name most likely meant: equal but for case, else the most similar."""
    folded = {candidate.casefold(): candidate for candidate in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


class Kind(ABC, Generic[T]):
    """How one setting is read, shown and described."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What may be written, completing "allowed: …"."""

    @abstractmethod
    def parse(self, raw: object, around: Surroundings) -> T:
        """The value for the program.

        Raises:
            RefusedError: the raw value is not allowed.
        """

    def plain(self, value: T) -> object:
        """The value as the operator would write it; secrets masked."""
        return value

    def settled(self, default: Any, around: Surroundings) -> T | None:  # noqa: ARG002 - paths need it
        """The default for the program, given where the file is."""
        return default  # type: ignore[no-any-return]

    def refuse(self, raw: object) -> RefusedError:
        return RefusedError(f"{shown(raw)} is not allowed; allowed: {self.allowed}")


@dataclass(frozen=True)
class Text(Kind[str]):
    """A text whose every character is allowed by `pattern`."""

    pattern: str
    what: str  # the allowed characters, in words
    longest: int
    shortest: int = 1

    @property
    def allowed(self) -> str:
        return f"{self.shortest} to {self.longest} characters of {self.what}"

    def parse(self, raw: object, around: Surroundings) -> str:  # noqa: ARG002 - one signature for all kinds
        if isinstance(raw, bool | int | float | Period):
            raise RefusedError(f"{shown(raw)} unquoted is not read as text; write it in quotes")
        if not isinstance(raw, str):
            raise RefusedError(f"{shown(raw)} is not a text; allowed: {self.allowed}")
        if not self.shortest <= len(raw) <= self.longest:
            raise RefusedError(f"{shown(raw)} has {len(raw)} characters; allowed: {self.allowed}")
        if not re.fullmatch(self.pattern, raw):
            raise self.refuse(raw)
        return raw


@dataclass(frozen=True)
class Whole(Kind[int]):
    """A whole number within a range."""

    low: int
    high: int
    unit: str = ""

    @property
    def allowed(self) -> str:
        unit = f" of {self.unit}" if self.unit else ""
        return f"a whole number{unit} from {self.low} to {self.high}"

    def parse(self, raw: object, around: Surroundings) -> int:  # noqa: ARG002
        if isinstance(raw, Period):
            raise RefusedError(f"{raw} is a duration; allowed: {self.allowed}, written without a unit")
        if isinstance(raw, str) and _WHOLE.fullmatch(raw):  # from the environment numbers come as text
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise RefusedError(f"{shown(raw)} is not a whole number; allowed: {self.allowed}")
        if not self.low <= raw <= self.high:
            raise RefusedError(f"{raw} is out of range; allowed: {self.allowed}")
        return raw


@dataclass(frozen=True)
class Size(Kind[int]):
    """An amount of storage, held as bytes: `256MiB`, `1GB`, `1048576`."""

    low: str
    high: str

    @property
    def allowed(self) -> str:
        return f"a size from {self.low} to {self.high}, written as {sizes.FORMS}"

    def parse(self, raw: object, around: Surroundings) -> int:  # noqa: ARG002
        size = sizes.read(str(raw)) if isinstance(raw, str | int) and not isinstance(raw, bool) else None
        if size is None:
            raise self.refuse(raw)
        low, high = sizes.read(self.low), sizes.read(self.high)
        assert low is not None, self.low
        assert high is not None, self.high
        if not low <= size <= high:
            raise RefusedError(f"{raw} is out of range; allowed: {self.allowed}")
        return size

    def plain(self, value: int) -> object:
        return sizes.written(value)


@dataclass(frozen=True)
class WholeRange(Kind[tuple[int, int]]):
    """Two whole numbers, the lowest and the highest."""

    each: Whole

    @property
    def allowed(self) -> str:
        return f"two numbers [lowest, highest], each {self.each.allowed}"

    def parse(self, raw: object, around: Surroundings) -> tuple[int, int]:
        if not isinstance(raw, list) or len(raw) != 2:
            raise RefusedError(f"{shown(raw)} is not a range; allowed: {self.allowed}")
        low, high = (self.each.parse(item, around) for item in raw)
        if low > high:
            raise RefusedError(f"[{low}, {high}] is empty; the lowest comes first")
        return low, high

    def plain(self, value: tuple[int, int]) -> object:
        return list(value)


@dataclass(frozen=True)
class Duration(Kind[int]):
    """A length of time with its unit; in the program whole milliseconds."""

    low: str
    high: str

    @property
    def allowed(self) -> str:
        return f"a duration from {self.low} to {self.high}"

    def parse(self, raw: object, around: Surroundings) -> int:  # noqa: ARG002
        if isinstance(raw, Period):
            value: int | None = raw.milliseconds
        elif isinstance(raw, str) and not _WHOLE.fullmatch(raw):
            value = durations.milliseconds(raw)
        elif isinstance(raw, int | float | str) and not isinstance(raw, bool):
            raise RefusedError(f"{shown(raw)} has no unit; write {durations.FORMS}")
        else:
            value = None
        if value is None:
            raise RefusedError(f"{shown(raw)} is not a duration; write {durations.FORMS}")
        if not self._ms(self.low) <= value <= self._ms(self.high):
            raise RefusedError(f"{durations.written(value)} is out of range; allowed: {self.allowed}")
        return value

    def plain(self, value: int) -> object:
        return durations.written(value)

    @staticmethod
    def _ms(text: str) -> int:
        value = durations.milliseconds(text)
        assert value is not None, text
        return value


@dataclass(frozen=True)
class Choice(Kind[E]):
    """One of a few words."""

    words: type[E]

    @property
    def allowed(self) -> str:
        return ", ".join(self.words)

    def parse(self, raw: object, around: Surroundings) -> E:  # noqa: ARG002
        if isinstance(raw, str) and raw in list(self.words):
            return self.words(raw)
        meant = nearest(raw, list(self.words)) if isinstance(raw, str) else None
        hint = f"; did you mean {meant}?" if meant else ""
        raise RefusedError(f"{shown(raw)} is not one of {self.allowed}{hint}")

    def plain(self, value: E) -> object:
        return value.value


@dataclass(frozen=True)
class Switch(Kind[bool]):
    """True or false."""

    @property
    def allowed(self) -> str:
        return "true or false"

    def parse(self, raw: object, around: Surroundings) -> bool:  # noqa: ARG002
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.casefold() in _SWITCH:  # HOCON's words, and the environment's
            return _SWITCH[raw.casefold()]
        raise self.refuse(raw)


@dataclass(frozen=True)
class Url(Kind[str]):
    """An address of the exchange, without user, query or fragment; a trailing slash is dropped."""

    schemes: tuple[str, str]  # in clear, encrypted

    @property
    def allowed(self) -> str:
        return f"an address beginning with {self.schemes[1]}:// (or {self.schemes[0]}://)"

    def parse(self, raw: object, around: Surroundings) -> str:
        if not isinstance(raw, str) or not raw.isascii() or re.search(r"[\s\x00-\x1f\x7f\"<>\\^`{|}]", raw):
            raise self.refuse(raw)
        try:
            parts = urlsplit(raw)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise self.refuse(raw) from None
        if (
            parts.username is not None or parts.password is not None
        ):  # the value is not repeated: it is a secret
            raise RefusedError(
                "an address with a user name or password; write it without, keys go into apiKeys"
            )
        if parts.scheme not in self.schemes or not host or port == 0 or parts.query or parts.fragment:
            raise self.refuse(raw)
        if parts.scheme == self.schemes[0] and not is_local(host):
            around.notes.append(
                f"{parts.scheme}:// is not encrypted; use {self.schemes[1]}:// beyond this machine"
            )
        return raw.rstrip("/")


def is_local(host: str) -> bool:
    """Whether only this machine can reach the address."""
    return host in {"localhost", "::1"} or host.startswith("127.")


@dataclass(frozen=True)
class FilePath(Kind[Path]):
    """A file or directory; a relative one is taken from the directory of the configuration file."""

    @property
    def allowed(self) -> str:
        return "a path; a relative one starts at the configuration file's directory"

    def parse(self, raw: object, around: Surroundings) -> Path:
        if not isinstance(raw, str) or not raw.strip() or not raw.isprintable():
            raise self.refuse(raw)
        return around.directory / raw

    def settled(self, default: Path | None, around: Surroundings) -> Path | None:
        return None if default is None else around.directory / default

    def plain(self, value: Path) -> object:
        return str(value)


@dataclass(frozen=True)
class SecretText(Kind[Secret]):
    """A secret, by value, `env:NAME` or `file:PATH`. No text of this class ever repeats the value."""

    pattern: str
    what: str
    longest: int
    head: int = 0
    tail: int = 0
    shortest: int = 1

    @property
    def allowed(self) -> str:
        return f"{self.shortest} to {self.longest} characters of {self.what}; by value, env:NAME or file:PATH"

    def parse(self, raw: object, around: Surroundings) -> Secret:
        if isinstance(raw, bool | int | float | Period):
            raise RefusedError("the value unquoted is not read as text; write it in quotes")
        if not isinstance(raw, str):
            raise RefusedError(f"{shown(raw)} is not a text; allowed: {self.allowed}")
        if raw.startswith("${"):
            raise RefusedError("${…} is followed in HOCON files only, and not inside quotes; write env:NAME")
        value = around.secret(raw)
        if not value.strip():
            raise RefusedError(f"empty{self._whence(around)}; allowed: {self.allowed}")
        if not self.shortest <= len(value) <= self.longest or not re.fullmatch(self.pattern, value):
            text = f"the value{self._whence(around)} is not allowed ({len(value)} characters)"
            raise RefusedError(f"{text}; allowed: {self.allowed}")
        return Secret(value, head=self.head, tail=self.tail)

    @staticmethod
    def _whence(around: Surroundings) -> str:
        return f" from {around.origin}" if around.origin else ""

    def plain(self, value: Secret) -> object:
        return value.masked()


@dataclass(frozen=True)
class Listing(Kind[tuple[str, ...]]):
    """A list of different texts; the reader checks each item at its own path."""

    each: Text
    most: int = field(default=1000)

    @property
    def allowed(self) -> str:
        return f"a list in brackets, each item {self.each.allowed}"

    def parse(self, raw: object, around: Surroundings) -> tuple[str, ...]:
        if not isinstance(raw, list):
            raise RefusedError(f"{shown(raw)} is not a list; allowed: {self.allowed}")
        if len(raw) > self.most:
            raise RefusedError(f"{len(raw)} items; allowed: at most {self.most}")
        faults, items = [], list[str]()
        for index, item in enumerate(raw):
            try:
                items.append(self.each.parse(item, around))
            except RefusedError as error:
                faults.append(f"item [{index}]: {error}")
        faults += [f"'{item}' is listed twice" for item in sorted({i for i in items if items.count(i) > 1})]
        if faults:
            raise RefusedError("; ".join(faults))
        return tuple(items)

    def plain(self, value: tuple[str, ...]) -> object:
        return list(value)
