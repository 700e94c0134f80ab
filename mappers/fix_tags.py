"""FIX 4.4 tags as this connector knows them: their names, and those it cannot honour.

Beside the standard ones: 6100-6102 (the product's own), 25001 and 25016 (the venue's own FIX interface),
1003 and 1057 (FIX 5.0, used by the venue's FIX interface).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SOH = "\x01"

NAMES: Mapping[int, str] = {
    1: "Account",
    11: "ClOrdID",
    15: "Currency",
    18: "ExecInst",
    21: "HandlInst",
    35: "MsgType",
    37: "OrderID",
    38: "OrderQty",
    40: "OrdType",
    41: "OrigClOrdID",
    44: "Price",
    54: "Side",
    55: "Symbol",
    58: "Text",
    59: "TimeInForce",
    60: "TransactTime",
    63: "SettlType",
    64: "SettlDate",
    65: "SymbolSfx",
    77: "PositionEffect",
    78: "NoAllocs",
    99: "StopPx",
    110: "MinQty",
    111: "MaxFloor",
    114: "LocateReqd",
    115: "OnBehalfOfCompID",
    122: "OrigSendingTime",
    117: "QuoteID",
    121: "ForexReq",
    126: "ExpireTime",
    152: "CashOrderQty",
    168: "EffectiveTime",
    192: "OrderQty2",
    193: "SettlDate2",
    203: "CoveredOrUncovered",
    210: "MaxShow",
    211: "PegOffsetValue",
    355: "EncodedText",
    388: "DiscretionInst",
    389: "DiscretionOffsetValue",
    423: "PriceType",
    427: "GTBookingInst",
    432: "ExpireDate",
    468: "RoundingDirection",
    469: "RoundingModulus",
    516: "OrderPercent",
    544: "CashMargin",
    640: "Price2",
    790: "OrdStatusReqID",
    847: "TargetStrategy",
    848: "TargetStrategyParameters",
    849: "ParticipationRate",
    854: "QtyType",
    6100: "StopOrderType",
    6101: "SideEffectType",
    6102: "SelfTradePreventionMode",
    25001: "SelfTradePreventionMode",
}


class Limited(NamedTuple):
    """A tag that would change what an order does, and the values (if any) that are honoured."""

    allowed: tuple[str, ...]
    remedy: str


_SPOT = "a spot margin order settles at once"
_DATES = "the venue keeps an order until it is filled or cancelled; send TimeInForce(59) 1, 3 or 4"
_PEG = "the venue's margin orders have no pegs or discretion; send Price(44)"
_MARGIN = "say what to borrow or repay with SideEffectType(6101)"

LIMITED: Mapping[int, Limited] = {
    21: Limited(("1", "2"), "orders go straight to the venue, nobody handles them"),
    63: Limited(("0",), _SPOT),
    64: Limited((), _SPOT),
    65: Limited((), "a pair has no suffix; put the whole name into Symbol(55)"),
    77: Limited((), f"a margin account has no positions to open or close; {_MARGIN}"),
    78: Limited((), "allocate after the trade"),
    110: Limited((), "the venue has no minimum quantity; send TimeInForce(59)=4 for all or nothing"),
    114: Limited(("N",), f"nothing is located here; {_MARGIN}"),
    117: Limited((), "there are no quotes to answer"),
    121: Limited(("N",), _SPOT),
    126: Limited((), _DATES),
    168: Limited((), "an order is sent when it arrives"),
    192: Limited((), "one leg only"),
    193: Limited((), "one leg only"),
    203: Limited((), _MARGIN),
    210: Limited((), "send MaxFloor(111) for an iceberg order"),
    211: Limited((), _PEG),
    355: Limited((), "raw data may hide fields; send Text(58)"),
    388: Limited((), _PEG),
    389: Limited((), _PEG),
    423: Limited(("2",), "prices are in quote units per base unit"),
    427: Limited((), _DATES),
    432: Limited((), _DATES),
    468: Limited((), "nothing is rounded; send OrderQty(38) or CashOrderQty(152)"),
    469: Limited((), "nothing is rounded; send OrderQty(38) or CashOrderQty(152)"),
    516: Limited((), "send OrderQty(38) or CashOrderQty(152)"),
    544: Limited((), _MARGIN),
    640: Limited((), "one leg only"),
    847: Limited((), "there are no strategies here"),
    848: Limited((), "there are no strategies here"),
    849: Limited((), "there are no strategies here"),
    854: Limited(("0",), "quantities are in units; send OrderQty(38) or CashOrderQty(152)"),
}

MESSAGES: Mapping[str, tuple[str, str]] = {
    "E": ("NewOrderList", "send the orders one by one with NewOrderSingle(D)"),
    "G": ("OrderCancelReplaceRequest", "send OrderCancelRequest(F), then NewOrderSingle(D)"),
    "s": ("NewOrderCross", "send NewOrderSingle(D)"),
    "q": ("OrderMassCancelRequest", "send OrderCancelRequest(F) for each order"),
    "AB": ("NewOrderMultileg", "send NewOrderSingle(D)"),
    "AC": ("MultilegOrderCancelReplace", "send OrderCancelRequest(F), then NewOrderSingle(D)"),
    "AF": ("OrderMassStatusRequest", "send OrderStatusRequest(H) for each order"),
}
"""Messages an OMS may try: name, and what to send instead."""


def named(tag: int) -> str:
    """`Price(44)`."""
    return f"{NAMES.get(tag, 'Tag')}({tag})"
