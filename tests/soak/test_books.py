"""The soak's judge: what it must find when one of three books lies. A judge that sees nothing proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.core import records
from connector.core.order import Life
from connector.journal import Journal, Row
from mappers.model import (
    CancelOrder,
    NewOrder,
    OrderType,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    TimeInForce,
    Trade,
)
from tests.soak.blotter import Blotter
from tests.soak.books import JournalBook, VenueBook, compare
from tests.support.fix_client import Message

NAME = "fx-1"  # newClientOrderId
TERMS = {"symbol": "BTCUSDT", "side": "1", "qty": "0.02", "type": "2", "px": "50000.00"}
HEAD = f"35=8|37=7|11=c1|526={NAME}"

# An order of 0.02: accepted, half of it filled, cancelled by x1.
TOLD = (
    f"{HEAD}|17=2|150=0|39=0|14=0",
    f"{HEAD}|17=3|150=F|39=1|14=0.01|1003=5|32=0.01|31=50000|136=1|137=0.5|138=USDT|139=4|1057=N",
    f"35=8|37=7|11=x1|41=c1|526={NAME}|17=4|150=6|39=6|14=0.01",
    f"35=8|37=7|11=x1|41=c1|526={NAME}|17=5|150=4|39=4|14=0.01",
)
ORDER = NewOrder(
    session="OMS1->CONNECTOR",
    source_id="OMS1",
    cl_ord_id="c1",
    account="CROSS",
    isolated=False,
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    quantity=Decimal("0.02"),
    price=Decimal(50_000),
    side_effect=SideEffectType.NO_SIDE_EFFECT,
    stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
)
TRADE = Trade(
    trade_id=5,
    quantity=Decimal("0.01"),
    price=Decimal(50_000),
    commission=Decimal("0.5"),
    commission_asset="USDT",
    maker=True,
    time_ms=1,
)
CANCEL = CancelOrder(
    session="OMS1->CONNECTOR",
    source_id="OMS1",
    cl_ord_id="x1",
    orig_cl_ord_id="c1",
    symbol="BTCUSDT",
    side=Side.BUY,
)
PLACE: dict[str, Any] = {"account": "CROSS", "client_order_id": NAME}
FACTS: tuple[records.Record, ...] = (
    records.Requested(account="CROSS", client_order_id=NAME, order=ORDER),
    records.Accepted(**PLACE, order_id=7, time_ms=1),
    records.Traded(**PLACE, trade=TRADE),
    records.CancelRequested(**PLACE, cancel_client_id="fx-4", cancel=CANCEL),
    records.Ended(**PLACE, life=Life.CANCELED, time_ms=1),
)
STATE: dict[str, Any] = {
    "placements": {NAME: {"received": 1, "accepted": 1}},
    "orders": [
        {
            "account": "main/CROSS_MARGIN",
            "clientOrderId": NAME,
            "symbol": "BTCUSDT",
            "side": "BUY",
            "status": "CANCELED",
            "quantity": "0.02",
            "price": "50000",
            "executedQty": "0.01",
            "cummulativeQuoteQty": "500",
            "tradeIds": [5],
        }
    ],
    "trades": [
        {
            "account": "main/CROSS_MARGIN",
            "clientOrderId": NAME,
            "id": 5,
            "qty": "0.01",
            "price": "50000",
            "commission": "0.5",
            "commissionAsset": "USDT",
            "isMaker": True,
        }
    ],
}


def message(text: str) -> Message:
    return Message(
        tuple((int(tag), value) for tag, _, value in (part.partition("=") for part in text.split("|")))
    )


def problems(
    path: Path,
    told: tuple[str, ...] = TOLD,
    facts: tuple[records.Record, ...] = FACTS,
    state: dict[str, Any] = STATE,
) -> str:
    """What the judge says of these three books."""
    blotter = Blotter("OMS1")
    blotter.sent("c1", TERMS)
    blotter.sent_cancel("x1", "c1")
    for text in told:
        blotter.take(message(text))
    journal = Journal.open(path / "journal.db", product_version="test")
    start = journal.next_position
    assert start == 1
    journal.append([Row(start + n, 1, records.encode(fact)) for n, fact in enumerate(facts)])
    book = JournalBook.of(path / "journal.db")
    journal.close()
    return "\n".join(text for found in compare((blotter,), book, VenueBook(state)) for text in found.problems)


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    state = deepcopy(STATE)
    change(state)
    return state


def test_three_books_that_agree_are_found_to_agree(tmp_path: Path) -> None:
    assert problems(tmp_path) == ""


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ((), "the OMS was told nothing"),
        (TOLD[:1], "ExecID(17)=3 is in the journal and was never told"),
        (TOLD[:3], "still pending: 39=6"),
        ((*TOLD[:2], TOLD[1].replace("17=3", "17=9"), *TOLD[2:]), "trade 5 told twice"),
        ((*TOLD, TOLD[1].replace("17=3", "17=9")), "told after its end"),
        ((*TOLD, TOLD[1]), "told twice without 97=Y"),
        ((*TOLD, TOLD[1].replace("31=50000", "31=50001") + "|97=Y"), "said two things"),
        ((TOLD[0], TOLD[1].replace("14=0.01", "14=0.02"), *TOLD[2:]), "the fills add up to 0.01"),
        ((TOLD[0], TOLD[1].replace("137=0.5", "137=0.4"), *TOLD[2:]), "trades told"),
        ((*TOLD[:3], TOLD[3].replace("14=0.01", "14=0")), "CumQty(14) fell"),
        (
            (TOLD[0], f"{HEAD}|17=8|150=8|39=8|14=0|103=99|58=never reached"),
            "told 39=8, at the venue CANCELED",
        ),
        ((*TOLD, f"{HEAD}|17=0|150=I|39=1|14=0.01"), "150=I says 39=1, told was 4"),
        ((*TOLD, "35=9|11=x1|41=c1|39=4|102=0"), "answered ['4', '9 0']"),
    ],
)
def test_what_was_told_wrongly_is_found(tmp_path: Path, told: tuple[str, ...], wanted: str) -> None:
    assert wanted in problems(tmp_path, told=told)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ((), "not in the journal"),
        (FACTS[:4], "told 39=4, journal 39=1"),
        ((*FACTS[:2], *FACTS[3:]), "trades told [5: 0.01@50000 fee 0.5 USDT], journal []"),
        ((*FACTS[:3], FACTS[2], *FACTS[3:]), "journal: trade 5 twice"),
    ],
)
def test_a_journal_that_lies_is_found(tmp_path: Path, facts: tuple[records.Record, ...], wanted: str) -> None:
    assert wanted in problems(tmp_path, facts=facts)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda state: state["orders"].clear(), "told 39=4, not at the venue"),
        (lambda state: state["placements"][NAME].update(received=2), "sent 2 times"),
        (lambda state: state["placements"][NAME].update(accepted=2), "placed 2 times"),
        (lambda state: state["orders"].append(state["orders"][0]), "placed 1 times"),
        (lambda state: state["orders"][0].update(status="NEW"), "at the venue NEW"),
        (
            lambda state: state["orders"][0].update(executedQty="0.02"),
            "told CumQty(14)=0.01, at the venue 0.02",
        ),
        (lambda state: state["orders"][0].update(price="50001"), "sent price 50000.00, at the venue 50001"),
        (lambda state: state["trades"][0].update(id=6), "at the venue [6: "),
        (
            lambda state: (
                state["orders"].append({**state["orders"][0], "clientOrderId": "fx-9"}),
                state["placements"].update({"fx-9": {"received": 1, "accepted": 1}}),
            ),
            "fx-9: at the venue, but of no order an OMS sent",
        ),
    ],
)
def test_a_venue_that_knows_better_is_found(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], wanted: str
) -> None:
    assert wanted in problems(tmp_path, state=changed(change))
