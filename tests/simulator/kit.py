"""The bare exchange core for table tests: one market without a house, time and chance in our hand."""

from decimal import Decimal
from random import Random
from typing import Any

from connector.simulator.account import AccountKind, TradingAccount
from connector.simulator.exchange import Exchange
from connector.simulator.ledger import Rules
from connector.simulator.limits import RateLimits
from connector.simulator.operations import Operation
from connector.simulator.order_params import parse_order
from connector.simulator.orders import Order, Side
from connector.simulator.params import Params
from connector.simulator.symbols import DEFAULT_ASSETS, DEFAULT_SYMBOLS

BALANCES = {
    AccountKind.SPOT: {"USDT": Decimal(1000)},
    AccountKind.CROSS: {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(10)},
    AccountKind.ISOLATED: {"USDT": Decimal(50_000), "BTC": Decimal(1)},
}
START_US = 1_795_132_800_000_000


class Desk:
    """An exchange with the users "a" and "b". Last price of BTCUSDT: 60000; the book starts empty."""

    def __init__(
        self, *, rules: Rules | None = None, limits: RateLimits | None = None, **options: Any
    ) -> None:
        self.exchange = Exchange(
            options.pop("symbols", DEFAULT_SYMBOLS),
            options.pop("assets", DEFAULT_ASSETS),
            limits=limits or RateLimits(),
            rules=rules or Rules(),
            random=Random(1),
            max_leverage=options.pop("max_leverage", 5),
            loan_job_us=options.pop("loan_job_us", 0),
        )
        assert not options
        self.now_us = START_US
        self.a = self.exchange.add_user("a", BALANCES).cross
        self.b = self.exchange.add_user("b", BALANCES).cross

    @property
    def market(self) -> Any:
        return self.exchange.market("BTCUSDT")

    def place(self, account: TradingAccount | None = None, **params: object) -> Order:
        """Place by the names of the API, e.g. `side="BUY", quantity="0.1", price="59000"`; LIMIT GTC by default."""
        account = account or self.a
        defaults: dict[str, object] = {"symbol": "BTCUSDT", "type": "LIMIT"}
        if params.get("type", "LIMIT") in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
            defaults["timeInForce"] = "GTC"
        texts = {name: str(value) for name, value in (defaults | params).items()}
        order = parse_order(Params(texts), self.exchange)
        placed = self.exchange.place(account, order, self.now_us)
        return account.orders[placed.symbol.name][placed.order_id]

    def buy(
        self, quantity: object, price: object, account: TradingAccount | None = None, **params: object
    ) -> Order:
        return self.place(account, side="BUY", quantity=quantity, price=price, **params)

    def sell(
        self, quantity: object, price: object, account: TradingAccount | None = None, **params: object
    ) -> Order:
        return self.place(account, side="SELL", quantity=quantity, price=price, **params)

    def market_order(self, side: str, account: TradingAccount | None = None, **params: object) -> Order:
        return self.place(account, side=side, type="MARKET", **params)

    def house(self, side: str, price: object, quantity: object) -> Order:
        return self.operation().add_liquidity(Side(side), Decimal(str(price)), Decimal(str(quantity)))

    def operation(self, symbol: str = "BTCUSDT") -> Operation:
        return Operation(self.exchange, symbol, self.now_us)

    def cancel(self, order: Order, cancel_id: str = "cxl") -> None:
        assert order.account is not None
        self.exchange.cancel(order.account, order, cancel_id, self.now_us)

    def events(self, account: TradingAccount | None = None) -> list[dict[str, Any]]:
        """Take what was told to an account (all events are taken)."""
        wanted = account or self.a
        return [event for owner, event in self.exchange.take_events() if owner is wanted]

    def story(self, account: TradingAccount | None = None) -> list[str]:
        """Take the events as `x/X` and `position`."""
        return [
            "position" if event["e"] == "outboundAccountPosition" else f"{event['x']}/{event['X']}"
            for event in self.events(account)
        ]

    def free(self, asset: str, account: TradingAccount | None = None) -> Decimal:
        return (account or self.a).wallet.balance(asset).free

    def locked(self, asset: str, account: TradingAccount | None = None) -> Decimal:
        return (account or self.a).wallet.balance(asset).locked

    def borrowed(self, asset: str, account: TradingAccount | None = None) -> Decimal:
        return (account or self.a).wallet.balance(asset).borrowed


def fills(order: Order) -> list[tuple[str, str]]:
    """(price, quantity) of an order's trades."""
    return [(f"{trade.price.normalize():f}", f"{trade.quantity.normalize():f}") for trade in order.trades]
