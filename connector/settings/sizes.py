"""Amounts of storage as operators write them (`256MiB`, `1GB`), held as bytes."""

import re

_UNITS = {"B": 1} | {
    f"{letter}{i}B": (1024 if i else 1000) ** power
    for power, letter in enumerate("KMGTP", 1)
    for i in ("i", "")
}
_BY_NAME = {name.casefold(): size for name, size in _UNITS.items()}
_WRITTEN = re.compile(r"(\d{1,18}) *([A-Za-z]{0,3})", re.ASCII)

FORMS = "256MiB, 2GiB, 500MB or bytes without a unit"


def read(text: str) -> int | None:
    """`256MiB` -> 268435456; None when the text is no size."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    unit = _BY_NAME.get(match[2].casefold() or "b")
    return None if unit is None else int(match[1]) * unit


def written(size: int) -> str:
    """The size in its largest whole binary unit: 268435456 -> `256MiB`."""
    for name in ("PiB", "TiB", "GiB", "MiB", "KiB"):
        if size and size % _UNITS[name] == 0:
            return f"{size // _UNITS[name]}{name}"
    return f"{size}B"
