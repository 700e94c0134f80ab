"""The comparison at the demo's end: what it must find, and that a reader sees it."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from typing import Any

import pytest

from connector.demo.books import fix_books
from connector.demo.compare import Comparison, Terms, compare
from connector.demo.jsonlines import JsonScreen
from connector.demo.messages import Pairs
from connector.demo.screen import TableScreen

TERMS = Terms(wallet="main/CROSS_MARGIN", assets={"BTCUSDT": ("BTC", "USDT")})


def wallet(usdt: str, btc: str, *, borrowed: str = "0") -> dict[str, Any]:
    zero = {"free": "0", "locked": "0", "borrowed": "0", "interest": "0"}
    return {
        "main/CROSS_MARGIN": {
            "USDT": zero | {"free": usdt, "borrowed": borrowed},
            "BTC": zero | {"free": btc},
        }
    }


BEFORE: dict[str, Any] = {"orders": [], "trades": [], "placements": {}, "wallets": wallet("100", "0")}
AFTER: dict[str, Any] = {
    "orders": [
        {
            "clientOrderId": "fx-1",
            "status": "FILLED",
            "executedQty": "3",
            "cummulativeQuoteQty": "310",
        }
    ],
    "trades": [
        {
            "clientOrderId": "fx-1",
            "id": 71,
            "qty": "1",
            "price": "100",
            "commission": "0.001",
            "commissionAsset": "BTC",
        },
        {
            "clientOrderId": "fx-1",
            "id": 72,
            "qty": "2",
            "price": "105",
            "commission": "0.002",
            "commissionAsset": "BTC",
        },
    ],
    "placements": {"fx-1": {"received": 1, "accepted": 1}},
    "wallets": wallet("0", "2.997", borrowed="210"),
}
ORDER: Pairs = ((35, "D"), (11, "c1"), (55, "BTCUSDT"), (54, "1"), (38, "3"))


def report(exec_id: str, exec_type: str, status: str, cum: str, avg: str, *more: tuple[int, str]) -> Pairs:
    head = ((35, "8"), (11, "c1"), (17, exec_id), (150, exec_type), (39, status), (526, "fx-1"))
    return (*head, (14, cum), (6, avg), *more)


def trade(trade_id: str, quantity: str, price: str, fee: str) -> Pairs:
    return ((1003, trade_id), (32, quantity), (31, price), (136, "1"), (137, fee), (138, "BTC"))


NEW = report("1", "0", "0", "0", "0")
FIRST = report("2", "F", "1", "1", "100", *trade("71", "1", "100", "0.001"))
AVERAGE = "103.3333333333333333333333333"  # 310 / 3 in the 28 digits of AvgPx(6)
SECOND = report("3", "F", "2", "3", AVERAGE, *trade("72", "2", "105", "0.002"))


def compared(*received: Pairs, sent: Pairs = ORDER, after: dict[str, Any] = AFTER) -> Comparison:
    return compare(fix_books([sent], received), BEFORE, after, TERMS)


def differences(comparison: Comparison) -> list[str]:
    return [difference for line in comparison.orders for difference in line.differences]


def printed(comparison: Comparison) -> str:
    out = io.StringIO()
    TableScreen(out, verbose=False).summary(comparison, None, None)
    return out.getvalue()


def test_every_fill_told_once_agrees() -> None:
    comparison = compared(NEW, FIRST, SECOND)

    assert comparison.agrees
    assert [(a.asset, str(a.change), str(a.by_fills)) for a in comparison.assets] == [
        ("BTC", "2.997", "2.997"),
        ("USDT", "-310", "-310"),
    ]
    assert "AGREE  1 orders, 2 fills" in printed(comparison)
    assert "DIFFER" not in printed(comparison)


def test_a_missing_fill_is_found_and_shown() -> None:
    """Its order still looks complete: CumQty(14) of the last report is the venue's."""
    comparison = compared(NEW, SECOND)

    assert not comparison.agrees
    assert differences(comparison)[:2] == [
        "CumQty(14) is 3, the reported fills add up to 2",
        "trade 71 (1 at 100) was never reported",
    ]
    assert [asset.agrees for asset in comparison.assets] == [False, False]
    assert "c1: trade 71 (1 at 100) was never reported" in printed(comparison)
    assert "USDT: changed by -310, the fills explain -210" in printed(comparison)
    assert printed(comparison).rstrip().splitlines()[-1].startswith("DIFFER")


def test_a_doubled_fill_is_found_and_shown() -> None:
    """P5: the same trade under another ExecID(17) is the mistake an OMS cannot see by itself."""
    again = report("4", "F", "2", "3", AVERAGE, *trade("72", "2", "105", "0.002"))

    comparison = compared(NEW, FIRST, SECOND, again)

    assert not comparison.agrees
    assert "trade 72 (2 at 105) was reported 2 times" in differences(comparison)
    assert "c1: trade 72 (2 at 105) was reported 2 times" in printed(comparison)


def test_the_same_execution_without_possresend_counts_as_doubled() -> None:
    """P5 allows the repetition only with PossResend(97)=Y."""
    assert "trade 72 (2 at 105) was reported 2 times" in differences(compared(NEW, FIRST, SECOND, SECOND))


def test_a_repetition_with_possresend_and_the_old_exec_id_is_the_same_fill() -> None:
    """P5: after a crash a report may be told again."""
    assert compared(NEW, FIRST, SECOND, (*SECOND, (97, "Y"))).agrees


def test_a_repetition_with_possresend_and_a_new_exec_id_is_another_fill() -> None:
    again = report("9", "F", "2", "3", AVERAGE, *trade("72", "2", "105", "0.002"), (97, "Y"))
    assert not compared(NEW, FIRST, SECOND, again).agrees


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (trade("72", "2", "105", "0.003"), "fee 0.003 BTC, it was 2 at 105, fee 0.002 BTC"),
        (trade("72", "2", "106", "0.002"), "was reported as 2 at 106"),
        (trade("73", "2", "105", "0.002"), "trade 73 was reported, the venue has no such trade"),
    ],
)
def test_a_fill_told_wrong_is_found(wrong: Pairs, found: str) -> None:
    comparison = compared(NEW, FIRST, report("3", "F", "2", "3", AVERAGE, *wrong))
    assert found in "; ".join(differences(comparison))


def test_another_status_average_or_quantity_is_found() -> None:
    comparison = compared(NEW, FIRST, report("3", "F", "1", "2", "100", *trade("72", "2", "105", "0.002")))
    assert differences(comparison) == [
        "status: FIX says PartiallyFilled, the venue Filled",
        "executed: CumQty(14) is 2, the venue's 3",
        "CumQty(14) is 2, the reported fills add up to 3",
        "average: AvgPx(6) is 100, the venue's 103.3333333333",
    ]


def test_an_order_placed_twice_is_found() -> None:
    """P3: the venue's own count of placement requests says so, whatever became of them."""
    after = deepcopy(AFTER)
    after["placements"]["fx-1"]["received"] = 2
    comparison = compared(NEW, FIRST, SECOND, after=after)
    assert differences(comparison) == ["the venue was sent it 2 times"]


def test_an_order_nobody_sent_is_found() -> None:
    after = deepcopy(AFTER)
    after["orders"].append(AFTER["orders"][0] | {"clientOrderId": "autoclose-1"})
    comparison = compared(NEW, FIRST, SECOND, after=after)
    assert differences(comparison) == ["the venue has an order that no FIX message asked for"]
    assert "autoclose-1: the venue has an order" in printed(comparison)


def test_an_order_fix_calls_open_and_the_venue_lacks_is_found() -> None:
    state = deepcopy(BEFORE)
    assert differences(compared(NEW, after=state)) == ["status: FIX says New, the venue Rejected"]


def test_an_order_without_any_report_is_found() -> None:
    """P7: every order has its answer."""
    assert differences(compared(after=BEFORE)) == ["status: FIX says (no report), the venue Rejected"]


def test_a_refused_order_agrees_when_the_venue_has_none() -> None:
    refused = ((35, "8"), (11, "c1"), (17, "1"), (150, "8"), (39, "8"), (14, "0"), (6, "0"))
    comparison = compared(refused, after=BEFORE)
    assert comparison.agrees
    assert "(never sent)" in printed(comparison)


def test_money_that_moved_in_another_wallet_is_found() -> None:
    """An order for the cross account that traded an isolated one."""
    after = deepcopy(AFTER)
    after["wallets"]["main/ISOLATED_MARGIN/BTCUSDT"] = wallet("5", "0")["main/CROSS_MARGIN"]
    comparison = compared(NEW, FIRST, SECOND, after=after)
    assert [asset.asset for asset in comparison.assets if not asset.agrees] == [
        "USDT of main/ISOLATED_MARGIN/BTCUSDT"
    ]


def test_a_cancel_belongs_to_the_order_it_cancelled() -> None:
    """ClOrdID(11) of the report is the cancel's, OrigClOrdID(41) the order's."""
    canceled = (
        (35, "8"), (11, "x1"), (41, "c1"), (17, "2"), (150, "4"), (39, "4"), (526, "fx-1"), (14, "0"), (6, "0"),
    )  # fmt: skip
    state = deepcopy(BEFORE)
    state["orders"] = [
        {"clientOrderId": "fx-1", "status": "CANCELED", "executedQty": "0", "cummulativeQuoteQty": "0"}
    ]
    assert compared(NEW, canceled, after=state).agrees


def test_programs_get_each_difference_as_text() -> None:
    out = io.StringIO()
    JsonScreen(out).summary(compared(NEW, SECOND), None, None)
    summary = json.loads(out.getvalue())
    assert (summary["type"], summary["agree"]) == ("summary", False)
    assert "c1: trade 71 (1 at 100) was never reported" in summary["differences"]
    assert summary["orders"][0]["fix"]["trade_ids"] == ["72"]
    assert summary["orders"][0]["venue"]["trade_ids"] == ["71", "72"]
