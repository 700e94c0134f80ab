"""One fault: what goes wrong, for whom, how often; and how a description of it is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from connector.simulator.nearest import nearest


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
    CLOCK_SKEW = "clock_skew"
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
    FREEZE = "freeze"
    # caused by an event: the venue acts on the order it tells of
    VENUE_CANCEL = "venue_cancel"
    LIQUIDATE = "liquidate"


VENUE_ACTS = frozenset({Action.VENUE_CANCEL, Action.LIQUIDATE})
EVENT_ACTIONS = VENUE_ACTS | {
    Action.DUPLICATE_EVENTS,
    Action.REORDER_EVENTS,
    Action.DROP_EVENTS,
    Action.DELAY_EVENTS,
    Action.BROKEN_FRAME,
    Action.EMPTY_FRAME,
    Action.SERVER_SHUTDOWN,
    Action.CUT,
    Action.FREEZE,
}
DELAYING = frozenset({Action.DELAY_REQUEST, Action.DELAY_REPLY, Action.EVENT_FIRST, Action.DELAY_EVENTS})
SUBSCRIBE_ROUTE = "WS userDataStream.subscribe.listenToken"
TOKEN_ROUTE = "POST /sapi/v1/userListenToken"  # noqa: S105 - a route, not a secret
DEFAULT_EVENT_FIRST_MS = 100


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault. Empty matchers match everything.

    route: `METHOD /path`, `WS method` or `WS connect`, with `*` wildcards.
    event: its name (`e`), for event actions.
    count: how often it acts, 0 = until removed. skip: matches let through first.
    delay_ms: of the delaying actions; of `freeze` and the venue's acts: how long, or when.
    offset_ms: of `clock_skew`: the venue's clock against the machine's, positive = ahead.
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
    offset_ms: int = 0
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


# JSON type of each field a description may set, besides `action`.
FIELD_TYPES: Mapping[str, tuple[type, ...]] = {
    "route": (str,),
    "event": (str,),
    "symbol": (str,),
    "client_id": (str,),
    "account": (str,),
    "count": (int,),
    "skip": (int,),
    "delay_ms": (int,),
    "offset_ms": (int,),
    "status": (int,),
    "code": (int,),
    "msg": (str,),
    "body": (str, type(None)),
    "content_type": (str,),
    "retry_after": (int, type(None)),
}
SIGNED = frozenset({"code", "offset_ms"})


def read(description: Mapping[str, object]) -> Fault:
    """Return the fault a description means.

    Raises:
        FaultError: an unknown action or field, a wrong type, something missing; the first complaint.
    """
    for _, complaint in complaints(description):
        raise FaultError(complaint)
    values = dict(description)
    fault = Fault(action=Action(str(values.pop("action"))), **values)  # type: ignore[arg-type]  # just checked
    _fill_in(fault, set(values))
    return fault


def complaints(description: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with a description: the field's name, and a text that names it too."""
    name = str(description.get("action", ""))
    if name not in set(Action):
        yield "action", f"action {name!r}: {nearest(name, Action)}one of {', '.join(Action)}"
    for key, value in description.items():
        if key == "action":
            continue
        if key not in FIELD_TYPES:
            allowed = ("action", *FIELD_TYPES)
            yield key, f"unknown field {key!r}: {nearest(key, allowed)}one of {', '.join(allowed)}"
        elif isinstance(value, bool) or not isinstance(value, FIELD_TYPES[key]):
            yield key, f"{key}: {value!r} is not of type {FIELD_TYPES[key][0].__name__}"
        elif isinstance(value, int) and value < 0 and key not in SIGNED:
            yield key, f"{key}: {value} is negative"
    if name in DELAYING and name != Action.EVENT_FIRST and not description.get("delay_ms"):
        yield "delay_ms", f"{name}: delay_ms must be given"
    if name == Action.CLOCK_SKEW and "offset_ms" not in description:
        yield "offset_ms", f"{name}: offset_ms must be given"


def _fill_in(fault: Fault, given: set[str]) -> None:
    """Give an action's natural route, event and answer where the description leaves them open."""
    if "route" not in given and fault.action is Action.TOKEN_REFUSED:
        fault.route = TOKEN_ROUTE
    if "route" not in given and fault.action is Action.SUBSCRIBE_REFUSED:
        fault.route = SUBSCRIBE_ROUTE
    if "event" not in given and fault.action in VENUE_ACTS:
        fault.event = "executionReport"
    if fault.action is Action.SUBSCRIBE_REFUSED:
        fault.status = fault.status if "status" in given else 400
        fault.code = fault.code if "code" in given else -1209
    if fault.action in (Action.RATE_LIMITED, Action.BANNED):
        fault.status = int(fault.action)
        fault.code = fault.code if "code" in given else -1003
    if fault.action is Action.EVENT_FIRST and not fault.delay_ms:
        fault.delay_ms = DEFAULT_EVENT_FIRST_MS


def described(fault: Fault) -> dict[str, object]:
    """Render for `GET /sim/faults`."""
    return {field.name: getattr(fault, field.name) for field in fields(fault)}
