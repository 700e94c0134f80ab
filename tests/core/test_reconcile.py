"""Reconciliation: open orders, each unsettled order, trades since the last known one (section 3)."""

from __future__ import annotations

import pytest

from connector.core.happenings import (
    AskOpen,
    AskOrder,
    AskOrdersSince,
    AskTrades,
    AskTradesSince,
    Cancel,
    Reconcile,
)
from connector.core.reconcile import MANY
from mappers.model import RefusalKind, Stated, TradesStated, VenueStatus
from tests.core.bench import (
    UNKNOWN,
    Bench,
    cancel_order,
    lines,
    new_order,
    only,
    refused,
    stated,
    statement,
    trade,
)


def begin(bench: Bench) -> AskOpen:
    """Start a reconciliation; its first question."""
    bench.do(Reconcile(account="main", reason="stream connected"))
    call: AskOpen = bench.call(AskOpen)
    return call


def open_orders(*orders: object) -> Stated:
    return Stated(statements=tuple(statement(order, VenueStatus.NEW) for order in orders))  # type: ignore[arg-type]


def reconciled(bench: Bench) -> int:
    return sum(note.event == "reconciled" for note in bench.notes)


def test_an_order_that_is_still_open_needs_no_question_of_its_own() -> None:
    bench = Bench()
    order = bench.place()

    bench.answer(begin(bench), open_orders(order))

    assert bench.calls == []
    assert reconciled(bench) == 1


def test_an_order_that_is_not_open_any_more_is_asked_for() -> None:
    """Fault 4: it ended while nobody listened."""
    bench = Bench()
    order = bench.place()

    bench.answer(begin(bench), open_orders())
    assert reconciled(bench) == 0
    bench.answer(bench.call(AskOrder), stated(order, VenueStatus.CANCELED))

    assert lines(bench.reports) == [("4", "4", "0", "0")]
    assert reconciled(bench) == 1


def test_trades_are_asked_for_from_the_last_known_one_page_by_page() -> None:
    """The gap may be longer than a page; `tradesRequestSizeLimit` rows each."""
    bench = Bench(trades_request_size_limit=2)
    order = bench.place()
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "0.5", trade(5, "0.5")))
    bench.answer(begin(bench), open_orders(order))

    first = bench.call(AskTradesSince)
    assert (first.from_id, first.limit) == (6, 2)
    page = ((7, trade(6, "0.5")), (8, trade(8, "9")))
    bench.answer(first, TradesStated(trades=page, full_page=True))
    second = bench.call(AskTradesSince)
    assert second.from_id == 9
    bench.answer(second, TradesStated(trades=((7, trade(9, "2")),)))

    assert lines(bench.reports) == [("F", "1", "0.5", "2.5"), ("F", "1", "1", "2"), ("F", "2", "3", "0")]
    assert reconciled(bench) == 1


def test_many_missing_orders_are_found_in_the_history_page_by_page() -> None:
    """From `MANY` on a page of allOrders is cheaper than a question each."""
    bench = Bench(orders_request_size_limit=MANY - 5)
    orders = []
    for number in range(MANY):
        bench.send(new_order(f"c{number}"))
        order = bench.order(f"c{number}")
        bench.answer(bench.call(), stated(order, VenueStatus.NEW, order_id=100 + number))
        orders.append(order)
    bench.reports.clear()
    bench.answer(begin(bench), open_orders())

    def page(part: list) -> Stated:  # type: ignore[type-arg]
        return Stated(statements=tuple(statement(order, VenueStatus.EXPIRED) for order in part))

    first = bench.call(AskOrdersSince)
    assert (first.from_order_id, first.limit) == (100, MANY - 5)
    bench.answer(first, page(orders[: MANY - 5]))
    second = bench.call(AskOrdersSince)
    assert second.from_order_id == 100 + MANY - 5
    bench.answer(second, page(orders[MANY - 5 : -1]))
    bench.answer(
        bench.call(AskOrder), stated(orders[-1], VenueStatus.EXPIRED)
    )  # the one history did not show

    assert lines(bench.reports) == [("C", "C", "0", "0")] * MANY
    assert reconciled(bench) == 1


@pytest.mark.parametrize(
    "outcome", [UNKNOWN, refused(RefusalKind.BACK_OFF, -1003, 100), refused(RefusalKind.CLOCK, -1021)]
)
def test_a_page_that_failed_is_asked_for_again(outcome: object) -> None:
    bench = Bench()
    call = begin(bench)
    bench.answer(call, outcome)  # type: ignore[arg-type]
    assert bench.calls == []

    bench.wait(10_000)

    assert bench.call(AskOpen) == call
    bench.answer(call, Stated())
    assert reconciled(bench) == 1


def test_a_question_the_venue_will_never_answer_does_not_hold_the_account_for_ever() -> None:
    bench = Bench(ready=False)
    bench.load()
    bench.answer(begin(bench), refused(RefusalKind.FINAL, -1121))

    assert bench.router.state.accounts["main"].open
    assert "question_refused" in {note.event for note in bench.notes}


def test_a_reason_that_comes_while_one_is_running_means_once_more() -> None:
    """What is being read now may be older than that reason."""
    bench = Bench()
    first = begin(bench)
    bench.do(Reconcile(account="main", reason="stale"))
    assert bench.calls == []

    bench.answer(first, Stated())

    bench.answer(bench.call(AskOpen), Stated())
    assert reconciled(bench) == 2
    assert bench.calls == []


def test_reconnections_do_not_multiply_the_period() -> None:
    """Found by simulation: every reconnection left one more periodic reconciliation running for ever."""
    bench = Bench(reconcile_interval_ms=60_000)
    for _ in range(5):
        bench.answer(begin(bench), Stated())

    asked = 0
    end_ns = bench.now_ns + 600_000_000_000
    while bench.now_ns < end_ns:
        bench.wait(61_000)
        if bench.calls:
            asked += 1
            bench.answer(bench.call(AskOpen), Stated())
    assert asked == 10


def test_isolated_symbols_are_asked_for_one_by_one() -> None:
    """Reference 2.6: there is no "all isolated" query."""
    bench = Bench(ready=False, isolated_symbols=("BTCUSDT", "ETHUSDT"))
    bench.do(Reconcile(account="main", reason="start"))
    assert [(call.symbol, call.isolated) for call in bench.calls] == [("BTCUSDT", True), ("ETHUSDT", True)]  # type: ignore[union-attr]


def test_an_order_in_flight_is_not_missing() -> None:
    """Its own answer is still to come; -2013 would prove nothing."""
    bench = Bench()
    bench.send(new_order())
    bench.calls.clear()

    bench.answer(begin(bench), open_orders())

    assert bench.calls == []
    assert reconciled(bench) == 1


def test_an_open_order_with_a_count_above_ours_makes_us_ask_for_its_trades() -> None:
    bench = Bench()
    order = bench.place()
    partly = statement(order, VenueStatus.PARTIALLY_FILLED, "1")

    bench.answer(begin(bench), Stated(statements=(partly,)))
    bench.wait(200)

    bench.answer(bench.call(AskTrades), TradesStated(trades=((7, trade(1)),)))
    assert lines(bench.reports) == [("F", "1", "1", "2")]


def test_a_strangers_open_order_is_noted_and_his_history_is_not() -> None:
    """P7 for what is open; yesterday's orders of other programs are nobody's news."""
    bench = Bench()
    stranger = statement(bench.place(), VenueStatus.NEW, client_order_id="web_1", order_id=99)

    bench.answer(begin(bench), Stated(statements=(stranger,)))

    assert [note.event for note in bench.notes].count("foreign_order") == 1
    history = AskOrdersSince(account="main", symbol="BTCUSDT", isolated=False, from_order_id=1, limit=200)
    old = statement(bench.order("c1"), VenueStatus.FILLED, client_order_id="web_0", order_id=98)
    bench.answer(history, Stated(statements=(old,)))
    assert [note.event for note in bench.notes].count("foreign_order") == 1


def test_a_pending_cancel_of_an_open_order_is_pursued_by_what_the_list_shows() -> None:
    bench = Bench()
    order = bench.place()
    bench.send(cancel_order())
    bench.restart()
    bench.calls.clear()
    bench.router.state.watches.clear()  # even if nothing were remembered

    bench.do(Reconcile(account="main", reason="start"))
    bench.answer(bench.call(AskOpen), open_orders(order))

    assert isinstance(only([call for call in bench.calls if isinstance(call, Cancel)]), Cancel)
