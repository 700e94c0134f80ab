"""What a FIX session's messages mean where they leave something open: its defaults and its rights."""

from __future__ import annotations

from enum import StrEnum

from mappers.model import SelfTradePreventionMode, SideEffectType, Value


class DayTimeInForce(StrEnum):
    """The session's `dayTimeInForce`: what TimeInForce(59)=0 (Day) becomes; the venue has no day orders."""

    REJECT = "REJECT"
    GTC = "GTC"


class SessionProfile(Value, frozen=True, kw_only=True):
    """One FIX session as its messages need to know it.

    Raises:
        ValueError: the default account is not among the accounts, or there is none.
    """

    session: str  # session key "<client>-><ours>"
    client_comp_id: str  # SenderCompID(49) of the client
    on_behalf_of: tuple[str, ...] = ()  # OnBehalfOfCompID(115) values it may send; empty: none
    side_effect: SideEffectType = SideEffectType.NO_SIDE_EFFECT
    stp_mode: SelfTradePreventionMode = SelfTradePreventionMode.EXPIRE_MAKER
    day_time_in_force: DayTimeInForce = DayTimeInForce.REJECT
    default_account: str  # where Account(1) is absent
    accounts: dict[str, tuple[str, ...]]  # name -> isolated symbols; (): the cross account

    def __post_init__(self) -> None:
        if self.default_account not in self.accounts:
            names = ", ".join(self.accounts) or "none"
            raise ValueError(f"default account {self.default_account} is not one of the accounts: {names}")
