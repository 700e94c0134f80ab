"""When an account must hold back new orders and questions. Cancels are never held back here (P8)."""

from __future__ import annotations

from mappers.model import VenueRefused

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
TOO_MANY_ORDERS = -1015


class BackOff:
    """The venue said wait: HTTP 429, 418, 403 or their codes.

    The margin page promises no Retry-After for order-count breaches, so without one the wait is to the end
    of the window the code speaks of: 10 s for -1015, a minute otherwise (windows are aligned).
    """

    def __init__(self) -> None:
        self.until_ns = 0

    def refused(self, outcome: VenueRefused, now_ns: int) -> None:
        """Note one refusal of kind BACK_OFF."""
        if outcome.retry_after_ms is not None:
            until = now_ns + outcome.retry_after_ms * NS_PER_MS
        else:
            window = (10 if outcome.refusal.venue_code == TOO_MANY_ORDERS else 60) * NS_PER_S
            until = (now_ns // window + 1) * window
        self.until_ns = max(self.until_ns, until)

    def wait_ms(self, now_ns: int) -> int:
        """How long yet; 0 when nothing holds."""
        return max(0, -((now_ns - self.until_ns) // NS_PER_MS))
