"""The user data stream of one account as a machine without I/O (reference 1.6, 1.7).

Every verb takes `now_ns` (monotonic) and returns the actions to carry out; `next_timer_ns` says when
to call `tick`. At most two connections exist: the `current` one and a `successor` that is being made
ready while the current one still delivers. The old one is closed only after the new one is up, so
events may arrive twice, which P5 makes harmless, but do not get lost.

What proves the stream (staleWebsocketTimeout, product page): an *event* after an order message was
sent. Pings are answered by a front end that may have lost its source (trap 18), and answers to our
own subscriptions come from there too, so neither counts. An order the venue refused causes no event
and is not waited for. The wait runs from the first order message still unproven; one event proves all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connector.core.stream_link import Fact, Link, Phase, Subscription
from connector.core.stream_pace import Pace
from connector.core.stream_token import TokenDesk
from connector.core.stream_values import (
    SECOND_NS,
    Action,
    Alarm,
    AlarmKind,
    CloseSocket,
    Down,
    OpenSocket,
    RequestToken,
    Scope,
    StreamSettings,
    Subscribe,
    Up,
    UpReason,
)

CONNECTION_SPENT = frozenset(
    {-2035, -2042}
)  # already active here; no more ids here: only a new connection helps


class StreamMachine:
    """The machine. `chance` gives numbers in [0, 1) for the jitter."""

    def __init__(
        self, scopes: Iterable[Scope], settings: StreamSettings, chance: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._pace = Pace(settings, chance)
        self._desks = {scope: TokenDesk(scope, settings, chance) for scope in scopes}
        assert self._desks, "a stream without an account"
        self._current: Link | None = None
        self._successor: Link | None = None
        self._up = False
        self._closed = False
        self._gap = UpReason.START  # what the next Up will say
        self._unproven: dict[str, int] = {}  # order message -> when it was sent, oldest first
        self._numbers = 0
        self._requests = 0
        self._out: list[Action] = []

    # What happens

    def connect(self, now_ns: int) -> list[Action]:
        """Begin; once."""
        assert self._numbers == 0, "connected before"
        self._pace.schedule(now_ns)
        return self._finish(now_ns)

    def opened(self, now_ns: int, number: int) -> list[Action]:
        """The WebSocket handshake of OpenSocket(number) is done."""
        link = self._link(number)
        if link is not None and link.phase is Phase.OPENING:
            link.move(Fact.OPENED)
            link.replace_ns = now_ns + self._settings.replace_ns
        return self._finish(now_ns)

    def closed(self, now_ns: int, number: int, cause: str) -> list[Action]:
        """The connection could not be opened, or ended, without CloseSocket."""
        link = self._link(number)
        if link is not None:
            self._lost(now_ns, link, cause, close=False)
        return self._finish(now_ns)

    def token_received(self, now_ns: int, scope: Scope, token: str, lifetime_ns: int | None) -> list[Action]:
        """RequestToken(scope) was answered. `lifetime_ns` None: the venue did not say."""
        self._desks[scope].received(now_ns, token, self._lifetime(scope, lifetime_ns))
        return self._finish(now_ns)

    def token_failed(self, now_ns: int, scope: Scope, cause: str) -> list[Action]:
        """RequestToken(scope) was refused or not answered."""
        self._desks[scope].unanswered(now_ns)
        self._alarm_token(AlarmKind.TOKEN_FAILING, scope, cause)
        return self._finish(now_ns)

    def subscribed(
        self,
        now_ns: int,
        number: int,
        request: int,
        *,
        subscription_id: int | None,
        lifetime_ns: int | None,
    ) -> list[Action]:
        """Subscribe was answered well. The id may be the old one or a new one (reference 11.3)."""
        link = self._link(number)
        found = link.asked_by(request) if link is not None else None
        if link is not None and found is not None:
            scope, subscription = found
            if lifetime_ns is None:
                lifetime_ns = subscription.token_expires_ns - now_ns
            subscription.accepted(now_ns, subscription_id, self._lifetime(scope, lifetime_ns), self._settings)
            self._desks[scope].worked(now_ns)
            self._subscribed(now_ns, link)
        return self._finish(now_ns)

    def subscribe_refused(
        self, now_ns: int, number: int, request: int, *, code: int | None, text: str
    ) -> list[Action]:
        """Subscribe was answered by an error."""
        link = self._link(number)
        found = link.asked_by(request) if link is not None else None
        if link is not None and found is not None:
            scope, subscription = found
            cause = f"subscription refused: {code} {text}"
            self._not_subscribed(now_ns, scope, subscription, cause)
            if code in CONNECTION_SPENT:
                self._spent(now_ns, link, cause)
            else:
                subscription.wanted = True  # with a fresh token: -1209 asks for one, no other code forbids it
        return self._finish(now_ns)

    def event_received(self, now_ns: int, number: int) -> list[Action]:
        """An event of the account arrived (not a ping, not an answer, not one of the two below)."""
        if self._link(number) is not None:
            self._unproven.clear()
            self._pace.failures = 0
        return self._finish(now_ns)

    def event_stream_terminated(self, now_ns: int, number: int, subscription_id: int | None) -> list[Action]:
        """The venue ended a subscription; the connection stays open (reference 4.5)."""
        link = self._link(number)
        if link is not None:
            for scope, subscription in link.holding(subscription_id):
                self._desks[scope].refused(now_ns)
                self._subscription_lost(link, scope, subscription, "eventStreamTerminated")
        return self._finish(now_ns)

    def server_shutdown(self, now_ns: int, number: int) -> list[Action]:
        """The venue announced that it will drop this connection (reference 1.6)."""
        link = self._link(number)
        if link is not None and link is self._current:
            self._replace(now_ns)
        elif link is not None:
            self._lost(now_ns, link, "serverShutdown", close=True)
        return self._finish(now_ns)

    def order_message_sent(self, now_ns: int, key: str) -> list[Action]:
        """An order or a cancel left for the venue; `key` names it until it is answered."""
        if self._up:
            self._unproven.setdefault(key, now_ns)
        return self._finish(now_ns)

    def order_message_answered(self, now_ns: int, key: str, *, event_expected: bool) -> list[Action]:
        """The venue's answer is known. Refused or never sent: no event will come, none is waited for."""
        if not event_expected:
            self._unproven.pop(key, None)
        return self._finish(now_ns)

    def tick(self, now_ns: int) -> list[Action]:
        """Time has passed. Early or repeated calls do no harm."""
        self._check_stale(now_ns)
        for desk in self._desks.values():
            desk.wake(now_ns)
        for link in (self._current, self._successor):
            if link is not None:
                self._check(now_ns, link)
        return self._finish(now_ns)

    def close(self) -> list[Action]:
        """End: every connection is closed, and whatever is still said has no effect."""
        for link in (self._current, self._successor):
            if link is not None:
                self._out.append(CloseSocket(link.number))
        self._current = self._successor = None
        self._down("closed by us", UpReason.START)
        self._closed = True
        out, self._out = self._out, []
        return out

    # What is known

    @property
    def up(self) -> bool:
        """Every scope is subscribed on a connection that is not known to be stale."""
        return self._up

    @property
    def next_timer_ns(self) -> int | None:
        """When `tick` is due; None: only something happening moves the machine."""
        if self._closed:
            return None
        timers = [desk.timer_ns for desk in self._desks.values()]
        timers += (self._pace.open_ns, self._stale_ns)
        for link in (self._current, self._successor):
            if link is not None:
                timers += link.timers
        return min((timer for timer in timers if timer is not None), default=None)

    def __repr__(self) -> str:
        links = [
            f"{link.number}:{link.phase}" for link in (self._current, self._successor) if link is not None
        ]
        state = "closed" if self._closed else "up" if self._up else "down"
        return f"<StreamMachine {state} [{' '.join(links)}] unproven={len(self._unproven)}>"

    # Deciding

    @property
    def _stale_ns(self) -> int | None:
        first = next(iter(self._unproven.values()), None)
        return None if first is None else first + self._settings.stale_ns

    def _check_stale(self, now_ns: int) -> None:
        stale_ns = self._stale_ns
        if stale_ns is None or now_ns < stale_ns:
            return
        assert self._current is not None, "orders are waited for only while up"
        waited_s = self._settings.stale_ns / SECOND_NS
        cause = f"no event within {waited_s:g} s after an order message was sent"
        self._out.append(Alarm(AlarmKind.STALE, cause))
        self._lost(now_ns, self._current, cause, close=True)

    def _check(self, now_ns: int, link: Link) -> None:
        """Whatever is due on one connection."""
        if link.phase is Phase.OPENING and now_ns >= link.opened_by_ns:
            self._lost(now_ns, link, "not open in time", close=True)
            return
        if link.replace_ns is not None and now_ns >= link.replace_ns:
            link.replace_ns = None
            if link is self._current:
                self._replace(now_ns)
        for scope, subscription in link.subscriptions.items():
            if self._link(link.number) is not None:
                self._check_subscription(now_ns, link, scope, subscription)

    def _check_subscription(self, now_ns: int, link: Link, scope: Scope, subscription: Subscription) -> None:
        if subscription.renew_ns is not None and now_ns >= subscription.renew_ns:
            subscription.renew_ns = None
            subscription.wanted = subscription.request is None
        if subscription.expires_ns is not None and now_ns >= subscription.expires_ns:
            self._subscription_lost(link, scope, subscription, "subscription expired")
        if subscription.request is not None and now_ns >= subscription.answer_by_ns:
            cause = "subscription not answered in time"
            self._not_subscribed(now_ns, scope, subscription, cause)
            self._spent(now_ns, link, cause)

    def _subscribed(self, now_ns: int, link: Link) -> None:
        if link.whole:
            was_up = link.phase is Phase.UP
            link.move(Fact.ALL_SUBSCRIBED)
            if not was_up:
                self._came_up(now_ns, link)

    def _not_subscribed(self, now_ns: int, scope: Scope, subscription: Subscription, cause: str) -> None:
        subscription.request = None
        self._desks[scope].refused(now_ns)
        self._alarm_token(AlarmKind.SUBSCRIBE_REFUSED, scope, cause)

    def _came_up(self, now_ns: int, link: Link) -> None:
        link.up_ns = now_ns
        if link is self._successor:
            old, self._current, self._successor = self._current, link, None
            assert old is not None, "a successor of nothing"
            self._out.append(CloseSocket(old.number))
        reason = UpReason.REPLACED if self._up else self._gap
        self._up = True
        self._unproven.clear()  # reconciling covers it; its event may have been on its way on the old one
        self._out.append(Up(reason))

    def _subscription_lost(self, link: Link, scope: Scope, subscription: Subscription, cause: str) -> None:
        """One scope is silent now; the connection stays and the scope is subscribed again."""
        subscription.lost()
        link.move(Fact.SUBSCRIPTION_LOST)
        if link is self._current:
            self._down(f"{cause} ({scope or 'cross'})", UpReason.RESUBSCRIBED)

    def _spent(self, now_ns: int, link: Link, cause: str) -> None:
        """Nothing more can be subscribed here. What still arrives is welcome until a successor is up."""
        if link is self._current and link.phase is Phase.UP:
            self._replace(now_ns)
        else:
            self._lost(now_ns, link, cause, close=True)

    def _replace(self, now_ns: int) -> None:
        """Make a successor ready, unless that is under way."""
        if self._successor is None:
            self._pace.schedule(now_ns)

    def _lost(self, now_ns: int, link: Link, cause: str, *, close: bool) -> None:
        """A connection is gone, or is as good as gone and to be closed."""
        if close:
            self._out.append(CloseSocket(link.number))
        if link.phase is Phase.UP and now_ns - link.up_ns >= self._settings.proven_ns:
            self._pace.failures = 0
        self._pace.failures += 1
        if not self._up:  # else Down says it
            self._out.append(
                Alarm(AlarmKind.NOT_CONNECTED, f"{cause} (failures in a row: {self._pace.failures})")
            )
        if link is self._current:
            self._current, self._successor = self._successor, None
            self._down(cause, UpReason.RECONNECTED)
            if self._current is None:
                self._pace.schedule(now_ns)
        else:
            self._successor = None
            self._pace.schedule(now_ns)  # why it was wanted still holds

    def _down(self, cause: str, gap: UpReason) -> None:
        self._unproven.clear()
        if self._up:
            self._up = False
            self._gap = gap
            self._out.append(Down(cause))

    def _alarm_token(self, kind: AlarmKind, scope: Scope, cause: str) -> None:
        failures = self._desks[scope].failures
        self._out.append(Alarm(kind, f"{scope or 'cross'}: {cause} (failures in a row: {failures})"))

    def _lifetime(self, scope: Scope, lifetime_ns: int | None) -> int:
        """What to count on; nonsense and silence count as what was asked for."""
        asked_ns = self._settings.validity_ns
        if lifetime_ns is None:
            return asked_ns
        if lifetime_ns < asked_ns // 2:
            lives_s, asked_s = lifetime_ns / SECOND_NS, asked_ns / SECOND_NS
            text = f"{scope or 'cross'}: lives for {lives_s:.3f} s, not {asked_s:g} s"
            self._out.append(Alarm(AlarmKind.ODD_LIFETIME, text))
        return lifetime_ns if lifetime_ns >= SECOND_NS else asked_ns

    def _link(self, number: int) -> Link | None:
        for link in (self._current, self._successor):
            if link is not None and link.number == number:
                return link
        return None

    # Doing

    def _finish(self, now_ns: int) -> list[Action]:
        """Start whatever is possible now; give the actions out."""
        if self._closed:
            return []
        if self._pace.due(now_ns):
            self._open(now_ns)
        for link in (self._current, self._successor):
            if link is not None:
                self._serve(now_ns, link)
        out, self._out = self._out, []
        return out

    def _open(self, now_ns: int) -> None:
        if not self._pace.take(now_ns):
            text = f"{self._settings.attempts} connections opened, the next one waits"
            self._out.append(Alarm(AlarmKind.ATTEMPTS_EXHAUSTED, text))
            return
        self._numbers += 1
        link = Link(self._numbers, self._desks, now_ns + self._settings.handshake_ns)
        if self._current is None:
            self._current = link
        else:
            assert self._successor is None, "three connections"
            self._successor = link
        self._out.append(OpenSocket(link.number))

    def _serve(self, now_ns: int, link: Link) -> None:
        """Fetch tokens already while the connection opens; subscribe as soon as both are there."""
        for scope, subscription in link.subscriptions.items():
            desk = self._desks[scope]
            if not subscription.wanted:
                continue
            if link.phase is not Phase.OPENING and desk.ready(now_ns):
                token, token_expires_ns = desk.take()
                self._requests += 1
                subscription.sent(self._requests, now_ns + self._settings.answer_ns, token_expires_ns)
                self._out.append(Subscribe(link.number, self._requests, scope, token))
            elif desk.due(now_ns):
                desk.asked()
                self._out.append(RequestToken(scope))
