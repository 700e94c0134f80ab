"""Random orders, cancels, fills and moves: the books must balance after every step."""

from collections import Counter, defaultdict
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from connector.simulator.account import TradingAccount
from connector.simulator.errors import VenueError
from connector.simulator.numbers import padded
from connector.simulator.orders import OPEN_STATUSES, Order, Side, Status
from tests.simulator.kit import Desk

STEPS = 400
KINDS = (
    "LIMIT",
    "LIMIT",
    "LIMIT",
    "MARKET",
    "LIMIT_MAKER",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT_LIMIT",
)


@pytest.mark.parametrize("seed", range(12))
def test_wallets_books_and_events_agree_after_every_step(seed: int) -> None:
    random = Random(seed)
    desk = Desk()
    desk.operation().start()
    books = Ledger()
    done: Counter[str] = Counter()

    for _ in range(STEPS):
        desk.now_us += 1_000_000
        done[step(desk, random)] += 1
        books.read(desk.exchange.take_events())
        check(desk, books)

    assert done["placed"] > 100
    assert done["cancelled"] > 10


def step(desk: Desk, random: Random) -> str:
    account = random.choice([desk.a, desk.b])
    choice = random.random()
    if choice < 0.15:
        desk.operation().step()
        return "moved"
    if choice < 0.35 and account.open_orders("BTCUSDT"):
        desk.cancel(random.choice(account.open_orders("BTCUSDT")))
        return "cancelled"
    try:
        desk.place(account, **order_params(desk, random))
    except VenueError as refused:
        return f"refused {refused.code}"
    return "placed"


def order_params(desk: Desk, random: Random) -> dict[str, Any]:
    last = desk.market.last_price
    kind = random.choice(KINDS)
    near = last + desk.market.gap(last) * random.randint(-15, 15)
    params: dict[str, Any] = {
        "type": kind,
        "side": random.choice(["BUY", "SELL"]),
        "quantity": Decimal(random.randint(1, 60_000)) / 100_000,
        "selfTradePreventionMode": random.choice(["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]),
        "sideEffectType": random.choice(["NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY", "AUTO_BORROW_REPAY"]),
        "autoRepayAtCancel": random.choice(["TRUE", "FALSE"]),
    }
    if kind not in ("MARKET", "STOP_LOSS"):
        params["price"] = near
    if kind in ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        params["stopPrice"] = last + desk.market.gap(last) * random.randint(-12, 12)
    if kind == "LIMIT":
        params["timeInForce"] = random.choice(["GTC", "GTC", "IOC", "FOK"])
        if params["timeInForce"] == "GTC" and random.random() < 0.3:
            params["icebergQty"] = max(
                Decimal("0.00001"), params["quantity"] / 4 // Decimal("0.00001") / 100_000
            )
    return params


class Ledger:
    """What a client would know from events alone."""

    def __init__(self) -> None:
        self.orders: dict[tuple[TradingAccount, int], dict[str, Any]] = {}
        self.filled: defaultdict[tuple[TradingAccount, int], Decimal] = defaultdict(Decimal)
        self.balances: dict[tuple[TradingAccount, str], tuple[str, str]] = {}
        self.last_execution = 0

    def read(self, events: list[tuple[TradingAccount, dict[str, Any]]]) -> None:
        for account, event in events:
            if event["e"] == "outboundAccountPosition":
                for row in event["B"]:
                    self.balances[account, row["a"]] = (row["f"], row["l"])
                continue
            assert event["I"] > self.last_execution
            self.last_execution = event["I"]
            self.orders[account, event["i"]] = event
            self.filled[account, event["i"]] += Decimal(event["l"])
            assert self.filled[account, event["i"]] == Decimal(event["z"])


def check(desk: Desk, ledger: Ledger) -> None:
    for account in (desk.a, desk.b):
        orders = list(account.orders.get("BTCUSDT", {}).values())
        for order in orders:
            check_order(desk, order, ledger)
        for asset in ("BTC", "USDT"):
            check_wallet(account, asset, orders, ledger)
    bid, ask = (desk.market.book.best(side) for side in Side)
    assert bid is None or ask is None or bid < ask


def check_order(desk: Desk, order: Order, ledger: Ledger) -> None:
    assert order.account is not None
    assert sum((trade.quantity for trade in order.trades), Decimal(0)) == order.executed
    assert sum((t.price * t.quantity for t in order.trades), Decimal(0)) == order.executed_quote
    assert (order.executed == order.quantity) == (order.status is Status.FILLED)
    if order.status not in OPEN_STATUSES:
        assert order.locked == 0
    assert order.is_open == (order in order.account.open_orders("BTCUSDT"))
    assert desk.market.book.holds(order) == (order.is_open and order.is_working)
    told = ledger.orders[order.account, order.order_id]
    assert (told["X"], told["z"]) == (order.status, padded(order.executed))


def check_wallet(account: TradingAccount, asset: str, orders: list[Order], ledger: Ledger) -> None:
    balance = account.wallet.balance(asset)
    assert balance.free >= 0
    assert balance.borrowed >= 0
    assert balance.locked == sum((o.locked for o in orders if o.spends == asset), Decimal(0))
    told = ledger.balances.get((account, asset))
    assert told in (None, (padded(balance.free), padded(balance.locked)))
