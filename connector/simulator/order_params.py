"""From the parameters of `POST /sapi/v1/margin/order` to a checked `NewOrder` (reference section 2.1)."""

import re
import string
from collections.abc import Mapping
from random import Random

from connector.simulator.errors import VenueError, refusal
from connector.simulator.exchange import Exchange
from connector.simulator.numbers import ZERO
from connector.simulator.orders import (
    NewOrder,
    OrderType,
    RespType,
    Side,
    SideEffect,
    StpMode,
    TimeInForce,
)
from connector.simulator.params import Params

CLIENT_ID_PATTERN = "^[a-zA-Z0-9-_]{1,36}$"
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}\Z")
_ID_ALPHABET = string.ascii_letters + string.digits

CONDITIONAL = (
    "timeInForce",
    "quantity",
    "quoteOrderQty",
    "price",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
)
# type -> (mandatory, also allowed). stopPrice/trailingDelta and quantity/quoteOrderQty are either-or, below.
RULES: Mapping[OrderType, tuple[tuple[str, ...], tuple[str, ...]]] = {
    OrderType.LIMIT: (("timeInForce", "quantity", "price"), ("icebergQty",)),
    OrderType.MARKET: ((), ("quantity", "quoteOrderQty")),
    OrderType.STOP_LOSS: (("quantity",), ("stopPrice", "trailingDelta")),
    OrderType.TAKE_PROFIT: (("quantity",), ("stopPrice", "trailingDelta")),
    OrderType.STOP_LOSS_LIMIT: (
        ("timeInForce", "quantity", "price"),
        ("stopPrice", "trailingDelta", "icebergQty"),
    ),
    OrderType.TAKE_PROFIT_LIMIT: (
        ("timeInForce", "quantity", "price"),
        ("stopPrice", "trailingDelta", "icebergQty"),
    ),
    OrderType.LIMIT_MAKER: (("quantity", "price"), ("icebergQty",)),
}
EITHER_OF: Mapping[OrderType, tuple[str, str]] = {
    OrderType.MARKET: ("quantity", "quoteOrderQty"),
    OrderType.STOP_LOSS: ("stopPrice", "trailingDelta"),
    OrderType.TAKE_PROFIT: ("stopPrice", "trailingDelta"),
    OrderType.STOP_LOSS_LIMIT: ("stopPrice", "trailingDelta"),
    OrderType.TAKE_PROFIT_LIMIT: ("stopPrice", "trailingDelta"),
}


def parse_order(params: Params, exchange: Exchange) -> NewOrder:
    """Check names, presence and form of every parameter, in the venue's order: parameters, then symbol.

    Raises:
        VenueError: -1100, -1102, -1105, -1106, -1111, -1115, -1116, -1117, -1121, -1130, -1014.
    """
    params.required("symbol")
    side = _side(params)
    kind = _type(params)
    _check_presence(params, kind)
    time_in_force = params.choice("timeInForce", TimeInForce, lambda: refusal(-1115))
    amounts = {name: params.decimal(name) or ZERO for name in CONDITIONAL[1:5]}
    iceberg_qty = params.decimal("icebergQty") or ZERO
    trailing_delta = params.integer("trailingDelta") or 0
    client_order_id = client_id(params, "newClientOrderId", exchange.random)
    if iceberg_qty and time_in_force not in (TimeInForce.GTC, None):
        raise refusal(-1014)
    side_effect = _side_effect(params, exchange)
    stp_mode = params.choice("selfTradePreventionMode", StpMode, _refused_stp)
    auto_repay_at_cancel = params.flag("autoRepayAtCancel", default=True)
    spec = exchange.market(params.required("symbol")).spec
    return NewOrder(
        symbol=spec,
        side=side,
        type=kind,
        client_order_id=client_order_id,
        quantity=amounts["quantity"],
        quote_order_qty=amounts["quoteOrderQty"],
        price=amounts["price"],
        stop_price=amounts["stopPrice"],
        trailing_delta=trailing_delta,
        iceberg_qty=iceberg_qty,
        time_in_force=time_in_force or TimeInForce.GTC,
        side_effect=side_effect,
        auto_repay_at_cancel=auto_repay_at_cancel,
        stp_mode=stp_mode or spec.default_stp,
    )


def parse_resp_type(params: Params) -> RespType:
    """Return newOrderRespType; FULL by default for MARKET and LIMIT, else ACK."""
    given = params.choice("newOrderRespType", RespType, lambda: refusal(-1136))
    if given is not None:
        return given
    return RespType.FULL if params.values.get("type") in ("MARKET", "LIMIT") else RespType.ACK


def client_id(params: Params, name: str, random: Random) -> str:
    """Return a client order id, or make one of 22 characters when absent.

    Raises:
        VenueError: -1105 when empty, -1100 when it breaks the pattern (too long included).
    """
    value = params.text(name)
    if value is None:
        return "".join(random.choices(_ID_ALPHABET, k=22))
    if not _CLIENT_ID.match(value):
        raise refusal(-1100, name, CLIENT_ID_PATTERN)
    return value


def _side(params: Params) -> Side:
    params.required("side")
    side = params.choice("side", Side, lambda: refusal(-1117))
    assert side is not None
    return side


def _type(params: Params) -> OrderType:
    params.required("type")
    kind = params.choice("type", OrderType, lambda: refusal(-1116))
    assert kind is not None
    return kind


def _side_effect(params: Params, exchange: Exchange) -> SideEffect:
    def refused() -> Exception:
        return refusal(-1130, "sideEffectType")

    value = params.choice("sideEffectType", SideEffect, refused) or SideEffect.NO_SIDE_EFFECT
    if value is SideEffect.AUTO_BORROW_REPAY and not exchange.ledger.rules.accepts_auto_borrow_repay:
        raise refused()
    return value


def _refused_stp() -> Exception:
    return refusal(-1013, "This symbol does not allow the specified self-trade prevention mode.")


def _check_presence(params: Params, kind: OrderType) -> None:
    mandatory, also = RULES[kind]
    for name in mandatory:
        params.required(name)
    params.refuse_unless_allowed(CONDITIONAL, (*mandatory, *also))
    pair = EITHER_OF.get(kind)
    if pair is None:
        return
    first, second = pair
    if not params.values.get(first) and not params.values.get(second):
        raise VenueError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")
    if kind is OrderType.MARKET and first in params and second in params:
        raise refusal(-1106, second)
