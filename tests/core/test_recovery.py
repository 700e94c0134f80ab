"""After kill -9 the journal alone tells the same story, and what was left open is closed (section 3, P3-P8)."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from connector.core import book
from connector.core.happenings import (
    AskOrder,
    Cancel,
    Closing,
    ReceiptGiven,
    Reconcile,
    SessionOpened,
    SkewMeasured,
    StoreGone,
    Submit,
)
from connector.core.order import Order
from connector.core.records import CancelFailed, Ended, Entry, NumbersSaved, decode, encode
from connector.core.router import Router
from mappers.model import RefusalKind, VenueStatus
from mappers.reports import CancelReject, ExecutionReport
from tests.core.bench import (
    MS,
    SESSION,
    UNKNOWN,
    Bench,
    cancel_order,
    lines,
    new_order,
    only,
    refused,
    stated,
    statement,
    status_request,
    trade,
)


def busy_day() -> Bench:
    """Every kind of fact at least once."""
    bench = Bench()
    filled = bench.place("c1")
    bench.hear(statement(filled, VenueStatus.FILLED, "3", trade(1, "1"), trade(2, "2")))
    bench.send(new_order("c1"))  # refused: used
    bench.send(new_order("c2"))
    bench.answer(bench.call(Submit), UNKNOWN)
    bench.answer(bench.call(AskOrder), stated(bench.order("c2"), VenueStatus.NEW, order_id=8))
    bench.send(cancel_order("x2", "c2"))
    bench.answer(bench.call(Cancel), refused(RefusalKind.FINAL, -2011))
    bench.hear(statement(bench.order("c2"), VenueStatus.CANCELED, "1"))  # waits for its trade
    bench.send(cancel_order("x9", "c9"))  # of nothing
    bench.send(new_order("c3"))
    bench.send(cancel_order("x3", "c3"))
    bench.hear(statement(bench.order("c3"), VenueStatus.NEW, "0", client_order_id="web", order_id=99))
    bench.tell_all()
    return bench


def facts(order: Order) -> tuple[object, ...]:
    return tuple(getattr(order, name) for name in Order.__slots__)


def test_a_replayed_journal_gives_the_same_book() -> None:
    bench = busy_day()
    lived = bench.router.state.book

    again = Router(bench.rules)
    for position, at_ns, record in bench.entries:
        again.replay(Entry(position, at_ns, decode(encode(record))))

    replayed = again.state.book
    assert {type(entry.record).__name__ for entry in bench.entries} >= {
        "Requested", "Refused", "CancelRequested", "CancelRefused", "Doubted", "Accepted", "Traded", "EndStated",
        "CancelFailed", "Foreign", "Reported",
    }  # fmt: skip
    assert {name: facts(order) for name, order in replayed.orders.items()} == {
        name: facts(order) for name, order in lived.orders.items()
    }
    assert list(replayed.live) == list(lived.live)
    assert list(replayed.canceling) == list(lived.canceling)
    assert replayed.last_trade_id == lived.last_trade_id
    assert again.state.next_position == bench.router.state.next_position


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_journal_cut_anywhere_can_be_recovered(cut: int) -> None:
    """Any prefix is a possible past: it replays, and recovery decides something."""
    bench = busy_day()
    again = Router(bench.rules)
    for entry in bench.entries[: min(cut, len(bench.entries))]:
        again.replay(entry)

    decision = again.recover(bench.now_ns)

    for order in again.state.book.canceling.values():
        assert not order.settled
    assert all(isinstance(call, (AskOrder, Cancel)) for call in decision.calls)  # never a Submit (fault 7)


def test_what_may_not_have_been_told_is_told_again_the_same() -> None:
    """P5: 97=Y and the same ExecID; what is known to be told is not repeated."""
    bench = Bench()
    order = bench.place("c0")
    bench.tell_all()
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", trade(1)))
    bench.send(cancel_order("x1", "c9"))
    told = list(bench.reports)

    bench.restart()

    assert bench.reports == [msgspec.structs.replace(report, poss_resend=True) for report in told]  # type: ignore[type-var]
    assert [type(report) for report in told] == [ExecutionReport, CancelReject]
    bench.tell_all()
    bench.restart()
    assert bench.reports == []


def test_an_order_without_an_answer_is_doubted_and_never_sent_again() -> None:
    """Fault 7 and P4: counted from the restart, since the request may have left until we died."""
    bench = Bench()
    bench.send(new_order())
    bench.now_ns += 60_000 * MS
    bench.restart()
    assert lines(bench.reports) == [("A", "A", "0", "3")]
    question = bench.call(AskOrder)
    bench.do(SkewMeasured(account="main", skew_ms=0))

    assert bench.answer(question, refused(RefusalKind.NOT_FOUND, -2013)) == []
    bench.now_ns += 15_000 * MS
    reports = bench.answer(question, refused(RefusalKind.NOT_FOUND, -2013))

    assert lines(reports) == [("8", "8", "0", "0")]


def test_an_order_that_arrived_before_the_crash_is_found() -> None:
    """Fault 8: New and its fills; the OMS's 43=Y then gets a status."""
    bench = Bench()
    bench.send(new_order())
    bench.restart()
    order = bench.order("c1")
    bench.answer(bench.call(AskOrder), stated(order, VenueStatus.NEW))

    status = only(bench.send(new_order(), poss_dup=True))

    assert lines(bench.reports) == [("A", "A", "0", "3"), ("0", "0", "0", "3"), ("I", "0", "0", "3")]
    assert status.order_id == "7"  # type: ignore[union-attr]


def test_doubt_is_told_once_however_often_we_restart() -> None:
    bench = Bench()
    bench.send(new_order())
    bench.restart()
    bench.tell_all()

    bench.restart()

    assert bench.reports == []
    bench.call(AskOrder)


def test_a_pending_cancel_leaves_at_once_after_a_restart() -> None:
    """P8: it does not wait for the reconciliation."""
    bench = Bench()
    bench.place()
    bench.send(cancel_order())
    bench.restart()

    assert bench.call(Cancel).order_id == 7


def test_a_cancel_is_answered_though_the_crash_came_between_it_and_the_end() -> None:
    """Found by simulation: the end was written, the cancel's answer was not."""
    bench = Bench()
    order = bench.place()
    bench.send(cancel_order())
    bench.hear(statement(order, VenueStatus.FILLED, "3", trade(1, "3")))
    assert isinstance(bench.entries[-1].record, CancelFailed)
    bench.entries.pop()

    bench.restart()

    assert lines(bench.reports)[-1] == ("9", "2", "0")
    assert bench.calls == []


def test_an_end_that_waits_for_its_trades_still_waits_after_a_restart() -> None:
    """P6: stated, not settled."""
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.CANCELED, "1"))
    bench.restart()
    bench.reports.clear()

    bench.hear(statement(bench.order("c1"), VenueStatus.PARTIALLY_FILLED, "1", trade(1)))

    assert lines(bench.reports) == [("F", "1", "1", "2"), ("4", "4", "1", "0")]
    assert len(bench.records(Ended)) == 1


def test_a_trade_counted_before_the_crash_counts_no_more_after_it() -> None:
    bench = Bench()
    order = bench.place()
    fill = statement(order, VenueStatus.PARTIALLY_FILLED, "1", trade(1))
    bench.hear(fill)
    bench.tell_all()
    bench.restart()

    assert bench.hear(fill) == []


def test_the_account_is_closed_until_it_has_been_reconciled() -> None:
    bench = Bench()
    bench.restart()
    bench.load()
    bench.do(Reconcile(account="main", reason="start"))
    assert lines(bench.send(new_order("c9"))) == [("8", "8", "0", "0")]


def test_an_order_of_an_account_no_longer_configured_is_alarmed_and_cannot_be_cancelled() -> None:
    """The journal outlives the configuration; a start that fails over it would take the other accounts along."""
    bench = Bench()
    bench.place("c1")
    bench.send(new_order("c2"))
    bench.rules = {"other": replace(bench.rules["main"], name="other")}
    bench.restart()

    reject = bench.send(cancel_order())

    assert [note.event for note in bench.notes] == ["account_not_configured"] * 2
    assert bench.calls == []
    assert lines(reject) == [("9", "0", "99")]
    assert lines(bench.send(status_request())) == [("I", "0", "0", "3")]


# -- a client that resets its numbers ----------------------------------------------------------------------------


def told_and_canceled(bench: Bench) -> int:
    """An order is reported canceled, and the engine has the report; the report's position."""
    order = bench.place()
    only(bench.hear(statement(order, VenueStatus.CANCELED)))
    position = bench.entries[-1].position
    bench.tell_all()
    bench.reports.clear()
    return position


@pytest.mark.parametrize("crashed", [False, True])
def test_a_client_that_resets_hears_again_what_it_may_not_have_read(crashed: bool) -> None:
    """Fault 12: 141=Y deletes what the engine kept for it; also when we were killed in between."""
    bench = Bench()
    canceled = told_and_canceled(bench)
    if crashed:
        bench.restart()
        assert bench.reports == [], "told once, as far as we know"

    bench.do(StoreGone(session=SESSION, reset=True))
    bench.do(SessionOpened(session=SESSION, reset=True))

    assert lines(bench.reports) == [("0", "0", "0", "3"), ("4", "4", "0", "0")]
    assert all(isinstance(report, ExecutionReport) and report.poss_resend for report in bench.reports)
    assert bench.reports[-1].exec_id == str(canceled)  # type: ignore[union-attr]


@pytest.mark.parametrize("crashed", [False, True])
def test_what_a_client_proved_to_have_read_is_not_told_again(crashed: bool) -> None:
    bench = Bench()
    canceled = told_and_canceled(bench)
    bench.do(ReceiptGiven(session=SESSION, through=canceled - 1))
    if crashed:
        bench.restart()

    bench.do(StoreGone(session=SESSION, reset=True))
    bench.do(SessionOpened(session=SESSION, reset=True))

    assert lines(bench.reports) == [("4", "4", "0", "0")]


def test_a_crash_between_the_reset_and_its_logon_loses_nothing() -> None:
    """The engine has emptied its store, and nobody told the client yet."""
    bench = Bench()
    told_and_canceled(bench)
    bench.do(StoreGone(session=SESSION, reset=True))

    bench.restart()

    assert lines(bench.reports) == [("0", "0", "0", "3"), ("4", "4", "0", "0")]
    assert bench.router.state.book.numbers[SESSION] == (1, 1)


def test_what_is_kept_for_a_client_that_never_proves_anything_is_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book, "KEPT_UNREAD", 5)
    bench = Bench()
    for number in range(20):
        bench.send(new_order(f"c{number}", symbol="NOSUCH"))

    assert len(bench.router.state.book.unread[SESSION]) == 5


def test_sequence_numbers_are_written_when_they_are_new() -> None:
    bench = Bench()
    first = bench.router.numbered({SESSION: (7, 9)}, bench.now_ns)
    assert first is not None
    assert first.record == NumbersSaved(numbers={SESSION: (7, 9)})
    assert bench.router.numbered({SESSION: (7, 9)}, bench.now_ns) is None
    told = bench.router.told([], bench.now_ns, {SESSION: (8, 9)})
    again = Router(bench.rules)
    again.replay(Entry(told.position, told.at_ns, decode(encode(told.record))))
    assert again.state.book.numbers == {SESSION: (8, 9)}


def test_a_client_that_does_not_reset_gets_it_from_the_engine() -> None:
    bench = Bench()
    told_and_canceled(bench)

    bench.do(SessionOpened(session=SESSION, reset=False))

    assert bench.reports == []


def test_closing_ends_with_the_process() -> None:
    bench = Bench()
    bench.do(Closing())
    bench.restart()
    assert not bench.router.state.closing
