"""One wallet: free, locked, borrowed and interest per asset."""

from dataclasses import dataclass, field
from decimal import Decimal

from connector.simulator.numbers import ZERO


class InsufficientBalanceError(Exception):
    """The wallet does not hold what was to be locked or taken."""

    def __init__(self, asset: str, needed: Decimal, free: Decimal) -> None:
        super().__init__(f"{asset}: needed {needed}, free {free}")
        self.asset, self.needed, self.free = asset, needed, free


@dataclass(slots=True)
class Balance:
    """Amounts of one asset; `borrowed` is principal, `interest` is what it has cost so far."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def debt(self) -> Decimal:
        return self.borrowed + self.interest

    @property
    def net(self) -> Decimal:
        return self.free + self.locked - self.debt


@dataclass(slots=True)
class Wallet:
    """Balances by asset. `touched` collects the assets to be told in the next position event."""

    balances: dict[str, Balance] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    def balance(self, asset: str) -> Balance:
        """Return the live balance, creating an empty one for a new asset."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def credit(self, asset: str, amount: Decimal) -> None:
        self.balance(asset).free += amount
        self.touched.add(asset)

    def debit(self, asset: str, amount: Decimal) -> None:
        """Take from free.

        Raises:
            InsufficientBalanceError: free is smaller.
        """
        balance = self.balance(asset)
        if balance.free < amount:
            raise InsufficientBalanceError(asset, amount, balance.free)
        balance.free -= amount
        self.touched.add(asset)

    def lock(self, asset: str, amount: Decimal) -> None:
        """Move from free to locked.

        Raises:
            InsufficientBalanceError: free is smaller.
        """
        self.debit(asset, amount)
        self.balance(asset).locked += amount

    def unlock(self, asset: str, amount: Decimal) -> None:
        """Move from locked back to free."""
        balance = self.balance(asset)
        assert ZERO <= amount <= balance.locked, f"{asset}: unlock {amount} of {balance.locked}"
        balance.locked -= amount
        balance.free += amount
        self.touched.add(asset)

    def spend(self, asset: str, amount: Decimal) -> None:
        """Take from locked, for good."""
        balance = self.balance(asset)
        assert ZERO <= amount <= balance.locked, f"{asset}: spend {amount} of {balance.locked}"
        balance.locked -= amount
        self.touched.add(asset)

    def borrow(self, asset: str, amount: Decimal) -> None:
        self.balance(asset).borrowed += amount
        self.credit(asset, amount)

    def repay(self, asset: str, amount: Decimal) -> tuple[Decimal, Decimal]:
        """Pay back from free, interest first; return (interest, principal) paid.

        Pays min(amount, debt, free), so the caller may ask for more than is owed.
        """
        balance = self.balance(asset)
        paid = min(amount, balance.debt, balance.free)
        if paid <= 0:
            return ZERO, ZERO
        interest = min(paid, balance.interest)
        balance.interest -= interest
        balance.borrowed -= paid - interest
        balance.free -= paid
        self.touched.add(asset)
        return interest, paid - interest

    def take_touched(self) -> list[str]:
        """Return the assets changed since the last call, in a stable order."""
        assets = sorted(self.touched)
        self.touched.clear()
        return assets
