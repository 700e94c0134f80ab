"""What an OMS asks for becomes a fact and a call, or a refusal by name; nothing is placed twice (P3)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.core.happenings import Cancel, Closing, Submit
from connector.core.order import Life
from connector.core.records import Refused, Requested
from mappers.ids import CompositeIds
from mappers.model import Refusal, RefusalKind, RefusedCancel, RefusedMessage, RefusedOrder, Side, VenueStatus
from mappers.reports import BusinessReject, CancelReject, ExecType, ExecutionReport, OrdStatus
from tests.core.bench import (
    MS,
    SESSION,
    UNKNOWN,
    Bench,
    cancel_order,
    line,
    lines,
    new_order,
    only,
    refused,
    stated,
    statement,
    status_request,
    trade,
)

REFUSAL = Refusal(text="TimeInForce(59)=7: allowed are 1, 3, 4", reason=99)


def refused_order(cl_ord_id: str = "c1") -> RefusedOrder:
    return RefusedOrder(
        session=SESSION,
        source_id="DESK1",
        cl_ord_id=cl_ord_id,
        account="main",
        echo=((55, "BTCUSDT"),),
        refusal=REFUSAL,
    )


def test_an_order_is_written_first_and_then_sent() -> None:
    """P1: the entry is in the decision that holds the call, and its position names the order at the venue."""
    bench = Bench()

    reports = bench.send(new_order())

    position, _, record = bench.entries[-1]
    assert record == Requested(account="main", client_order_id=f"x{position}", order=new_order())
    assert bench.call(Submit).client_order_id == f"x{position}"
    assert reports == []  # the OMS is told when something is known


def test_a_used_name_is_refused_and_the_first_order_stays_what_it_is() -> None:
    """Fault 14: 103=6, 39 of the original, nothing to the exchange."""
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", trade(1)))

    report = only(bench.send(new_order()))

    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status) == (ExecType.REJECTED, OrdStatus.PARTIALLY_FILLED)
    assert report.refusal is not None
    assert report.refusal.reason == 6
    assert report.order_id == "7"
    assert bench.calls == []
    assert order.life is Life.PARTIALLY_FILLED


@pytest.mark.parametrize("end", [VenueStatus.CANCELED, VenueStatus.EXPIRED])
def test_a_used_name_stays_used_when_the_order_is_over_and_after_a_restart(end: VenueStatus) -> None:
    bench = Bench()
    bench.hear(statement(bench.place(), end))
    bench.restart()

    report = only(bench.send(new_order()))

    assert isinstance(report, ExecutionReport)
    assert report.refusal is not None
    assert report.refusal.reason == 6
    assert not any(isinstance(call, Submit) for call in bench.calls)


@pytest.mark.parametrize("flag", ["poss_dup", "poss_resend"])
def test_a_flagged_repetition_is_answered_by_the_status(flag: str) -> None:
    """Faults 8 and 15: 43=Y and 97=Y of a known order give 150=I, never a second order."""
    bench = Bench()
    bench.place()
    entries = len(bench.entries)

    report = only(bench.send(new_order(), **{flag: True}))

    assert line(report) == ("I", "0", "0", "3")
    assert isinstance(report, ExecutionReport)
    assert report.exec_id == "0"  # a status is no execution
    assert bench.calls == []
    assert len(bench.entries) == entries


@pytest.mark.parametrize("flag", ["poss_dup", "poss_resend"])
def test_a_flagged_message_that_is_new_is_taken(flag: str) -> None:
    """FIX 4.4, Appendix D, F.1.b: never seen means that it is the first."""
    bench = Bench()
    bench.send(new_order(), **{flag: True})
    assert bench.call(Submit).order == new_order()


def test_an_order_named_like_a_cancel_is_no_repetition_of_it() -> None:
    """97=Y says "perhaps you have it"; what we have under that name is another message."""
    bench = Bench()
    bench.place()
    bench.send(cancel_order("x1"))
    bench.calls.clear()

    report = only(bench.send(new_order("x1"), poss_resend=True))

    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.cl_ord_id) == (ExecType.REJECTED, "x1")
    assert bench.calls == []


def test_an_order_asked_for_again_too_late_is_not_sent() -> None:
    """Fault 11: the market has moved on since OrigSendingTime(122)."""
    bench = Bench(stale_order_age_ms=60_000)
    sent_ms = bench.now_ns // MS - 60_001

    report = only(bench.send(new_order(), poss_dup=True, first_sent_ms=sent_ms))

    assert isinstance(report, ExecutionReport)
    assert report.refusal is not None
    assert report.refusal.reason == 4  # too late to enter
    assert "122" in report.refusal.text
    assert bench.calls == []


def test_an_order_asked_for_again_in_time_is_sent() -> None:
    bench = Bench(stale_order_age_ms=60_000)
    bench.send(new_order(), poss_dup=True, first_sent_ms=bench.now_ns // MS - 60_000)
    bench.call(Submit)


def test_orders_wait_for_nobody_before_the_first_reconciliation() -> None:
    """Section 3: unsettled orders are asked for before new ones are taken; and fault 22: refused at once."""
    bench = Bench(ready=False)
    bench.load()

    report = only(bench.send(new_order()))

    assert isinstance(report, ExecutionReport)
    assert report.refusal is not None
    assert "not open for orders yet" in report.refusal.text
    assert bench.calls == []


def test_a_rate_limited_account_refuses_orders_and_lets_cancels_through() -> None:
    """Fault 22 and P8."""
    bench = Bench()
    bench.place("c0")
    bench.send(new_order())
    bench.answer(bench.call(Submit), refused(RefusalKind.BACK_OFF, -1003, retry_after_ms=5_000))
    bench.reports.clear()

    report = only(bench.send(new_order("c2")))
    bench.send(cancel_order("x1", "c0"))

    assert isinstance(report, ExecutionReport)
    assert report.refusal is not None
    assert "wait 5000 ms" in report.refusal.text
    bench.call(Cancel)
    bench.now_ns += 5_000 * MS
    bench.send(new_order("c3"))
    bench.call(Submit)


def test_a_stopping_connector_takes_no_orders_and_still_cancels() -> None:
    bench = Bench()
    bench.place()
    bench.do(Closing())

    report = only(bench.send(new_order("c2")))
    bench.send(cancel_order())

    assert line(report) == ("8", "8", "0", "0")
    bench.call(Cancel)


def test_what_cannot_become_an_order_is_refused_with_what_it_said() -> None:
    """P10; and its name is used up like any other."""
    bench = Bench()

    report = only(bench.send(refused_order()))
    again = only(bench.send(new_order()))

    assert isinstance(report, ExecutionReport)
    assert (report.refusal, report.order) == (REFUSAL, refused_order())
    assert isinstance(again, ExecutionReport)
    assert again.refusal is not None
    assert again.refusal.reason == 6
    assert bench.calls == []


def test_an_id_the_venue_would_not_take_is_refused_before_it_is_a_request() -> None:
    """Section 4, COMPOSITE: which rule broke."""
    bench = Bench(ids=CompositeIds())

    report = only(bench.send(new_order("c" * 31)))

    assert isinstance(report, ExecutionReport)
    assert report.refusal is not None
    assert "37 characters" in report.refusal.text
    assert bench.records(Requested) == []
    assert len(bench.records(Refused)) == 1


def test_sequence_numbers_are_never_used_twice_not_even_after_a_restart() -> None:
    """Section 4; trap 24."""
    bench = Bench()
    bench.place("c1")
    bench.restart()
    bench.calls.clear()
    bench.load()
    bench.router.state.accounts["main"].ready = True
    bench.send(new_order("c2"))

    first, second = (record.client_order_id for record in bench.records(Requested))

    assert int(second[1:]) > int(first[1:])


def test_what_is_no_order_gets_a_business_reject() -> None:
    bench = Bench()
    message = RefusedMessage(session=SESSION, ref_msg_type="G", ref_seq_num=5, refusal=REFUSAL)

    assert bench.send(message) == [BusinessReject(message=message)]


# -- cancels ------------------------------------------------------------------------------------------------


def test_a_cancel_is_told_pending_and_sent() -> None:
    bench = Bench()
    order = bench.place()

    report = only(bench.send(cancel_order()))

    assert line(report) == ("6", "6", "0", "3")
    assert isinstance(report, ExecutionReport)
    assert (report.cl_ord_id, report.orig_cl_ord_id) == ("x1", "c1")
    cancel = bench.call(Cancel)
    assert (cancel.client_order_id, cancel.order_id) == (order.client_order_id, 7)


CANCEL_CASES = [
    ("of an order nobody sent", cancel_order(orig="c9"), 1, OrdStatus.REJECTED),
    ("that names another OrderID", cancel_order(order_id="8"), 1, OrdStatus.NEW),
    ("that names another symbol", cancel_order(symbol="ETHUSDT"), 99, OrdStatus.NEW),
    ("that names another side", cancel_order(side=Side.SELL), 99, OrdStatus.NEW),
    ("by another session", cancel_order(session="DESK2->CONNECTOR"), 1, OrdStatus.REJECTED),
    ("under a used name", cancel_order("c1"), 6, OrdStatus.NEW),
]


@pytest.mark.parametrize(
    ("cancel", "reason", "status"), [row[1:] for row in CANCEL_CASES], ids=[r[0] for r in CANCEL_CASES]
)
def test_a_cancel_is_refused_by_reason(cancel: object, reason: int, status: OrdStatus) -> None:
    """CxlRejReason(102) with the order's own status in 39; nothing goes out."""
    bench = Bench()
    bench.place()

    reject = only(bench.send(cancel))  # type: ignore[arg-type]

    assert line(reject) == ("9", status, str(reason))
    assert bench.calls == []


@pytest.mark.parametrize(
    ("end", "executed", "status"),
    [
        (VenueStatus.CANCELED, "0", OrdStatus.CANCELED),
        (VenueStatus.EXPIRED, "0", OrdStatus.EXPIRED),
        (VenueStatus.FILLED, "3", OrdStatus.FILLED),
    ],
)
def test_a_cancel_of_a_finished_order_comes_too_late(
    end: VenueStatus, executed: str, status: OrdStatus
) -> None:
    """Fault 23: 102=0 and the state it has."""
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, end, executed, *([trade(1, "3")] if executed == "3" else [])))

    assert lines(bench.send(cancel_order())) == [("9", status, "0")]


def test_a_second_cancel_while_one_is_pending_is_refused() -> None:
    bench = Bench()
    bench.place()
    bench.send(cancel_order("x1"))

    reject = only(bench.send(cancel_order("x2")))

    assert line(reject) == ("9", OrdStatus.PENDING_CANCEL, "3")
    bench.call(Cancel)


def test_a_cancel_that_says_nonsense_is_refused_in_its_own_words() -> None:
    bench = Bench()
    bench.place()
    message = RefusedCancel(
        session=SESSION, source_id="DESK1", cl_ord_id="x1", orig_cl_ord_id="c1", refusal=REFUSAL
    )

    reject = only(bench.send(message))

    assert isinstance(reject, CancelReject)
    assert (reject.refusal, reject.ord_status) == (REFUSAL, OrdStatus.NEW)


def test_a_refused_cancel_asked_again_is_refused_again_and_says_so() -> None:
    """P5: an OrderCancelReject has no ExecID; 97=Y is what tells a repetition from a second answer."""
    bench = Bench()
    bench.send(cancel_order())

    reject = only(bench.send(cancel_order(), poss_resend=True))

    assert isinstance(reject, CancelReject)
    assert reject.poss_resend


def test_a_cancel_waits_for_no_filter_and_no_id() -> None:
    """P8: where COMPOSITE cannot name the cancel, the venue makes a name up."""
    bench = Bench(ids=CompositeIds())
    bench.place()

    bench.send(cancel_order("x" * 60))

    assert bench.call(Cancel).cancel_client_id is None


# -- status -------------------------------------------------------------------------------------------------


def test_a_status_shows_the_order_as_it_is() -> None:
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", trade(1)))

    report = only(bench.send(status_request()))

    assert line(report) == ("I", "1", "1", "2")
    assert isinstance(report, ExecutionReport)
    assert (report.status_req_id, report.exec_id, report.cum_quote) == ("q1", "0", Decimal(100))


def test_a_status_of_nothing_says_there_is_nothing() -> None:
    """FIX 4.4, OrderStatusRequest: 39=8, 37=NONE."""
    report = only(Bench().send(status_request("c9")))

    assert isinstance(report, ExecutionReport)
    assert (line(report), report.order_id, report.cl_ord_id) == (("I", "8", "0", "0"), "NONE", "c9")


def test_a_status_by_the_name_of_a_cancel_is_the_orders() -> None:
    bench = Bench()
    bench.place()
    bench.send(cancel_order("x1"))
    bench.send(cancel_order("x2"))  # refused: one is pending

    by_pending = only(bench.send(status_request("x1")))
    by_refused = only(bench.send(status_request("x2")))

    assert line(by_pending) == line(by_refused) == ("I", "6", "0", "3")


def test_a_status_of_a_refused_order_repeats_why() -> None:
    bench = Bench()
    bench.send(refused_order())

    report = only(bench.send(status_request()))

    assert isinstance(report, ExecutionReport)
    assert (report.ord_status, report.refusal) == (OrdStatus.REJECTED, REFUSAL)


def test_the_status_of_an_order_in_doubt_says_pending() -> None:
    """P4: unknown is never told as a reject."""
    bench = Bench()
    bench.send(new_order())
    bench.answer(bench.call(Submit), UNKNOWN)

    assert line(bench.send(status_request())[-1]) == ("I", "A", "0", "3")


def test_the_answer_of_another_order_does_not_end_this_one() -> None:
    """A reply that speaks of nobody we know leaves the order in doubt, and it is asked for."""
    bench = Bench()
    bench.send(new_order())
    submit = bench.call(Submit)
    stranger = stated(bench.order("c1"), VenueStatus.NEW, client_order_id="web_1", order_id=99)

    reports = bench.answer(submit, stranger)

    assert lines(reports) == [("A", "A", "0", "3")]
