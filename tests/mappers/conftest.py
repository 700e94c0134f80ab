"""Values the mapper tests start from and change."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import settings

from mappers.model import (
    NewOrder,
    OrderType,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    TimeInForce,
)
from mappers.profile import SessionProfile

# the same examples on every machine, and no failure because a machine was busy
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def profile() -> SessionProfile:
    """A session with a cross and an isolated account, routing for one other firm."""
    return SessionProfile(
        session="DESK1->CONNECTOR",
        client_comp_id="DESK1",
        on_behalf_of=("FUND7",),
        default_account="main",
        accounts={"main": (), "btc": ("BTCUSDT", "BTCUSDC")},
    )


@pytest.fixture(scope="session")
def limit_order() -> NewOrder:
    """Buy 0.00150 BTC at 61250.10 or better."""
    return NewOrder(
        session="DESK1->CONNECTOR",
        source_id="DESK1",
        cl_ord_id="o-1",
        account="main",
        isolated=False,
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal("0.00150"),
        price=Decimal("61250.10"),
        side_effect=SideEffectType.NO_SIDE_EFFECT,
        stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
    )
