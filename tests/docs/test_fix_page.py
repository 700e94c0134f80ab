"""docs/fix.md says what the mappers do: its tags, values and reasons are theirs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from connector.core import intake
from connector.core.order import ORD_STATUS
from mappers import fix_in, fix_order, fix_out, reasons
from mappers.fix_in import ECHOED
from mappers.fix_order import SIDES
from mappers.fix_tags import LIMITED, NAMES
from mappers.model import SelfTradePreventionMode
from mappers.reports import ExecType, OrdStatus
from tests.docs.pages import ROOT, read, rows, section
from tests.docs.tables import PAGE, dictionary, rewritten

TEXT = PAGE.read_text(encoding="utf-8")
IN = {"D": "NewOrderSingle (D)", "F": "OrderCancelRequest (F)", "H": "OrderStatusRequest (H)"}
OUT = {
    "8": "ExecutionReport (8)",
    "9": "OrderCancelReject (9)",
    "j": "BusinessMessageReject (j)",
    "3": "Reject (3)",
}


def tags(title: str) -> dict[int, str]:
    """Tag and name of the rows under a heading's first table."""
    return {
        int(cells[0]): cells[1]
        for cells in rows(section(TEXT, title))
        if cells[0].isdigit() and len(cells) > 2
    }


def header_tags(title: str) -> dict[int, str]:
    before = section(TEXT, title).split("\n### ")[0]
    return {int(cells[0]): cells[1] for cells in rows(before) if cells[0].isdigit()}


def order_tags() -> dict[int, str]:
    """The first table under NewOrderSingle (D); those after it explain values."""
    table = section(TEXT, IN["D"]).split("**Order types**")[0]
    return {int(cells[0]): cells[1] for cells in rows(table)}


def tags_written() -> set[int]:
    """Every tag mappers.fix_out can write: `44=` in its texts, and the first argument of `_optional`."""
    assert fix_out.__file__ is not None
    tree = ast.parse(Path(fix_out.__file__).read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not (isinstance(node, ast.Expr))]
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(int(tag) for tag in re.findall(r"(?<![\w.])([0-9]+)=", node.value))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_optional":
            assert isinstance(node.args[0], ast.Constant)
            found.add(int(str(node.args[0].value)))
    return found


def test_the_tables_written_from_the_code_are_up_to_date() -> None:
    """Run: python -m tests.docs.tables"""
    assert rewritten(TEXT) == TEXT


@pytest.mark.parametrize(("kind", "title"), [*IN.items(), *OUT.items()])
def test_every_documented_tag_is_in_the_dictionary_under_that_name(kind: str, title: str) -> None:
    """An OMS is configured from the dictionary; the page must not promise what it refuses."""
    documented = order_tags() if kind == "D" else tags(title)

    assert documented.items() <= dictionary()[kind].items()


@pytest.mark.parametrize("title", ["What you send", "What you receive"])
def test_documented_header_fields_are_header_fields(title: str) -> None:
    assert header_tags(title).items() <= dictionary()["header"].items()


def test_every_tag_we_act_on_is_documented() -> None:
    """P10's other half: what we look at is said."""
    acted_on = {int(tag) for tag in fix_in._OURS} - {34}  # MsgSeqNum is the session's
    documented = order_tags() | tags(IN["F"]) | tags(IN["H"]) | header_tags("What you send")

    assert acted_on - documented.keys() == set()
    assert documented.keys() - acted_on == {122}  # read with 43=Y
    assert set(NAMES) - documented.keys() - LIMITED.keys() == {58}  # named in other texts


def test_every_tag_we_send_is_documented_and_nothing_else_is() -> None:
    documented = tags(OUT["8"]) | tags(OUT["9"]) | tags(OUT["j"]) | header_tags("What you receive")

    assert tags_written() | set(ECHOED) == (documented.keys() - {43}) | {35}  # 43 is the engine's


def test_every_exec_type_and_ord_status_is_explained() -> None:
    life = rows(section(TEXT, "The life of an order"))
    explained = {cells[0].split(" ")[0] for cells in life}

    assert {exec_type.value for exec_type in ExecType} <= explained
    statuses = section(TEXT, "The life of an order")
    for status in OrdStatus:
        assert re.search(rf"[|,] {status.value} [A-Z]", statuses), status
    assert set(ORD_STATUS.values()) | {OrdStatus.PENDING_CANCEL} == set(OrdStatus)


def test_allowed_values_are_the_mappers() -> None:
    cells = {int(row[0]): row for row in rows(section(TEXT, IN["D"]).split("**Order types**")[0])}

    assert set(cells[6102][3].split(", ")) == set(SelfTradePreventionMode)
    assert re.findall(r"(\d) (\w+)", cells[25001][3]) == [
        (number, mode.value) for number, mode in fix_order._STP_NUMBERS.items()
    ]
    assert re.findall(r"(\d) ", cells[54][3]) == list(SIDES)


def test_every_order_reject_reason_we_can_give_is_explained() -> None:
    """UNKNOWN_ORDER(5) and STALE_ORDER(8) answer no order."""
    explained = {
        int(cells[0]) for cells in rows(section(TEXT, "OrdRejReason (103)").split("Where the venue")[0])
    }

    assert explained == {
        reasons.BROKER_OPTION, reasons.UNKNOWN_SYMBOL, reasons.EXCHANGE_CLOSED, reasons.EXCEEDS_LIMIT,
        intake.TOO_LATE_TO_ENTER, reasons.DUPLICATE, reasons.UNSUPPORTED, reasons.INCORRECT_QUANTITY,
        reasons.UNKNOWN_ACCOUNT, reasons.OTHER,
    }  # fmt: skip


def test_every_cancel_reject_reason_is_explained() -> None:
    explained = {int(cells[0]) for cells in rows(section(TEXT, "CxlRejReason (102)"))}

    assert explained == {
        reasons.TOO_LATE, reasons.CANCEL_UNKNOWN_ORDER, reasons.CANCEL_BROKER_OPTION, reasons.CANCEL_PENDING,
        reasons.CANCEL_DUPLICATE, reasons.OTHER,
    }  # fmt: skip


def test_every_business_reject_reason_is_explained() -> None:
    explained = {int(cells[0]) for cells in rows(section(TEXT, "BusinessRejectReason (380)"))}

    assert explained == {fix_in.BUSINESS_OTHER, fix_in.UNSUPPORTED_MESSAGE, fix_in.MISSING_FIELD}


def test_the_dictionary_that_is_shipped_is_the_one_that_is_linked() -> None:
    assert "../config/FIX44.xml" in read("docs/fix.md")
    assert (ROOT / "config" / "FIX44.xml").exists()
