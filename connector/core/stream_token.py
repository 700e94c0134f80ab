"""Tokens of one scope: at most one being fetched, each used once, failures retried with backoff."""

from __future__ import annotations

from collections.abc import Callable

from connector.core.stream_values import Scope, StreamSettings, backoff_ns


class TokenDesk:
    """Fetches for one scope, however many connections want one (trap 23).

    A token is used for one subscription and never again: each connection and each renewal gets a
    fresh one (trap 2).
    """

    def __init__(self, scope: Scope, settings: StreamSettings, chance: Callable[[], float]) -> None:
        self.scope = scope
        self.failures = 0  # in a row, of fetching and of subscribing with what was fetched
        self._settings = settings
        self._chance = chance
        self._asking = False  # a fetch is on its way
        self._worked_ns: int | None = None  # the last subscription was accepted
        self._retry_ns: int | None = None  # no fetch before this
        self._token: str | None = None
        self._fresh_until_ns = 0  # an unused token older than this is not worth using any more
        self._expires_ns = 0

    @property
    def timer_ns(self) -> int | None:
        """When `due` may answer differently."""
        return self._retry_ns

    def ready(self, now_ns: int) -> bool:
        """There is an unused token that is still fresh."""
        return self._token is not None and now_ns < self._fresh_until_ns

    def due(self, now_ns: int) -> bool:
        """A token that is wanted should be fetched now."""
        if self._asking or self.ready(now_ns):
            return False
        return self._retry_ns is None or now_ns >= self._retry_ns

    def wake(self, now_ns: int) -> None:
        """The wait is over, whether or not a token is wanted now."""
        if self._retry_ns is not None and now_ns >= self._retry_ns:
            self._retry_ns = None

    def asked(self) -> None:
        """A fetch begins."""
        assert not self._asking, f"{self.scope}: two tokens asked for at once"
        self._asking = True
        self._retry_ns = self._token = None

    def received(self, now_ns: int, token: str, lifetime_ns: int) -> None:
        """The fetch ended well."""
        self._asking = False
        self._token = token
        self._fresh_until_ns = now_ns + lifetime_ns // 2
        self._expires_ns = now_ns + lifetime_ns

    def unanswered(self, now_ns: int) -> None:
        """The fetch failed."""
        self._asking = False
        self.refused(now_ns)

    def refused(self, now_ns: int) -> None:
        """No subscription came of it, or none that lasted: the next fetch waits, longer each time."""
        if self._worked_ns is not None and now_ns - self._worked_ns >= self._settings.proven_ns:
            self.failures = 0
        self._worked_ns = None
        self.failures += 1
        wait_ns = backoff_ns(self._settings, self.failures, self._chance())
        self._retry_ns = now_ns + wait_ns if wait_ns else None

    def take(self) -> tuple[str, int]:
        """Use the token: itself and when it expires."""
        assert self._token is not None, f"{self.scope}: no token to use"
        token, self._token = self._token, None
        return token, self._expires_ns

    def worked(self, now_ns: int) -> None:
        """The venue accepted a subscription; whether it lasts is to be seen."""
        self._worked_ns = now_ns
