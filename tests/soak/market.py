"""What may be traded in a soak, and roughly at what price: enough for an OMS to phrase sensible orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal


@dataclass
class Symbol:
    """One symbol of the simulator. `price`: the last one seen, quote per base."""

    name: str
    start: Decimal
    step: Decimal
    market_stops: bool = True
    price: Decimal = field(default=Decimal(0))

    def __post_init__(self) -> None:
        self.price = self.price or self.start

    def at(self, factor: float) -> str:
        """A price that many times the last one, on tick (0.01 for all that trade here)."""
        return str((self.price * Decimal(f"{factor:.6f}")).quantize(Decimal("0.01")))

    def worth(self, quote: float) -> str:
        """The quantity worth about so much, on step."""
        return str(self.lots(Decimal(f"{quote:.2f}") / self.price))

    def lots(self, quantity: Decimal) -> Decimal:
        """`quantity` down to the step, at least one step."""
        steps = (quantity / self.step).to_integral_value(ROUND_FLOOR)
        return max(steps, Decimal(1)) * self.step


CROSS, ISOLATED = "CROSS", "ISO"
SYMBOLS_OF = {CROSS: ("BTCUSDT", "ETHUSDT", "LTCUSDT"), ISOLATED: ("ETHUSDT", "BNBUSDT")}


def market() -> dict[str, Symbol]:
    """The symbols at their start prices."""
    symbols = (
        Symbol("BTCUSDT", Decimal(60_000), Decimal("0.00001")),
        Symbol("ETHUSDT", Decimal(3_000), Decimal("0.0001")),
        Symbol("LTCUSDT", Decimal(80), Decimal("0.001"), market_stops=False),
        Symbol("BNBUSDT", Decimal(600), Decimal("0.001")),
    )
    return {symbol.name: symbol for symbol in symbols}
