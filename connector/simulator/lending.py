"""Borrowing and repaying: limits, records, and the value of an account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from connector.simulator.account import TradingAccount, User
from connector.simulator.errors import refusal
from connector.simulator.numbers import ZERO, rounded_down
from connector.simulator.symbols import AssetSpec

NO_DEBT_LEVEL = Decimal(999)  # what accounts without debt show


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRecord:
    """A row of `GET /sapi/v1/margin/borrow-repay`."""

    tran_id: int
    user: str
    kind: str  # BORROW or REPAY
    row_type: str  # AUTO (by an order) or MANUAL (by request)
    isolated_symbol: str
    asset: str
    amount: Decimal
    interest: Decimal
    principal: Decimal
    time_us: int


@dataclass(slots=True, kw_only=True)
class Lender:
    """The venue's margin desk. `price_of` gives an asset's index price in USDT."""

    assets: Mapping[str, AssetSpec]
    price_of: Callable[[str], Decimal]
    max_leverage: int
    job_us: int  # how long a loan occupies its account; a second one meanwhile gets -3007
    inventory: dict[str, Decimal] = field(default_factory=dict)  # what is left to lend
    records: list[LoanRecord] = field(default_factory=list)
    next_tran_id: int = 100_000_001

    def __post_init__(self) -> None:
        for spec in self.assets.values():
            self.inventory.setdefault(spec.name, spec.inventory)

    def value(self, account: TradingAccount) -> tuple[Decimal, Decimal]:
        """Return (assets, debts) in USDT at index prices."""
        assets = debts = ZERO
        for asset, balance in account.wallet.balances.items():
            price = self.price_of(asset)
            assets += (balance.free + balance.locked) * price
            debts += balance.debt * price
        return assets, debts

    def margin_level(self, account: TradingAccount) -> Decimal:
        assets, debts = self.value(account)
        return NO_DEBT_LEVEL if debts == 0 else min(NO_DEBT_LEVEL, assets / debts)

    def max_borrowable(self, account: TradingAccount, asset: str) -> Decimal:
        """How much more of `asset` leverage and the account's limit allow."""
        spec = self._spec(asset)
        assets, debts = self.value(account)
        room = (assets - debts) * (self.max_leverage - 1) - debts
        price = self.price_of(asset)
        by_leverage = max(ZERO, room / price) if price else ZERO
        by_limit = max(ZERO, spec.borrow_limit - account.wallet.balance(asset).borrowed)
        return rounded_down(min(by_leverage, by_limit))

    def borrow(
        self, user: User, account: TradingAccount, asset: str, amount: Decimal, now_us: int, *, row_type: str
    ) -> int:
        """Lend `amount` and return the transaction id.

        Raises:
            VenueError: -3012 not borrowable, -3007 a loan is running, -3006 over the account's maximum,
                -3045 the venue has too little.
        """
        if not self._spec(asset).is_borrowable:
            raise refusal(-3012)
        if now_us < user.borrow_busy_until_us:
            raise refusal(-3007)
        if amount > self.max_borrowable(account, asset):
            raise refusal(-3006)
        if amount > self.inventory[asset]:
            raise refusal(-3045)
        user.borrow_busy_until_us = now_us + self.job_us
        self.inventory[asset] -= amount
        account.wallet.borrow(asset, amount)
        return self._record(
            account,
            kind="BORROW",
            row_type=row_type,
            asset=asset,
            interest=ZERO,
            principal=amount,
            now_us=now_us,
        )

    def repay(
        self, account: TradingAccount, asset: str, amount: Decimal, now_us: int, *, row_type: str
    ) -> int | None:
        """Pay back up to `amount` from free, interest first; None when nothing was paid."""
        interest, principal = account.wallet.repay(asset, amount)
        if interest + principal == 0:
            return None
        self.inventory[asset] += principal
        return self._record(
            account,
            kind="REPAY",
            row_type=row_type,
            asset=asset,
            interest=interest,
            principal=principal,
            now_us=now_us,
        )

    def _spec(self, asset: str) -> AssetSpec:
        spec = self.assets.get(asset)
        if spec is None:
            raise refusal(-3027)
        return spec

    def _record(
        self,
        account: TradingAccount,
        *,
        kind: str,
        row_type: str,
        asset: str,
        interest: Decimal,
        principal: Decimal,
        now_us: int,
    ) -> int:
        tran_id = self.next_tran_id
        self.next_tran_id += 1
        self.records.append(
            LoanRecord(
                tran_id=tran_id,
                user=account.user,
                kind=kind,
                row_type=row_type,
                isolated_symbol=account.symbol,
                asset=asset,
                amount=interest + principal,
                interest=interest,
                principal=principal,
                time_us=now_us,
            )
        )
        return tran_id
