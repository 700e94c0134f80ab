"""The fault engine: what goes wrong, for whom, how often. Pure: the shells ask and obey.

A fault waits for a request or an event that matches, acts `count` times and is spent. Requests pass
the stages before -> processing -> after; events pass one stage on their way to a stream.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase


class FaultError(Exception):
    """A fault description cannot be used; the text names the field and what is allowed."""


class Action(StrEnum):
    # before processing: the request has no effect
    REQUEST_LOST = "request_lost"
    ERROR_BEFORE = "error_before"
    RATE_LIMITED = "429"
    BANNED = "418"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - an action, not a secret
    SUBSCRIBE_REFUSED = "subscribe_refused"
    DELAY_REQUEST = "delay_request"
    # after processing: the request had its effect
    REPLY_LOST = "reply_lost"
    ERROR_AFTER = "error_after"
    DELAY_REPLY = "delay_reply"
    EVENT_FIRST = "event_first"
    # on the way of an event
    DUPLICATE_EVENTS = "duplicate_events"
    REORDER_EVENTS = "reorder_events"
    DROP_EVENTS = "drop_events"
    DELAY_EVENTS = "delay_events"
    BROKEN_FRAME = "broken_frame"
    EMPTY_FRAME = "empty_frame"
    SERVER_SHUTDOWN = "server_shutdown"
    CUT = "cut"


EVENT_ACTIONS = frozenset(
    {
        Action.DUPLICATE_EVENTS,
        Action.REORDER_EVENTS,
        Action.DROP_EVENTS,
        Action.DELAY_EVENTS,
        Action.BROKEN_FRAME,
        Action.EMPTY_FRAME,
        Action.SERVER_SHUTDOWN,
        Action.CUT,
    }
)
DELAYING = frozenset({Action.DELAY_REQUEST, Action.DELAY_REPLY, Action.EVENT_FIRST, Action.DELAY_EVENTS})
SUBSCRIBE_ROUTE = "WS userDataStream.subscribe.listenToken"
TOKEN_ROUTE = "POST /sapi/v1/userListenToken"  # noqa: S105 - a route, not a secret
DEFAULT_EVENT_FIRST_MS = 100


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault. Empty matchers match everything.

    route: `METHOD /path` or `WS method`, with `*` wildcards. event: its name (`e`), for event actions.
    count: how often it acts, 0 = until removed. skip: matches let through first.
    status, code, msg, body, content_type: the answer of error_*; body replaces the JSON.
    retry_after: seconds in the header of 429/418; None = no header.
    """

    action: Action
    route: str = "*"
    event: str = "*"
    symbol: str = ""
    client_id: str = ""
    account: str = ""
    count: int = 1
    skip: int = 0
    delay_ms: int = 0
    status: int = 500
    code: int = -1000
    msg: str = ""
    body: str | None = None
    content_type: str = "application/json"
    retry_after: int | None = None
    id: int = 0
    acted: int = 0

    @property
    def is_spent(self) -> bool:
        return bool(self.count) and self.acted >= self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What a fault is matched against. `client_ids`: every client order id the request or event names."""

    route: str = ""
    event: str = ""
    symbol: str = ""
    client_ids: tuple[str, ...] = ()
    account: str = ""


class FaultEngine:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._next_id = 1

    def add(self, description: Mapping[str, object]) -> Fault:
        """Add a fault described by its field names; `delay_ms` and all else have defaults.

        Raises:
            FaultError: an unknown field, action or type.
        """
        return self.add_all([description])[0]

    def add_all(self, descriptions: Sequence[Mapping[str, object]]) -> list[Fault]:
        """Add several faults, or none if one of them cannot be used.

        Raises:
            FaultError: as `add`.
        """
        faults = [_parsed(description) for description in descriptions]
        for fault in faults:
            fault.id, self._next_id = self._next_id, self._next_id + 1
        self.faults += faults
        return faults

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one fault, or all; return how many."""
        kept = [] if fault_id is None else [fault for fault in self.faults if fault.id != fault_id]
        removed = len(self.faults) - len(kept)
        self.faults = kept
        return removed

    def take(self, occurrence: Occurrence) -> list[Fault]:
        """Return the faults that act on a request or event, using up one count of each."""
        if not self.faults:
            return []
        acting = [fault for fault in self.faults if _matches(fault, occurrence) and _acts(fault)]
        if acting:
            self.faults = [fault for fault in self.faults if not fault.is_spent]
        return acting


def _acts(fault: Fault) -> bool:
    if fault.skip > 0:
        fault.skip -= 1
        return False
    fault.acted += 1
    return True


def _matches(fault: Fault, occurrence: Occurrence) -> bool:
    if (fault.action in EVENT_ACTIONS) != bool(occurrence.event):
        return False
    name, pattern = (occurrence.event, fault.event) if occurrence.event else (occurrence.route, fault.route)
    return (
        fnmatchcase(name, pattern)
        and fault.symbol in ("", occurrence.symbol)
        and fault.account in ("", occurrence.account)
        and (not fault.client_id or any(fnmatchcase(i, fault.client_id) for i in occurrence.client_ids))
    )


# JSON type of each field a description may set.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "route": (str,),
    "event": (str,),
    "symbol": (str,),
    "client_id": (str,),
    "account": (str,),
    "count": (int,),
    "skip": (int,),
    "delay_ms": (int,),
    "status": (int,),
    "code": (int,),
    "msg": (str,),
    "body": (str, type(None)),
    "content_type": (str,),
    "retry_after": (int, type(None)),
}


def _parsed(description: Mapping[str, object]) -> Fault:
    values = dict(description)
    name = str(values.pop("action", ""))
    try:
        action = Action(name)
    except ValueError:
        raise FaultError(f"action {name!r}: one of {', '.join(Action)}") from None
    for key, value in values.items():
        if key not in _TYPES:
            raise FaultError(f"unknown field {key!r}: one of action, {', '.join(_TYPES)}")
        if isinstance(value, bool) or not isinstance(value, _TYPES[key]):
            raise FaultError(f"{key}: {value!r} is not of type {_TYPES[key][0].__name__}")
        if isinstance(value, int) and value < 0 and key != "code":
            raise FaultError(f"{key}: {value} is negative")
    fault = Fault(action=action, **values)  # type: ignore[arg-type]  # types checked just above
    _fill_in(fault, set(values))
    return fault


def _fill_in(fault: Fault, given: set[str]) -> None:
    """Give an action's natural route and answer where the description leaves them open."""
    if "route" not in given and fault.action is Action.TOKEN_REFUSED:
        fault.route = TOKEN_ROUTE
    if "route" not in given and fault.action is Action.SUBSCRIBE_REFUSED:
        fault.route = SUBSCRIBE_ROUTE
    if fault.action is Action.SUBSCRIBE_REFUSED:
        fault.status = fault.status if "status" in given else 400
        fault.code = fault.code if "code" in given else -1209
    if fault.action in (Action.RATE_LIMITED, Action.BANNED):
        fault.status = int(fault.action)
        fault.code = fault.code if "code" in given else -1003
    if fault.action is Action.EVENT_FIRST and not fault.delay_ms:
        fault.delay_ms = DEFAULT_EVENT_FIRST_MS
    if fault.action in DELAYING and not fault.delay_ms:
        raise FaultError(f"{fault.action}: delay_ms must be given")


def described(fault: Fault) -> dict[str, object]:
    """Render for `GET /sim/faults`."""
    return {field.name: getattr(fault, field.name) for field in fields(fault)}
