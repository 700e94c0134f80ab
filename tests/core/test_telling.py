"""Each fact and what the OMS is told of it: the fields that carry the news, and whose names it bears."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.core.happenings import AskOrder, Cancel, Submit
from connector.core.telling import venue_order_id
from mappers.model import RefusalKind, VenueStatus
from mappers.reports import CancelReject, ExecType, ExecutionReport, OrdStatus
from tests.core.bench import (
    START_NS,
    UNKNOWN,
    Bench,
    cancel_order,
    new_order,
    only,
    refused,
    stated,
    statement,
    trade,
)

MS = 1_000_000


def after(*steps: str) -> Bench:
    """An order of 3 after what the words say, with its last fact's reports."""
    bench = Bench()
    bench.send(new_order())
    for step in steps:
        order = bench.order("c1")
        bench.reports.clear()
        if step == "accepted":
            bench.answer(bench.call(Submit), stated(order, VenueStatus.NEW))
        elif step == "refused":
            bench.answer(bench.call(Submit), refused(RefusalKind.FINAL))
        elif step == "unknown":
            bench.answer(bench.call(Submit), UNKNOWN)
        elif step == "found":
            bench.answer(bench.call(AskOrder), stated(order, VenueStatus.NEW))
        elif step == "traded":
            bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", trade(1, "1", "100.5")))
        elif step == "completed":
            bench.hear(statement(order, VenueStatus.FILLED, "3", trade(2, "2", "101")))
        elif step == "cancel":
            bench.send(cancel_order())
        elif step == "cancelled":
            bench.hear(statement(order, VenueStatus.CANCELED, f"{order.cum}"))
        elif step == "expired":
            bench.hear(statement(order, VenueStatus.EXPIRED, f"{order.cum}", reason="EXCHANGE_CANCELED"))
        elif step == "cancel refused":
            bench.answer(bench.call(Cancel), refused(RefusalKind.FINAL, -2011))
    return bench


A, N, T, X = ExecType.PENDING_NEW, ExecType.NEW, ExecType.TRADE, ExecType.CANCELED
TABLE: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("accepted",), {"exec_type": N, "ord_status": OrdStatus.NEW, "order_id": "7", "transact_time_ms": START_NS // MS + 5}),
    (("refused",), {"exec_type": ExecType.REJECTED, "ord_status": OrdStatus.REJECTED, "order_id": "NONE", "leaves": Decimal(0)}),
    (("unknown",), {"exec_type": A, "ord_status": OrdStatus.PENDING_NEW, "order_id": "NONE", "leaves": Decimal(3)}),
    (("unknown", "found"), {"exec_type": N, "ord_status": OrdStatus.NEW, "order_id": "7"}),
    (("accepted", "traded"), {
        "exec_type": T, "ord_status": OrdStatus.PARTIALLY_FILLED, "trade": trade(1, "1", "100.5"), "cum": Decimal(1),
        "leaves": Decimal(2), "cum_quote": Decimal("100.5"), "transact_time_ms": START_NS // MS + 1}),
    (("accepted", "traded", "completed"), {
        "exec_type": T, "ord_status": OrdStatus.FILLED, "cum": Decimal(3), "leaves": Decimal(0),
        "cum_quote": Decimal("302.5")}),
    (("accepted", "cancel"), {
        "exec_type": ExecType.PENDING_CANCEL, "ord_status": OrdStatus.PENDING_CANCEL, "cl_ord_id": "x1",
        "orig_cl_ord_id": "c1"}),
    (("accepted", "cancel", "traded"), {
        "exec_type": T, "ord_status": OrdStatus.PENDING_CANCEL, "cl_ord_id": "c1", "orig_cl_ord_id": None}),
    (("accepted", "traded", "cancel", "cancelled"), {
        "exec_type": X, "ord_status": OrdStatus.CANCELED, "cl_ord_id": "x1", "orig_cl_ord_id": "c1",
        "cum": Decimal(1), "leaves": Decimal(0)}),
    (("accepted", "cancelled"), {"exec_type": X, "ord_status": OrdStatus.CANCELED, "cl_ord_id": "c1", "orig_cl_ord_id": None}),
    (("accepted", "expired"), {
        "exec_type": ExecType.EXPIRED, "ord_status": OrdStatus.EXPIRED, "text": "EXCHANGE_CANCELED", "cl_ord_id": "c1"}),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "fields"), TABLE, ids=[" ".join(row[0]) for row in TABLE])
def test_a_fact_is_told_by_these_fields(steps: tuple[str, ...], fields: dict[str, Any]) -> None:
    report = after(*steps).reports[0]

    assert isinstance(report, ExecutionReport)
    assert {name: getattr(report, name) for name in fields} == fields
    assert report.order == new_order()
    assert report.client_order_id is not None


def test_every_execution_is_named_by_its_place_in_the_journal() -> None:
    """P5: ExecID(17) is the position, so a repetition after a crash cannot have another."""
    bench = after("accepted", "traded")
    report = only(bench.reports)

    assert isinstance(report, ExecutionReport)
    assert report.exec_id == str(bench.entries[-1].position)


def test_a_cancel_that_failed_names_both_and_the_state() -> None:
    reject = only(after("accepted", "traded", "cancel", "cancel refused").reports)

    assert isinstance(reject, CancelReject)
    assert (reject.cl_ord_id, reject.orig_cl_ord_id, reject.order_id) == ("x1", "c1", "7")
    assert (reject.ord_status, reject.refusal.venue_code) == (OrdStatus.PARTIALLY_FILLED, -2011)


def test_a_fill_after_the_end_says_so() -> None:
    """Never dropped, and the reader is told why it comes so late."""
    bench = after("accepted", "cancelled")

    report = bench.hear(statement(bench.order("c1"), VenueStatus.CANCELED, "1", trade(1)))[0]

    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status, report.cum) == (T, OrdStatus.CANCELED, 1)
    assert report.text == "fill learnt after the order was reported CANCELED"


@pytest.mark.parametrize(("order_id", "text"), [(None, "NONE"), (0, "0"), (48211300157, "48211300157")])
def test_an_order_without_a_number_is_called_none(order_id: int | None, text: str) -> None:
    """OrderID(37) is mandatory; FIX 4.4 says NONE where there is none."""
    assert venue_order_id(order_id) == text
