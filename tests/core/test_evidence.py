"""What the venue states, from three sources in any order, becomes the same few facts (P5, P6, P7)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import permutations

import pytest

from connector.core.happenings import AskOrder, AskTrades, Cancel, Submit
from connector.core.order import Life
from connector.core.records import EndStated, Foreign, Traded
from mappers.model import RefusalKind, TradesStated, VenueStatus
from mappers.reports import ExecutionReport, OrdStatus
from tests.core.bench import (
    Bench,
    cancel_order,
    cash_order,
    lines,
    new_order,
    only,
    refused,
    stated,
    statement,
    trade,
)

FIRST, SECOND = trade(1, "1", "100"), trade(2, "2", "99")


def told_of_trades(bench: Bench) -> list[tuple[int, str]]:
    """Trade ids with the ExecIDs they were told under."""
    return [
        (report.trade.trade_id, report.exec_id)
        for report in bench.reports
        if isinstance(report, ExecutionReport) and report.trade is not None
    ]


Source = Callable[[Bench], None]


def by_reply(bench: Bench) -> None:
    submit = next(call for call in bench.calls if isinstance(call, Submit))
    bench.calls.remove(submit)
    bench.answer(submit, stated(bench.order("c1"), VenueStatus.FILLED, "3", FIRST, SECOND))


def by_first_event(bench: Bench) -> None:
    bench.hear(statement(bench.order("c1"), VenueStatus.PARTIALLY_FILLED, "1", FIRST))


def by_second_event(bench: Bench) -> None:
    bench.hear(statement(bench.order("c1"), VenueStatus.FILLED, "3", SECOND))


def by_acceptance_event(bench: Bench) -> None:
    bench.hear(statement(bench.order("c1"), VenueStatus.NEW))


def by_question(bench: Bench) -> None:
    order = bench.order("c1")
    bench.answer(AskOrder(account="main", symbol="BTCUSDT", isolated=False, client_order_id=order.client_order_id),
                 stated(order, VenueStatus.FILLED, "3"))  # fmt: skip


SOURCES: tuple[Source, ...] = (by_reply, by_acceptance_event, by_first_event, by_second_event, by_question)


@pytest.mark.parametrize(
    "sources", permutations(SOURCES), ids=lambda order: "-".join(s.__name__[3:] for s in order)
)
def test_every_order_of_the_sources_tells_the_same(sources: tuple[Source, ...]) -> None:
    """Fault 5: New once, each trade once, CumQty never falls, filled at the end."""
    bench = Bench()
    bench.send(new_order())

    for source in sources:
        source(bench)

    told = lines(bench.reports)
    assert told[0] == ("0", "0", "0", "3")
    assert told[-1] == ("F", "2", "3", "0")
    assert sorted(trade_id for trade_id, _ in told_of_trades(bench)) == [1, 2]
    assert len(told) == 3
    order = bench.order("c1")
    assert (order.cum, order.cum_quote, order.settled) == (Decimal(3), Decimal(298), True)


def test_the_same_fill_twice_counts_once() -> None:
    bench = Bench()
    order = bench.place()
    fill = statement(order, VenueStatus.PARTIALLY_FILLED, "1", FIRST)

    bench.hear(fill)
    bench.hear(fill)

    assert lines(bench.reports) == [("F", "1", "1", "2")]


def test_an_old_statement_takes_nothing_back() -> None:
    """Statements come reordered; executed quantity and finality only move forward."""
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.FILLED, "3", trade(1, "3")))
    entries = len(bench.entries)

    bench.hear(statement(order, VenueStatus.NEW, "0"))
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1"))
    bench.hear(statement(order, VenueStatus.CANCELED, "3"))

    assert len(bench.entries) == entries
    assert order.life is Life.FILLED


def test_a_cancel_that_overtakes_a_fill_waits_for_it() -> None:
    """P6: final is not settled; the end is told when the sums agree, in the order that is true."""
    bench = Bench()
    order = bench.place()

    bench.hear(statement(order, VenueStatus.CANCELED, "1"))
    assert bench.reports == []
    assert only(bench.records(EndStated)).executed == 1
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", FIRST))

    assert lines(bench.reports) == [("F", "1", "1", "2"), ("4", "4", "1", "0")]


def test_a_cancel_reply_before_its_trade_is_heard_asks_for_the_trade() -> None:
    """The stream gets a moment (200 ms); then the venue is asked for the trades it counts."""
    bench = Bench()
    order = bench.place()
    bench.send(cancel_order())
    bench.answer(bench.call(Cancel), stated(order, VenueStatus.CANCELED, "1"))
    bench.wait(199)
    assert bench.calls == []
    bench.wait(1)

    bench.answer(bench.call(AskTrades), TradesStated(trades=((7, FIRST),)))

    assert lines(bench.reports) == [("6", "6", "0", "3"), ("F", "6", "1", "2"), ("4", "4", "1", "0")]


def test_a_settling_order_is_not_cancelled_again() -> None:
    """Its end is stated: another cancel could only be refused."""
    bench = Bench()
    order = bench.place()
    bench.send(cancel_order())
    bench.answer(bench.call(Cancel), stated(order, VenueStatus.CANCELED, "1"))

    bench.wait(10_000)

    bench.call(AskTrades)


def test_trades_of_other_orders_in_the_list_are_not_ours() -> None:
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.CANCELED, "1"))
    bench.wait(200)

    bench.answer(bench.call(AskTrades), TradesStated(trades=((6, trade(9)), (7, FIRST))))

    assert told_of_trades(bench) == [(1, bench.reports[0].exec_id)]  # type: ignore[union-attr]


def test_missing_trades_are_asked_for_until_the_sum_is_reached() -> None:
    """The list of trades may lag behind the order's own count."""
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1"))
    bench.wait(200)
    bench.answer(bench.call(AskTrades), TradesStated())

    bench.wait(250)
    bench.answer(bench.call(AskTrades), TradesStated(trades=((7, FIRST),)))
    bench.wait(20_000)

    assert lines(bench.reports) == [("F", "1", "1", "2")]
    assert bench.calls == []


def test_a_fill_without_its_fee_waits_for_it() -> None:
    """P5: the report carries fee and currency; a reply that leaves them open is not the last source."""
    bench = Bench()
    bench.send(new_order())
    bare = trade(1, "3", commission=None, commission_asset=None)
    bench.answer(bench.call(Submit), stated(bench.order("c1"), VenueStatus.FILLED, "3", bare))
    assert lines(bench.reports) == [("0", "0", "0", "3")]

    bench.hear(statement(bench.order("c1"), VenueStatus.FILLED, "3", trade(1, "3")))

    assert lines(bench.reports)[1:] == [("F", "2", "3", "0")]
    assert only(bench.records(Traded)).trade.commission_asset == "BNB"


def test_an_ioc_order_fills_in_part_and_expires() -> None:
    """Fault 24: F, then C with 14 kept and 151=0."""
    bench = Bench()
    bench.send(new_order())
    reason = "UNFILLED_IOC_QUANTITY_EXPIRED"

    reply = stated(bench.order("c1"), VenueStatus.EXPIRED, "1", FIRST, reason=reason)
    reports = bench.answer(bench.call(Submit), reply)

    assert lines(reports) == [("0", "0", "0", "3"), ("F", "1", "1", "2"), ("C", "C", "1", "0")]
    assert isinstance(reports[-1], ExecutionReport)
    assert reports[-1].text == reason


@pytest.mark.parametrize("stated", [Decimal("3.00000000"), None])
def test_self_trade_prevention_says_what_it_took(stated: Decimal | None) -> None:
    """Fault 24: the reason and the prevented quantity in Text(58), also by a reply that does not say it."""
    bench = Bench()
    order = bench.place()

    report = only(bench.hear(statement(order, VenueStatus.EXPIRED_IN_MATCH, "0", prevented_quantity=stated)))

    assert isinstance(report, ExecutionReport)
    assert report.ord_status is OrdStatus.EXPIRED
    assert report.text == "EXPIRED_IN_MATCH: self-trade prevention; prevented quantity 3"


@pytest.mark.parametrize("status", [VenueStatus.PENDING_NEW, VenueStatus.PENDING_CANCEL, VenueStatus.NEW])
def test_an_order_the_venue_has_in_any_open_state_is_new(status: VenueStatus) -> None:
    """A leg that waits, a stop that has not triggered: accepted."""
    bench = Bench()
    bench.send(new_order())

    assert lines(bench.answer(bench.call(Submit), stated(bench.order("c1"), status))) == [
        ("0", "0", "0", "3")
    ]


def test_a_triggered_stop_says_new_a_second_time_and_we_say_nothing() -> None:
    bench = Bench()
    order = bench.place()
    assert bench.hear(statement(order, VenueStatus.NEW)) == []


def test_a_stop_refused_at_its_trigger_is_rejected_after_new() -> None:
    bench = Bench()
    order = bench.place()

    report = only(bench.hear(statement(order, VenueStatus.REJECTED, "0", reason="INSUFFICIENT_BALANCES")))

    assert isinstance(report, ExecutionReport)
    assert (report.ord_status, report.text) == (OrdStatus.REJECTED, "INSUFFICIENT_BALANCES")


def test_a_stop_that_traded_before_its_refusal_has_expired() -> None:
    """Rejected would say that nothing happened."""
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", FIRST))

    assert lines(bench.hear(statement(order, VenueStatus.REJECTED, "1"))) == [("C", "C", "1", "0")]


def test_an_event_says_rejected_before_the_reply_does() -> None:
    """Found by simulation: the reply's refusal came second and stopped the daemon."""
    bench = Bench()
    bench.send(new_order())
    submit = bench.call(Submit)
    bench.hear(statement(bench.order("c1"), VenueStatus.REJECTED, "0", reason="INSUFFICIENT_BALANCES"))

    bench.answer(submit, refused(RefusalKind.FINAL))

    assert lines(bench.reports) == [("8", "8", "0", "0")]
    assert [note for note in bench.notes if note.level == "error"] == []


def test_an_older_new_does_not_bring_a_rejected_order_back() -> None:
    """Found by simulation: REJECTED overtook NEW in the stream, and the order stayed open for ever."""
    bench = Bench()
    bench.send(new_order())
    bench.calls.clear()
    order = bench.order("c1")
    bench.hear(statement(order, VenueStatus.REJECTED))

    bench.hear(statement(order, VenueStatus.NEW))

    assert lines(bench.reports) == [("8", "8", "0", "0")]
    assert order.life is Life.REJECTED


def test_an_order_first_heard_of_as_rejected_after_a_fill_is_not_rejected() -> None:
    """Its trades are true: accepted, filled in part, over."""
    bench = Bench()
    bench.send(new_order())
    bench.calls.clear()

    bench.hear(statement(bench.order("c1"), VenueStatus.REJECTED, "1", FIRST))

    assert lines(bench.reports) == [("0", "0", "0", "3"), ("F", "1", "1", "2"), ("C", "C", "1", "0")]


# -- CashOrderQty(152) ----------------------------------------------------------------------------------------


def test_a_cash_order_learns_its_size_from_the_venue() -> None:
    bench = Bench()
    bench.send(cash_order())
    order = bench.order("c1")
    assert (order.quantity, order.leaves) == (None, 0)

    bench.answer(
        bench.call(Submit), stated(order, VenueStatus.FILLED, "3", FIRST, SECOND, quantity=Decimal(3))
    )

    assert lines(bench.reports) == [("0", "0", "0", "3"), ("F", "1", "1", "2"), ("F", "2", "3", "0")]
    assert bench.reports[-1].quantity == 3  # type: ignore[union-attr]


def test_a_cash_order_is_complete_when_the_venue_says_so() -> None:
    """Its size at acceptance is an estimate: a fill beyond it is no overfill, one up to it no completion."""
    bench = Bench()
    bench.send(cash_order())
    order = bench.order("c1")
    bench.answer(bench.call(Submit), stated(order, VenueStatus.NEW, "0", quantity=Decimal(1)))

    bench.hear(statement(order, VenueStatus.PARTIALLY_FILLED, "1", FIRST))
    assert order.life is Life.PARTIALLY_FILLED
    bench.hear(statement(order, VenueStatus.FILLED, "3", SECOND))

    assert lines(bench.reports)[-1] == ("F", "2", "3", "0")
    assert bench.notes == []


def test_a_cash_order_that_is_said_filled_without_a_last_trade_is_restated() -> None:
    """All its trades were heard as partial; 150=D with 39=2 is its one terminal report."""
    bench = Bench()
    bench.send(cash_order())
    order = bench.order("c1")
    bench.answer(bench.call(Submit), stated(order, VenueStatus.PARTIALLY_FILLED, "1", FIRST, quantity=None))

    assert lines(bench.hear(statement(order, VenueStatus.FILLED, "1"))) == [("D", "2", "1", "0")]


# -- nobody's orders --------------------------------------------------------------------------------------------


def test_a_strangers_order_is_noted_once_for_each_of_its_states() -> None:
    """Fault 25, P7: no report, no crash, a line for the operator."""
    bench = Bench()
    order = bench.place()
    stranger = statement(order, VenueStatus.NEW, client_order_id="liq_1", order_id=99)

    bench.hear(stranger)
    bench.hear(stranger)
    bench.hear(statement(order, VenueStatus.FILLED, "3", client_order_id="liq_1", order_id=99))

    assert [note.keys["status"] for note in bench.notes] == ["NEW", "FILLED"]
    assert len(bench.records(Foreign)) == 2
    assert bench.reports == []


def test_an_order_elsewhere_under_our_name_is_not_ours() -> None:
    """Client order ids are unique at the venue among open orders of one symbol only; the orderId decides."""
    bench = Bench()
    order = bench.place()

    bench.hear(statement(order, VenueStatus.CANCELED, "0", order_id=99))
    bench.hear(statement(order, VenueStatus.CANCELED, "0", symbol="ETHUSDT"))

    assert bench.reports == []
    assert order.life is Life.NEW


def test_what_a_person_cancels_at_the_web_page_reaches_the_owner() -> None:
    """P7."""
    bench = Bench()
    order = bench.place()

    report = only(bench.hear(statement(order, VenueStatus.CANCELED)))

    assert isinstance(report, ExecutionReport)
    assert (report.ord_status, report.cl_ord_id, report.orig_cl_ord_id) == (OrdStatus.CANCELED, "c1", None)


# -- cancels and fills race ----------------------------------------------------------------------------------------


def test_a_fill_that_beats_the_cancel_answers_it() -> None:
    """Fault 23, Appendix D, B.1: 6, the fill under the old name, then 9 with 102=0."""
    bench = Bench()
    order = bench.place()
    bench.send(cancel_order())

    bench.hear(statement(order, VenueStatus.FILLED, "3", trade(1, "3")))

    assert lines(bench.reports) == [("6", "6", "0", "3"), ("F", "2", "3", "0"), ("9", "2", "0")]
    assert bench.answer(bench.call(Cancel), refused(RefusalKind.NOT_OPEN, -2011)) == []


def test_a_cancel_may_leave_before_its_order_is_accepted() -> None:
    """Fault 23: the venue refuses the one that came first; acceptance sends it again."""
    bench = Bench()
    bench.send(new_order())
    bench.send(cancel_order())
    submit, cancel = bench.calls
    bench.calls.clear()
    assert isinstance(cancel, Cancel)
    bench.answer(cancel, refused(RefusalKind.NOT_OPEN, -2011))
    assert bench.calls == []

    bench.answer(submit, stated(bench.order("c1"), VenueStatus.NEW))
    bench.answer(bench.call(Cancel), stated(bench.order("c1"), VenueStatus.CANCELED))

    assert lines(bench.reports) == [("6", "6", "0", "3"), ("0", "6", "0", "3"), ("4", "4", "0", "0")]


def test_more_than_ordered_is_counted_and_alarmed() -> None:
    """A fill is never dropped, even one that cannot be."""
    bench = Bench()
    order = bench.place()
    bench.hear(statement(order, VenueStatus.FILLED, "3", trade(1, "3")))

    bench.hear(statement(order, VenueStatus.FILLED, "4", trade(2, "1")))

    assert order.cum == 4
    assert {note.event for note in bench.notes} == {"fill_after_the_end", "overfilled"}
