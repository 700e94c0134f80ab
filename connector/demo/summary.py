"""The end of the story as tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from connector.demo.books import Book, plain
from connector.demo.compare import NOT_SENT, Comparison, OrderLine
from connector.demo.ground import Access
from connector.demo.scenes import SYMBOL

AGREE, DIFFER = "AGREE", "DIFFER"


def order_table(comparison: Comparison) -> Table:
    """Two lines for each order: what FIX reported, what the venue holds."""
    table = _table("Orders and fills: what FIX reported, what the venue holds")
    for title in ("ClOrdID", "book", "status"):
        table.add_column(title, no_wrap=True)
    for title in ("executed", "fills", "average"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for line in comparison.orders:
        table.add_row(
            line.cl_ord_id or "(none)", "FIX", *_cells(line.fix, "nothing"), _mark(not line.differences)
        )
        table.add_row(_venue_name(line), "venue", *_cells(line.venue, _absent(line)), "")
    return table


def asset_table(comparison: Comparison) -> Table:
    """Position and debt, and whether the fills explain them."""
    table = _table("Position and debts at the venue, and their change by the fills FIX reported")
    table.add_column("asset")
    for title in ("held", "debt", "held - debt changed", "by FIX fills"):
        table.add_column(title, justify="right")
    table.add_column("")
    for line in comparison.assets:
        amounts = (plain(line.held), plain(line.debt), plain(line.change), plain(line.by_fills))
        table.add_row(line.asset, *amounts, _mark(line.agrees))
    return table


def difference_lines(comparison: Comparison) -> Iterator[str]:
    """Each difference in words."""
    for order in comparison.orders:
        for difference in order.differences:
            yield f"{order.cl_ord_id or order.client_order_id}: {difference}"
    for asset in comparison.assets:
        if not asset.agrees:
            by_fills = plain(asset.by_fills)
            yield f"{asset.asset}: changed by {plain(asset.change)}, the fills explain {by_fills}"


def verdict(comparison: Comparison) -> Text:
    """The last line."""
    orders, fills = len(comparison.orders), sum(len(o.venue.fills) for o in comparison.orders if o.venue)
    if comparison.agrees:
        text = f"{orders} orders, {fills} fills, every balance: FIX reported what the venue holds."
        return Text.assemble((AGREE, "bold green"), f"  {text}")
    count = sum(1 for _ in difference_lines(comparison))
    text = f"{count} {'difference' if count == 1 else 'differences'} between FIX and the venue."
    return Text.assemble((DIFFER, "bold red"), f"  {text}")


def access_lines(access: Access) -> Iterator[str]:
    """How to connect one's own FIX client and move the market."""
    yield ""
    yield "Everything keeps running, prices move, the account got 100,000 USDT."
    yield "Connect your own FIX 4.4 client:"
    yield f"  host and port      {access.host}:{access.port} (no TLS)"
    yield f"  SenderCompID(49)   {access.sender_comp_id}"
    yield f"  TargetCompID(56)   {access.target_comp_id}"
    yield f"  Username(553)      {access.username}"
    yield f"  Password(554)      {access.password}"
    yield "  HeartBtInt(108)    5 to 60"
    yield f"  dictionary         {access.dictionary}"
    yield "  an order           35=D|11=my-1|55=BTCUSDT|54=1|38=0.01|40=2|44=59000|59=1|60=<UTC>|"
    yield "                     60 is like 20261120-13:30:00, | is SOH, your engine adds the rest"
    yield "The exchange and the connector:"
    yield f"  the venue's books  curl -s {access.rest_url}/sim/state"
    yield f"  move the market    curl -s -X POST {access.rest_url}/sim/price " + (
        f'-d \'{{"symbol": "{SYMBOL}", "price": "58900"}}\''
    )
    yield f"  all controls       curl -s {access.rest_url}/sim"
    yield f"  ready?             curl -s {access.admin_url}/readyz"
    yield f"  its log            tail -f {access.log}"
    yield "Stop with Ctrl-C."


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1))


def _cells(book: Book | None, absent: str) -> tuple[str, str, str, str]:
    if book is None:
        return absent, "0", "0", ""
    return book.status, plain(book.executed), str(len(book.fills)), plain(book.average)


def _venue_name(line: OrderLine) -> Text:
    return Text("" if line.client_order_id == NOT_SENT else f"  {line.client_order_id}", style="dim")


def _absent(line: OrderLine) -> str:
    """Why the venue has no such order."""
    return "(never sent)" if line.client_order_id == NOT_SENT else "(refused)"


def _mark(agrees: bool) -> Text:
    return Text(AGREE, style="green") if agrees else Text(DIFFER, style="bold red")
