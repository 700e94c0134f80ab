"""When the venue asked to wait: questions are not sent on, since going on asking is what it bans for.

Reference 1.10: past a weight limit 429, with Retry-After in seconds; whoever keeps sending is answered 418
and banned by address, for minutes first, then for days; and a ban stops cancels too (P8). Each SAPI route
has a pool of its own, /api has one for all. Orders and cancels are the router's to hold, not ours.
"""

from __future__ import annotations

NS_PER_S = 1_000_000_000
UNSAID_S = 5  # of a refusal without Retry-After
LONGEST_S = 3 * 86_400  # the longest ban the venue speaks of
TOO_MANY, BANNED = 429, 418

_EVERYTHING = ""


class Restraint:
    """Until when which questions wait. Times are of the caller's monotonic clock."""

    def __init__(self) -> None:
        self._until_ns: dict[str, int] = {}  # by pool

    def heard(self, method: str, path: str, http: int, retry_after_s: str | None, now_ns: int) -> None:
        """Note what an answer says of limits."""
        if http not in (TOO_MANY, BANNED):
            return
        said = retry_after_s is not None and retry_after_s.isascii() and retry_after_s.isdigit()
        seconds = min(int(retry_after_s), LONGEST_S) if said and retry_after_s else UNSAID_S
        pool = _EVERYTHING if http == BANNED else _pool(method, path)
        self._until_ns[pool] = max(self._until_ns.get(pool, 0), now_ns + seconds * NS_PER_S)

    def wait_ms(self, method: str, path: str, now_ns: int) -> int:
        """How long a question has to wait yet; 0: it may go."""
        until_ns = max(self._until_ns.get(_EVERYTHING, 0), self._until_ns.get(_pool(method, path), 0))
        return max(0, -((now_ns - until_ns) // 1_000_000))


def _pool(method: str, path: str) -> str:
    return "/api" if path.startswith("/api/") else f"{method} {path}"
