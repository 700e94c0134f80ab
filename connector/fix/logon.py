"""Who may log on: checked on the first message, before the engine sees a byte.

The engine resets numbers and deletes stored reports on 141=Y, uses one of our numbers for each refusal, and
tells a stranger the number it expects, all before it asks anybody about a password.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.fix.framing import Frame, fields
from connector.fix.session import MAX_LATENCY_S, SessionSpec

# Fields that decide who speaks: given twice, this parser and the engine's could believe different ones.
DECISIVE = (b"34", b"35", b"49", b"56", b"98", b"108", b"141", b"553", b"554")
HEADER_TEXT_LIMIT = 64  # characters of a stranger's comp ID that reach the log
NOBODY = SessionSpec(sender_comp_id="-", target_comp_id="-", username="", password="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Credentials are right; the engine may see the Logon."""

    session: str
    reset: bool  # ResetSeqNumFlag(141)=Y
    internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The reason is for our log only."""

    reason: str
    claimed: str  # the session it claimed to be, cut and made printable


class LogonCheck:
    """The credentials of the configured sessions."""

    def __init__(self, sessions: Sequence[SessionSpec]) -> None:
        self._by_comp_ids = {
            (spec.target_comp_id.encode(), spec.sender_comp_id.encode()): spec for spec in sessions
        }

    def __call__(self, frame: Frame) -> Admitted | Refused:
        """Judge the first message of a connection."""
        pairs = fields(frame.raw)
        given = dict(pairs)
        client, ours = given.get(b"49", b""), given.get(b"56", b"")
        claimed = f"{_printable(client)}->{_printable(ours)}"
        if frame.msg_type != b"A":
            return Refused(reason="the first message is not a Logon(35=A)", claimed=claimed)
        counts = Counter(tag for tag, _ in pairs)
        twice = [tag.decode() for tag in DECISIVE if counts[tag] > 1]
        if twice:
            return Refused(reason=f"given more than once: {', '.join(twice)}", claimed=claimed)
        spec = self._by_comp_ids.get((client, ours))
        credentials_fit = _credentials_fit(spec or NOBODY, given)  # compared for strangers too: the same time
        if spec is None:
            return Refused(reason="unknown SenderCompID(49) / TargetCompID(56)", claimed=claimed)
        if not credentials_fit:
            return Refused(reason="wrong Username(553) or Password(554)", claimed=claimed)
        return Admitted(session=spec.key, reset=given.get(b"141") == b"Y", internal=spec.internal)


def parameters_fault(raw: bytes, heartbeat_range_s: tuple[int, int], now: datetime) -> str | None:
    """Why a Logon that the dictionary found complete is refused, in words for its sender, or None.

    HeartBtInt(108)=0 would switch off the detection of a dead peer; the engine takes it, and negative ones.
    Over a wrong SendingTime(52) the engine closes without a word. `now` in UTC.
    """
    given = {tag: value.decode("ascii", "replace") for tag, value in fields(raw)}
    if given[b"98"] != "0":
        return f"EncryptMethod(98)={given[b'98']} is not supported, allowed: 0"
    lowest, highest = heartbeat_range_s
    if not lowest <= int(given[b"108"]) <= highest:
        return f"HeartBtInt(108)={given[b'108']} is not allowed, allowed: {lowest} to {highest} seconds"
    try:
        sent = datetime.strptime(given[b"52"][:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:  # a leap second, a 30th of February
        return f"SendingTime(52)={given[b'52']} is not a time of this clock"
    skew_s = abs((now - sent).total_seconds())
    if skew_s > MAX_LATENCY_S:
        return f"SendingTime(52)={given[b'52']} is {skew_s:.0f} seconds off, allowed: {MAX_LATENCY_S} seconds"
    return None


def _credentials_fit(spec: SessionSpec, given: Mapping[bytes, bytes]) -> bool:
    """Both are always compared, each in constant time."""
    expected = ((spec.username, b"553"), (spec.password, b"554"))
    fits = [
        wanted is None or hmac.compare_digest(wanted.encode(), given.get(tag, b""))
        for wanted, tag in expected
    ]
    return all(fits)


def _printable(value: bytes) -> str:
    return value[:HEADER_TEXT_LIMIT].decode("ascii", "backslashreplace").encode("unicode_escape").decode()
