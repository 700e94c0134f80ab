"""Which customer order a step means: the one it waited for, or those open that match."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from connector.simulator.exchange import Exchange
from connector.simulator.happenings import Happening
from connector.simulator.operations import ControlError
from connector.simulator.orders import Order

SELECTING = ("account", "clientOrderId", "symbol", "which")


def chosen(exchange: Exchange, values: Mapping[str, Any], trigger: Happening | None) -> list[Order]:
    """Return the orders meant: at least one.

    `which` says first, last (the default) or all of those that match, by time of arrival.

    Raises:
        ControlError: nothing open matches.
    """
    if trigger is not None and trigger.order_id and not any(name in values for name in SELECTING):
        return [_of(exchange, trigger)]
    found = [order for order in _open(exchange) if _matches(order, values)]
    if not found:
        wanted = " ".join(f"{name} {values[name]}" for name in SELECTING if name in values)
        raise ControlError(f"no open order{' of ' + wanted if wanted else ''}")
    which = values.get("which", "last")
    return found if which == "all" else [found[0 if which == "first" else -1]]


def _of(exchange: Exchange, trigger: Happening) -> Order:
    """Return the order of a happening; it may have ended since, which is for the act to say."""
    for account in exchange.accounts():
        order = account.orders.get(trigger.symbol, {}).get(trigger.order_id)
        if account.user == trigger.account and order is not None:
            return order
    raise ControlError(f"order {trigger.client_order_id} is not there any more")


def _open(exchange: Exchange) -> list[Order]:
    orders = [
        order
        for account in exchange.accounts()
        for of_symbol in account.open.values()
        for order in of_symbol.values()
    ]
    return sorted(orders, key=lambda order: (order.created_us, order.order_id))


def _matches(order: Order, values: Mapping[str, Any]) -> bool:
    account = order.account
    assert account is not None
    return (
        fnmatchcase(order.client_order_id, values.get("clientOrderId", "*"))
        and values.get("symbol", order.symbol.name) == order.symbol.name
        and values.get("account", account.user) == account.user
    )
