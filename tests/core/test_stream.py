"""The user data stream's machine: its rules as short dialogues, then a seeded walk through everything at once."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from random import Random

import pytest

from connector.core.stream import StreamMachine
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
    backoff_ns,
    lifetime_ns,
)

S = SECOND_NS
HOUR = 3600 * S
SETTINGS = StreamSettings()
ALIVE = HOUR  # what a token of the default settings lives for


def machine(*scopes: Scope, settings: StreamSettings = SETTINGS) -> StreamMachine:
    return StreamMachine(scopes or (None,), settings, lambda: 1.0)


def bring_up(stream: StreamMachine, now: int = 0, number: int = 1, request: int = 1) -> None:
    """The whole start of a cross account, as it should go."""
    stream.connect(now)
    stream.opened(now, number)
    stream.token_received(now, None, f"token-{request}", ALIVE)
    assert stream.subscribed(now, number, request, subscription_id=0, lifetime_ns=ALIVE) == [
        Up(UpReason.START)
    ]


def alarms(actions: list[Action]) -> list[AlarmKind]:
    return [action.kind for action in actions if isinstance(action, Alarm)]


def without_alarms(actions: list[Action]) -> list[Action]:
    return [action for action in actions if not isinstance(action, Alarm)]


# Start


def test_the_token_is_fetched_while_the_connection_opens_and_used_when_both_are_there() -> None:
    """Reference 1.7: token by REST, then subscribe; fetching meanwhile makes every gap shorter."""
    stream = machine()

    assert stream.connect(0) == [OpenSocket(1), RequestToken(None)]
    assert stream.token_received(1 * S, None, "t", ALIVE) == []
    assert stream.opened(2 * S, 1) == [Subscribe(1, 1, None, "t")]
    assert not stream.up
    assert stream.subscribed(3 * S, 1, 1, subscription_id=4, lifetime_ns=ALIVE) == [Up(UpReason.START)]
    assert stream.up


def test_every_isolated_symbol_has_a_token_of_its_own_and_all_must_be_subscribed() -> None:
    """Reference 1.7: one token per isolated symbol, many on one socket."""
    stream = machine("BTCUSDT", "ETHUSDT")

    assert stream.connect(0) == [OpenSocket(1), RequestToken("BTCUSDT"), RequestToken("ETHUSDT")]
    stream.opened(0, 1)
    assert stream.token_received(0, "ETHUSDT", "e", ALIVE) == [Subscribe(1, 1, "ETHUSDT", "e")]
    assert stream.subscribed(0, 1, 1, subscription_id=0, lifetime_ns=ALIVE) == []
    assert stream.token_received(0, "BTCUSDT", "b", ALIVE) == [Subscribe(1, 2, "BTCUSDT", "b")]
    assert stream.subscribed(0, 1, 2, subscription_id=1, lifetime_ns=ALIVE) == [Up(UpReason.START)]


def test_a_token_is_no_part_of_any_repr() -> None:
    """P11, trap 22: whoever has the token can read the account."""
    stream = machine()
    stream.connect(0)
    stream.opened(0, 1)
    actions = stream.token_received(0, None, "secret-token", ALIVE)

    assert "secret-token" not in repr(actions)
    assert "secret-token" not in repr(stream)


def test_a_connection_that_does_not_open_in_time_is_given_up() -> None:
    stream = machine()
    stream.connect(0)

    assert stream.next_timer_ns == 10 * S
    closed, alarm, opened = stream.tick(10 * S)
    assert (closed, opened) == (CloseSocket(1), OpenSocket(2))
    assert alarm == Alarm(AlarmKind.NOT_CONNECTED, "not open in time (failures in a row: 1)")
    assert stream.opened(11 * S, 1) == []  # late news of a connection given up


# Renewal


def test_the_subscription_is_renewed_on_the_same_socket_by_a_fresh_token_each_heartbeat_interval() -> None:
    """Product page: websocketHeartbeatInterval; reference 1.7: renewal on the same connection, no gap."""
    stream = machine()
    bring_up(stream)

    assert stream.next_timer_ns == 1800 * S
    assert stream.tick(1800 * S) == [RequestToken(None)]
    assert stream.token_received(1801 * S, None, "fresh", ALIVE) == [Subscribe(1, 2, None, "fresh")]
    assert stream.subscribed(1802 * S, 1, 2, subscription_id=0, lifetime_ns=ALIVE) == []
    assert stream.up
    assert stream.next_timer_ns == (1802 + 1800) * S


def test_after_a_renewal_under_a_new_id_the_end_of_the_old_one_is_no_gap() -> None:
    """Reference 11.3: same id or a new one, both are handled; the end of the new one is a gap."""
    stream = machine()
    bring_up(stream)
    stream.tick(1800 * S)
    stream.token_received(1800 * S, None, "fresh", ALIVE)
    stream.subscribed(1800 * S, 1, 2, subscription_id=7, lifetime_ns=ALIVE)

    assert stream.event_stream_terminated(3600 * S, 1, 0) == []
    assert stream.up
    assert isinstance(stream.event_stream_terminated(3601 * S, 1, 7)[0], Down)


@pytest.mark.parametrize(
    ("heartbeat_s", "validity_s", "renewal_s"),
    [(1800, 3600, 1800), (60, 120, 60), (12 * 3600, 24 * 3600, 12 * 3600), (20 * 3600, 24 * 3600, 12 * 3600)],
)
def test_a_token_lives_for_two_intervals_but_never_longer_than_the_venue_allows(
    heartbeat_s: int, validity_s: int, renewal_s: int
) -> None:
    """Product page: 30 m and 60 m; reference 1.7: 24 h at most; renewal never later than at half of it."""
    settings = StreamSettings(heartbeat_ns=heartbeat_s * S)

    assert (settings.validity_ns, settings.renewal_ns) == (validity_s * S, renewal_s * S)


def test_a_failing_renewal_is_retried_with_alarms_while_the_stream_stays_up() -> None:
    """Trap 19: a renewal loop that fails quietly ends as a silent stream."""
    stream = machine()
    bring_up(stream)
    assert stream.tick(1800 * S) == [RequestToken(None)]
    now, attempts = 1800 * S, 0

    while stream.up:
        actions = stream.token_failed(now, None, "HTTP 503")
        assert alarms(actions) == [AlarmKind.TOKEN_FAILING]
        attempts += 1
        while RequestToken(None) not in actions and stream.up:
            now = stream.next_timer_ns or 0
            actions = stream.tick(now)

    assert attempts > 50
    assert now == ALIVE  # the subscription has run out: there may be a gap now


def test_when_the_renewal_works_again_after_the_expiry_the_gap_is_reconciled() -> None:
    stream = machine()
    bring_up(stream)
    stream.tick(1800 * S)
    stream.token_failed(1800 * S, None, "x")

    down = stream.tick(ALIVE)

    assert Down("subscription expired (cross)") in down
    stream.token_received(ALIVE, None, "late", ALIVE)
    assert stream.subscribed(ALIVE, 1, 2, subscription_id=1, lifetime_ns=ALIVE) == [Up(UpReason.RESUBSCRIBED)]


def test_a_lifetime_the_venue_cut_short_is_followed_and_told() -> None:
    """Trap 4: a token of 30 s by mistake; renew at half of what there is."""
    stream = machine()
    stream.connect(0)
    stream.opened(0, 1)

    assert alarms(stream.token_received(0, None, "t", 30 * S)) == [AlarmKind.ODD_LIFETIME]
    stream.subscribed(0, 1, 1, subscription_id=0, lifetime_ns=30 * S)

    assert stream.next_timer_ns == 15 * S
    assert stream.tick(15 * S) == [RequestToken(None)]


def test_a_lifetime_that_is_nonsense_counts_as_what_was_asked_for() -> None:
    """A clock that is wrong by an hour must not make us renew in a tight loop."""
    stream = machine()
    stream.connect(0)
    stream.opened(0, 1)
    stream.token_received(0, None, "t", -5 * S)

    assert alarms(stream.subscribed(0, 1, 1, subscription_id=0, lifetime_ns=-5 * S)) == [
        AlarmKind.ODD_LIFETIME
    ]
    assert stream.next_timer_ns == 1800 * S


def test_an_unstated_lifetime_of_a_subscription_is_that_of_its_token() -> None:
    """Reference 1.7: clients in use take the value of the REST answer."""
    stream = machine()
    stream.connect(0)
    stream.token_received(0, None, "t", 1800 * S)
    stream.opened(100 * S, 1)
    stream.subscribed(100 * S, 1, 1, subscription_id=0, lifetime_ns=None)

    assert stream.next_timer_ns == (100 + 850) * S


@pytest.mark.parametrize("expiration", [1795132860123, 1795132860123000])
def test_an_expiration_is_in_ms_or_us_by_its_magnitude(expiration: int) -> None:
    """Reference 1.7: ms in the REST answer, 16 digits in the official sample of the subscription."""
    assert lifetime_ns(expiration, 1795132800123) == 60 * S


# Refusals


def test_a_bad_token_is_replaced_by_a_fresh_one_at_once_then_with_patience() -> None:
    """-1209 (trap 2); but a venue that refuses every token must not be asked in a tight loop."""
    stream = machine()
    stream.connect(0)
    stream.opened(0, 1)
    stream.token_received(0, None, "bad", ALIVE)

    first = stream.subscribe_refused(0, 1, 1, code=-1209, text="Invalid listenToken.")
    assert without_alarms(first) == [RequestToken(None)]
    stream.token_received(0, None, "bad again", ALIVE)
    second = stream.subscribe_refused(0, 1, 2, code=-1209, text="Invalid listenToken.")

    assert alarms(first) == alarms(second) == [AlarmKind.SUBSCRIBE_REFUSED]
    assert without_alarms(second) == []
    assert stream.tick(S // 2) == [RequestToken(None)]


@pytest.mark.parametrize("code", [-2035, -2042])
def test_a_renewal_this_connection_cannot_have_gets_a_new_connection_beside_it(code: int) -> None:
    """Reference 1.6, 1.7: if a second subscription is refused, only another connection can renew."""
    stream = machine()
    bring_up(stream)
    stream.tick(1800 * S)
    stream.token_received(1800 * S, None, "fresh", ALIVE)

    actions = stream.subscribe_refused(1800 * S, 1, 2, code=code, text="x")

    assert without_alarms(actions) == [OpenSocket(2), RequestToken(None)]
    assert stream.up


def test_a_subscription_that_is_never_answered_gives_the_connection_up() -> None:
    stream = machine()
    stream.connect(0)
    stream.opened(0, 1)
    stream.token_received(0, None, "t", ALIVE)

    actions = stream.tick(10 * S)

    assert without_alarms(actions)[:2] == [CloseSocket(1), OpenSocket(2)]


def test_a_renewal_that_is_never_answered_is_made_on_a_new_connection() -> None:
    stream = machine()
    bring_up(stream)
    stream.tick(1800 * S)
    stream.token_received(1800 * S, None, "t", ALIVE)

    assert without_alarms(stream.tick(1810 * S)) == [OpenSocket(2), RequestToken(None)]
    assert stream.up


def test_a_terminated_subscription_runs_the_whole_start_again_on_the_same_socket() -> None:
    """Reference 4.5, trap 5: fresh token, subscribe, reconcile."""
    stream = machine()
    bring_up(stream)

    actions = stream.event_stream_terminated(100 * S, 1, 0)

    assert actions == [Down("eventStreamTerminated (cross)"), RequestToken(None)]
    assert stream.token_received(100 * S, None, "t2", ALIVE) == [Subscribe(1, 2, None, "t2")]
    assert stream.subscribed(100 * S, 1, 2, subscription_id=1, lifetime_ns=ALIVE) == [
        Up(UpReason.RESUBSCRIBED)
    ]


def test_a_termination_that_names_no_subscription_ends_them_all() -> None:
    stream = machine("A", "B")
    stream.connect(0)
    stream.opened(0, 1)
    for n, scope in enumerate(("A", "B")):
        stream.token_received(0, scope, scope, ALIVE)
        stream.subscribed(0, 1, n + 1, subscription_id=n, lifetime_ns=ALIVE)

    actions = stream.event_stream_terminated(100 * S, 1, None)

    assert [a for a in actions if isinstance(a, RequestToken)] == [RequestToken("A"), RequestToken("B")]


def test_subscriptions_that_never_last_are_tried_ever_more_slowly() -> None:
    stream = machine()
    bring_up(stream)
    now, asked = S, []
    for n in range(2, 9):
        actions = stream.event_stream_terminated(now, 1, n - 2)
        while RequestToken(None) not in actions:
            now = stream.next_timer_ns or 0
            actions = stream.tick(now)
        asked.append(now)
        stream.token_received(now, None, "t", ALIVE)
        stream.subscribed(now, 1, n, subscription_id=n - 1, lifetime_ns=ALIVE)

    gaps = [(b - a) / S for a, b in itertools.pairwise(asked)]
    assert gaps == [0.5, 1, 2, 4, 8, 16]


# Replacement with overlap


@pytest.mark.parametrize("why", ["serverShutdown", "23 hours"])
def test_the_old_connection_is_closed_only_after_the_new_one_is_subscribed(why: str) -> None:
    """Reference 1.6: 24 h at most, and serverShutdown; duplicates are harmless, a gap is not."""
    stream = machine(settings=StreamSettings(heartbeat_ns=12 * HOUR))
    stream.connect(0)
    stream.opened(0, 1)
    stream.token_received(0, None, "t", 24 * HOUR)
    stream.subscribed(0, 1, 1, subscription_id=0, lifetime_ns=24 * HOUR)
    if why == "serverShutdown":
        now, actions = S, stream.server_shutdown(S, 1)
    else:
        stream.tick(12 * HOUR)
        stream.token_received(12 * HOUR, None, "t", 24 * HOUR)
        stream.subscribed(12 * HOUR, 1, 2, subscription_id=0, lifetime_ns=24 * HOUR)
        now = stream.next_timer_ns or 0
        assert now == 23 * HOUR
        actions = stream.tick(now)
    request = 2 if why == "serverShutdown" else 3

    assert actions == [OpenSocket(2), RequestToken(None)]
    assert stream.opened(now, 2) == []
    assert stream.token_received(now, None, "t2", 24 * HOUR) == [Subscribe(2, request, None, "t2")]
    assert stream.up
    assert stream.subscribed(now, 2, request, subscription_id=0, lifetime_ns=24 * HOUR) == [
        CloseSocket(1),
        Up(UpReason.REPLACED),
    ]


def test_what_was_sent_just_before_a_replacement_is_left_to_reconciling() -> None:
    """Its event may have been on its way on the connection that was closed."""
    stream = machine()
    bring_up(stream)
    stream.server_shutdown(S, 1)
    stream.token_received(S, None, "t2", ALIVE)
    stream.opened(S, 2)
    stream.order_message_sent(2 * S, "fx-1")

    stream.subscribed(2 * S, 2, 2, subscription_id=0, lifetime_ns=ALIVE)

    assert stream.next_timer_ns == 1802 * S


def test_an_announced_shutdown_repeated_opens_one_successor() -> None:
    stream = machine()
    bring_up(stream)

    assert OpenSocket(2) in stream.server_shutdown(S, 1)
    assert stream.server_shutdown(2 * S, 1) == []


def test_if_the_old_connection_dies_first_its_successor_carries_on() -> None:
    stream = machine()
    bring_up(stream)
    stream.server_shutdown(S, 1)
    stream.token_received(S, None, "t2", ALIVE)

    assert stream.closed(2 * S, 1, "EOF") == [Down("EOF")]
    assert stream.opened(2 * S, 2) == [Subscribe(2, 2, None, "t2")]
    assert stream.subscribed(2 * S, 2, 2, subscription_id=0, lifetime_ns=ALIVE) == [Up(UpReason.RECONNECTED)]


def test_a_successor_that_fails_is_followed_by_another_while_the_old_one_delivers() -> None:
    stream = machine()
    bring_up(stream)
    stream.server_shutdown(S, 1)

    assert stream.closed(2 * S, 2, "refused") == [OpenSocket(3)]
    assert stream.closed(2 * S, 3, "refused") == []
    assert stream.up
    assert OpenSocket(4) in stream.tick(2 * S + S // 2)


# Staleness


def test_no_event_after_an_order_message_means_reconnect() -> None:
    """Product page, staleWebsocketTimeout 5s; trap 18."""
    stream = machine()
    bring_up(stream)

    stream.order_message_sent(100 * S, "fx-1")

    assert stream.next_timer_ns == 105 * S
    assert stream.tick(105 * S - 1) == []
    cause = "no event within 5 s after an order message was sent"
    assert stream.tick(105 * S) == [
        Alarm(AlarmKind.STALE, cause),
        CloseSocket(1),
        Down(cause),
        OpenSocket(2),
        RequestToken(None),
    ]


def test_any_event_proves_the_stream_for_every_order_message_sent_before_it() -> None:
    stream = machine()
    bring_up(stream)
    stream.order_message_sent(100 * S, "fx-1")
    stream.order_message_sent(101 * S, "fx-2")

    stream.event_received(102 * S, 1)

    assert stream.next_timer_ns == 1800 * S


def test_the_wait_runs_from_the_first_order_message_without_an_event() -> None:
    stream = machine()
    bring_up(stream)
    stream.order_message_sent(100 * S, "fx-1")
    stream.order_message_sent(104 * S, "fx-2")

    assert stream.next_timer_ns == 105 * S


def test_a_refused_order_is_not_waited_for_but_the_one_after_it_is() -> None:
    """HTTP 400 causes no event: otherwise every reject would reconnect the stream."""
    stream = machine()
    bring_up(stream)
    stream.order_message_sent(100 * S, "fx-1")
    stream.order_message_sent(102 * S, "fx-2")

    stream.order_message_answered(103 * S, "fx-1", event_expected=False)

    assert stream.next_timer_ns == 107 * S
    stream.order_message_answered(103 * S, "fx-2", event_expected=True)
    assert stream.next_timer_ns == 107 * S


def test_an_answer_after_its_event_starts_no_wait() -> None:
    """The stream may outrun the REST reply."""
    stream = machine()
    bring_up(stream)
    stream.order_message_sent(100 * S, "fx-1")
    stream.event_received(101 * S, 1)

    stream.order_message_answered(102 * S, "fx-1", event_expected=True)

    assert stream.next_timer_ns == 1800 * S


def test_answers_and_control_events_do_not_prove_the_stream() -> None:
    """They come from the front end; only an event of the account comes from its source."""
    stream = machine()
    bring_up(stream)
    stream.tick(1800 * S)
    stream.token_received(1800 * S, None, "t", ALIVE)
    stream.order_message_sent(1800 * S, "fx-1")

    stream.subscribed(1801 * S, 1, 2, subscription_id=0, lifetime_ns=ALIVE)
    stream.server_shutdown(1801 * S, 1)

    assert AlarmKind.STALE in alarms(stream.tick(1805 * S))


def test_orders_sent_while_the_stream_is_down_are_left_to_reconciling() -> None:
    stream = machine()
    stream.connect(0)

    stream.order_message_sent(0, "fx-1")
    bring_up_rest(stream)

    assert stream.next_timer_ns == 1800 * S


def bring_up_rest(stream: StreamMachine) -> None:
    stream.opened(0, 1)
    stream.token_received(0, None, "t", ALIVE)
    stream.subscribed(0, 1, 1, subscription_id=0, lifetime_ns=ALIVE)
    assert stream.up


# Pace


def test_the_first_reconnect_is_immediate_and_the_next_ones_wait_longer_each_time() -> None:
    stream = machine()
    stream.connect(0)
    now, opened = 0, []
    number = 1
    while len(opened) < 9:
        actions = stream.closed(now, number, "refused")
        while not any(isinstance(action, OpenSocket) for action in actions):
            now = stream.next_timer_ns or 0
            actions = stream.tick(now)
        number += 1
        opened.append(now / S)

    gaps = [b - a for a, b in zip([0.0, *opened], opened, strict=False)]
    assert gaps == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_half_of_every_wait_is_left_to_chance(chance: float) -> None:
    """A thousand clients of one venue that restarts must not come back in the same instant."""
    assert backoff_ns(SETTINGS, 5, chance) == int(4 * S * (0.5 + 0.5 * chance))


@pytest.mark.parametrize("proof", ["event", "a minute"])
def test_a_connection_that_was_good_makes_the_next_failure_the_first_again(proof: str) -> None:
    stream = machine()
    bring_up(stream)
    for _ in range(4):
        stream._pace.failures += 1
    now = S if proof == "event" else 60 * S
    if proof == "event":
        stream.event_received(now, 1)

    assert OpenSocket(2) in stream.closed(now, 1, "EOF")


def test_the_venue_limit_on_connection_attempts_is_never_exceeded() -> None:
    """Reference 1.6: 300 attempts per 5 minutes and address; beyond it the address is banned."""
    stream = machine(settings=StreamSettings(attempts=20, backoff_ns=1, backoff_limit_ns=1))
    attempts: list[int] = []
    actions, now, number, exhausted = stream.connect(0), 0, 0, 0
    while now < 1000 * S:
        exhausted += alarms(actions).count(AlarmKind.ATTEMPTS_EXHAUSTED)
        if any(isinstance(action, OpenSocket) for action in actions):
            attempts.append(now)
            number += 1
            actions = stream.closed(now, number, "refused")
        else:
            now = stream.next_timer_ns or 0
            actions = stream.tick(now)

    assert exhausted == 4  # at 0, 300, 600 and 900 s
    for start in attempts:
        assert sum(start <= at < start + 300 * S for at in attempts) <= 20


def test_after_close_nothing_happens_any_more() -> None:
    stream = machine()
    bring_up(stream)
    stream.server_shutdown(S, 1)

    assert stream.close() == [CloseSocket(1), CloseSocket(2), Down("closed by us")]

    assert stream.next_timer_ns is None
    assert stream.closed(S, 1, "EOF") == stream.tick(HOUR) == stream.token_received(S, None, "t", ALIVE) == []


@pytest.mark.parametrize(
    "wrong",
    [{"stale_ns": 0}, {"heartbeat_ns": -1}, {"attempts": 301}, {"attempts": 0}, {"replace_ns": 24 * HOUR}],
)
def test_a_setting_the_venue_or_time_does_not_allow_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StreamSettings(**wrong)


# Everything at once


class World:
    """A venue and a network that fail in every way we know, until healed; checks the rules after each step."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.scopes: tuple[Scope, ...] = self.chance.choice([(None,), ("A",), ("A", "B", "C")])
        self.settings = StreamSettings(heartbeat_ns=self.chance.choice([60, 1800]) * S)
        self.stream = StreamMachine(self.scopes, self.settings, self.chance.random)
        self.now = 0
        self.healed = False
        self.settled = False  # healed, and what the trouble left behind is over
        self.heap: list[tuple[int, int, Callable[[], list[Action]]]] = []
        self.sequence = 0
        self.fetching: dict[Scope, int] = dict.fromkeys(self.scopes, 0)
        self.open: dict[int, bool] = {}  # number -> handshake done
        self.covered: dict[tuple[int, Scope], dict[int, int]] = {}  # what the venue has: id -> expiry
        self.scope_of: dict[int, Scope] = {}
        self.silent: set[int] = set()
        self.attempts: list[int] = []
        self.up = False
        self.ups = 0
        self.orders = 0
        self.unproven: dict[str, int] = {}

    def later(self, delay_s: float, happening: Callable[[], list[Action]]) -> None:
        self.sequence += 1
        heapq.heappush(self.heap, (self.now + int(delay_s * S), self.sequence, happening))

    def trouble(self, delay_s: float, happening: Callable[[], list[Action]]) -> None:
        """Something bad that is not going to happen once the world is healed."""
        self.later(delay_s, lambda: [] if self.healed else happening())

    def luck(self, odds: float) -> bool:
        return not self.healed and self.chance.random() < odds

    def run(self, until: int) -> None:
        while True:
            timer = self.stream.next_timer_ns
            happening = self.heap[0][0] if self.heap else None
            upcoming = min((t for t in (timer, happening) if t is not None), default=None)
            assert upcoming is not None, "nothing will ever happen again"
            if upcoming > until:
                self.now = until
                return
            assert upcoming >= self.now or timer is not None, "a timer in the past that nothing clears"
            self.now = max(self.now, upcoming)
            if happening is not None and (timer is None or happening <= timer):
                actions = heapq.heappop(self.heap)[2]()
            else:
                actions = self.stream.tick(self.now)
                after = self.stream.next_timer_ns
                assert after is None or after > self.now, "tick left a timer that is due"
            for action in actions:
                self.do(action)
            self.check()

    def check(self) -> None:
        assert self.stream.up is self.up
        assert all(count <= 1 for count in self.fetching.values()), "two fetches for one scope"
        assert len(self.open) <= 2
        in_window = [at for at in self.attempts if self.now - at < 300 * S]
        assert len(in_window) <= 250
        anything = self.stream.next_timer_ns is not None or any(self.fetching.values())
        assert self.up or anything, "down and waiting for nothing"
        if self.up:
            for scope in self.scopes:
                assert any(s == scope and ids for (_, s), ids in self.covered.items()), f"{scope} uncovered"
            oldest = min(self.unproven.values(), default=self.now)
            assert self.now - oldest <= self.settings.stale_ns

    def do(self, action: Action) -> None:
        match action:
            case OpenSocket(number):
                self.attempts.append(self.now)
                self.open[number] = False
                if self.luck(0.25):
                    self.trouble(self.chance.uniform(0, 9), lambda: self.drop(number, "refused"))
                elif not self.luck(0.1):  # else: a handshake that never ends
                    self.later(self.chance.uniform(0.01, 2), lambda: self.handshake(number))
            case CloseSocket(number):
                assert number in self.open
                self.forget(number)
            case RequestToken(scope):
                self.fetching[scope] += 1
                self.later(self.chance.uniform(0.01, 3), lambda: self.token(scope))
            case Subscribe(number, request, scope, token):
                assert self.open.get(number), "subscribed on a closed socket"
                assert token == f"token {self.scopes.index(scope)}"
                if not self.luck(0.1):
                    self.later(self.chance.uniform(0.01, 1), lambda: self.subscribe(number, request, scope))
            case Up(_):
                assert not self.up or action.reason is UpReason.REPLACED
                self.up = True
                self.ups += 1
                self.unproven.clear()
            case Down(_):
                assert self.up
                self.up = False
                self.unproven.clear()
            case Alarm():
                pass

    def forget(self, number: int) -> None:
        self.open.pop(number, None)
        self.silent.discard(number)
        for key in [key for key in self.covered if key[0] == number]:
            del self.covered[key]

    def drop(self, number: int, cause: str) -> list[Action]:
        if number not in self.open:
            return []
        self.forget(number)
        return self.stream.closed(self.now, number, cause)

    def handshake(self, number: int) -> list[Action]:
        if number not in self.open:
            return []
        self.open[number] = True
        if self.luck(0.5):
            self.trouble(self.chance.uniform(0, 4000), lambda: self.drop(number, "EOF"))
        if self.luck(0.3):
            self.trouble(self.chance.uniform(0, 4000), lambda: self.announce(number))
        return self.stream.opened(self.now, number)

    def announce(self, number: int) -> list[Action]:
        if number not in self.open:
            return []
        self.trouble(60, lambda: self.drop(number, "shut down"))
        return self.stream.server_shutdown(self.now, number)

    def token(self, scope: Scope) -> list[Action]:
        self.fetching[scope] -= 1
        if self.luck(0.3):
            return self.stream.token_failed(self.now, scope, "HTTP 503")
        odd = self.chance.choice([None, 30 * S, -S]) if self.luck(0.1) else self.settings.validity_ns
        return self.stream.token_received(self.now, scope, f"token {self.scopes.index(scope)}", odd)

    def subscribe(self, number: int, request: int, scope: Scope) -> list[Action]:
        if number not in self.open:
            return []
        if self.luck(0.2):
            code = self.chance.choice([-1209, -2035, -2042, -1003, None])
            return self.stream.subscribe_refused(self.now, number, request, code=code, text="no")
        ids = self.covered.setdefault((number, scope), {})
        subscription = next(iter(ids)) if ids and self.chance.random() < 0.5 else len(self.scope_of)
        self.scope_of[subscription] = scope
        ids[subscription] = self.now + self.settings.validity_ns
        expires = ids[subscription]
        self.later(self.settings.validity_ns / S, lambda: self.expire(number, scope, subscription, expires))
        if self.luck(0.2):
            self.trouble(self.chance.uniform(0, 300), lambda: self.terminate(number, scope, subscription))
        if self.luck(0.2):
            self.silent.add(number)
        lifetime = self.settings.validity_ns if self.chance.random() < 0.8 else None
        return self.stream.subscribed(
            self.now, number, request, subscription_id=subscription, lifetime_ns=lifetime
        )

    def expire(self, number: int, scope: Scope, subscription: int, expires: int) -> list[Action]:
        ids = self.covered.get((number, scope), {})
        if ids.get(subscription) != expires:
            return []
        assert not self.settled or len(ids) > 1, "a healthy venue, and a subscription was not renewed in time"
        return self.terminate(number, scope, subscription)

    def terminate(self, number: int, scope: Scope, subscription: int) -> list[Action]:
        if self.covered.get((number, scope), {}).pop(subscription, None) is None:
            return []
        return self.stream.event_stream_terminated(self.now, number, subscription)

    def trade(self) -> list[Action]:
        """An order now and then; its event comes unless the connection is silent or the order is refused."""
        self.later(self.chance.expovariate(1 / (600 if self.healed else 20)), self.trade)
        self.orders += 1
        key = f"fx-{self.orders}"
        if self.up:
            self.unproven[key] = self.now
        actions = self.stream.order_message_sent(self.now, key)
        if self.chance.random() < 0.3:
            self.later(0.2, lambda: self.refuse(key))
        else:
            self.later(self.chance.uniform(0.01, 1), self.event)
        return actions

    def refuse(self, key: str) -> list[Action]:
        self.unproven.pop(key, None)
        return self.stream.order_message_answered(self.now, key, event_expected=False)

    def event(self) -> list[Action]:
        actions: list[Action] = []
        for number, done in list(self.open.items()):
            if done and number not in self.silent and any(self.covered.get((number, s)) for s in self.scopes):
                self.unproven.clear()
                actions += self.stream.event_received(self.now, number)
        return actions


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_the_rules_hold_and_a_healed_world_comes_up_and_stays_up(seed: int) -> None:
    """Safety after every step for four hours of trouble; then liveness within two minutes, for a day."""
    world = World(seed)
    world.later(0, lambda: world.stream.connect(0))
    world.later(1, world.trade)
    world.run(4 * HOUR)
    assert world.ups > 0

    world.healed = True
    world.silent.clear()
    healed_at = world.now
    world.run(healed_at + 120 * S)
    assert world.up
    ups, world.settled = world.ups, True
    world.run(healed_at + 24 * HOUR)

    assert world.up
    assert world.ups - ups <= 2, "a healthy stream was disturbed by more than its planned replacement"
