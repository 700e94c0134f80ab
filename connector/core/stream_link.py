"""One connection of the user data stream: its phase, and per scope what is subscribed on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connector.core.stream_values import Scope, StreamSettings


class Phase(StrEnum):
    """Of one connection. A connection that is gone has no phase: it is forgotten."""

    OPENING = "OPENING"  # connecting, TLS, WebSocket handshake
    SUBSCRIBING = "SUBSCRIBING"  # open, at least one scope is not subscribed
    UP = "UP"  # every scope is subscribed


class Fact(StrEnum):
    """What moves a connection."""

    OPENED = "OPENED"
    ALL_SUBSCRIBED = "ALL_SUBSCRIBED"
    SUBSCRIPTION_LOST = "SUBSCRIPTION_LOST"


TRANSITIONS: Mapping[tuple[Phase, Fact], Phase] = {
    (Phase.OPENING, Fact.OPENED): Phase.SUBSCRIBING,
    (Phase.SUBSCRIBING, Fact.ALL_SUBSCRIBED): Phase.UP,
    (Phase.SUBSCRIBING, Fact.SUBSCRIPTION_LOST): Phase.SUBSCRIBING,  # one scope goes while another is coming
    (Phase.UP, Fact.ALL_SUBSCRIBED): Phase.UP,  # a renewal
    (Phase.UP, Fact.SUBSCRIPTION_LOST): Phase.SUBSCRIBING,
}


@dataclass(slots=True)
class Subscription:
    """One scope on one connection."""

    wanted: bool = True  # a Subscribe is to be sent as soon as there is a token
    request: int | None = None  # the Subscribe on its way
    answer_by_ns: int = 0
    token_expires_ns: int = 0  # of the token it was sent with
    live: bool = False  # events of this scope arrive here
    id: int | None = None  # the newest subscription id; None: the venue did not say
    renew_ns: int | None = None
    expires_ns: int | None = None

    def sent(self, request: int, answer_by_ns: int, token_expires_ns: int) -> None:
        """A Subscribe left."""
        assert self.request is None, "two subscriptions of one scope at once"
        self.wanted = False
        self.request = request
        self.answer_by_ns = answer_by_ns
        self.token_expires_ns = token_expires_ns

    def accepted(
        self, now_ns: int, subscription_id: int | None, lifetime_ns: int, settings: StreamSettings
    ) -> None:
        """The venue took it. An older id may go on until the venue ends it, which then ends nothing here."""
        self.request = None
        self.live = True
        self.id = subscription_id
        self.renew_ns = now_ns + min(settings.renewal_ns, lifetime_ns // 2)
        self.expires_ns = now_ns + lifetime_ns

    def lost(self) -> None:
        """No events come any more: subscribe again, unless a renewal is on its way already."""
        self.live = False
        self.renew_ns = self.expires_ns = None
        self.wanted = self.request is None

    @property
    def timers(self) -> Iterable[int]:
        """When something is due."""
        if self.request is not None:
            yield self.answer_by_ns
        if self.renew_ns is not None:
            yield self.renew_ns
        if self.expires_ns is not None:
            yield self.expires_ns


class Link:
    """One connection. Only `move` assigns its phase."""

    def __init__(self, number: int, scopes: Iterable[Scope], opened_by_ns: int) -> None:
        self.number = number
        self.phase = Phase.OPENING
        self.opened_by_ns = opened_by_ns
        self.up_ns = 0
        self.replace_ns: int | None = None
        self.subscriptions = {scope: Subscription() for scope in scopes}

    @property
    def whole(self) -> bool:
        """Every scope is subscribed."""
        return all(subscription.live for subscription in self.subscriptions.values())

    def move(self, fact: Fact) -> None:
        """Advance by the table; a move it does not have is our bug."""
        assert (self.phase, fact) in TRANSITIONS, f"connection {self.number}: {fact} in {self.phase}"
        self.phase = TRANSITIONS[self.phase, fact]

    def asked_by(self, request: int) -> tuple[Scope, Subscription] | None:
        """The scope whose Subscribe has this number."""
        for scope, subscription in self.subscriptions.items():
            if subscription.request == request:
                return scope, subscription
        return None

    def holding(self, subscription_id: int | None) -> list[tuple[Scope, Subscription]]:
        """The scopes whose newest subscription this is; None: all that are subscribed."""
        return [
            (scope, subscription)
            for scope, subscription in self.subscriptions.items()
            if subscription.live and subscription_id in {None, subscription.id}
        ]

    @property
    def timers(self) -> Iterable[int]:
        """When something of this connection is due."""
        if self.phase is Phase.OPENING:
            yield self.opened_by_ns
        if self.replace_ns is not None:
            yield self.replace_ns
        for subscription in self.subscriptions.values():
            yield from subscription.timers
