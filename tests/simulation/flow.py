"""What the OMS of a world does all day: orders of every kind, cancels at any moment, questions, repetition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from mappers.model import (
    CancelOrder,
    Inbound,
    NewOrder,
    OrderType,
    Refusal,
    RefusedCancel,
    RefusedOrder,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    StatusRequest,
    TimeInForce,
)
from tests.simulation.venue import MS, SECOND

if TYPE_CHECKING:
    from tests.simulation.world import World

CLIENTS = ("DESK1", "DESK2")
KINDS: tuple[tuple[OrderType, TimeInForce | None], ...] = (
    (OrderType.LIMIT, TimeInForce.GTC),
    (OrderType.LIMIT, TimeInForce.GTC),
    (OrderType.LIMIT, TimeInForce.GTC),
    (OrderType.LIMIT, TimeInForce.IOC),
    (OrderType.LIMIT, TimeInForce.FOK),
    (OrderType.LIMIT_MAKER, None),
    (OrderType.MARKET, None),
    (OrderType.STOP_LOSS_LIMIT, TimeInForce.GTC),
    (OrderType.TAKE_PROFIT, None),
)
MALFORMED = Refusal(text="TimeInForce(59)=7: allowed are 1, 3, 4", reason=99)


class Flow:
    """Plans one world's messages; everything it draws comes from the world's chance."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tried: dict[str, set[int]] = defaultdict(set)  # per session: numbers brought before, now 43=Y
        self._names = 0

    def plan(self, within_ns: int) -> None:
        """A handful of orders, each with what follows it."""
        chance = self.world.chance
        for _ in range(chance.randrange(3, 9)):
            self._at(int(chance.uniform(0.3 * SECOND, within_ns * 0.8)), self._order)
        if chance.random() < 0.3:
            self._at(int(chance.uniform(0, within_ns)), self._unknown)
        if chance.random() < 0.1:
            self._at(int(chance.uniform(0, within_ns)), self._burst)

    # -- single acts --------------------------------------------------------------------------------------

    def _order(self) -> None:
        chance, weather = self.world.chance, self.world.weather
        order = self._new_order()
        if chance.random() < 0.05:
            self._send(refused_order(order))
            return
        self._send(order)
        for _ in range(3):
            if chance.random() < weather.oms_cancel:
                self._at(self._soon(), lambda: self._cancel(order))
        if chance.random() < weather.oms_resend:
            self._at(self._soon(), lambda: self._send(order, poss_resend=True))
        if chance.random() < weather.oms_repeat:
            self._at(self._soon(), lambda: self._send(order))
        while chance.random() < weather.oms_status:
            self._at(self._soon(), lambda: self._status(order))

    def _burst(self) -> None:
        """Enough orders at once that a reconciliation asks for the history by pages."""
        for _ in range(25):
            self._send(self._new_order())

    def _new_order(self) -> NewOrder:
        chance = self.world.chance
        client, account = chance.choice(CLIENTS), chance.choice(("main", "iso"))
        kind, time_in_force = chance.choice(KINDS)
        cash = kind is OrderType.MARKET and chance.random() < 0.4
        quantity = Decimal(chance.randrange(1, 5))
        priced = kind in (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT)
        return NewOrder(
            session=f"{client}->CONNECTOR",
            source_id=client,
            cl_ord_id=self._name("o"),
            account=account,
            isolated=account == "iso",
            symbol="BTCUSDT" if account == "iso" else chance.choice(("BTCUSDT", "ETHUSDT")),
            side=chance.choice((Side.BUY, Side.SELL)),
            type=kind,
            time_in_force=time_in_force,
            quantity=None if cash else quantity,
            quote_quantity=quantity * 100 if cash else None,
            price=Decimal(100) if priced else None,
            stop_price=Decimal(99) if kind in (OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT) else None,
            side_effect=SideEffectType.NO_SIDE_EFFECT,
            stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
        )

    def _cancel(self, order: NewOrder) -> None:
        chance, weather = self.world.chance, self.world.weather
        cancel = cancel_of(order, self._name("c"))
        drawn = chance.random()
        if drawn < 0.05:
            cancel = cancel_of(order, cancel.cl_ord_id, symbol="DOGEUSDT")
        if drawn > 0.97:
            self._send(refused_cancel(cancel))
            return
        self._send(cancel)
        if chance.random() < weather.oms_resend:
            self._at(self._soon(), lambda: self._send(cancel, poss_resend=True))
        if chance.random() < weather.oms_repeat:
            self._at(self._soon(), lambda: self._send(cancel))
        if chance.random() < weather.oms_status:
            self._at(self._soon(), lambda: self._status(order, cancel.cl_ord_id))

    def _status(self, order: NewOrder, cl_ord_id: str | None = None) -> None:
        self._send(
            StatusRequest(
                session=order.session,
                source_id=order.source_id,
                cl_ord_id=cl_ord_id or order.cl_ord_id,
                symbol=order.symbol,
                side=order.side,
                status_req_id=self._name("q"),
            )
        )

    def _unknown(self) -> None:
        """A cancel and a question for an order that never was."""
        order = self._new_order()
        self._send(cancel_of(order, self._name("c")))
        self._status(order)

    # -- inside -------------------------------------------------------------------------------------------

    def _send(self, message: Inbound, *, poss_resend: bool = False) -> None:
        self.world.oms.send(message, self.world.now_ns // MS, poss_resend=poss_resend)
        self.world.deliver(message.session)

    def _at(self, delay_ns: int, act: Callable[[], None]) -> None:
        self.world.later(delay_ns, lambda: None if self.world.healed else act())

    def _soon(self) -> int:
        """Mostly within the time of a round trip, where the races are."""
        return int(20 * SECOND * self.world.chance.random() ** 6)

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"


def cancel_of(order: NewOrder, cl_ord_id: str, symbol: str | None = None) -> CancelOrder:
    return CancelOrder(
        session=order.session,
        source_id=order.source_id,
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id,
        symbol=symbol or order.symbol,
        side=order.side,
    )


def refused_order(order: NewOrder) -> RefusedOrder:
    return RefusedOrder(
        session=order.session,
        source_id=order.source_id,
        cl_ord_id=order.cl_ord_id,
        account=order.account,
        echo=((55, order.symbol),),
        refusal=MALFORMED,
    )


def refused_cancel(cancel: CancelOrder) -> RefusedCancel:
    return RefusedCancel(
        session=cancel.session,
        source_id=cancel.source_id,
        cl_ord_id=cancel.cl_ord_id,
        orig_cl_ord_id=cancel.orig_cl_ord_id,
        refusal=MALFORMED,
    )
