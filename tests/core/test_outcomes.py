"""Happened, did not happen, unknown: what each answer lets us conclude, and when we ask again (P3, P4, P8)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from connector.core.happenings import AskOrder, Cancel, SkewMeasured, Submit
from connector.core.limits import BackOff
from connector.core.order import Life
from mappers.model import OutcomeUnknown, RefusalKind, Side, Stated, VenueStatus
from mappers.reports import ExecutionReport
from tests.core.bench import (
    MS,
    START_NS,
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
    trade,
)

NOT_FOUND = refused(RefusalKind.NOT_FOUND, -2013)


def in_doubt(**rules: object) -> Bench:
    """An order whose Submit had no reply, and the question for it waiting."""
    bench = Bench(**{"reconcile_interval_ms": 3_600_000, **rules})
    bench.do(SkewMeasured(account="main", skew_ms=0))
    bench.send(new_order())
    bench.answer(bench.call(Submit), UNKNOWN)
    return bench


def test_an_unknown_outcome_is_told_pending_and_asked_for() -> None:
    """Fault 1: 150=A, never a reject, never a second Submit."""
    bench = in_doubt()

    report = only(bench.reports)
    assert isinstance(report, ExecutionReport)
    assert line(report) == ("A", "A", "0", "3")
    assert report.text == "outcome unknown (no reply); asking the venue"
    bench.call(AskOrder)


@pytest.mark.parametrize(
    ("status", "executed", "told"),
    [
        (VenueStatus.NEW, "0", [("0", "0", "0", "3")]),
        (VenueStatus.CANCELED, "0", [("0", "0", "0", "3"), ("4", "4", "0", "0")]),
        (VenueStatus.REJECTED, "0", [("8", "8", "0", "0")]),
    ],
)
def test_the_answer_to_the_question_is_the_truth(
    status: VenueStatus, executed: str, told: list[object]
) -> None:
    bench = in_doubt()
    assert lines(bench.answer(bench.call(), stated(bench.order("c1"), status, executed))) == told


@pytest.mark.parametrize(("recv_window_ms", "settles_ms"), [(0, 15_000), (1_000, 11_000), (60_000, 70_000)])
def test_no_such_order_is_believed_only_when_the_request_can_no_longer_act(
    recv_window_ms: int, settles_ms: int
) -> None:
    """P4: recvWindow (5 s when left out) and the venue's 10 s; the question must have left after that."""
    bench = in_doubt(recv_window_ms=recv_window_ms)
    while bench.now_ns < START_NS + settles_ms * MS:
        assert bench.answer(bench.call(AskOrder), NOT_FOUND) == []
        bench.wait(10_000)

    report = only(bench.answer(bench.call(AskOrder), NOT_FOUND))

    assert bench.now_ns == START_NS + settles_ms * MS  # asked at the first moment that counts
    assert isinstance(report, ExecutionReport)
    assert line(report) == ("8", "8", "0", "0")
    assert report.refusal is not None
    assert report.refusal.text.startswith("never reached the venue")
    assert report.order_id == "NONE"


def test_the_question_must_have_left_late_enough_not_its_answer() -> None:
    bench = in_doubt()
    question = bench.call(AskOrder)
    left_ns = bench.now_ns
    bench.now_ns += 20_000 * MS

    assert bench.answer(question, NOT_FOUND, sent_ns=left_ns) == []
    bench.wait(1_000)

    assert lines(bench.answer(bench.call(AskOrder), NOT_FOUND)) == [("8", "8", "0", "0")]


def test_the_clocks_uncertainty_is_waited_for_too() -> None:
    """P4; also when it is measured after the doubt arose, as after a restart."""
    bench = in_doubt()
    question = bench.call(AskOrder)
    bench.do(SkewMeasured(account="main", skew_ms=400))

    assert bench.answer(question, NOT_FOUND, sent_ns=START_NS + 15_399 * MS) == []
    bench.wait(10_000)
    assert lines(bench.answer(bench.call(AskOrder), NOT_FOUND, sent_ns=START_NS + 15_400 * MS)) != []


def test_until_the_clock_is_measured_it_counts_as_far_off() -> None:
    """The venue takes a timestamp up to one second ahead (reference, 1.3)."""
    bench = Bench()
    bench.send(new_order())
    bench.answer(bench.call(Submit), UNKNOWN)
    assert bench.answer(bench.call(AskOrder), NOT_FOUND, sent_ns=START_NS + 15_999 * MS) == []


def test_an_order_found_after_it_was_given_up_is_told_and_alarmed() -> None:
    """Fault 2: a late truth is reported with a loud alarm, never dropped."""
    bench = in_doubt()
    bench.now_ns += 16_000 * MS
    bench.answer(bench.call(AskOrder), NOT_FOUND)
    order = bench.order("c1")
    bench.reports.clear()

    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", trade(1)))

    assert lines(bench.reports) == [("D", "0", "0", "3"), ("F", "1", "1", "2")]
    assert [note.event for note in bench.notes if note.level == "error"] == ["rejected_order_is_at_the_venue"]
    assert order in bench.router.state.book.live.values()


def test_duplicate_order_sent_means_that_it_is_there() -> None:
    """Fault 3, traps 6 and 24."""
    bench = Bench()
    bench.send(new_order())

    bench.answer(bench.call(Submit), refused(RefusalKind.DUPLICATE))
    bench.answer(bench.call(AskOrder), stated(bench.order("c1"), VenueStatus.NEW))

    assert lines(bench.reports) == [("A", "A", "0", "3"), ("0", "0", "0", "3")]


def test_a_refusal_for_the_clock_lets_the_order_leave_once_more() -> None:
    """Fault 21: it was refused, so the same id is safe; the clock is measured first; a second time is final."""
    bench = Bench()
    bench.send(new_order())
    first = bench.call(Submit)
    bench.answer(first, refused(RefusalKind.CLOCK, -1021))

    second = bench.call(Submit)
    assert (second.client_order_id, second.measure_clock) == (first.client_order_id, True)
    bench.answer(second, refused(RefusalKind.CLOCK, -1021))

    assert bench.calls == []
    assert lines(bench.reports) == [("8", "8", "0", "0")]


@pytest.mark.parametrize(
    "kind", [RefusalKind.FINAL, RefusalKind.KEY, RefusalKind.BACK_OFF, RefusalKind.UNREACHED]
)
def test_what_did_not_happen_is_rejected_with_the_venues_words(kind: RefusalKind) -> None:
    bench = Bench()
    bench.send(new_order())

    report = only(bench.answer(bench.call(Submit), refused(kind, -1234)))

    assert isinstance(report, ExecutionReport)
    assert report.refusal is not None
    assert (report.refusal.text, report.refusal.venue_code) == ("-1234 planted", -1234)


@pytest.mark.parametrize("outcome", [UNKNOWN, refused(RefusalKind.FINAL)])
def test_a_reply_cannot_deny_what_the_stream_has_shown(outcome: object) -> None:
    """Trap 6: the order is asked for again, and stays."""
    bench = Bench()
    bench.send(new_order())
    submit = bench.call(Submit)
    bench.hear(statement(bench.order("c1"), VenueStatus.NEW))

    assert bench.answer(submit, outcome) == []  # type: ignore[arg-type]
    bench.call(AskOrder)
    assert bench.order("c1").life is Life.NEW


def test_questions_wait_longer_and_longer() -> None:
    """Never more than one at a time for one order, and not more often than the venue can bear."""
    bench = in_doubt(recv_window_ms=60_000)
    waits = []
    for _ in range(8):
        before = bench.now_ns
        bench.answer(bench.call(AskOrder), UNKNOWN)
        bench.wait(10_000)
        waits.append((bench.now_ns - before) // MS)
    assert waits == [250, 500, 1_000, 2_000, 3_000, 5_000, 5_000, 5_000]


def test_a_question_waits_as_long_as_the_venue_asks() -> None:
    """Fault 22: Retry-After holds for questions."""
    bench = in_doubt()
    bench.answer(bench.call(AskOrder), refused(RefusalKind.BACK_OFF, -1003, retry_after_ms=7_000))

    bench.wait(6_999)
    assert bench.calls == []
    bench.wait(1)
    bench.call(AskOrder)


def test_an_open_order_that_a_question_cannot_find_stays_open() -> None:
    """A replica that lags is no end: alarm, and ask again later."""
    bench = Bench()
    order = bench.place()
    question = AskOrder(
        account="main", symbol="BTCUSDT", isolated=False, client_order_id=order.client_order_id
    )

    assert bench.answer(question, NOT_FOUND) == []

    assert order.life is Life.NEW
    assert [note.event for note in bench.notes] == ["order_vanished"]


# -- cancels --------------------------------------------------------------------------------------------------


def cancelling() -> Bench:
    bench = Bench()
    bench.place()
    bench.send(cancel_order())
    bench.reports.clear()
    return bench


@pytest.mark.parametrize(
    "outcome",
    [
        UNKNOWN,
        refused(RefusalKind.NOT_OPEN, -2011),
        refused(RefusalKind.UNREACHED),
        refused(RefusalKind.BACK_OFF, -1003, 100),
    ],
    ids=["unknown", "not open", "unreached", "back off"],
)
def test_a_cancel_without_a_clear_outcome_is_tried_again(outcome: object) -> None:
    """P8: repeating a cancel is harmless; the OMS hears nothing that may be wrong."""
    bench = cancelling()
    order = bench.order("c1")

    assert bench.answer(bench.call(Cancel), outcome) == []  # type: ignore[arg-type]
    for call in [call for call in bench.calls if isinstance(call, AskOrder)]:
        bench.calls.remove(call)
        bench.answer(call, stated(order, VenueStatus.NEW))
    bench.wait(2_000)

    bench.answer(bench.call(Cancel), stated(order, VenueStatus.CANCELED))
    assert lines(bench.reports) == [("4", "4", "0", "0")]


def test_a_cancel_that_found_nothing_open_learns_why() -> None:
    """-2011 because the order had filled: its trade is told, then the cancel's answer."""
    bench = cancelling()
    order = bench.order("c1")
    bench.answer(bench.call(Cancel), refused(RefusalKind.NOT_OPEN, -2011))

    bench.answer(bench.call(AskOrder), stated(order, VenueStatus.FILLED, "3", trade(1, "3")))

    assert lines(bench.reports) == [("F", "2", "3", "0"), ("9", "2", "0")]


def test_a_cancel_the_venue_will_not_do_is_refused_by_its_words() -> None:
    bench = cancelling()
    reject = only(bench.answer(bench.call(Cancel), refused(RefusalKind.FINAL, -2011)))
    assert line(reject) == ("9", "0", "2")


def test_a_cancel_refused_for_the_clock_is_sent_again_at_once_and_then_later() -> None:
    """An earlier try may still act: "refused" could be a lie."""
    bench = cancelling()
    bench.answer(bench.call(Cancel), refused(RefusalKind.CLOCK, -1021))
    again = bench.call(Cancel)
    assert again.measure_clock

    assert bench.answer(again, refused(RefusalKind.CLOCK, -1021)) == []
    assert bench.calls == []
    bench.wait(5_000)
    bench.call(Cancel)


def test_a_cancel_that_succeeded_without_an_end_is_asked_about() -> None:
    """Found by simulation: HTTP 200 that says NEW or PENDING_CANCEL must neither hang nor hammer."""
    bench = cancelling()
    order = bench.order("c1")

    bench.answer(bench.call(Cancel), stated(order, VenueStatus.PENDING_CANCEL))

    bench.answer(bench.call(AskOrder), stated(order, VenueStatus.CANCELED))
    assert lines(bench.reports) == [("4", "4", "0", "0")]


def test_a_cancel_of_an_order_that_never_arrived_is_answered_with_it() -> None:
    bench = in_doubt()
    bench.send(cancel_order())
    question, cancel = bench.calls
    bench.calls.clear()
    bench.answer(cancel, refused(RefusalKind.NOT_OPEN, -2011))
    bench.now_ns += 16_000 * MS
    bench.reports.clear()

    bench.answer(question, NOT_FOUND)

    assert lines(bench.reports) == [("8", "8", "0", "0"), ("9", "8", "0")]


# -- limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "retry_after_ms", "waits_ms"),
    [(-1003, 1_500, 1_500), (-1015, None, 7_000), (-1003, None, 57_000), (None, None, 57_000)],
)
def test_without_retry_after_the_wait_ends_with_the_window(
    code: int | None, retry_after_ms: int | None, waits_ms: int
) -> None:
    """Reference 1.10: windows are aligned, 10 s for order counts, a minute for weight."""
    now_ns = START_NS + 3_000 * MS  # three seconds into a minute
    back_off = BackOff()

    back_off.refused(refused(RefusalKind.BACK_OFF, code or -1003, retry_after_ms), now_ns)

    assert back_off.wait_ms(now_ns) == waits_ms
    assert back_off.wait_ms(now_ns + waits_ms * MS) == 0


def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    back_off = BackOff()
    back_off.refused(refused(RefusalKind.BACK_OFF, -1003, 9_000), START_NS)
    back_off.refused(refused(RefusalKind.BACK_OFF, -1003, 1_000), START_NS)
    assert back_off.wait_ms(START_NS) == 9_000


def test_an_order_under_our_id_that_is_not_what_we_sent_is_not_taken_for_ours() -> None:
    """Another program, or we before the journal was lost, may use the id: "Duplicate order sent." then means that
    ours was refused, and the OMS must not be told the stranger's fills."""
    bench = Bench()
    bench.send(new_order())
    bench.answer(bench.call(Submit), refused(RefusalKind.DUPLICATE))
    [theirs] = stated(bench.order("c1"), VenueStatus.PARTIALLY_FILLED).statements
    theirs = msgspec.structs.replace(theirs, side=Side.SELL, quantity=Decimal("0.5"), price=Decimal(70_000))

    bench.answer(bench.call(AskOrder), Stated(statements=(theirs,)))

    assert [report.exec_type for report in bench.reports] == ["A", "8"]
    assert "is another order's" in bench.reports[-1].refusal.text
    assert {"client_order_id_in_use", "foreign_order"} <= {note.event for note in bench.notes}


def test_another_order_under_our_id_is_asked_about_less_and_less_often() -> None:
    """Nothing but time can help then; a question every 250 ms would only use up the venue's patience."""
    bench = Bench()
    bench.send(new_order())
    bench.answer(bench.call(Submit), OutcomeUnknown(cause="reset"))
    [theirs] = stated(bench.order("c1"), VenueStatus.NEW).statements
    theirs = msgspec.structs.replace(theirs, side=Side.SELL)
    waits = []
    for _ in range(4):
        bench.answer(bench.call(AskOrder), Stated(statements=(theirs,)))
        asked_ns = bench.now_ns
        while not [call for call in bench.calls if isinstance(call, AskOrder)]:
            bench.wait(50)
        waits.append((bench.now_ns - asked_ns) // 1_000_000)

    assert waits == [250, 500, 1_000, 2_000]
