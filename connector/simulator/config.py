"""What a simulator is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from connector.simulator.account import AccountKind
from connector.simulator.keys import ApiKey, DemoKey, demo_keys
from connector.simulator.ledger import Rules
from connector.simulator.limits import RateLimits
from connector.simulator.symbols import DEFAULT_ASSETS, DEFAULT_SYMBOLS, AssetSpec, SymbolSpec

DEFAULT_BALANCES: Mapping[AccountKind, Mapping[str, Decimal]] = {
    AccountKind.SPOT: {"USDT": Decimal(100_000), "BTC": Decimal(2)},
    AccountKind.CROSS: {
        "USDT": Decimal(1_000_000),
        "BTC": Decimal(10),
        "ETH": Decimal(100),
        "BNB": Decimal(1_000),
        "LTC": Decimal(1_000),
    },
    AccountKind.ISOLATED: {
        "USDT": Decimal(100_000),
        "BTC": Decimal(1),
        "ETH": Decimal(10),
        "BNB": Decimal(100),
        "LTC": Decimal(100),
    },
}


FASTEST_PING_S = 0.2  # however fast a day is made to pass, the network and the client are no faster
FASTEST_PONG_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """Connection timers of the WS-API, in seconds; `scaled` shortens a 24 h story to minutes."""

    ping_s: float = 20.0  # server ping frames
    pong_s: float = 60.0  # without a pong for so long the connection is closed
    life_s: float = 86_400.0  # of a connection

    def scaled(self, factor: float) -> "Timers":
        """Let time pass `factor` times faster; a pong keeps the time a busy machine needs for one."""
        return Timers(
            ping_s=min(self.ping_s, max(self.ping_s / factor, FASTEST_PING_S)),
            pong_s=min(self.pong_s, max(self.pong_s / factor, FASTEST_PONG_S)),
            life_s=self.life_s / factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """Everything a simulator needs; the defaults are a complete small exchange.

    `keys` are the customer's; without any, `demo_keys` makes an HMAC and an Ed25519 pair for account "main".
    """

    host: str = "127.0.0.1"
    port: int = 0  # 0 = any free port
    seed: int = 0
    keys: tuple[ApiKey, ...] = ()
    demo_accounts: tuple[str, ...] = ("main",)
    symbols: tuple[SymbolSpec, ...] = DEFAULT_SYMBOLS
    assets: tuple[AssetSpec, ...] = DEFAULT_ASSETS
    balances: Mapping[AccountKind, Mapping[str, Decimal]] = field(default_factory=lambda: DEFAULT_BALANCES)
    limits: RateLimits = field(default_factory=RateLimits)
    rules: Rules = field(default_factory=Rules)
    timers: Timers = field(default_factory=Timers)
    price_moves: bool = True
    price_step_ms: int = 1000
    processing_limit_ms: int = 10_000  # after which the venue answers -1007
    max_leverage: int = 5
    faults: tuple[Mapping[str, object], ...] = ()  # in force from the start, also after /sim/reset
    scenario_speed: float = 1.0  # how much faster than written a scenario's times pass
    loan_job_ms: int = 0  # the venue takes about 100; a second loan meanwhile is refused with -3007

    def demo_keys(self) -> list[DemoKey]:
        """The generated pairs: two per demo account, none when keys were given."""
        if self.keys:
            return []
        return [demo for account in self.demo_accounts for demo in demo_keys(self.seed, account)]
