"""The order's life as a table: every legal row, and the absence of every other."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from connector.core.order import FINAL, TRANSITIONS, ContradictionError, Fact, Life, Order
from mappers.reports import OrdStatus
from tests.core.bench import new_order, trade

LEGAL = """
    PENDING_NEW       ACCEPTED   NEW
    PENDING_NEW       REJECTED   REJECTED
    NEW               TRADED     PARTIALLY_FILLED
    NEW               COMPLETED  FILLED
    NEW               CANCELED   CANCELED
    NEW               EXPIRED    EXPIRED
    NEW               REJECTED   REJECTED
    PARTIALLY_FILLED  TRADED     PARTIALLY_FILLED
    PARTIALLY_FILLED  COMPLETED  FILLED
    PARTIALLY_FILLED  CANCELED   CANCELED
    PARTIALLY_FILLED  EXPIRED    EXPIRED
    CANCELED          TRADED     CANCELED
    CANCELED          COMPLETED  FILLED
    EXPIRED           TRADED     EXPIRED
    EXPIRED           COMPLETED  FILLED
    REJECTED          ACCEPTED   NEW
    REJECTED          TRADED     REJECTED
    REJECTED          COMPLETED  FILLED
    FILLED            TRADED     FILLED
    FILLED            COMPLETED  FILLED
"""
ROWS = {(Life(row[0]), Fact(row[1])): Life(row[2]) for row in map(str.split, LEGAL.strip().splitlines())}


def order_in(life: Life) -> Order:
    order = Order(new_order(), "x1", 1)
    order.life = life
    return order


@pytest.mark.parametrize(("row", "after"), ROWS.items(), ids=str)
def test_a_legal_fact_moves_the_order(row: tuple[Life, Fact], after: Life) -> None:
    """Written a second time on purpose: a row is changed with its reason, not by accident."""
    life, fact = row
    order = order_in(life)

    order.become(fact)

    assert order.life is after


@pytest.mark.parametrize(
    ("life", "fact"), [pair for pair in product(Life, Fact) if pair not in ROWS], ids=str
)
def test_every_other_fact_is_a_contradiction(life: Life, fact: Fact) -> None:
    order = order_in(life)

    with pytest.raises(ContradictionError) as caught:
        order.become(fact)

    assert (caught.value.client_order_id, caught.value.life, caught.value.fact) == ("x1", life, fact)
    assert order.life is life


def test_the_table_has_no_other_rows() -> None:
    assert dict(TRANSITIONS) == ROWS


@pytest.mark.parametrize("life", Life)
def test_a_fill_is_never_dropped_once_the_order_was_accepted(life: Life) -> None:
    """P6: in every life but PENDING_NEW, where acceptance comes first, a trade can be counted."""
    assert ((life, Fact.TRADED) in TRANSITIONS) == (life is not Life.PENDING_NEW)


@pytest.mark.parametrize("life", Life)
def test_a_final_state_beats_a_pending_cancel(life: Life) -> None:
    """FIX 4.4, order state precedence: 39=6 only while the order may still trade."""
    order = order_in(life)
    order.cancel = object()  # type: ignore[assignment]

    assert (order.ord_status is OrdStatus.PENDING_CANCEL) == (life not in FINAL)


def test_sums_are_exact_to_the_last_digit() -> None:
    """P9: eight digits times eight digits, a million times over, and no rounding."""
    order = order_in(Life.NEW)

    order.count(trade(1, "0.00000001", "61250.12345678"), completes=False)
    order.count(trade(2, "2.99999999", "0.00000001"), completes=True)

    assert order.cum == Decimal("3.00000000")
    assert order.cum_quote == Decimal("0.0006125012345678") + Decimal("0.0000000299999999")


def test_leaves_is_what_may_still_trade() -> None:
    order = order_in(Life.NEW)
    order.count(trade(1, "1"), completes=False)
    assert order.leaves == 2

    order.become(Fact.CANCELED)

    assert order.leaves == 0
