"""User data streams: who listens to which account, and the delivery of events through the faults in force."""

import asyncio
from collections.abc import Callable

from connector.simulator.account import TradingAccount
from connector.simulator.clock import Clock
from connector.simulator.errors import refusal
from connector.simulator.events import Event, rendered, server_shutdown, stream_terminated
from connector.simulator.fault import VENUE_ACTS, Action, Fault
from connector.simulator.faults import FaultEngine, Occurrence
from connector.simulator.happenings import Kind, News
from connector.simulator.session import Session, Subscription

MAX_SUBSCRIPTION_ID = 65_535
REORDER_WAIT_S = 1.0  # an event held back to be overtaken goes out after this at the latest
BROKEN_TEXT = b'{"subscriptionId":0,"event":{"e":"executionReport","E":17951'


class Hub:
    """All sessions and who listens to which account."""

    def __init__(
        self,
        clock: Clock,
        faults: FaultEngine,
        take_events: Callable[[], list[tuple[TradingAccount, Event]]],
        *,
        news: News,
        intervene: Callable[[Action, TradingAccount, Event], None],
    ) -> None:
        self.clock, self.faults, self.news = clock, faults, news
        self._intervene = intervene  # does to an order what a fault of its event asks of the venue
        self._take_events = take_events
        self.sessions: set[Session] = set()
        self.frozen: set[str] = set()  # user names, "*" = everybody
        self.lost_events = 0  # while frozen, dropped by a fault, or with nobody listening
        self.delivered_events = 0
        self._listeners: dict[TradingAccount, list[Subscription]] = {}
        self._held: dict[TradingAccount, tuple[Event, asyncio.TimerHandle]] = {}

    # --- sessions ------------------------------------------------------------------------------

    def close(self, session: Session) -> None:
        """Forget a session whose connection ended."""
        for subscription in list(session.subscriptions.values()):
            self._forget(subscription)
        self.sessions.discard(session)

    def cut(self, user: str | None) -> int:
        """Drop the connections that listen for a user, or all; return how many."""
        chosen = [
            session
            for session in self.sessions
            if user is None or any(s.account.user == user for s in session.subscriptions.values())
        ]
        for session in chosen:
            session.cut()
        return len(chosen)

    def announce_shutdown(self) -> int:
        """Tell every connection that the server goes down."""
        for session in self.sessions:
            self._send_shutdown(session)
        return len(self.sessions)

    def send_raw(self, frame: bytes) -> int:
        """Send a frame as it is to every connection (junk, for tests)."""
        for session in self.sessions:
            session.send(frame)
        return len(self.sessions)

    # --- subscriptions -------------------------------------------------------------------------

    def subscribe(
        self,
        session: Session,
        account: TradingAccount,
        *,
        by_logon: bool = False,
        token: str = "",
        expires_us: int | None = None,
        keeps_id: bool = True,
    ) -> Subscription:
        """Open a subscription, or move the expiry of the one a renewed token belongs to.

        Raises:
            VenueError: -2035 when this connection already listens to the account (unless it is a renewal),
                -2042 when its ids are used up.
        """
        current = next((s for s in session.subscriptions.values() if s.account is account), None)
        if current is not None:
            if not token or token == current.token:
                raise refusal(-2035)
            if keeps_id:
                self._set_expiry(current, token, expires_us)
                self.news.subscription(Kind.STREAM_RENEWED, account)
                return current
            self._forget(current, ends=False)  # the new subscription takes over without a gap
        if session.next_subscription_id > MAX_SUBSCRIPTION_ID:
            raise refusal(-2042)
        subscription = Subscription(session.next_subscription_id, session, account, by_logon)
        session.next_subscription_id += 1
        session.subscriptions[subscription.id] = subscription
        self._listeners.setdefault(account, []).append(subscription)
        renews = current is not None
        self.news.subscription(Kind.STREAM_RENEWED if renews else Kind.STREAM_SUBSCRIBED, account)
        self._set_expiry(subscription, token, expires_us)
        return subscription

    def terminate(self, subscription: Subscription) -> None:
        """End a subscription and tell its connection, which stays open."""
        session = subscription.session
        if session.subscriptions.get(subscription.id) is not subscription:
            return
        self._forget(subscription)
        event = rendered(stream_terminated(self.clock.now_us()), microseconds=session.microseconds)
        session.send_json({"subscriptionId": subscription.id, "event": event})

    def expire(self, user: str | None) -> int:
        """End the token subscriptions of a user, or of all, as if their time had come; return how many."""
        chosen = [
            subscription
            for subscriptions in self._listeners.values()
            for subscription in subscriptions
            if subscription.token and (user is None or subscription.account.user == user)
        ]
        for subscription in chosen:
            self.terminate(subscription)
        return len(chosen)

    def _set_expiry(self, subscription: Subscription, token: str, expires_us: int | None) -> None:
        subscription.stop_timer()
        subscription.token, subscription.expires_us = token, expires_us
        if expires_us is not None:
            delay_s = max(0.0, (expires_us - self.clock.now_us()) / 1_000_000)
            loop = asyncio.get_running_loop()
            subscription.timer = loop.call_later(delay_s, self.terminate, subscription)

    def _forget(self, subscription: Subscription, *, ends: bool = True) -> None:
        subscription.stop_timer()
        subscription.session.subscriptions.pop(subscription.id, None)
        listeners = self._listeners.get(subscription.account, [])
        if subscription not in listeners:
            return
        listeners.remove(subscription)
        if ends:
            self.news.subscription(Kind.STREAM_ENDED, subscription.account)

    # --- delivery ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Deliver the events the exchange has produced since the last flush."""
        for account, event in self._take_events():
            self.news.told(account, event)
            self.deliver(account, event)

    def deliver(self, account: TradingAccount, event: Event) -> None:
        """Send one event to everybody who listens to the account, through the faults in force."""
        if "*" in self.frozen or account.user in self.frozen:
            self.lost_events += 1
            return
        event["E"] = self.clock.now_us()
        acting = self.faults.take(_occurrence(account, event)) if self.faults.faults else []
        actions = {fault.action for fault in acting}
        self._send_junk(account, actions)
        self._let_venue_act(acting, account, event)
        if Action.FREEZE in actions:
            self._freeze(account.user, acting)
        elif Action.DROP_EVENTS in actions:
            self.lost_events += 1
        elif Action.REORDER_EVENTS in actions and account not in self._held:
            self._hold(account, event)
        else:
            self._send_after(acting, account, event)
            if Action.DUPLICATE_EVENTS in actions:
                self._send_after(acting, account, event)
            self._release(account)
        if Action.CUT in actions:
            asyncio.get_running_loop().call_later(0.01, self.cut, account.user)

    def _let_venue_act(self, acting: list[Fault], account: TradingAccount, event: Event) -> None:
        loop = asyncio.get_running_loop()
        for fault in acting:
            if fault.action in VENUE_ACTS:
                loop.call_later(fault.delay_ms / 1000, self._intervene, fault.action, account, event)

    def _freeze(self, user: str, acting: list[Fault]) -> None:
        """Lose this event and all that follow, for the longest time asked for; 0 = until thawed."""
        self.lost_events += 1
        self.frozen.add(user)
        durations_ms = [fault.delay_ms for fault in acting if fault.action is Action.FREEZE]
        if all(durations_ms):
            loop = asyncio.get_running_loop()
            loop.call_later(max(durations_ms) / 1000, self.frozen.discard, user)

    def _send_after(self, acting: list[Fault], account: TradingAccount, event: Event) -> None:
        delay_ms = sum(fault.delay_ms for fault in acting if fault.action is Action.DELAY_EVENTS)
        if delay_ms:
            asyncio.get_running_loop().call_later(delay_ms / 1000, self._send, account, event)
        else:
            self._send(account, event)

    def _send(self, account: TradingAccount, event: Event) -> None:
        listeners = self._listeners.get(account)
        if not listeners:
            self.lost_events += 1
            return
        for subscription in listeners:
            session = subscription.session
            shown = rendered(event, microseconds=session.microseconds)
            session.send_json({"subscriptionId": subscription.id, "event": shown})
        self.delivered_events += 1

    def _hold(self, account: TradingAccount, event: Event) -> None:
        loop = asyncio.get_running_loop()
        self._held[account] = (event, loop.call_later(REORDER_WAIT_S, self._release, account))

    def _release(self, account: TradingAccount) -> None:
        held = self._held.pop(account, None)
        if held is not None:
            event, timer = held
            timer.cancel()
            self._send(account, event)

    def _send_junk(self, account: TradingAccount, actions: set[Action]) -> None:
        sessions = {subscription.session for subscription in self._listeners.get(account, [])}
        for session in sessions:
            if Action.BROKEN_FRAME in actions:
                session.send(BROKEN_TEXT)
            if Action.EMPTY_FRAME in actions:
                session.send(b"")
            if Action.SERVER_SHUTDOWN in actions:
                self._send_shutdown(session)

    def _send_shutdown(self, session: Session) -> None:
        event = rendered(server_shutdown(self.clock.now_us()), microseconds=session.microseconds)
        session.send_json({"event": event})


def _occurrence(account: TradingAccount, event: Event) -> Occurrence:
    names = tuple(str(event[key]) for key in ("c", "C") if event.get(key))
    return Occurrence(
        event=str(event["e"]), symbol=str(event.get("s", "")), client_ids=names, account=account.user
    )
