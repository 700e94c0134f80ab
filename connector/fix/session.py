"""What a FIX session is to us, in plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

BEGIN_STRING = "FIX.4.4"
MAX_LATENCY_S = 120  # of SendingTime(52), the FIX recommendation

FailStop = Callable[[BaseException], NoReturn]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """One configured session. quickfix knows no templates: a new client needs a restart.

    Raises:
        ValueError: an empty or unprintable comp ID, or a password without a user name.
    """

    sender_comp_id: str  # ours: SenderCompID(49) of what we send
    target_comp_id: str  # the client's: SenderCompID(49) of what it sends
    username: str | None = None  # Username(553); None = not asked for
    password: str | None = field(default=None, repr=False)  # Password(554); None = not asked for
    internal: bool = False  # our own watchdog's: told to nobody, open to this machine only

    def __post_init__(self) -> None:
        for name, value in (("SenderCompID", self.sender_comp_id), ("TargetCompID", self.target_comp_id)):
            # the engine names store files after the comp IDs
            if not value or not value.isascii() or not value.isprintable() or set(value) & set("/\\ :"):
                raise ValueError(
                    f"{name} {value!r}: printable ASCII without space, ':', '/' and '\\' is needed"
                )
        if self.password is not None and self.username is None:
            raise ValueError(f"session {self.key}: a password needs a user name")

    @property
    def key(self) -> str:
        """The name of the session everywhere else: the client first."""
        return f"{self.target_comp_id}->{self.sender_comp_id}"


class Application(Protocol):
    """Who is told what the sessions do; called inside the engine, where an exception ends the process."""

    def on_message(self, session: str, text: str) -> None:
        """One application message (35=D, F, H, ...), whole, fields separated by SOH.

        Its MsgSeqNum(34) is consumed when this returns and not before (P2).
        """

    def on_reset(self, session: str) -> None:
        """The client asks for ResetSeqNumFlag(141)=Y: as soon as this returns both numbers become 1 and what
        was stored for it is gone. Its `on_logon` follows, unless we die in between."""

    def on_logon(self, session: str, reset: bool) -> None:
        """The client is logged on. `reset`: `on_reset` was called since the last logon."""

    def on_receipt(self, session: str, mark: int) -> None:
        """The client has read everything up to `mark` (see `FixAcceptor.told`)."""

    def on_logout(self, session: str) -> None:
        """The client is logged out or its connection was lost."""


class EventLog(Protocol):
    """The part of a structlog logger that is used here."""

    def info(self, event: str, **values: Any) -> Any: ...
    def warning(self, event: str, **values: Any) -> Any: ...
    def error(self, event: str, **values: Any) -> Any: ...
