"""The orders an OMS of a soak thinks of: every type, resting, crossing, refused here or there."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from tests.soak.market import Symbol

Terms = dict[str, str]
BUY = "1"


def draw_terms(chance: Random, symbol: Symbol) -> Terms:
    """One order's terms, under the names of `tests.support.oms.TAGS`."""
    side = chance.choice("12")
    kinds = [kind for kind in KINDS if symbol.market_stops or kind not in (_stop, _take_profit)]
    kind = chance.choices(kinds, [KINDS[kind] for kind in kinds])[0]
    terms: Terms = {"symbol": symbol.name, "side": side, "qty": symbol.worth(chance.uniform(50, 2500))}
    terms |= kind(chance, symbol, side)
    if chance.random() < 0.15:
        terms["side_effect"] = chance.choice(("MARGIN_BUY", "AUTO_REPAY", "NO_SIDE_EFFECT"))
    if chance.random() < 0.15:
        terms["stp"] = chance.choice(("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"))
    if "cash" in terms:
        del terms["qty"]
    return terms


def _away(chance: Random, side: str, most: float = 0.03) -> float:
    """A price factor on the passive side."""
    distance = chance.uniform(0.0005, most)
    return 1 - distance if side == BUY else 1 + distance


def _through(chance: Random, side: str) -> float:
    """A price factor that reaches some levels of the other side."""
    distance = chance.uniform(0.0001, 0.0012)
    return 1 + distance if side == BUY else 1 - distance


def _resting(chance: Random, symbol: Symbol, side: str) -> Terms:
    return {"type": "2", "px": symbol.at(_away(chance, side)), **_perhaps(chance, tif="1")}


def _crossing(chance: Random, symbol: Symbol, side: str) -> Terms:
    return {"type": "2", "px": symbol.at(_through(chance, side))}


def _market(chance: Random, symbol: Symbol, side: str) -> Terms:
    return {"type": "1"}


def _cash(chance: Random, symbol: Symbol, side: str) -> Terms:
    return {"type": "1", "cash": f"{chance.uniform(20, 900):.2f}"}


def _ioc(chance: Random, symbol: Symbol, side: str) -> Terms:
    factor = _through(chance, side) if chance.random() < 0.7 else _away(chance, side)
    return {
        "type": "2",
        "px": symbol.at(factor),
        "tif": "3",
        "qty": symbol.worth(chance.uniform(500, 60_000)),
    }


def _fok(chance: Random, symbol: Symbol, side: str) -> Terms:
    return {"type": "2", "px": symbol.at(_through(chance, side)), "tif": "4"}


def _post_only(chance: Random, symbol: Symbol, side: str) -> Terms:
    factor = _away(chance, side) if chance.random() < 0.7 else _through(chance, side)
    return {"type": "2", "px": symbol.at(factor), "inst": "6"}


def _iceberg(chance: Random, symbol: Symbol, side: str) -> Terms:
    floor = symbol.lots(Decimal(symbol.worth(chance.uniform(100, 800))))
    return {
        "type": "2",
        "px": symbol.at(_away(chance, side)),
        "qty": str(floor * 3),
        "max_floor": str(floor),
        "tif": "1",
    }


def _stop(chance: Random, symbol: Symbol, side: str) -> Terms:
    return {"type": "3", "stop": symbol.at(2 - _away(chance, side, 0.01))}


def _take_profit(chance: Random, symbol: Symbol, side: str) -> Terms:
    return {"type": "3", "stop": symbol.at(_away(chance, side, 0.01)), "stop_type": "TakeProfit"}


def _stop_limit(chance: Random, symbol: Symbol, side: str) -> Terms:
    stop = 2 - _away(chance, side, 0.01)
    limit = stop * (1.002 if side == BUY else 0.998)
    return {"type": "4", "stop": symbol.at(stop), "px": symbol.at(limit), "tif": "1"}


def _take_profit_limit(chance: Random, symbol: Symbol, side: str) -> Terms:
    stop = _away(chance, side, 0.01)
    return {
        "type": "4",
        "stop": symbol.at(stop),
        "px": symbol.at(stop * (1.001 if side == BUY else 0.999)),
        "stop_type": "TakeProfit",
    }


def _refused_here(chance: Random, symbol: Symbol, side: str) -> Terms:
    """Off tick, off step, or with a value that cannot be honoured: refused by us, by name."""
    return {
        **_resting(chance, symbol, side),
        **chance.choice(
            ({"px": "100.001"}, {"qty": "0.123456789"}, {"tif": "0"}, {"inst": "6", "type": "1"})
        ),
    }


def _perhaps(chance: Random, **terms: str) -> Terms:
    return terms if chance.random() < 0.5 else {}


KINDS: dict[Callable[[Random, Symbol, str], Terms], int] = {
    _resting: 32,
    _crossing: 10,
    _market: 8,
    _cash: 5,
    _ioc: 8,
    _fok: 5,
    _post_only: 8,
    _iceberg: 3,
    _stop: 3,
    _take_profit: 3,
    _stop_limit: 4,
    _take_profit_limit: 3,
    _refused_here: 3,
}
