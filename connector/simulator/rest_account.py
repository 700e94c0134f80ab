"""`/sapi/v1`: listen tokens, accounts, loans, transfers and margin reference data (sections 1.7, 6.3, 7)."""

from decimal import Decimal

from connector.simulator.account import TradingAccount
from connector.simulator.call import Call, Endpoint, Pool, Routes, Security
from connector.simulator.errors import refusal
from connector.simulator.numbers import ZERO, stripped
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


_M = "/sapi/v1/margin"
ROUTES: Routes = {
    ("POST", "/sapi/v1/userListenToken"): Endpoint(listen_token, Security.KEY, Pool.UID, 1),
    ("GET", f"{_M}/account"): Endpoint(cross_account, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_M}/isolated/account"): Endpoint(isolated_account, Security.SIGNED, Pool.IP, 10),
    ("GET", f"{_M}/tradeCoeff"): Endpoint(trade_coefficients, Security.SIGNED, Pool.IP, 10),
}
