"""The simulator's clock: the machine's, plus an offset the control API may set."""

import time


class Clock:
    """Microseconds since the epoch as the venue believes them."""

    def __init__(self) -> None:
        self.offset_us = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + self.offset_us
