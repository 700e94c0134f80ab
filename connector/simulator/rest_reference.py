"""`/sapi/v1/margin`: pairs, assets and index prices (section 6.3), and what the venue has removed."""

from connector.simulator.call import Call, Endpoint, Pool, Routes, Security
from connector.simulator.errors import VenueError, refusal
from connector.simulator.numbers import stripped
from connector.simulator.symbols import SymbolSpec

PAIR_ID = 351_637_150_141_315_000  # of the first pair; the venue's are of this size


def cross_pairs(call: Call) -> object:
    specs = enumerate(market.spec for market in call.world.exchange.markets.values())
    rows = [{"id": PAIR_ID + number, **_pair(spec)} for number, spec in specs if spec.allows_cross]
    return _selected(call, rows)


def isolated_pairs(call: Call) -> object:
    specs = (market.spec for market in call.world.exchange.markets.values())
    return _selected(call, [_pair(spec) for spec in specs if spec.allows_isolated])


def _pair(spec: SymbolSpec) -> dict[str, object]:
    return {
        "base": spec.base,
        "isBuyAllowed": True,
        "isMarginTrade": True,
        "isSellAllowed": True,
        "quote": spec.quote,
        "symbol": spec.name,
    }


def _selected(call: Call, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    symbol = call.params.text("symbol")
    if symbol is None:
        return rows
    chosen = [row for row in rows if row["symbol"] == symbol]
    if not chosen:
        raise refusal(-3028)
    return chosen


def margin_assets(call: Call) -> object:
    asset = call.params.text("asset")
    specs = call.world.exchange.ledger.lender.assets
    if asset is not None and asset not in specs:
        raise refusal(-3027)
    return [
        {
            "assetFullName": spec.full_name,
            "assetName": spec.name,
            "isBorrowable": spec.is_borrowable,
            "isMortgageable": True,
            "userMinBorrow": "0",
            "userMinRepay": "0",
        }
        for spec in specs.values()
        if asset in (None, spec.name)
    ]


def price_index(call: Call) -> object:
    market = call.world.exchange.markets.get(call.params.required("symbol"))
    if market is None:
        raise refusal(-3042)
    return {
        "calcTime": call.time(call.now_us),
        "price": stripped(market.last_price),
        "symbol": market.spec.name,
    }


def removed(_: Call) -> object:
    """410: the listenKey endpoints of the user stream, removed on 2026-02-20."""
    raise refusal(-1016)


def not_simulated(call: Call) -> object:
    raise VenueError(-1020, f"This operation is not supported. {call.path} is not simulated.")


_M = "/sapi/v1/margin"
_REMOVED = Endpoint(removed, Security.NONE, Pool.UID, 1)
_MISSING = Endpoint(not_simulated, Security.NONE, Pool.UID, 1)
ROUTES: Routes = {
    ("GET", f"{_M}/allPairs"): Endpoint(cross_pairs, Security.KEY, Pool.IP, 1),
    ("GET", f"{_M}/isolated/allPairs"): Endpoint(isolated_pairs, Security.KEY, Pool.IP, 10),
    ("GET", f"{_M}/allAssets"): Endpoint(margin_assets, Security.KEY, Pool.IP, 1),
    ("GET", f"{_M}/priceIndex"): Endpoint(price_index, Security.KEY, Pool.IP, 10),
    **{
        (method, path): _REMOVED
        for method in ("POST", "PUT", "DELETE")
        for path in ("/sapi/v1/userDataStream", "/sapi/v1/userDataStream/isolated", "/api/v3/userDataStream")
    },
    **{
        (method, path): _MISSING
        for method in ("POST", "PUT", "DELETE")
        for path in ("/sapi/v1/margin/listen-key", "/sapi/v2/margin/listen-key")
    },
}
