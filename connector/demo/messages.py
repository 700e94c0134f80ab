"""A message as one row that a person can read. Pure: fields in, texts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Pairs = tuple[tuple[int, str], ...]  # tags and values in the order of the wire


class Direction(StrEnum):
    """Who says it to whom."""

    FROM_OMS = "from_oms"
    TO_OMS = "to_oms"
    SIMULATOR = "sim"  # what the story makes the market do
    VENUE = "venue"  # what the connector asked the exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; what does not apply is empty. `at_ns`: epoch."""

    at_ns: int
    direction: Direction
    message: str
    cl_ord_id: str = ""
    status: str = ""
    filled: str = ""  # CumQty(14)/LeavesQty(151)
    price: str = ""
    text: str = ""
    fix: Pairs = ()


MSG_TYPES: Mapping[str, str] = {
    "3": "Reject",
    "5": "Logout",
    "8": "ExecutionReport",
    "9": "OrderCancelReject",
    "D": "NewOrderSingle",
    "F": "OrderCancelRequest",
    "H": "OrderStatusRequest",
    "j": "BusinessMessageReject",
}
EXEC_TYPES: Mapping[str, str] = {
    "0": "New",
    "4": "Canceled",
    "6": "PendingCancel",
    "8": "Rejected",
    "A": "PendingNew",
    "C": "Expired",
    "D": "Restated",
    "F": "Trade",
    "I": "OrderStatus",
    "L": "Triggered",
}
ORD_STATUSES: Mapping[str, str] = {
    "0": "New",
    "1": "PartiallyFilled",
    "2": "Filled",
    "4": "Canceled",
    "6": "PendingCancel",
    "8": "Rejected",
    "A": "PendingNew",
    "C": "Expired",
}
SIDES: Mapping[str, str] = {"1": "BUY", "2": "SELL"}
ORD_TYPES: Mapping[str, str] = {"1": "MARKET", "2": "LIMIT", "3": "STOP", "4": "STOP LIMIT"}
TIMES: Mapping[str, str] = {"1": "GTC", "3": "IOC", "4": "FOK"}
LIQUIDITY: Mapping[str, str] = {"1": "maker", "2": "taker"}


def values(pairs: Pairs) -> dict[int, str]:
    """Tag to value; of repeated tags the first."""
    return dict(reversed(pairs))


def row(at_ns: int, direction: Direction, pairs: Pairs) -> Row:
    """One FIX message."""
    fields = values(pairs)
    kind = fields.get(35, "")
    name = MSG_TYPES.get(kind, f"MsgType(35)={kind}")
    if kind == "8":
        name = f"{name} {_named(EXEC_TYPES, 150, fields)}"
    return Row(
        at_ns=at_ns,
        direction=direction,
        message=name,
        cl_ord_id=fields.get(11) or fields.get(379, ""),
        status=_named(ORD_STATUSES, 39, fields),
        filled=f"{fields[14]}/{fields[151]}" if 14 in fields and 151 in fields else "",
        price=_price(fields),
        text=", ".join(filter(None, _told(fields) if direction is Direction.TO_OMS else _asked(fields))),
        fix=pairs,
    )


def _named(names: Mapping[str, str], tag: int, fields: Mapping[int, str]) -> str:
    value = fields.get(tag, "")
    return names.get(value, f"{tag}={value}" if value else "")


def _price(fields: Mapping[int, str]) -> str:
    """What it traded at, else the limit, else the price that triggers it."""
    if fields.get(150) == "F":
        return fields.get(31, "")
    return fields.get(44) or fields.get(99, "")


def _asked(fields: Mapping[int, str]) -> list[str]:
    """What the OMS wants."""
    if fields.get(35) != "D":
        return [f"of {fields[41]}" if 41 in fields else ""]
    kind = ORD_TYPES.get(fields.get(40, ""), "")
    if fields.get(6100) == "TakeProfit":
        kind = kind.replace("STOP", "TAKE-PROFIT")
    words = (
        SIDES.get(fields.get(54, ""), ""),
        fields.get(38, ""),
        fields.get(55, ""),
        kind,
        TIMES.get(fields.get(59, ""), ""),
    )
    trigger = f"triggers at {fields[99]}" if 99 in fields and 44 in fields else ""
    post_only = "post-only 18=6" if fields.get(18) == "6" else ""
    side_effect = f"6101={fields[6101]}" if 6101 in fields else ""
    return [" ".join(filter(None, (*words, side_effect))), trigger, post_only]


def _told(fields: Mapping[int, str]) -> list[str]:
    """What the connector says beside the columns."""
    said = [fields.get(58, ""), "PossResend" if fields.get(97) == "Y" else ""]
    if fields.get(150) != "F":
        return said
    fee = f"fee {fields[137]} {fields.get(138, '')}".rstrip() if 137 in fields else ""
    trade = f"#{fields[1003]}" if 1003 in fields else ""
    return [f"{fields.get(32, '')} {LIQUIDITY.get(fields.get(851, ''), '')}".rstrip(), fee, trade, *said]
