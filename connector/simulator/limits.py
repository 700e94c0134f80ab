"""Request weights, order counts, bans: aligned windows that refuse with 429 and then 418."""

from dataclasses import dataclass, field

from connector.simulator.errors import VenueError, refusal

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_US = 86_400 * SECOND_US
WEIGHT_TEXT = "Too much request weight used; current limit is %s request weight per 1 MINUTE."
BAN_TEXT = "Way too much request weight used; IP banned until %s."


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The venue's limits (reference section 1.10); lower them to rehearse a throttled day."""

    ip_weight: int = 12_000  # per sapi endpoint, IP and minute
    uid_weight: int = 180_000  # per sapi endpoint, user and minute
    api_weight: int = 6_000  # all of /api and the WS-API, per IP and minute
    raw_requests: int = 300_000  # per IP and 5 minutes
    connections: int = 300  # WS-API connection attempts per IP and 5 minutes
    orders_10s: int = 10_000
    orders_1d: int = 200_000
    breaches_before_ban: int = 10  # requests sent into a 429 before the IP is banned
    ban_s: int = 120


class Window:
    """A counter that starts again at each multiple of its length (:00, :10, ... or 00:00 UTC)."""

    __slots__ = ("_start_us", "count", "length_us")

    def __init__(self, length_us: int) -> None:
        self.length_us = length_us
        self.count = 0
        self._start_us = -1

    def roll(self, now_us: int) -> int:
        """Begin a new window when one is due; return the count of the current one."""
        start_us = now_us - now_us % self.length_us
        if start_us != self._start_us:
            self._start_us, self.count = start_us, 0
        return self.count

    def add(self, now_us: int, amount: int) -> int:
        self.roll(now_us)
        self.count += amount
        return self.count

    def seconds_left(self, now_us: int) -> int:
        """Whole seconds until the window ends, rounded up: the value of `Retry-After`."""
        return -((now_us % self.length_us - self.length_us) // SECOND_US)


class OrderCounter:
    """Unfilled-order counts of one account over 10 seconds and a day."""

    # "First fill decrements" is documented with these illustrative values.
    TAKER_FILL_CREDIT = 1
    MAKER_FILL_CREDIT = 5

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self.ten_seconds = Window(10 * SECOND_US)
        self.day = Window(DAY_US)

    def charge(self, now_us: int) -> None:
        """Count one new order.

        Raises:
            VenueError: -1015; while the day is exceeded the 10 s counter stands still.
        """
        if self.day.roll(now_us) >= self.limits.orders_1d:
            raise refusal(-1015, self.limits.orders_1d, "1 DAY")
        if self.ten_seconds.roll(now_us) >= self.limits.orders_10s:
            raise refusal(-1015, self.limits.orders_10s, "10 SECOND")
        self.day.add(now_us, 1)
        self.ten_seconds.add(now_us, 1)

    def credit_fill(self, now_us: int, *, is_maker: bool) -> None:
        """Give back count for an order's first fill, never below zero."""
        credit = self.MAKER_FILL_CREDIT if is_maker else self.TAKER_FILL_CREDIT
        for window in (self.ten_seconds, self.day):
            window.count = max(0, window.roll(now_us) - credit)

    def headers(self, now_us: int) -> dict[str, str]:
        return {
            "X-MBX-ORDER-COUNT-10S": str(self.ten_seconds.roll(now_us)),
            "X-MBX-ORDER-COUNT-1D": str(self.day.roll(now_us)),
        }

    def rows(self, now_us: int) -> list[dict[str, object]]:
        """`GET /sapi/v1/margin/rateLimit/order`."""
        return [
            {
                "rateLimitType": "ORDERS",
                "interval": interval,
                "intervalNum": number,
                "limit": limit,
                "count": window.roll(now_us),
            }
            for interval, number, limit, window in (
                ("SECOND", 10, self.limits.orders_10s, self.ten_seconds),
                ("DAY", 1, self.limits.orders_1d, self.day),
            )
        ]


@dataclass(slots=True)
class _Caller:
    breaches: Window = field(default_factory=lambda: Window(MINUTE_US))
    banned_until_us: int = 0


class WeightLimiter:
    """Independent pools: one per sapi endpoint and IP or user, and one per IP for /api and the WS-API."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._pools: dict[tuple[str, str], Window] = {}
        self._callers: dict[str, _Caller] = {}

    def check_ban(self, ip: str, now_us: int) -> None:
        """Refuse a banned IP.

        Raises:
            VenueError: HTTP 418 with `Retry-After`.
        """
        caller = self._callers.get(ip)
        if caller is None or caller.banned_until_us <= now_us:
            return
        seconds = -((now_us - caller.banned_until_us) // SECOND_US)
        raise VenueError(
            -1003,
            BAN_TEXT % (caller.banned_until_us // 1000),
            status=418,
            headers={"Retry-After": str(seconds)},
            data={"serverTime": now_us // 1000, "retryAfter": caller.banned_until_us // 1000},
        )

    def charge(self, ip: str, pool: str, owner: str, *, weight: int, limit: int, now_us: int) -> int:
        """Add `weight` to a pool and return what is used.

        Raises:
            VenueError: 429 -1003 with `Retry-After`; 418 once the caller kept sending into 429s.
        """
        window = self._window(pool, owner, MINUTE_US)
        used = window.add(now_us, weight)
        if used > limit:
            self._breach(ip, now_us)
            raise self._too_much(WEIGHT_TEXT % limit, window, now_us)
        return used

    def charge_connection(self, ip: str, now_us: int) -> None:
        """Count one WS-API connection attempt.

        Raises:
            VenueError: 429 beyond the limit per 5 minutes.
        """
        window = self._window("connections", ip, 5 * MINUTE_US)
        if window.add(now_us, 1) > self.limits.connections:
            text = f"Too many connection attempts; current limit is {self.limits.connections} per 5 MINUTE."
            raise self._too_much(text, window, now_us)

    def charge_raw(self, ip: str, now_us: int) -> None:
        """Count one raw request.

        Raises:
            VenueError: 429 beyond the limit per 5 minutes.
        """
        window = self._window("raw", ip, 5 * MINUTE_US)
        if window.add(now_us, 1) > self.limits.raw_requests:
            text = f"Too many requests; current limit is {self.limits.raw_requests} requests per 5 MINUTE."
            raise self._too_much(text, window, now_us)

    def used(self, pool: str, owner: str, now_us: int) -> int:
        return self._window(pool, owner, MINUTE_US).roll(now_us)

    def ban(self, ip: str, until_us: int) -> None:
        """Ban an IP from now on (also from the control API)."""
        self._callers.setdefault(ip, _Caller()).banned_until_us = until_us

    def _window(self, pool: str, owner: str, length_us: int) -> Window:
        window = self._pools.get((pool, owner))
        if window is None:
            window = self._pools[pool, owner] = Window(length_us)
        return window

    def _breach(self, ip: str, now_us: int) -> None:
        caller = self._callers.setdefault(ip, _Caller())
        if caller.breaches.add(now_us, 1) > self.limits.breaches_before_ban:
            self.ban(ip, now_us + self.limits.ban_s * SECOND_US)
            self.check_ban(ip, now_us)

    @staticmethod
    def _too_much(text: str, window: Window, now_us: int) -> VenueError:
        seconds = window.seconds_left(now_us)
        until_us = now_us - now_us % window.length_us + window.length_us
        return VenueError(
            -1003,
            text,
            status=429,
            headers={"Retry-After": str(seconds)},
            data={"serverTime": now_us // 1000, "retryAfter": until_us // 1000},
        )
