"""What steps do to the venue, and how it is undone: everything goes through the control port's own verbs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from connector.simulator.happenings import Happening
from connector.simulator.numbers import ZERO, floored, stripped
from connector.simulator.operations import ControlError
from connector.simulator.orders import Order
from connector.simulator.scenario.choice import chosen
from connector.simulator.scenario.model import Step
from connector.simulator.scenario.vocabulary import EVERY_SYMBOL, FAULT
from connector.simulator.state import wallet_json
from connector.simulator.world import World

Values: TypeAlias = Mapping[str, Any]
Call: TypeAlias = Callable[[str, str, Mapping[str, object]], Any]  # method, path, fields -> the answer
Back: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in words, and how to undo it where that means something."""

    text: str
    undo: Back | None = None


class Stage:
    """Performs the acts of steps on one world.

    `call` is a control request; it raises `ControlError`, `VenueError` or `FaultError` for what cannot be.
    """

    def __init__(self, world: World, call: Call) -> None:
        self.world = world
        self._call = call
        self._account = ""  # of the happening last waited for: whom later steps mean

    def perform(self, step: Step, trigger: Happening | None) -> Done:
        """Do what a step says.

        Raises:
            ControlError, VenueError, FaultError: it cannot be done as things stand.
        """
        if trigger is not None and trigger.account:
            self._account = trigger.account
        if not step.act:
            return Done("")
        return _ACTS[step.act](self, dict(step.values), trigger)

    # --- faults and streams --------------------------------------------------------------------

    def fault(self, values: Values, _: Happening | None) -> Done:
        added = self._post("faults", values)["faults"]

        def undo() -> None:
            for fault in added:
                self._call("DELETE", "/sim/faults", {"id": str(fault["id"])})

        names = (f"{one['action']} ({_times(one['count'])})" for one in added)
        return Done(f"fault {', '.join(names)}", undo)

    def clear_faults(self, _values: Values, _: Happening | None) -> Done:
        removed = self._call("DELETE", "/sim/faults", {})["removed"]
        return Done(f"{removed} fault(s) removed")

    def streams(self, values: Values, _: Happening | None) -> Done:
        affected = self._post("streams", values)["affected"]
        who = values.get("account", "all accounts")
        count = f": {affected}" if isinstance(affected, int) else ""
        thaw = {**values, "action": "thaw"}
        return Done(f"streams of {who}: {values['action']}{count}", lambda: self._post("streams", thaw))

    # --- market --------------------------------------------------------------------------------

    def price(self, values: Values, _: Happening | None) -> Done:
        return self._priced("price", values)

    def last(self, values: Values, _: Happening | None) -> Done:
        return self._priced("last", values)

    def _priced(self, path: str, values: Values) -> Done:
        """Move to a price or by a part of it; back to where it was."""
        market = self.world.exchange.market(values["symbol"])
        before, spec = market.last_price, market.spec
        price = values.get("price")
        if price is None:
            price = stripped(max(spec.min_price, floored(before * (1 + values["move"]), spec.tick)))
        body = {name: value for name, value in values.items() if name != "move"}
        self._post(path, {**body, "price": price})
        back = {"symbol": spec.name, "price": str(before)}
        return Done(f"{spec.name} {stripped(before)} -> {price}", lambda: self._post(path, back))

    def moves(self, values: Values, _: Happening | None) -> Done:
        before = self.world.price_moves
        self._post("moves", values)
        return Done(
            "prices move" if values["enabled"] else "prices stand still",
            lambda: self._post("moves", {"enabled": before}),
        )

    def liquidity(self, values: Values, _: Happening | None) -> Done:
        self._post("liquidity", values)
        refill = {"symbol": values["symbol"], "action": "refill"}
        return Done(
            f"liquidity {' '.join(map(str, values.values()))}", lambda: self._post("liquidity", refill)
        )

    def status(self, values: Values, _: Happening | None) -> Done:
        markets = self.world.exchange.markets
        names = list(markets) if values["symbol"] == EVERY_SYMBOL else [values["symbol"]]
        before = {name: self.world.exchange.market(name).spec.status for name in names}
        for name in names:
            self._post("status", {"symbol": name, "status": values["status"]})

        def undo() -> None:
            for name, status in before.items():
                self._post("status", {"symbol": name, "status": status})

        return Done(f"{', '.join(names)}: {values['status']}", undo)

    # --- orders --------------------------------------------------------------------------------

    def fill(self, values: Values, trigger: Happening | None) -> Done:
        told = []
        for order in chosen(self.world.exchange, values, trigger):
            quantity = Decimal(values["quantity"]) if "quantity" in values else order.remaining
            if "share" in values:
                part = max(order.symbol.step, floored(order.quantity * values["share"], order.symbol.step))
                quantity = min(part, order.remaining)
            price = {"price": values["price"]} if "price" in values else {}
            self._post("fill", {**_named(order), "quantity": str(quantity), **price})
            told.append(f"{order.client_order_id} filled {stripped(quantity)}")
        return Done(", ".join(told))

    def trigger(self, values: Values, trigger: Happening | None) -> Done:
        orders = chosen(self.world.exchange, values, trigger)
        for order in orders:
            self._post("trigger", _named(order))
        return Done(f"triggered {_ids(orders)}")

    def cancel(self, values: Values, trigger: Happening | None) -> Done:
        orders = chosen(self.world.exchange, values, trigger)
        reason = {"reason": values["reason"]} if "reason" in values else {}
        for order in orders:
            self._post("cancel", {**_named(order), **reason})
        return Done(f"the venue ended {_ids(orders)}")

    def liquidate(self, values: Values, _: Happening | None) -> Done:
        order = self._post("liquidate", self._with_account(values))
        return Done(f"liquidated {order['account']}: {order['side']} {order['quantity']} {order['symbol']}")

    def order(self, values: Values, _: Happening | None) -> Done:
        if values["type"].endswith("LIMIT"):
            values = {"timeInForce": "GTC", **values}
        order = self._post("order", self._with_account(values))
        return Done(f"another session's order {order['clientOrderId']}: {order['status']}")

    def cross(self, values: Values, trigger: Happening | None) -> Done:
        """Let another session of the account meet one of its resting orders; the house steps aside for it."""
        told = []
        for order in chosen(self.world.exchange, values, trigger):
            account = order.account
            assert account is not None
            symbol = order.symbol.name
            self._post("liquidity", {"symbol": symbol, "action": "remove", "side": order.side})
            try:
                taker = self._post(
                    "order",
                    {
                        "account": account.user,
                        "symbol": symbol,
                        "side": order.side.opposite,
                        "type": "LIMIT",
                        "timeInForce": "IOC",
                        "quantity": str(order.remaining),
                        "price": str(order.price),
                        "selfTradePreventionMode": values.get("selfTradePreventionMode", "EXPIRE_MAKER"),
                        "isIsolated": str(account.is_isolated).upper(),
                    },
                )
            finally:
                self._post("liquidity", {"symbol": symbol, "action": "refill"})
            told.append(f"{order.client_order_id} crossed by {taker['clientOrderId']}: {order.status}")
        return Done(", ".join(told))

    # --- venue and accounts --------------------------------------------------------------------

    def clock(self, values: Values, _: Happening | None) -> Done:
        before_ms = self.world.clock.offset_us // 1000
        self._post("clock", {"offsetMs": values["offset"]})
        return Done(
            f"the venue's clock {values['offset']:+d} ms",
            lambda: self._post("clock", {"offsetMs": before_ms}),
        )

    def ban(self, values: Values, _: Happening | None) -> Done:
        seconds = -(-values["time"] // 1000)
        ip = {"ip": values["ip"]} if "ip" in values else {}
        told = self._post("ban", {"seconds": seconds, **ip})
        return Done(f"{told['ip']} banned for {seconds} s", lambda: self._post("ban", {"seconds": 0, **ip}))

    def balances(self, values: Values, _: Happening | None) -> Done:
        body, asset = self._with_account(values), values["asset"]
        before = {a.key: wallet_json(a) for a in self.world.exchange.accounts()}
        key = self._post("balances", body)["account"]
        amounts: dict[str, Any] = {
            name: body[name] for name in ("free", "borrowed", "interest") if name in body
        }
        changes = {n: Decimal(v) - Decimal(_had(before[key], asset, n)) for n, v in amounts.items()}

        def undo() -> None:
            """Take the difference away again, not what has happened since."""
            now = next(wallet_json(a) for a in self.world.exchange.accounts() if a.key == key)
            back: dict[str, Any] = {
                n: str(max(ZERO, Decimal(_had(now, asset, n)) - d)) for n, d in changes.items()
            }
            self._post("balances", {**body, **back})

        return Done(f"{key} {asset}: {' '.join(f'{n} {v}' for n, v in amounts.items())}", undo)

    def keys(self, values: Values, _: Happening | None) -> Done:
        told = self._post("keys", values)
        back = {**values, "enabled": not values["enabled"]}
        state = "enabled" if values["enabled"] else "revoked"
        return Done(f"key {told['apiKey']} {state}", lambda: self._post("keys", back))

    def rules(self, values: Values, _: Happening | None) -> Done:
        before = self._post("rules", {})
        self._post("rules", values)
        return Done(
            ", ".join(f"{name} {str(value).lower()}" for name, value in values.items()),
            lambda: self._post("rules", before),
        )

    # --- inside --------------------------------------------------------------------------------

    def _post(self, path: str, values: Mapping[str, object]) -> Any:
        return self._call("POST", f"/sim/{path}", values)

    def _with_account(self, values: Values) -> dict[str, Any]:
        """Without an account a step means that of what was last waited for."""
        default = {"account": self._account} if self._account else {}
        return {**default, **values}


def _named(order: Order) -> dict[str, object]:
    account = order.account
    if account is None:
        raise ControlError("an order of the house")
    return {"account": account.user, "symbol": order.symbol.name, "orderId": order.order_id}


def _ids(orders: list[Order]) -> str:
    return ", ".join(order.client_order_id for order in orders)


def _times(count: int) -> str:
    return "until removed" if count == 0 else "once" if count == 1 else f"{count} times"


def _had(wallet: Mapping[str, Any], asset: str, name: str) -> str:
    return str(wallet.get(asset, {}).get(name, "0"))


_ACTS: Mapping[str, Callable[[Stage, Values, Happening | None], Done]] = {
    FAULT: Stage.fault,
    "clear_faults": Stage.clear_faults,
    "price": Stage.price,
    "last": Stage.last,
    "moves": Stage.moves,
    "liquidity": Stage.liquidity,
    "order": Stage.order,
    "cross": Stage.cross,
    "fill": Stage.fill,
    "trigger": Stage.trigger,
    "cancel": Stage.cancel,
    "liquidate": Stage.liquidate,
    "streams": Stage.streams,
    "clock": Stage.clock,
    "ban": Stage.ban,
    "status": Stage.status,
    "balances": Stage.balances,
    "keys": Stage.keys,
    "rules": Stage.rules,
}
