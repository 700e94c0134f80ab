"""`/sapi/v1`: listen tokens, accounts, loans, transfers and margin reference data (sections 1.7, 6.3, 7)."""

from collections.abc import Iterable
from decimal import Decimal

from connector.simulator.account import TradingAccount, User
from connector.simulator.call import Call, Endpoint, Pool, Routes, Security
from connector.simulator.errors import VenueError, refusal
from connector.simulator.lending import LoanRecord
from connector.simulator.numbers import ZERO, stripped
from connector.simulator.symbols import SymbolSpec
from connector.simulator.wallets import Balance

MAX_VALIDITY_MS = 86_400_000
PAIR_ID = 351_637_150_141_315_000


def listen_token(call: Call) -> object:
    """Issue the credential of one account's stream; signed or not makes no difference."""
    validity = call.params.integer("validity")
    validity_ms = MAX_VALIDITY_MS if validity is None else validity
    if not 0 < validity_ms <= MAX_VALIDITY_MS:
        raise refusal(-1130, "validity")
    token = call.world.issue_token(call.margin_account(), validity_ms)
    return {"token": token.token, "expirationTime": call.time(token.expires_us)}


# --- accounts ----------------------------------------------------------------------------------


def cross_account(call: Call) -> object:
    account, lender = call.owner.cross, call.world.exchange.ledger.lender
    assets, debts = lender.value(account)
    level = stripped(round(lender.margin_level(account), 8))
    per_btc = call.world.exchange.index_price("BTC") or Decimal(1)
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": level,
        "collateralMarginLevel": level,
        "totalAssetOfBtc": _amount(assets / per_btc),
        "totalLiabilityOfBtc": _amount(debts / per_btc),
        "totalNetAssetOfBtc": _amount((assets - debts) / per_btc),
        "TotalCollateralValueInUSDT": _amount(assets),
        "totalOpenOrderLossInUSDT": "0",
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "userAssets": [
            {"asset": asset, **_balance(balance)}
            for asset, balance in ((a, account.wallet.balance(a)) for a in lender.assets)
        ],
    }


def _balance(balance: Balance) -> dict[str, object]:
    return {
        "borrowed": stripped(balance.borrowed),
        "free": stripped(balance.free),
        "interest": stripped(balance.interest),
        "locked": stripped(balance.locked),
        "netAsset": stripped(balance.net),
    }


def _amount(value: Decimal) -> str:
    return stripped(round(value, 8))


def isolated_account(call: Call) -> object:
    chosen = call.params.text("symbols")
    accounts = list(call.owner.isolated.values())
    if chosen is not None:
        names = chosen.split(",")
        accounts = [call.owner.margin_account(name, is_isolated=True) for name in names]
    reply: dict[str, object] = {"assets": [_isolated(call, account) for account in accounts]}
    if chosen is None:
        lender = call.world.exchange.ledger.lender
        per_btc = call.world.exchange.index_price("BTC") or Decimal(1)
        values = [lender.value(account) for account in accounts]
        assets = sum((value[0] for value in values), ZERO) / per_btc
        debts = sum((value[1] for value in values), ZERO) / per_btc
        reply |= {
            "totalAssetOfBtc": _amount(assets),
            "totalLiabilityOfBtc": _amount(debts),
            "totalNetAssetOfBtc": _amount(assets - debts),
        }
    return reply


def _isolated(call: Call, account: TradingAccount) -> dict[str, object]:
    exchange = call.world.exchange
    market = exchange.market(account.symbol)
    level = exchange.ledger.lender.margin_level(account)
    return {
        "baseAsset": _isolated_side(call, account, market.spec.base),
        "quoteAsset": _isolated_side(call, account, market.spec.quote),
        "symbol": account.symbol,
        "isolatedCreated": True,
        "enabled": True,
        "marginLevel": _amount(level),
        "marginLevelStatus": _level_status(level),
        "marginRatio": str(exchange.ledger.lender.max_leverage),
        "indexPrice": stripped(market.last_price),
        "liquidatePrice": "0",
        "liquidateRate": "0",
        "tradeEnabled": True,
    }


def _isolated_side(call: Call, account: TradingAccount, asset: str) -> dict[str, object]:
    balance, exchange = account.wallet.balance(asset), call.world.exchange
    per_btc = exchange.index_price("BTC") or Decimal(1)
    return {
        "asset": asset,
        "borrowEnabled": True,
        "repayEnabled": True,
        **_balance(balance),
        "netAssetOfBtc": _amount(balance.net * exchange.index_price(asset) / per_btc),
        "totalAsset": stripped(balance.free + balance.locked),
    }


LEVELS = (
    (Decimal(2), "EXCESSIVE"),
    (Decimal("1.5"), "NORMAL"),
    (Decimal("1.3"), "MARGIN_CALL"),
    (Decimal("1.1"), "PRE_LIQUIDATION"),
)


def _level_status(level: Decimal) -> str:
    return next((name for bar, name in LEVELS if level >= bar), "FORCE_LIQUIDATION")


def trade_coefficients(_: Call) -> object:
    return {"normalBar": "1.5", "marginCallBar": "1.3", "forceLiquidationBar": "1.1"}


# --- loans and transfers -----------------------------------------------------------------------


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
    return {"amount": _amount(min(free, room) if debts else free)}


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


# --- reference data ----------------------------------------------------------------------------


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
    ("POST", "/sapi/v1/userListenToken"): Endpoint(listen_token, Security.KEY, Pool.UID, 1),
    ("GET", f"{_M}/account"): Endpoint(cross_account, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_M}/isolated/account"): Endpoint(isolated_account, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_M}/tradeCoeff"): Endpoint(trade_coefficients, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_M}/maxBorrowable"): Endpoint(max_borrowable, Security.SIGNED, Pool.UID, 750),
    ("GET", f"{_M}/maxTransferable"): Endpoint(max_transferable, Security.SIGNED, Pool.IP, 50),
    ("POST", f"{_M}/borrow-repay"): Endpoint(borrow_or_repay, Security.TRADE, Pool.UID, 1500),
    ("GET", f"{_M}/borrow-repay"): Endpoint(loan_records, Security.SIGNED, Pool.IP, 10),
    ("POST", "/sapi/v1/asset/transfer"): Endpoint(transfer, Security.TRADE, Pool.UID, 300),
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
