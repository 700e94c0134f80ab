"""`/sapi/v1`: borrowing, repaying and moving money between wallets (reference section 7)."""

from collections.abc import Iterable

from connector.simulator.account import TradingAccount, User
from connector.simulator.call import Call, Endpoint, Pool, Routes, Security
from connector.simulator.errors import refusal
from connector.simulator.lending import LoanRecord
from connector.simulator.numbers import ZERO, rounded_down, stripped


def _loan_account(call: Call) -> TradingAccount:
    """`isolatedSymbol` of the queries selects an isolated account."""
    symbol = call.params.text("isolatedSymbol")
    return call.owner.margin_account(symbol or "", is_isolated=symbol is not None)


def max_borrowable(call: Call) -> object:
    asset = call.params.required("asset")
    lender = call.world.exchange.ledger.lender
    amount = lender.max_borrowable(_loan_account(call), asset)
    return {"amount": stripped(amount), "borrowLimit": stripped(lender.assets[asset].borrow_limit)}


def max_transferable(call: Call) -> object:
    asset = call.params.required("asset")
    exchange = call.world.exchange
    if asset not in exchange.ledger.lender.assets:
        raise refusal(-3027)
    account = _loan_account(call)
    free = account.wallet.balance(asset).free
    assets, debts = exchange.ledger.lender.value(account)
    price = exchange.index_price(asset)
    room = max(ZERO, (assets - 2 * debts) / price) if price else ZERO
    return {"amount": stripped(rounded_down(min(free, room) if debts else free))}


def borrow_or_repay(call: Call) -> object:
    asset, amount = call.params.required("asset"), call.params.required_decimal("amount")
    kind = call.params.required("type")
    if kind not in ("BORROW", "REPAY"):
        raise refusal(-1130, "type")
    account, lender = call.margin_account(), call.world.exchange.ledger.lender
    if kind == "BORROW":
        tran_id: int | None = lender.borrow(
            call.owner, account, asset, amount, call.now_us, row_type="MANUAL"
        )
        call.world.exchange.announce(account, call.now_us)
        return {"tranId": tran_id}
    balance = account.wallet.balance(asset)
    if amount > balance.debt:
        raise refusal(-3015)
    if amount > balance.free:
        raise refusal(-3041)
    tran_id = lender.repay(account, asset, amount, call.now_us, row_type="MANUAL")
    call.world.exchange.announce(account, call.now_us)
    return {"tranId": tran_id}


def loan_records(call: Call) -> object:
    kind = call.params.required("type")
    tran_id, start = call.params.integer("txId"), call.params.integer("startTime")
    end = call.params.integer("endTime")
    asset, symbol = call.params.text("asset"), call.params.text("isolatedSymbol") or ""
    rows: Iterable[LoanRecord] = (
        row
        for row in reversed(call.world.exchange.ledger.lender.records)
        if row.user == call.owner.name and row.kind == kind and row.isolated_symbol == symbol
    )
    rows = [
        row
        for row in rows
        if (tran_id is None or row.tran_id == tran_id)
        and (asset is None or row.asset == asset)
        and (start is None or row.time_us // 1000 >= start)
        and (end is None or row.time_us // 1000 <= end)
    ]
    size = min(call.params.integer("size") or 10, 100)
    first = ((call.params.integer("current") or 1) - 1) * size
    return {"rows": [_loan(call, row) for row in rows[first : first + size]], "total": len(rows)}


def _loan(call: Call, row: LoanRecord) -> dict[str, object]:
    return {
        "type": row.row_type,
        "isolatedSymbol": row.isolated_symbol,
        "amount": stripped(row.amount),
        "asset": row.asset,
        "interest": stripped(row.interest),
        "principal": stripped(row.principal),
        "status": "CONFIRMED",
        "timestamp": call.time(row.time_us),
        "txId": row.tran_id,
    }


def transfer(call: Call) -> object:
    """Universal transfer between the spot, cross and isolated accounts of the user."""
    kind, asset = call.params.required("type"), call.params.required("asset")
    amount = call.params.required_decimal("amount")
    source, _, target = kind.partition("_")
    if kind in ("MAIN_ISOLATED_MARGIN", "ISOLATED_MARGIN_MAIN"):
        source, target = ("MAIN", "ISOLATEDMARGIN") if kind[0] == "M" else ("ISOLATEDMARGIN", "MAIN")
    if asset not in call.world.exchange.ledger.lender.assets:
        raise refusal(-3027)
    accounts = [_transfer_account(call, source, "fromSymbol"), _transfer_account(call, target, "toSymbol")]
    tran_id = call.world.exchange.transfer(accounts[0], accounts[1], asset, amount, call.now_us)
    return {"tranId": tran_id}


def _transfer_account(call: Call, name: str, symbol_param: str) -> TradingAccount:
    user: User = call.owner
    if name == "MAIN":
        return user.spot
    if name == "MARGIN":
        return user.cross
    if name == "ISOLATEDMARGIN":
        return user.margin_account(call.params.required(symbol_param), is_isolated=True)
    raise refusal(-1130, "type")


_M = "/sapi/v1/margin"
ROUTES: Routes = {
    ("GET", f"{_M}/maxBorrowable"): Endpoint(max_borrowable, Security.SIGNED, Pool.UID, 750),
    ("GET", f"{_M}/maxTransferable"): Endpoint(max_transferable, Security.SIGNED, Pool.IP, 50),
    ("POST", f"{_M}/borrow-repay"): Endpoint(borrow_or_repay, Security.TRADE, Pool.UID, 1500),
    ("GET", f"{_M}/borrow-repay"): Endpoint(loan_records, Security.SIGNED, Pool.IP, 10),
    ("POST", "/sapi/v1/asset/transfer"): Endpoint(transfer, Security.TRADE, Pool.UID, 300),
}
