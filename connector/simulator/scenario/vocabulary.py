"""What a step can do: the fields of each act, as its `/sim` request names them, and what can be undone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.simulator.orders import OrderType, Side, StpMode, TimeInForce
from connector.simulator.scenario import scalars
from connector.simulator.scenario.scalars import Parser

STATUSES = ("TRADING", "HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY")
STREAM_ACTIONS = ("cut", "freeze", "thaw", "expire", "shutdown", "broken_frame", "empty_frame")
WHICH = ("first", "last", "all")
EVERY_SYMBOL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActSpec:
    """The shape of one act. `short`: the field a lone value stands for, e.g. `streams: cut`.

    either: groups of fields of which exactly one must be given. undo: which values can be undone by `for`;
    "" = none, "*" = any, else `field=value`.
    """

    fields: Mapping[str, Parser]
    required: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()
    short: str = ""
    undo: str = ""


_ACCOUNT: Mapping[str, Parser] = {"account": scalars.text}
# An order of a customer: by pattern; without any, the one the step waited for, else the latest that is open.
_SELECTION: Mapping[str, Parser] = {
    **_ACCOUNT,
    "clientOrderId": scalars.text,
    "symbol": scalars.text,
    "which": scalars.one_of(WHICH),
}
_MOVE: Mapping[str, Parser] = {
    "symbol": scalars.text,
    "price": scalars.amount,
    "move": scalars.percent,
}
_SIDE = scalars.one_of(Side)
_QUANTITY_FIELDS: Mapping[str, Parser] = {"side": _SIDE, "quantity": scalars.amount}

FAULT = "fault"  # its fields are those of `POST /sim/faults`
ACTS: Mapping[str, ActSpec] = {
    FAULT: ActSpec(fields={}, undo="*"),
    "clear_faults": ActSpec(fields={"all": scalars.flag}, required=("all",), short="all"),
    "price": ActSpec(
        fields={**_MOVE, "fills": scalars.flag}, required=("symbol",), either=(("price", "move"),), undo="*"
    ),
    "last": ActSpec(fields=_MOVE, required=("symbol",), either=(("price", "move"),), undo="*"),
    "moves": ActSpec(fields={"enabled": scalars.flag}, required=("enabled",), short="enabled", undo="*"),
    "liquidity": ActSpec(
        fields={
            "symbol": scalars.text,
            "action": scalars.one_of(("add", "remove", "clear", "refill")),
            "price": scalars.amount,
            **_QUANTITY_FIELDS,
        },
        required=("symbol", "action"),
        undo="action=clear",
    ),
    "order": ActSpec(
        fields={
            **_ACCOUNT,
            **_QUANTITY_FIELDS,
            "symbol": scalars.text,
            "type": scalars.one_of(OrderType),
            "timeInForce": scalars.one_of(TimeInForce),
            "price": scalars.amount,
            "stopPrice": scalars.amount,
            "newClientOrderId": scalars.text,
            "selfTradePreventionMode": scalars.one_of(StpMode),
            "isIsolated": scalars.one_of(("TRUE", "FALSE")),
        },
        required=("symbol", "side", "type", "quantity"),
    ),
    "cross": ActSpec(fields={**_SELECTION, "selfTradePreventionMode": scalars.one_of(StpMode)}),
    "fill": ActSpec(
        fields={
            **_SELECTION,
            "quantity": scalars.amount,
            "share": scalars.share,
            "price": scalars.amount,
        }
    ),
    "trigger": ActSpec(fields=_SELECTION),
    "cancel": ActSpec(fields={**_SELECTION, "reason": scalars.text}),
    "liquidate": ActSpec(
        fields={
            **_ACCOUNT,
            **_QUANTITY_FIELDS,
            "symbol": scalars.text,
            "isIsolated": scalars.flag,
        },
        required=("symbol", "side", "quantity"),
    ),
    "streams": ActSpec(
        fields={**_ACCOUNT, "action": scalars.one_of(STREAM_ACTIONS)},
        required=("action",),
        short="action",
        undo="action=freeze",
    ),
    "clock": ActSpec(
        fields={"offset": scalars.signed_duration}, required=("offset",), short="offset", undo="*"
    ),
    "ban": ActSpec(
        fields={"time": scalars.duration, "ip": scalars.text}, required=("time",), short="time", undo="*"
    ),
    "status": ActSpec(
        fields={"symbol": scalars.text, "status": scalars.one_of(STATUSES)},
        required=("symbol", "status"),
        undo="*",
    ),
    "balances": ActSpec(
        fields={
            **_ACCOUNT,
            "wallet": scalars.one_of(("SPOT", "CROSS", "ISOLATED")),
            "symbol": scalars.text,
            "asset": scalars.text,
            "free": scalars.amount,
            "borrowed": scalars.amount,
            "interest": scalars.amount,
        },
        required=("asset",),
        undo="*",
    ),
    "keys": ActSpec(
        fields={"apiKey": scalars.text, "enabled": scalars.flag}, required=("apiKey", "enabled"), undo="*"
    ),
    "rules": ActSpec(
        fields={
            "triggerRepeatsNew": scalars.flag,
            "acceptsAutoBorrowRepay": scalars.flag,
            "renewalKeepsId": scalars.flag,
        },
        undo="*",
    ),
}

STEP_KEYS = ("after", "when", "within", "for", "repeat", "note")
SCENARIO_KEYS = ("name", "description", "expect", "repeat", "steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The names a scenario may use, of the venue it is meant for; None = not known yet, so not checked."""

    symbols: frozenset[str] | None = None
    accounts: frozenset[str] | None = None

    def parser(self, name: str) -> Parser | None:
        """Return the check of a field whose values are the venue's names."""
        allowed = {"symbol": self.symbols, "account": self.accounts}.get(name)
        return None if allowed is None else scalars.one_of(sorted(allowed))


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping's fields for reading: their parsers, and which must be there."""

    parsers: Mapping[str, Parser]
    required: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = field(default=())
