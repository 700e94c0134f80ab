"""After healing: everything came to rest, the three books agree, and the journal alone tells the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.core.order import Order
from connector.core.records import Entry, decode
from connector.core.router import Router
from mappers.model import NewOrder
from mappers.reports import OrdStatus
from tests.simulation.oms import Name, Told, demand

if TYPE_CHECKING:
    from tests.simulation.world import World


def judge(world: World) -> None:
    """The last judgement of one world."""
    demand(world.process is not None, "liveness", "the connector is down")
    for name, told in world.oms.orders.items():
        _order(world, name, told)
    for name in world.oms.cancels:
        demand(name in world.oms.answered, "liveness", "cancel {} has no answer", name)
    for name in world.oms.refused_here:
        demand(name in world.oms.answered, "liveness", "{} was not refused", name)
    for name, times in world.oms.repeated.items():
        done = world.oms.duplicates_refused[name]
        if name not in world.oms.brought_again:
            demand(done == times, "P3", "{} was repeated {} times, refused {} times", name, times, done)
    for asked, cl_ord_id in world.oms.asked.items():
        demand(world.oms.statuses[asked] > 0, "liveness", "status of {} was not answered", cl_ord_id)
    _venue(world)
    _router(world)
    _replay(world)


def _order(world: World, name: Name, told: Told) -> None:
    """Exactly one terminal report, or open at the venue with nothing pending (P7)."""
    if told.end is not None:
        return
    demand(told.client_order_id is not None, "liveness", "{} is told nothing", name)
    order = world.venue.by_client_id.get((told.order.account, told.order.symbol, told.client_order_id or ""))
    demand(order is not None, "P7", "{} is neither told its end nor at the venue", name)
    assert order is not None
    demand(order.open, "P7", "{} is told {}, the venue says {}", name, told.status, order)
    demand(told.cum == order.executed, "P6", "{} is told {}, the venue says {}", name, told.cum, order)
    demand(told.order_id == str(order.order_id), "P7", "{} is told {}, not {}", name, told.order_id, order)
    demand(told.status is not OrdStatus.PENDING_CANCEL, "P8", "{} is being cancelled for ever", name)


def _venue(world: World) -> None:
    """Nothing of ours at the venue that the journal does not know; nothing of others unheard while open."""
    for order in world.venue.orders.values():
        if isinstance(order.request, NewOrder):
            known = order.client_order_id in world.disk.requested
            demand(known, "P1", "{} is not in the journal", order)
        elif order.open:
            heard = order.order_id in world.foreign_noted
            demand(heard, "P7", "{} is nobody's and was not noted", order)


def _router(world: World) -> None:
    assert world.process is not None
    state = world.process.router.state
    demand(not state.book.untold, "P5", "untold: {}", state.book.untold)
    for account in state.accounts.values():
        demand(account.open, "liveness", "{} is not open", account.rules.name)
    for order in state.book.live.values():
        at_rest = not order.doubted and order.cancel is None and order.stated_end is None
        demand(at_rest, "liveness", "{} is not at rest", order)
    resting = set(state.watches) - set(state.book.live)
    demand(not resting, "liveness", "settled orders are still watched: {}", sorted(resting))
    ahead = len(state.agenda)
    demand(ahead <= 2 * len(state.accounts), "liveness", "{} appointments are left", ahead)


def _replay(world: World) -> None:
    assert world.process is not None
    again = Router(world.rules)
    for position, at_ns, body in world.disk.rows:
        again.replay(Entry(position, at_ns, decode(body)))
    lived = world.process.router.state.book
    replayed = again.state.book
    text = "the journal tells {} otherwise: {}"
    demand(list(lived.orders) == list(replayed.orders), "recovery", text, "orders", list(replayed.orders))
    demand(list(lived.live) == list(replayed.live), "recovery", text, "unsettled", list(replayed.live))
    for name, order in lived.orders.items():
        other = replayed.orders[name]
        demand(facts(order) == facts(other), "recovery", text, order, other)


def facts(order: Order) -> tuple[object, ...]:
    """Everything an order is."""
    return tuple(getattr(order, name) for name in Order.__slots__)
