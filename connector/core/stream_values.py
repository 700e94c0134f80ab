"""Settings and actions of the user data stream's machine (`connector.core.stream`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

SECOND_NS = 1_000_000_000
DAY_NS = 24 * 3600 * SECOND_NS

Scope = str | None  # what one token covers: None the cross account, else the symbol of an isolated one


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """Durations in ns. The first two come from the configuration, the others from reference 1.6 and 1.7.

    Raises:
        ValueError: a duration that is not above zero, a limit the venue does not grant.
    """

    heartbeat_ns: int = 1800 * SECOND_NS  # websocketHeartbeatInterval
    stale_ns: int = 5 * SECOND_NS  # staleWebsocketTimeout
    handshake_ns: int = 10 * SECOND_NS  # from OpenSocket to `opened`
    answer_ns: int = 10 * SECOND_NS  # from Subscribe to its answer
    token_ns: int = 20 * SECOND_NS  # from RequestToken to its answer; the shell keeps this one
    replace_ns: int = 23 * 3600 * SECOND_NS  # the venue cuts a connection after 24 h
    proven_ns: int = 60 * SECOND_NS  # up for so long, a connection counts as good without an event
    backoff_ns: int = SECOND_NS // 2  # before the second attempt in a row; doubles from there
    backoff_limit_ns: int = 30 * SECOND_NS
    attempts: int = 250  # connections per window; the venue allows 300 per address, whoever opens them
    attempts_window_ns: int = 300 * SECOND_NS

    def __post_init__(self) -> None:
        for name in ("heartbeat_ns", "stale_ns", "handshake_ns", "answer_ns", "token_ns", "backoff_ns"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)} is not above zero")
        if not 1 <= self.attempts <= 300:
            raise ValueError(f"attempts={self.attempts} is not within 1..300")
        if not 0 < self.replace_ns < DAY_NS:
            raise ValueError(f"replace_ns={self.replace_ns} is not within a day")

    @property
    def validity_ns(self) -> int:
        """How long a token is to live: the page's 60 minutes at its 30 minutes; the venue's most is 24 h."""
        return min(2 * self.heartbeat_ns, DAY_NS)

    @property
    def renewal_ns(self) -> int:
        """When to replace it: each heartbeat interval, and never later than at half its life."""
        return min(self.heartbeat_ns, self.validity_ns // 2)


class UpReason(StrEnum):
    """Why the stream has just become whole; each is a reason to reconcile."""

    START = "START"
    RECONNECTED = "RECONNECTED"  # there was a gap
    RESUBSCRIBED = "RESUBSCRIBED"  # the venue ended a subscription; the connection stayed
    REPLACED = "REPLACED"  # a new connection took over from a living one: no gap is known


class AlarmKind(StrEnum):
    """What an operator should know before it hurts."""

    NOT_CONNECTED = "NOT_CONNECTED"  # a connection came to nothing while no other delivers events
    STALE = "STALE"  # an order message was sent and no event came
    TOKEN_FAILING = "TOKEN_FAILING"  # noqa: S105 (a kind of alarm)
    SUBSCRIBE_REFUSED = "SUBSCRIBE_REFUSED"
    ODD_LIFETIME = "ODD_LIFETIME"  # a token lives for much less than was asked for (trap 4)
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"  # connecting waits for the venue's limit


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """Connect; say `opened` or `closed` with this number."""

    number: int


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close and forget; nothing more is to be said about this number."""

    number: int


@dataclass(frozen=True, slots=True)
class RequestToken:
    """Fetch a fresh token; say `token_received` or `token_failed`, whatever happens, within `token_ns`."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send the subscription; say `subscribed` or `subscribe_refused` with this request's number."""

    number: int
    request: int
    scope: Scope
    token: str = field(repr=False)  # whoever has it can read the account (trap 22)


@dataclass(frozen=True, slots=True)
class Up:
    """Every scope is subscribed: reconcile."""

    reason: UpReason


@dataclass(frozen=True, slots=True)
class Down:
    """Events may be missing from now on."""

    cause: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Tell an operator."""

    kind: AlarmKind
    text: str


Action = OpenSocket | CloseSocket | RequestToken | Subscribe | Up | Down | Alarm


def lifetime_ns(expiration: int, venue_now_ms: int) -> int:
    """What is left of a token or subscription: `expirationTime` is in ms or µs, by magnitude (trap 4)."""
    expiration_us = expiration if expiration >= 10**15 else expiration * 1_000
    return (expiration_us - venue_now_ms * 1_000) * 1_000


def backoff_ns(settings: StreamSettings, failures: int, chance: float) -> int:
    """The wait after so many failures in a row: none after the first, then doubling, half of it by chance."""
    if failures <= 1:
        return 0
    full = min(settings.backoff_limit_ns, settings.backoff_ns * 2 ** min(failures - 2, 32))
    return int(full * (0.5 + 0.5 * chance))
