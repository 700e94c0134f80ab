"""What a client has read: the question, and the answer that proves it.

That bytes left us proves nothing, and neither does a message of the client: it may have been under way
already. A Heartbeat(0) that answers our TestRequest(1) does: TCP and MsgSeqNum(34) keep the order, so
whoever answers it has received everything we sent before. The TestReqID(112) names how far that is, so that
nothing has to be remembered between question and answer.
"""

from __future__ import annotations

from collections.abc import Callable

EVERY_S = 5.0
PREFIX = "READ-"
MAX_DIGITS = 18


class Receipts:
    """Asks every client to which something was told, until it has answered for the last of it."""

    def __init__(self, ask: Callable[[str, str], None], every_s: float = EVERY_S) -> None:
        """`ask(session, test_req_id)` sends the TestRequest."""
        self._ask = ask
        self._every_s = every_s
        self._told: dict[str, int] = {}  # the last mark of each session that has something unread
        self._due_s: dict[str, float] = {}

    def told(self, session: str, mark: int) -> None:
        """Something was sent; `mark` grows with each."""
        self._told[session] = mark

    def tick(self, now_s: float, there: Callable[[str], bool]) -> None:
        """To be called from time to time; `there(session)`: the client is logged on."""
        for session, mark in list(self._told.items()):
            due_s = self._due_s.setdefault(session, now_s + self._every_s)
            if now_s >= due_s and there(session):
                self._due_s[session] = now_s + self._every_s
                self._ask(session, f"{PREFIX}{mark}")

    def answered(self, session: str, test_req_id: str) -> int | None:
        """The mark up to which the client has read, None when this answers somebody else's question."""
        digits = test_req_id.removeprefix(PREFIX)
        last = self._told.get(session)
        if last is None or digits == test_req_id or not digits.isdecimal() or len(digits) > MAX_DIGITS:
            return None
        mark = int(digits)
        if mark > last:
            return None  # nobody was asked that
        if mark == last:
            del self._told[session]
            self._due_s.pop(session, None)
        return mark
