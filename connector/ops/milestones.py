"""One log event for each milestone of an order, made from the facts as they are written.

The same keys everywhere: session, cl_ord_id, client_order_id, order_id, account, symbol. `info` = an order's
milestone, `warning` = we coped, `error` = a human is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from connector.core.book import Book
from connector.core.happenings import Call, Cancel, Decision, Submit
from connector.core.order import Order
from connector.core.records import (
    Accepted,
    CancelFailed,
    CancelRefused,
    CancelRequested,
    Ended,
    EndStated,
    Record,
    Refused,
    Requested,
    Traded,
)
from mappers.model import NewOrder, Refusal, plain
from mappers.reports import ExecutionReport, Report


class Log(Protocol):
    """The part of a structlog logger that is used here."""

    def info(self, event: str, **values: Any) -> Any: ...
    def warning(self, event: str, **values: Any) -> Any: ...
    def error(self, event: str, **values: Any) -> Any: ...


ENDED = {
    "FILLED": "order_filled",
    "CANCELED": "order_canceled",
    "EXPIRED": "order_expired",
    "REJECTED": "order_rejected",
}


class Milestones:
    """Writes what each decision made true."""

    def __init__(self, book: Book, log: Log) -> None:
        self._book = book
        self._log = log

    def decided(self, decision: Decision) -> None:
        """Log one decision: its facts and its notes."""
        reports = dict(decision.reports)
        for entry in decision.entries:
            teller = _TELLERS.get(type(entry.record))
            if teller is not None:
                event, keys = teller(self._book, entry.record)
                self._log.info(
                    event, **keys, **_sums(reports.get(entry.position)), exec_id=str(entry.position)
                )
        for note in decision.notes:
            getattr(self._log, note.level)(note.event, **note.keys)

    def sent(self, call: Call) -> None:
        """Log an order or a cancel that has just left for the venue."""
        if isinstance(call, (Submit, Cancel)):
            event = "order_sent" if isinstance(call, Submit) else "cancel_sent"
            self._log.info(event, **self._book.orders[call.client_order_id].names)


def _sums(report: Report | None) -> dict[str, Any]:
    """The order's quantities as this fact left them; by now it may be further."""
    if not isinstance(report, ExecutionReport) or report.trade is None:
        return {}
    return {"cum_qty": plain(report.cum), "leaves_qty": plain(report.leaves)}


Told = tuple[str, dict[str, Any]]


def _requested(book: Book, fact: Requested) -> Told:
    order = fact.order
    keys: dict[str, Any] = {
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        "quantity": order.quantity,
        "quote_quantity": order.quote_quantity,
        "price": order.price,
        "stop_price": order.stop_price,
        "side_effect_type": order.side_effect,
        "stp_mode": order.stp_mode,
    }
    return "order_received", book.orders[fact.client_order_id].names | _plain(keys)


def _refused(_book: Book, fact: Refused) -> Told:
    order = fact.order
    keys = {"session": order.session, "cl_ord_id": order.cl_ord_id, "account": order.account}
    if isinstance(order, NewOrder):
        keys["symbol"] = order.symbol
    return "order_refused", keys | _why(fact.refusal)


def _accepted(book: Book, fact: Accepted) -> Told:
    return "order_accepted", book.orders[fact.client_order_id].names


def _traded(book: Book, fact: Traded) -> Told:
    order = book.orders[fact.client_order_id]
    trade = fact.trade
    keys: dict[str, Any] = {
        "trade_id": trade.trade_id,
        "last_qty": trade.quantity,
        "last_px": trade.price,
        "commission": trade.commission,
        "commission_asset": trade.commission_asset,
        "maker": trade.maker,
    }
    return "order_filled" if fact.completes else "order_partially_filled", order.names | _plain(keys)


def _end_stated(book: Book, fact: EndStated) -> Told:
    keys = {"life": fact.life, "executed": plain(fact.executed), "cum_qty": _cum(book, fact.client_order_id)}
    return "order_end_waits_for_trades", book.orders[fact.client_order_id].names | keys


def _ended(book: Book, fact: Ended) -> Told:
    keys = {"cum_qty": _cum(book, fact.client_order_id), "reason": fact.reason}
    return ENDED[fact.life], book.orders[fact.client_order_id].names | keys | _why(fact.refusal)


def _cancel_requested(book: Book, fact: CancelRequested) -> Told:
    keys = {"cancel_cl_ord_id": fact.cancel.cl_ord_id, "cancel_client_order_id": fact.cancel_client_id}
    return "cancel_received", book.orders[fact.client_order_id].names | keys


def _cancel_refused(_book: Book, fact: CancelRefused) -> Told:
    cancel = fact.cancel
    keys = {
        "session": cancel.session,
        "cl_ord_id": cancel.orig_cl_ord_id,
        "cancel_cl_ord_id": cancel.cl_ord_id,
    }
    return "cancel_refused", keys | _why(fact.refusal)


def _cancel_failed(book: Book, fact: CancelFailed) -> Told:
    return "cancel_failed", book.orders[fact.client_order_id].names | _why(fact.refusal)


_TELLERS: Mapping[type[Record], Callable[[Book, Any], Told]] = {
    Requested: _requested,
    Refused: _refused,
    Accepted: _accepted,
    Traded: _traded,
    EndStated: _end_stated,
    Ended: _ended,
    CancelRequested: _cancel_requested,
    CancelRefused: _cancel_refused,
    CancelFailed: _cancel_failed,
}


def _why(refusal: Refusal | None) -> dict[str, Any]:
    if refusal is None:
        return {}
    return {"reason": refusal.reason, "text": refusal.text, "venue_code": refusal.venue_code}


def _plain(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Decimals as the digits they are; what an order does not have is left out."""
    return {
        key: format(value, "f") if hasattr(value, "as_tuple") else value
        for key, value in keys.items()
        if value is not None
    }


def _cum(book: Book, client_order_id: str) -> str:
    order: Order = book.orders[client_order_id]
    return plain(order.cum)
