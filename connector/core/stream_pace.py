"""When the user data stream may connect: backoff between attempts, and the venue's limit on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from connector.core.stream_values import StreamSettings, backoff_ns


class Pace:
    """At most one connection is scheduled at a time."""

    def __init__(self, settings: StreamSettings, chance: Callable[[], float]) -> None:
        self._settings = settings
        self._chance = chance
        self._attempts: deque[int] = deque()
        self.failures = 0  # connections in a row that came to nothing
        self.open_ns: int | None = None  # when the next one is to be opened

    def schedule(self, now_ns: int) -> None:
        """One more connection is needed: at once after the first failure, later after more of them."""
        if self.open_ns is None:
            self.open_ns = now_ns + backoff_ns(self._settings, self.failures, self._chance())

    def due(self, now_ns: int) -> bool:
        """The scheduled connection should be opened now."""
        return self.open_ns is not None and now_ns >= self.open_ns

    def take(self, now_ns: int) -> bool:
        """Use one attempt; False when the window is full, and the schedule then says when it is not."""
        window_ns = self._settings.attempts_window_ns
        while self._attempts and now_ns - self._attempts[0] >= window_ns:
            self._attempts.popleft()
        if len(self._attempts) >= self._settings.attempts:
            self.open_ns = self._attempts[0] + window_ns
            return False
        self._attempts.append(now_ns)
        self.open_ns = None
        return True
