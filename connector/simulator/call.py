"""A request on its way through the API: what it asks, who asks, and which route answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from connector.simulator.account import TradingAccount, User
from connector.simulator.keys import ApiKey
from connector.simulator.params import Params
from connector.simulator.world import World


class Security(Enum):
    NONE = "NONE"
    KEY = "KEY"  # MARKET_DATA and USER_STREAM of /sapi: the header, no signature
    SIGNED = "SIGNED"  # USER_DATA
    TRADE = "TRADE"  # signed, and the key must be allowed to trade


class Pool(Enum):
    """Which limit a route's weight counts against."""

    API = "API"
    IP = "IP"
    UID = "UID"


@dataclass(slots=True, kw_only=True)
class Call:
    """One request while it is handled. `headers` are those of the reply."""

    world: World
    method: str
    path: str
    params: Params
    ip: str
    now_us: int
    microseconds: bool = False
    key: ApiKey | None = None
    user: User | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def time(self, time_us: int) -> int:
        """Render a time in the unit the client asked for."""
        return time_us if self.microseconds else time_us // 1000

    @property
    def owner(self) -> User:
        """The user of a request that had to show a key."""
        assert self.user is not None
        return self.user

    def margin_account(self) -> TradingAccount:
        """Return the account `isIsolated` and `symbol` select.

        Raises:
            VenueError: -1102 isolated without symbol, -1121 unknown symbol, -11001 not created.
        """
        is_isolated = self.params.flag("isIsolated", default=False)
        symbol = self.params.text("symbol") or ""
        if is_isolated:
            symbol = self.params.required("symbol")
        if symbol:
            self.world.exchange.market(symbol)
        return self.owner.margin_account(symbol, is_isolated=is_isolated)


Handler: TypeAlias = Callable[[Call], object]
Weight: TypeAlias = int | Callable[[Params], int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route. A handler returns what becomes the JSON reply, or raises `VenueError`."""

    handler: Handler
    security: Security
    pool: Pool
    weight: Weight

    def weight_of(self, params: Params) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)


Routes: TypeAlias = Mapping[tuple[str, str], Endpoint]
