"""One simulated venue: everything a request handler may look at, in one place."""

from collections import deque
from dataclasses import dataclass
from random import Random

from connector.simulator.account import TradingAccount
from connector.simulator.clock import Clock
from connector.simulator.config import SimulatorConfig
from connector.simulator.errors import refusal
from connector.simulator.events import Event
from connector.simulator.exchange import Exchange
from connector.simulator.fault import Action
from connector.simulator.faults import FaultEngine
from connector.simulator.happenings import News
from connector.simulator.keys import ApiKey, usable
from connector.simulator.limits import WeightLimiter
from connector.simulator.operations import ControlError, Operation
from connector.simulator.request_log import RequestLog
from connector.simulator.streams import Hub

TOKEN_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"  # noqa: S105
TOKEN_LENGTH = 70
LIQUIDATION_PREFIX = "autoclose-"


@dataclass(frozen=True, slots=True)
class ListenToken:
    """The credential of one account's stream."""

    token: str
    account: TradingAccount
    expires_us: int


class World:
    """State of the venue; `reset` starts it afresh while keys, clock and connections' addresses stay."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.clock = Clock()
        demo = config.demo_keys()
        self.keys: dict[str, ApiKey] = {key.api_key: key for key in (*config.keys, *map(usable, demo))}
        self.revoked: dict[str, ApiKey] = {}
        self.faults = FaultEngine()
        self.news = News()
        self.troubles: deque[str] = deque(maxlen=100)  # what faults asked of the venue in vain
        self.hub = Hub(self.clock, self.faults, self._take_events, news=self.news, intervene=self._intervene)
        self.price_moves = config.price_moves
        self._begin()

    def _begin(self) -> None:
        config = self.config
        self.random = Random(config.seed)  # noqa: S311 - reproducible on purpose
        self.exchange = Exchange(
            config.symbols,
            config.assets,
            limits=config.limits,
            rules=config.rules,
            random=self.random,
            max_leverage=config.max_leverage,
            loan_job_us=config.loan_job_ms * 1000,
        )
        self.keys |= self.revoked
        self.revoked.clear()
        for account in sorted({key.account for key in self.keys.values()}):
            self.exchange.add_user(account, config.balances)
        now_us = self.clock.now_us()
        for symbol in self.exchange.markets:
            Operation(self.exchange, symbol, now_us).start()
        self.weights = WeightLimiter(config.limits)
        self.log = RequestLog()
        self.tokens: dict[str, ListenToken] = {}
        for description in config.faults:
            self.faults.add(description)

    def _take_events(self) -> list[tuple[TradingAccount, Event]]:
        return self.exchange.take_events()  # of the present exchange: `reset` replaces it

    def reset(self) -> None:
        """Empty the venue: orders, trades, wallets, logs, faults, tokens; cut every connection."""
        self.hub.cut(None)
        self.hub.frozen.clear()
        self.faults.clear()
        self.clock.offset_us = 0
        self.troubles.clear()
        self.price_moves = self.config.price_moves
        self._begin()

    def _intervene(self, action: Action, account: TradingAccount, event: Event) -> None:
        """Do to the order of an event what a fault asks: cancel it, or liquidate the account."""
        if account not in self.exchange.accounts() or str(event["c"]).startswith(LIQUIDATION_PREFIX):
            return  # of a venue that was reset, or the liquidation's own report
        symbol = str(event["s"])
        order = next(o for o in account.orders[symbol].values() if o.order_id == event["i"])
        operation = Operation(self.exchange, symbol, self.clock.now_us())
        try:
            if action is Action.LIQUIDATE:
                operation.liquidate(account, order.side.opposite, order.quantity)
            else:
                operation.expire(order)
        except ControlError as error:
            self.troubles.append(f"{action}: {error}")
        self.hub.flush()

    def revoke_key(self, api_key: str) -> bool:
        """Make a key invalid, as its owner can at the venue; False when it is unknown."""
        key = self.keys.pop(api_key, None)
        if key is not None:
            self.revoked[api_key] = key
        return api_key in self.revoked

    def restore_key(self, api_key: str) -> bool:
        """Undo `revoke_key`; False when the key is unknown."""
        key = self.revoked.pop(api_key, None)
        if key is not None:
            self.keys[api_key] = key
        return api_key in self.keys

    def step(self) -> None:
        """Move every market once, if prices move."""
        if not self.price_moves:
            return
        now_us = self.clock.now_us()
        for symbol in self.exchange.markets:
            Operation(self.exchange, symbol, now_us).step()
        self.hub.flush()

    def issue_token(self, account: TradingAccount, validity_ms: int) -> ListenToken:
        """Create a listenToken that is good for `validity_ms` from now."""
        text = "".join(self.random.choices(TOKEN_ALPHABET, k=TOKEN_LENGTH))
        token = ListenToken(text, account, self.clock.now_us() + validity_ms * 1000)
        self.tokens[text] = token
        return token

    def redeem_token(self, text: str) -> ListenToken:
        """Return a valid token.

        Raises:
            VenueError: -1209 for one that is unknown or expired.
        """
        token = self.tokens.get(text)
        if token is None or token.expires_us <= self.clock.now_us():
            raise refusal(-1209)
        return token
