"""`/sim`: the hand on the market. Every route is documented with an example in docs/simulator.md."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeAlias

from connector.simulator.account import TradingAccount, User
from connector.simulator.control_body import Body, merged, with_document
from connector.simulator.control_venue import VENUE_ROUTES
from connector.simulator.errors import VenueError
from connector.simulator.fault import FaultError
from connector.simulator.gateway import Reply
from connector.simulator.keys import masked
from connector.simulator.operations import ControlError, Operation
from connector.simulator.order_params import parse_order
from connector.simulator.orders import Order
from connector.simulator.params import Params
from connector.simulator.scenario.desk import ScenarioDesk
from connector.simulator.scenario.director import Director
from connector.simulator.scenario.reader import ScenarioError
from connector.simulator.scenario.vocabulary import STATUSES
from connector.simulator.session import encoder
from connector.simulator.state import order_json, placements_json, request_json, whole_state
from connector.simulator.world import World

START_SCENARIO = ("POST", "/sim/scenario")
WALLETS = ("SPOT", "CROSS", "ISOLATED")


class Control:
    """Answers `/sim` requests; whatever they cause is told to the streams at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.director = Director(world, self.perform, speed=world.config.scenario_speed)
        self._scenarios = ScenarioDesk(world, self.director)

    def serve(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answer one request: 200 with JSON, 400 with `{"error": …}`, 404 with the list of routes."""
        found = ROUTES.get((method, path))
        if found is None:
            return _json(404, {"error": f"no {method} {path}", "routes": [" ".join(r) for r in ROUTES]})
        reading = with_document if (method, path) == START_SCENARIO else merged
        try:
            result = found(self, reading(query, body))
        except ScenarioError as error:
            return _json(400, {"error": str(error), "faults": error.faults})
        except (ControlError, FaultError) as error:
            return _json(400, {"error": str(error)})
        except VenueError as error:
            return _json(400, {"error": error.msg, "code": error.code})
        finally:
            self.world.hub.flush()
        return _json(200, result)

    def perform(self, method: str, path: str, values: Mapping[str, object]) -> Any:
        """Do what a request would, for a scenario; its events go out at once.

        Raises:
            ControlError, VenueError, FaultError: it cannot be done.
        """
        try:
            return ROUTES[method, path](self, Body(values))
        finally:
            self.world.hub.flush()

    # --- looking -------------------------------------------------------------------------------

    def index(self, _: Body) -> object:
        return {"routes": [" ".join(route) for route in ROUTES]}

    def state(self, body: Body) -> object:
        return whole_state(
            self.world, account=body.optional_text("account"), symbol=body.optional_text("symbol")
        )

    def requests(self, body: Body) -> object:
        """The request log: of one client order id, or the latest."""
        name = body.optional_text("clientOrderId")
        log = self.world.log
        entries = list(log.requests)[-500:] if name is None else log.naming(name)
        counts = placements_json(self.world)
        return {
            "requests": [request_json(entry) for entry in entries],
            "placements": counts if name is None else {name: counts.get(name)},
        }

    def order(self, body: Body) -> object:
        return order_json(self._order(body))

    # --- market --------------------------------------------------------------------------------

    def price(self, body: Body) -> object:
        operation = self._operation(body)
        operation.move_price(self._positive(body, "price"), fills=body.flag("fills", default=True))
        return self._market(operation)

    def last(self, body: Body) -> object:
        operation = self._operation(body)
        operation.print_price(self._positive(body, "price"))
        return self._market(operation)

    def liquidity(self, body: Body) -> object:
        operation = self._operation(body)
        action = body.one_of("action", ("add", "remove", "clear", "refill"))
        if action == "add":
            quantity = self._positive(body, "quantity")
            operation.add_liquidity(body.side(), self._positive(body, "price"), quantity)
        elif action == "remove":
            operation.remove_liquidity(body.side(), body.optional_decimal("price"))
        elif action == "clear":
            operation.remove_liquidity(None, None)
        else:
            operation.refill()
        return self._market(operation)

    def moves(self, body: Body) -> object:
        self.world.price_moves = body.flag("enabled", default=True)
        return {"priceMoves": self.world.price_moves}

    def step(self, body: Body) -> object:
        operation = self._operation(body)
        operation.step()
        return self._market(operation)

    def status(self, body: Body) -> object:
        """Halt or reopen a symbol."""
        operation = self._operation(body)
        market = operation.market
        market.spec = replace(market.spec, status=body.one_of("status", STATUSES))
        return {"symbol": market.spec.name, "status": market.spec.status}

    # --- orders --------------------------------------------------------------------------------

    def place(self, body: Body) -> object:
        """Place an order in an account as another of its sessions would: the web page, a second key."""
        user = self._user(body)
        texts = {name: str(value) for name, value in body.values.items() if name != "account"}
        new = parse_order(Params(texts), self.world.exchange)
        isolated = texts.get("isIsolated", "FALSE").upper() == "TRUE"
        account = user.margin_account(new.symbol.name, is_isolated=isolated)
        placed = self.world.exchange.place(account, new, self.world.clock.now_us())
        return order_json(placed)

    def fill(self, body: Body) -> object:
        order = self._order(body)
        quantity = body.optional_decimal("quantity")
        self._operation_on(order).fill(
            order, order.remaining if quantity is None else quantity, body.optional_decimal("price")
        )
        return order_json(order)

    def trigger(self, body: Body) -> object:
        order = self._order(body)
        self._operation_on(order).trigger(order)
        return order_json(order)

    def cancel(self, body: Body) -> object:
        order = self._order(body)
        self._operation_on(order).expire(order, body.optional_text("reason") or "EXCHANGE_CANCELED")
        return order_json(order)

    def liquidate(self, body: Body) -> object:
        operation, user = self._operation(body), self._user(body)
        isolated = body.flag("isIsolated", default=False)
        account = user.margin_account(operation.market.spec.name, is_isolated=isolated)
        return order_json(operation.liquidate(account, body.side(), self._positive(body, "quantity")))

    # --- accounts ------------------------------------------------------------------------------

    def balances(self, body: Body) -> object:
        """Set amounts of one asset; `locked` belongs to the orders and cannot be set."""
        account, asset = self._wallet(body), body.text("asset")
        balance = account.wallet.balance(asset)
        for name in ("free", "borrowed", "interest"):
            value = body.optional_decimal(name)
            if value is not None:
                setattr(balance, name, value)
        account.wallet.touched.add(asset)
        self.world.exchange.announce(account, self.world.clock.now_us())
        return {"account": account.key, "asset": asset, "free": str(balance.free)}

    def _wallet(self, body: Body) -> TradingAccount:
        user, wallet = self._user(body), body.optional_text("wallet") or "CROSS"
        if wallet not in WALLETS:
            raise ControlError(f"wallet: {wallet!r} is none of {', '.join(WALLETS)}")
        if wallet == "SPOT":
            return user.spot
        symbol = body.text("symbol") if wallet == "ISOLATED" else ""
        return user.margin_account(symbol, is_isolated=wallet == "ISOLATED")

    def keys(self, body: Body) -> object:
        """Revoke or restore an API key."""
        api_key, enabled = body.text("apiKey"), body.flag("enabled", default=False)
        known = (self.world.restore_key if enabled else self.world.revoke_key)(api_key)
        if not known:
            raise ControlError(f"apiKey: {masked(api_key)} is unknown")
        return {"apiKey": masked(api_key), "enabled": enabled}

    # --- scenarios, reset ----------------------------------------------------------------------

    def scenario(self, _: Body) -> object:
        return self._scenarios.state()

    def start_scenario(self, body: Body) -> object:
        return self._scenarios.start(body)

    def stop_scenario(self, _: Body) -> object:
        return self._scenarios.stop()

    def reset(self, _: Body) -> object:
        self.director.forget()
        self.world.reset()
        return {"reset": True}

    # --- finding -------------------------------------------------------------------------------

    def _operation(self, body: Body) -> Operation:
        return Operation(self.world.exchange, body.text("symbol"), self.world.clock.now_us())

    def _operation_on(self, order: Order) -> Operation:
        return Operation(self.world.exchange, order.symbol.name, self.world.clock.now_us())

    def _market(self, operation: Operation) -> object:
        state = whole_state(self.world, account="", symbol=operation.market.spec.name)
        return state["markets"]

    def _user(self, body: Body) -> User:
        """Return the named user; the only one needs no name."""
        users = self.world.exchange.users
        name = body.optional_text("account") or (next(iter(users)) if len(users) == 1 else "")
        if name not in users:
            raise ControlError(f"account: no {name!r}; there are {', '.join(users)}")
        return users[name]

    def _order(self, body: Body) -> Order:
        """Find by clientOrderId or by symbol and orderId, among all accounts or the named one's."""
        client_id, order_id = body.optional_text("clientOrderId"), body.optional_integer("orderId")
        symbol, user = body.optional_text("symbol"), body.optional_text("account")
        if client_id is None and (order_id is None or symbol is None):
            raise ControlError("name the order: clientOrderId, or symbol and orderId")
        found = [
            order
            for account in self.world.exchange.accounts()
            if user in (None, account.user)
            for name, orders in account.orders.items()
            if symbol in (None, name)
            for order in orders.values()
            if client_id in (None, order.client_order_id) and order_id in (None, order.order_id)
        ]
        if not found:
            raise ControlError("no such order")
        return next((order for order in found if order.is_open), found[-1])

    @staticmethod
    def _positive(body: Body, name: str) -> Decimal:
        value = body.decimal(name)
        if value == 0:
            raise ControlError(f"{name}: 0 is not positive")
        return value


def _json(status: int, value: object) -> Reply:
    return Reply(status=status, body=encoder.encode(value))


Route: TypeAlias = Callable[[Control, Body], object]


def _of_venue(act: Callable[[World, Body], object]) -> Route:
    return lambda control, body: act(control.world, body)


ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "/sim"): Control.index,
    ("GET", "/sim/state"): Control.state,
    ("GET", "/sim/requests"): Control.requests,
    ("GET", "/sim/order"): Control.order,
    ("POST", "/sim/price"): Control.price,
    ("POST", "/sim/last"): Control.last,
    ("POST", "/sim/liquidity"): Control.liquidity,
    ("POST", "/sim/moves"): Control.moves,
    ("POST", "/sim/step"): Control.step,
    ("POST", "/sim/status"): Control.status,
    ("POST", "/sim/order"): Control.place,
    ("POST", "/sim/fill"): Control.fill,
    ("POST", "/sim/trigger"): Control.trigger,
    ("POST", "/sim/cancel"): Control.cancel,
    ("POST", "/sim/liquidate"): Control.liquidate,
    ("POST", "/sim/balances"): Control.balances,
    ("POST", "/sim/keys"): Control.keys,
    **{route: _of_venue(act) for route, act in VENUE_ROUTES.items()},
    ("GET", "/sim/scenario"): Control.scenario,
    START_SCENARIO: Control.start_scenario,
    ("DELETE", "/sim/scenario"): Control.stop_scenario,
    ("POST", "/sim/reset"): Control.reset,
}
