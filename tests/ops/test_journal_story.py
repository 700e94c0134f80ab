"""Facts in the operator's words: what each kind says, and who did it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import pytest

from connector.core.order import Life
from connector.core.records import (
    Accepted,
    CancelFailed,
    CancelRefused,
    CancelRequested,
    Doubted,
    Ended,
    EndStated,
    Entry,
    Foreign,
    Record,
    Refused,
    Reported,
    Requested,
    Traded,
)
from connector.ops.journal_story import facts, open_orders, stories
from mappers.model import (
    CancelOrder,
    NewOrder,
    OrderStatement,
    OrderType,
    Refusal,
    RefusedOrder,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    TimeInForce,
    Trade,
    VenueStatus,
)

ACCOUNT = "BINANCE"


def order(cl_ord_id: str = "c1", session: str = "OMS1->CONNECTOR") -> NewOrder:
    return NewOrder(
        session=session,
        source_id="OMS1",
        cl_ord_id=cl_ord_id,
        account=ACCOUNT,
        isolated=False,
        symbol="BTCUSDT",
        side=Side.SELL,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        quantity=Decimal("2.50"),
        price=Decimal("50000.00"),
        side_effect=SideEffectType.NO_SIDE_EFFECT,
        stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
    )


def cancel(cl_ord_id: str, orig: str = "c1") -> CancelOrder:
    return CancelOrder(
        session="OMS1->CONNECTOR",
        source_id="OMS1",
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=orig,
        symbol="BTCUSDT",
        side=Side.SELL,
    )


def trade(number: int, quantity: str) -> Trade:
    return Trade(
        trade_id=number,
        quantity=Decimal(quantity),
        price=Decimal("50000.10000000"),
        commission=Decimal("0.00100000"),
        commission_asset="BNB",
        maker=False,
        time_ms=1,
    )


REQUESTED = Requested(account=ACCOUNT, client_order_id="x1", order=order())
ACCEPTED = Accepted(account=ACCOUNT, client_order_id="x1", order_id=77, time_ms=1)
STATEMENT = OrderStatement(
    symbol="ETHUSDT",
    order_id=99,
    client_order_id="web_9",
    status=VenueStatus.NEW,
    quantity=Decimal("1.000"),
    executed=Decimal(0),
    time_ms=1,
    side=Side.BUY,
)
TOO_LATE = Refusal(text="too late to cancel: the order is FILLED", reason=0)


def journal(*records: Record) -> Callable[[], Iterable[Entry]]:
    return lambda: (Entry(n, n * 1_000_000_000, record) for n, record in enumerate(records, 1))


def ended(life: Life, refusal: Refusal | None = None, reason: str | None = None) -> Ended:
    return Ended(account=ACCOUNT, client_order_id="x1", life=life, time_ms=2, refusal=refusal, reason=reason)


@pytest.mark.parametrize(
    ("before", "fact", "by", "what"),
    [
        ((), REQUESTED, "OMS", "sent an order: SELL 2.50 BTCUSDT LIMIT at 50000.00 IOC; its client order id at the venue: x1"),
        ((REQUESTED,), Doubted(account=ACCOUNT, client_order_id="x1", cause="read timed out"), "connector",
         "does not know whether the order arrived (read timed out); asks the venue, sends nothing"),
        ((REQUESTED,), ACCEPTED, "venue", "accepted, venue order id 77"),
        ((REQUESTED, ended(Life.REJECTED)), ACCEPTED, "venue", "has it after all, venue order id 77"),
        ((REQUESTED, ACCEPTED), Traded(account=ACCOUNT, client_order_id="x1", trade=trade(5, "1.50000000")), "venue",
         "filled 1.5 at 50000.1, trade id 5, fee 0.001 BNB, taker"),
        ((REQUESTED, ACCEPTED), EndStated(account=ACCOUNT, client_order_id="x1", life=Life.CANCELED, executed=Decimal(1)),
         "venue", "says CANCELED with 1 filled; waiting for fills not heard yet"),
        ((REQUESTED, ACCEPTED), ended(Life.CANCELED), "venue", "canceled it on its own, nobody asked through us"),
        ((REQUESTED, ACCEPTED, CancelRequested(account=ACCOUNT, client_order_id="x1", cancel_client_id="x9", cancel=cancel("k1"))),
         ended(Life.CANCELED), "venue", "canceled, as ClOrdID k1 asked"),
        ((REQUESTED, ACCEPTED), ended(Life.EXPIRED, reason="EXPIRED_IN_MATCH: self-trade prevention"), "venue",
         "expired: EXPIRED_IN_MATCH: self-trade prevention"),
        ((REQUESTED,), ended(Life.REJECTED, Refusal(text="-2010 insufficient balance", reason=3, venue_code=-2010)), "venue",
         "rejected: -2010 insufficient balance"),
        ((REQUESTED,), ended(Life.REJECTED, Refusal(text="Binance cannot be reached, the order was not sent", reason=99)),
         "connector", "rejected: Binance cannot be reached, the order was not sent"),
        ((REQUESTED, ACCEPTED, CancelRequested(account=ACCOUNT, client_order_id="x1", cancel_client_id=None, cancel=cancel("k1"))),
         CancelFailed(account=ACCOUNT, client_order_id="x1", cancel_client_id=None, refusal=TOO_LATE, time_ms=1), "connector",
         "the cancel ClOrdID k1 failed: too late to cancel: the order is FILLED"),
        ((), CancelRefused(account="", cancel=cancel("k1", "c0"), refusal=TOO_LATE), "connector",
         "refused the cancel ClOrdID k1 of c0 (BTCUSDT), not sent: too late to cancel: the order is FILLED"),
        ((), Refused(account=ACCOUNT, order=order(), refusal=Refusal(text="LOT_SIZE", reason=99)), "connector",
         "refused the order ClOrdID c1 (SELL 2.50 BTCUSDT LIMIT at 50000.00 IOC), not sent: LOT_SIZE"),
        ((), Foreign(account=ACCOUNT, statement=STATEMENT), "venue",
         "an order nobody sent through us: BUY 1 ETHUSDT, venue order id 99, client order id web_9: NEW"),
    ],
)  # fmt: skip
def test_each_fact_has_its_words(before: tuple[Record, ...], fact: Record, by: str, what: str) -> None:
    steps, count = facts(journal(*before, fact)(), 0)

    assert count == len(before) + 1
    assert (steps[-1].by, steps[-1].what) == (by, what)


FILLED = (
    REQUESTED,
    ACCEPTED,
    Reported(positions=(2,)),
    Traded(account=ACCOUNT, client_order_id="x1", trade=trade(5, "1.5")),
    Traded(account=ACCOUNT, client_order_id="x1", trade=trade(6, "1"), completes=True),
    Reported(positions=(4,)),
    CancelRefused(account=ACCOUNT, cancel=cancel("k1"), refusal=TOO_LATE, order_id=77),
    Reported(positions=(4, 7)),
)


@pytest.mark.parametrize("name", ["c1", "x1", "77", "BTCUSDT:77", "k1"])
def test_an_order_is_found_by_each_of_its_names(name: str) -> None:
    (story,) = stories(journal(*FILLED), name)

    assert [step.position for step in story.steps] == [1, 2, 4, 5, 7]
    assert story.steps[-1].what.startswith("refused the cancel ClOrdID k1")
    assert "1 report not handed to the FIX engine yet" in story.now


def test_a_story_says_what_is_filled_left_and_told() -> None:
    (story,) = stories(journal(*FILLED), "c1")

    assert [(step.filled, step.left) for step in story.steps] == [
        ("0", "2.5"), ("0", "2.5"), ("1.5", "1"), ("2.5", "0"), ("", ""),
    ]  # fmt: skip
    assert [len(step.told_ns) for step in story.steps] == [0, 1, 2, 0, 1]
    assert story.steps[2].report == "ExecID(17)=4: TRADE, order PARTIALLY_FILLED"
    assert story.steps[3].report == "ExecID(17)=5: TRADE, order FILLED"
    assert story.now.startswith("FILLED, 2.5 filled, average price 50000.1, 0 left")


def test_two_sessions_with_the_same_cl_ord_id_are_two_stories() -> None:
    other = Requested(account=ACCOUNT, client_order_id="x2", order=order("c1", "OMS2->CONNECTOR"))

    told = stories(journal(REQUESTED, other), "c1")

    assert [story.title.split(",")[1].strip() for story in told] == [
        "session OMS1->CONNECTOR", "session OMS2->CONNECTOR",
    ]  # fmt: skip


def test_a_refused_order_is_a_story_and_so_is_an_order_of_nobody() -> None:
    refused = Refused(
        account=ACCOUNT,
        order=RefusedOrder(
            session="OMS1->CONNECTOR",
            source_id="OMS1",
            cl_ord_id="c9",
            account=ACCOUNT,
            echo=(),
            refusal=TOO_LATE,
        ),
        refusal=TOO_LATE,
    )
    everything = journal(refused, Foreign(account=ACCOUNT, statement=STATEMENT))

    (mine,) = stories(everything, "c9")
    (foreign,) = stories(everything, "ETHUSDT:99")

    assert mine.title == "ClOrdID c9, session OMS1->CONNECTOR: nothing was sent to the venue for it"
    assert foreign.title == "client order id web_9: an order at the venue that nobody sent through us"
    assert stories(everything, "c1") == []


def test_only_the_last_facts_are_kept_when_asked_for_few() -> None:
    steps, count = facts(journal(*FILLED)(), 2)

    assert count == 5
    assert [step.position for step in steps] == [5, 7]
    assert [len(step.told_ns) for step in steps] == [0, 1]


def test_open_orders_say_how_they_stand() -> None:
    doubted = Doubted(account=ACCOUNT, client_order_id="x1", cause="timeout")
    asked = CancelRequested(account=ACCOUNT, client_order_id="x1", cancel_client_id=None, cancel=cancel("k1"))

    (found,) = open_orders(journal(REQUESTED, doubted, asked)())

    assert found.state == "PENDING_NEW; outcome unknown, being asked for; cancel k1 under way"
    assert found.since_ns == 1_000_000_000
    assert open_orders(journal(*FILLED)()) == []
