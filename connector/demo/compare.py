"""What FIX reported against what the venue holds: order by order, fill by fill, asset by asset. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.demo.books import ZERO, Book, Fill, FixBook, Json, plain, venue_books

NOT_SENT = "-"  # the connector refused it: the venue never heard of it


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One order in both books; `fix` or `venue` is None where that side has no such order."""

    cl_ord_id: str
    client_order_id: str
    fix: FixBook | None
    venue: Book | None
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLine:
    """One asset of the account; `change` is that of held minus debt since the story began."""

    asset: str
    held: Decimal
    debt: Decimal
    change: Decimal
    by_fills: Decimal  # what the fills and fees FIX reported add up to
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both books side by side."""

    orders: tuple[OrderLine, ...]
    assets: tuple[AssetLine, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not any(line.differences for line in self.orders) and all(a.agrees for a in self.assets)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the FIX messages do not say. `wallet`: where the fills settle, as `/sim/state` names it."""

    wallet: str
    assets: Mapping[str, tuple[str, str]]  # symbol -> (base, quote)


def compare(fix: Mapping[str, FixBook], before: Json, after: Json, terms: Terms) -> Comparison:
    """`before`, `after`: `GET /sim/state` around the story."""
    venue = venue_books(after)
    lines = [
        _order_line(name, book, venue.pop(book.client_order_id, None), after["placements"])
        for name, book in fix.items()
    ]
    lines += [
        OrderLine(
            cl_ord_id="",
            client_order_id=name,
            fix=None,
            venue=book,
            differences=("the venue has an order that no FIX message asked for",),
        )
        for name, book in venue.items()
    ]
    return Comparison(orders=tuple(lines), assets=tuple(_asset_lines(fix, before, after, terms)))


def _order_line(name: str, fix: FixBook, venue: Book | None, placements: Json) -> OrderLine:
    sent = placements.get(fix.client_order_id, {"received": 0})["received"]
    differences = [f"the venue was sent it {sent} times"] if sent > 1 else []
    differences += _differences(fix, venue or Book(status="Rejected"))
    return OrderLine(
        cl_ord_id=name,
        client_order_id=fix.client_order_id if sent else NOT_SENT,
        fix=fix,
        venue=venue,
        differences=tuple(differences),
    )


def _differences(fix: FixBook, venue: Book) -> Iterable[str]:
    if fix.status != venue.status:
        yield f"status: FIX says {fix.status}, the venue {venue.status}"
    if fix.executed != venue.executed:
        yield f"executed: CumQty(14) is {plain(fix.executed)}, the venue's {plain(venue.executed)}"
    if fix.executed != fix.quantity:
        yield f"CumQty(14) is {plain(fix.executed)}, the reported fills add up to {plain(fix.quantity)}"
    yield from _fill_differences(fix.fills, venue.fills)
    if fix.worth != venue.worth or _rounded(fix.average) != _rounded(venue.average):
        yield f"average: AvgPx(6) is {plain(fix.average)}, the venue's {plain(venue.average)}"


def _fill_differences(fix: Sequence[Fill], venue: Sequence[Fill]) -> Iterable[str]:
    true = {fill.trade_id: fill for fill in venue}
    reported = [fill.trade_id for fill in fix]
    for trade_id, fill in true.items():
        times = reported.count(trade_id)
        if times != 1:
            how = "was never reported" if times == 0 else f"was reported {times} times"
            yield f"trade {trade_id} ({plain(fill.quantity)} at {plain(fill.price)}) {how}"
    for fill in fix:
        if fill.trade_id not in true:
            yield f"trade {fill.trade_id or '(no id)'} was reported, the venue has no such trade"
        elif fill != true[fill.trade_id]:
            was = _shown(true[fill.trade_id])
            yield f"trade {fill.trade_id} was reported as {_shown(fill)}, it was {was}"


def _asset_lines(fix: Mapping[str, FixBook], before: Json, after: Json, terms: Terms) -> Iterable[AssetLine]:
    """Every asset that moved; one that moved in a wallet without FIX orders is not explained by them."""
    moved = _moved(fix, terms)
    was, now = _amounts(before), _amounts(after)
    for wallet, asset in sorted({*was, *now, *((terms.wallet, asset) for asset in moved)}):
        held, debt = now.get((wallet, asset), (ZERO, ZERO))
        was_held, was_debt = was.get((wallet, asset), (ZERO, ZERO))
        change = (held - debt) - (was_held - was_debt)
        ours = wallet == terms.wallet
        by_fills = moved.get(asset, ZERO) if ours else ZERO
        if change or by_fills or debt:
            yield AssetLine(
                asset=asset if ours else f"{asset} of {wallet}",
                held=held,
                debt=debt,
                change=change,
                by_fills=by_fills,
                agrees=change == by_fills,
            )


def _moved(fix: Mapping[str, FixBook], terms: Terms) -> dict[str, Decimal]:
    """Asset -> what the reported fills and fees changed."""
    moved: dict[str, Decimal] = {}
    for book in fix.values():
        base, quote = terms.assets[book.symbol]
        sign = 1 if book.side == "BUY" else -1
        moved[base] = moved.get(base, ZERO) + sign * book.quantity
        moved[quote] = moved.get(quote, ZERO) - sign * book.worth
        for fill in book.fills:
            moved[fill.fee_asset] = moved.get(fill.fee_asset, ZERO) - fill.fee
    return moved


def _amounts(state: Json) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """(wallet, asset) -> (held, owed)."""
    return {
        (name, asset): (
            Decimal(balance["free"]) + Decimal(balance["locked"]),
            Decimal(balance["borrowed"]) + Decimal(balance["interest"]),
        )
        for name, wallet in state["wallets"].items()
        for asset, balance in wallet.items()
    }


def _rounded(value: Decimal | None) -> Decimal | None:
    """A quotient need not end: both sides to ten decimals, finer than any tick."""
    return None if value is None else round(value, 10)


def _shown(fill: Fill) -> str:
    return f"{plain(fill.quantity)} at {plain(fill.price)}, fee {plain(fill.fee)} {fill.fee_asset}".rstrip()
