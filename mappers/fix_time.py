"""UTCTimestamp both ways, between FIX text and epoch ms."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

_MS_PER_DAY = 86_400_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_TIMESTAMP = re.compile(r"([0-9]{8})-([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,12}))?", re.ASCII)


def utc(epoch_ms: int) -> str:
    """UTCTimestamp with milliseconds, `20261120-09:30:00.123`.

    Raises:
        ValueError: before 1970 or after 9999.
    """
    days, rest = divmod(epoch_ms, _MS_PER_DAY)
    minutes, milliseconds = divmod(rest, 60_000)
    hour, minute = divmod(minutes, 60)
    second, milliseconds = divmod(milliseconds, 1000)
    return f"{_day(days)}-{hour:02d}:{minute:02d}:{second:02d}.{milliseconds:03d}"


@lru_cache(maxsize=8)
def _day(days: int) -> str:
    if days < 0:
        raise ValueError(f"{days} days before 1970")
    day = date.fromordinal(_EPOCH_ORDINAL + days)
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def epoch_ms(text: str) -> int | None:
    """Epoch ms of a UTCTimestamp, cut to milliseconds; None when it is not one. Second 60 is the next one."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    day, hour, minute, second, fraction = found.groups()
    try:
        midnight = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), tzinfo=UTC)
    except ValueError:
        return None
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    days = midnight.date().toordinal() - _EPOCH_ORDINAL
    return days * _MS_PER_DAY + seconds * 1000 + int((fraction or "").ljust(3, "0")[:3])
