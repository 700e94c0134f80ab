"""Journal facts in the words of the people who run the connector: who did what, at which price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from connector.core.order import Life, Order
from connector.core.records import (
    Accepted,
    CancelFailed,
    CancelRefused,
    CancelRequested,
    Doubted,
    Ended,
    EndStated,
    Foreign,
    Record,
    Refused,
    Requested,
    Traded,
)
from mappers.decimals import short
from mappers.model import CancelOrder, NewOrder, Refusal, Trade, plain
from mappers.reports import CancelReject, ExecutionReport, Report


class By(StrEnum):
    """Who made it true."""

    OMS = "OMS"
    VENUE = "venue"
    CONNECTOR = "connector"


class Said(NamedTuple):
    """One fact in words."""

    by: By
    what: str
    price: str = ""


def said(fact: Record, order: Order | None) -> Said:
    """`fact` in words; `order` is its order as it was before, None where it has none."""
    return _SAYERS[type(fact)](fact, order)


def terms(order: NewOrder) -> str:
    """What was asked for: `BUY 0.01 BTCUSDT LIMIT at 50000.00 GTC`."""
    size = plain(order.quantity) if order.quantity is not None else ""
    if order.quote_quantity is not None:
        size = f"for {plain(order.quote_quantity)} of"
    parts = [order.side.value, size, order.symbol, order.type.value]
    parts += [f"at {plain(order.price)}"] if order.price is not None else []
    parts += [f"stop {plain(order.stop_price)}"] if order.stop_price is not None else []
    parts += [order.time_in_force.value] if order.time_in_force is not None else []
    return " ".join(parts)


def report_words(report: Report) -> str:
    """What the OMS is told: `TRADE, PARTIALLY_FILLED`."""
    if isinstance(report, ExecutionReport):
        return f"ExecID(17)={report.exec_id}: {report.exec_type.name}, order {report.ord_status.name}"
    assert isinstance(report, CancelReject), report  # no other report is born of a fact
    return f"OrderCancelReject: order {report.ord_status.name}"


def _requested(fact: Requested, _order: Order | None) -> Said:
    price = fact.order.price
    what = f"sent an order: {terms(fact.order)}; its client order id at the venue: {fact.client_order_id}"
    return Said(By.OMS, what, plain(price) if price is not None else "")


def _refused(fact: Refused, _order: Order | None) -> Said:
    asked = f" ({terms(fact.order)})" if isinstance(fact.order, NewOrder) else ""
    return Said(
        By.CONNECTOR,
        f"refused the order ClOrdID {fact.order.cl_ord_id}{asked}, not sent: {why(fact.refusal)}",
    )


def _cancel_requested(fact: CancelRequested, _order: Order | None) -> Said:
    return Said(By.OMS, f"asked to cancel it, ClOrdID {fact.cancel.cl_ord_id}")


def _cancel_refused(fact: CancelRefused, _order: Order | None) -> Said:
    cancel = fact.cancel
    about = f"the cancel ClOrdID {cancel.cl_ord_id} of {cancel.orig_cl_ord_id}"
    if isinstance(cancel, CancelOrder):
        about += f" ({cancel.symbol})"
    return Said(By.CONNECTOR, f"refused {about}, not sent: {why(fact.refusal)}")


def _doubted(fact: Doubted, _order: Order | None) -> Said:
    return Said(
        By.CONNECTOR, f"does not know whether the order arrived ({fact.cause}); asks the venue, sends nothing"
    )


def _accepted(fact: Accepted, order: Order | None) -> Said:
    revived = order is not None and order.life is Life.REJECTED
    what = f"{'has it after all, ' if revived else 'accepted, '}venue order id {fact.order_id}"
    return Said(By.VENUE, what)


def _traded(fact: Traded, _order: Order | None) -> Said:
    trade = fact.trade
    what = f"filled {short(trade.quantity)} at {short(trade.price)}, trade id {trade.trade_id}{_fee(trade)}"
    return Said(By.VENUE, f"{what}; the order is filled" if fact.completes else what, short(trade.price))


def _fee(trade: Trade) -> str:
    fee = f", fee {short(trade.commission)} {trade.commission_asset}" if trade.commission is not None else ""
    if trade.maker is None:
        return fee
    return f"{fee}, {'maker' if trade.maker else 'taker'}"


def _end_stated(fact: EndStated, _order: Order | None) -> Said:
    what = f"says {fact.life} with {short(fact.executed)} filled; waiting for fills not heard yet"
    return Said(By.VENUE, what + (f" ({fact.reason})" if fact.reason else ""))


def _ended(fact: Ended, order: Order | None) -> Said:
    reason = f": {fact.reason}" if fact.reason else ""
    if fact.life is Life.REJECTED:
        at_venue = fact.order_id is not None or (order is not None and order.order_id is not None)
        by = By.VENUE if at_venue or _by(fact.refusal) is By.VENUE else By.CONNECTOR
        return Said(by, f"rejected: {why(fact.refusal)}" if fact.refusal else f"rejected{reason}")
    if fact.life is Life.CANCELED:
        cancel = order.cancel if order is not None else None
        if cancel is not None:
            return Said(By.VENUE, f"canceled, as ClOrdID {cancel.cancel.cl_ord_id} asked{reason}")
        return Said(By.VENUE, f"canceled it on its own, nobody asked through us{reason}")
    if fact.life is Life.FILLED:
        return Said(By.VENUE, f"counts the order as filled{reason}")
    return Said(By.VENUE, f"expired{reason}")


def _cancel_failed(fact: CancelFailed, order: Order | None) -> Said:
    cancel = order.cancel if order is not None else None
    name = f" ClOrdID {cancel.cancel.cl_ord_id}" if cancel is not None else ""
    return Said(_by(fact.refusal), f"the cancel{name} failed: {why(fact.refusal)}")


def _foreign(fact: Foreign, _order: Order | None) -> Said:
    its = fact.statement
    size = f" {short(its.quantity)}" if its.quantity is not None else ""
    side = f" {its.side}" if its.side is not None else ""
    what = f"an order nobody sent through us:{side}{size} {its.symbol}, venue order id {its.order_id}"
    return Said(By.VENUE, f"{what}, client order id {its.client_order_id}: {its.status}")


def _by(refusal: Refusal | None) -> By:
    return By.VENUE if refusal is not None and refusal.venue_code is not None else By.CONNECTOR


def why(refusal: Refusal) -> str:
    """The refusal's text; the venue's own carries its code already."""
    return refusal.text


_SAYERS: Mapping[type[Record], Callable[[Any, Order | None], Said]] = {
    Requested: _requested,
    Refused: _refused,
    CancelRequested: _cancel_requested,
    CancelRefused: _cancel_refused,
    Doubted: _doubted,
    Accepted: _accepted,
    Traded: _traded,
    EndStated: _end_stated,
    Ended: _ended,
    CancelFailed: _cancel_failed,
    Foreign: _foreign,
}
