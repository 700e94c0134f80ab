"""Three books that must agree: what the OMS was told, what the venue holds, what was sent."""

from __future__ import annotations

from decimal import Decimal

from tests.support.exchange import Exchange
from tests.support.oms import Oms

VENUE_STATUS = {
    "NEW": "0", "PARTIALLY_FILLED": "1", "FILLED": "2", "CANCELED": "4", "EXPIRED": "C", "EXPIRED_IN_MATCH": "C",
}  # fmt: skip


async def differences(venue: Exchange, *clients: Oms) -> list[str]:
    """Every order on which FIX and the venue disagree, in words; and every order sent more than once."""
    state = await venue.state()
    at_venue = {order["clientOrderId"]: order for order in state["orders"]}
    found = [
        f"{name}: placed {count['received']} times"
        for name, count in state["placements"].items()
        if count["received"] != 1
    ]
    known = set()
    for client in clients:
        for cl_ord_id, told in client.told.items():
            order = at_venue.get(told.client_order_id or "")
            if order is None:
                if told.ord_status != "8":
                    found.append(f"{cl_ord_id}: told {told.ord_status}, not at the venue")
                continue
            known.add(order["clientOrderId"])
            if told.ord_status != VENUE_STATUS[order["status"]]:
                found.append(f"{cl_ord_id}: told {told.ord_status}, at the venue {order['status']}")
            if told.cum != Decimal(order["executedQty"]):
                found.append(f"{cl_ord_id}: told CumQty {told.cum}, at the venue {order['executedQty']}")
            if set(told.trades) != {str(number) for number in order["tradeIds"]}:
                found.append(
                    f"{cl_ord_id}: told trades {sorted(told.trades)}, at the venue {order['tradeIds']}"
                )
            if told.ord_status in "24C8" and told.terminals != 1:
                found.append(f"{cl_ord_id}: {told.terminals} terminal reports")
    ours = {name for name in at_venue if name in state["placements"]}
    found += [f"{name}: at the venue, never told" for name in sorted(ours - known)]
    return found


async def assert_books_agree(venue: Exchange, *clients: Oms) -> None:
    """P5, P6, P7 and P3, seen from outside."""
    assert not (found := await differences(venue, *clients)), "\n".join(found)
