"""Durations as operators write them (`500ms`, `5s`, `30m`, `1h`, `1d`), held as whole milliseconds."""

import re
from dataclasses import dataclass

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# HOCON's names of the units (HOCON.md, "Duration format"); years, months and parts of 1 ms are no use here.
_NAMES = {
    **dict.fromkeys(("ms", "milli", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_WRITTEN = re.compile(r"(\d{1,12}) *([a-z]+)")

FORMS = "500ms, 5s, 30m, 1h or 1d"


@dataclass(frozen=True, slots=True)
class Period:
    """An unquoted HOCON duration: the parser has already turned it into a length of time.

    Its original spelling is lost (`60s` and `1m` are one), so no text setting may be made of it.
    """

    milliseconds: int

    def __str__(self) -> str:
        return written(self.milliseconds)


def written(milliseconds: int) -> str:
    """The duration in its largest whole unit: 1_800_000 -> `30m`."""
    for unit, size in reversed(_UNITS_MS.items()):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def milliseconds(text: str) -> int | None:
    """`30m` -> 1_800_000; None when the text is no duration."""
    match = _WRITTEN.fullmatch(text.strip())
    unit = _NAMES.get(match[2]) if match else None
    return int(match[1]) * _UNITS_MS[unit] if match and unit else None
