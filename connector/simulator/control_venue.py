"""`/sim`: streams, faults, clock, bans and rules: what goes wrong at the venue as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from connector.simulator.control_body import Body
from connector.simulator.fault import described
from connector.simulator.operations import ControlError
from connector.simulator.state import streams_json
from connector.simulator.streams import BROKEN_TEXT
from connector.simulator.world import World

RULES = {
    "triggerRepeatsNew": "trigger_repeats_new",
    "acceptsAutoBorrowRepay": "accepts_auto_borrow_repay",
    "renewalKeepsId": "renewal_keeps_id",
}


def streams(world: World, body: Body) -> object:
    """Cut, freeze, thaw, expire, announce a shutdown, send junk: to one account's streams or all."""
    action, user = body.text("action"), body.optional_text("account")
    if user is not None and user not in world.exchange.users:
        raise ControlError(f"account: no {user!r}; there are {', '.join(world.exchange.users)}")
    hub = world.hub
    actions: Mapping[str, Callable[[], object]] = {
        "cut": lambda: hub.cut(user),
        "freeze": lambda: hub.frozen.add(user or "*"),
        "thaw": lambda: hub.frozen.clear() if user is None else hub.frozen.discard(user),
        "expire": lambda: _expire_tokens(world, user),
        "shutdown": hub.announce_shutdown,
        "broken_frame": lambda: hub.send_raw(BROKEN_TEXT),
        "empty_frame": lambda: hub.send_raw(b""),
    }
    if action not in actions:
        raise ControlError(f"action: {action!r} is none of {', '.join(actions)}")
    affected = actions[action]()
    return {"action": action, "affected": affected, **streams_json(world)}


def _expire_tokens(world: World, user: str | None) -> int:
    tokens = world.tokens
    for text in [t for t, token in tokens.items() if user in (None, token.account.user)]:
        del tokens[text]
    return world.hub.expire(user)


def faults(world: World, _: Body) -> object:
    return {"faults": [described(fault) for fault in world.faults.faults]}


def add_faults(world: World, body: Body) -> object:
    """Add one fault (the body) or several (`faults`: a list), or remove with `clear`: true or an id."""
    clear = body.values.get("clear")
    if clear is not None:
        number = None if clear is True else body.integer("clear")
        return {"removed": world.faults.clear(number)}
    several = body.values.get("faults", [dict(body.values)])
    if not isinstance(several, list) or not all(isinstance(one, dict) for one in several):
        raise ControlError("faults: not a list of objects")
    return {"faults": [described(fault) for fault in world.faults.add_all(several)]}


def remove_faults(world: World, body: Body) -> object:
    number = body.optional_text("id")
    if number is not None and not number.isdigit():
        raise ControlError(f"id: {number!r} is not a fault's number")
    return {"removed": world.faults.clear(None if number is None else int(number))}


def clock(world: World, body: Body) -> object:
    """Shift the venue's clock against the machine's: positive = the venue is ahead."""
    world.clock.offset_us = body.integer("offsetMs") * 1000
    return {"serverTime": world.clock.now_us() // 1000, "offsetMs": body.integer("offsetMs")}


def ban(world: World, body: Body) -> object:
    """Ban an IP with 418 for some seconds; 0 lifts it."""
    ip, seconds = body.optional_text("ip") or "127.0.0.1", body.integer("seconds")
    world.weights.ban(ip, world.clock.now_us() + seconds * 1_000_000)
    return {"ip": ip, "seconds": seconds}


def rules(world: World, body: Body) -> object:
    """Switch behaviour the venue does not pin down."""
    unknown = set(body.values) - set(RULES)
    if unknown:
        raise ControlError(f"unknown {sorted(unknown)}; there are {', '.join(RULES)}")
    ledger = world.exchange.ledger
    changes = {RULES[name]: body.flag(name, default=False) for name in body.values}
    ledger.rules = replace(ledger.rules, **changes)  # type: ignore[arg-type]  # the three are booleans
    return {name: getattr(ledger.rules, attribute) for name, attribute in RULES.items()}


VENUE_ROUTES: Mapping[tuple[str, str], Callable[[World, Body], object]] = {
    ("POST", "/sim/streams"): streams,
    ("GET", "/sim/faults"): faults,
    ("POST", "/sim/faults"): add_faults,
    ("DELETE", "/sim/faults"): remove_faults,
    ("POST", "/sim/clock"): clock,
    ("POST", "/sim/ban"): ban,
    ("POST", "/sim/rules"): rules,
}
