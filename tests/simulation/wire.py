"""The way of one request to the venue and of its reply back, with everything that gets lost between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from connector.core.happenings import Call, Cancel, Submit
from connector.core.turn import DEFAULT_RECV_WINDOW_MS, AccountRules
from mappers.model import Outcome, OutcomeUnknown, Refusal, RefusalKind, VenueRefused
from tests.simulation.venue import MS, SECOND, Venue, refused
from tests.simulation.weather import Weather

VENUE_PROCESSING_MS = 10_000  # the exchange gives up on a request after this (reference, 1.2)

Answer = Callable[[Outcome], None]


class Wire:
    """Carries calls. What has left keeps travelling when the sender dies; its reply then finds nobody."""

    def __init__(
        self,
        chance: Random,
        weather: Weather,
        venue: Venue,
        counts: Counter[str],
        *,
        now_ns: Callable[[], int],
        later: Callable[[int, Callable[[], None]], None],
        tell: Callable[..., None],
    ) -> None:
        self.chance, self.weather, self.venue, self.counts = chance, weather, venue, counts
        self._now_ns, self._later, self._tell = now_ns, later, tell

    def send(self, call: Call, rules: AccountRules, timestamp_error_ms: int, answer: Answer) -> None:
        """Let `call` leave now; `answer` is called once with its outcome."""
        chance = self.chance
        window_ms = rules.recv_window_ms or DEFAULT_RECV_WINDOW_MS
        signed_ns = self._now_ns() + timestamp_error_ms * MS
        latest_ns = signed_ns + window_ms * MS + VENUE_PROCESSING_MS * MS
        acts = isinstance(call, (Submit, Cancel))

        def arrive(then: Answer) -> None:
            """The venue looks at the timestamp, then acts (reference, 1.3)."""
            if self._now_ns() - signed_ns > window_ms * MS:
                then(
                    refused(
                        RefusalKind.CLOCK, -1021, "Timestamp for this request is outside of the recvWindow."
                    )
                )
            else:
                then(self.venue.do(call, latest_ns))

        def unheard(outcome: Outcome) -> None:
            del outcome

        drawn = self._fault(acts)
        if drawn is None:
            self._travel(arrive, answer)
        elif drawn == "lost_request":
            self._unknown(answer, "no reply")
        elif drawn == "lost_reply":
            self._later(self._leg_ns(), lambda: arrive(unheard))
            self._unknown(answer, "no reply")
        elif drawn == "late":
            at_gate_ns = int(chance.uniform(0, 1.1) * window_ms * MS)
            processing_ns = int(chance.uniform(0, 1) * VENUE_PROCESSING_MS * MS)
            if chance.random() < 0.5:  # the very last moment
                at_gate_ns, processing_ns = 0, latest_ns - int(chance.uniform(0, 500) * MS) - self._now_ns()
            if at_gate_ns + self._now_ns() - signed_ns <= window_ms * MS:
                act_ns = min(at_gate_ns + processing_ns, latest_ns - self._now_ns())
                self._later(act_ns, lambda: unheard(self.venue.do(call, latest_ns)))
            self._unknown(answer, "HTTP 504")
        elif drawn == "server_error":
            if chance.random() < 0.5:
                self._later(self._leg_ns(), lambda: arrive(unheard))
            self._later(self._leg_ns(), lambda: answer(OutcomeUnknown(cause="HTTP 503")))
        else:
            self._refuse(drawn, call, answer)

    # -- inside -----------------------------------------------------------------------------------------

    def _fault(self, acts: bool) -> str | None:
        names = ["lost_request", "lost_reply", "late", "server_error", "not_sent", "rate_limited"]
        for name in [*names, "clock_refused", "duplicate_said"] if acts else names:
            strength = getattr(self.weather, name)
            if strength and self.chance.random() < strength * (1 if acts else 0.5):
                self.counts[name] += 1
                return name
        return None

    def _travel(self, arrive: Callable[[Answer], None], answer: Answer) -> None:
        back_ns = self._leg_ns()

        def reply(outcome: Outcome) -> None:
            self._later(back_ns, lambda: answer(outcome))

        self._later(self._leg_ns(), lambda: arrive(reply))

    def _unknown(self, answer: Answer, cause: str) -> None:
        self._later(int(self.chance.uniform(0.2, 8) * SECOND), lambda: answer(OutcomeUnknown(cause=cause)))

    def _refuse(self, drawn: str, call: Call, answer: Answer) -> None:
        chance = self.chance
        outcome: Outcome
        if drawn == "rate_limited":
            wait_ms = chance.choice((None, 500, 3000))
            outcome = refused(RefusalKind.BACK_OFF, -1003, "Too many requests.", wait_ms)
        elif drawn == "clock_refused":
            outcome = refused(RefusalKind.CLOCK, -1021, "Timestamp for this request was 1000ms ahead.")
        elif drawn == "duplicate_said" and isinstance(call, Submit):
            self._later(self._leg_ns(), lambda: self._place_unless_refused(call))
            outcome = refused(RefusalKind.DUPLICATE, -2010, "Duplicate order sent.")
        else:
            outcome = VenueRefused(kind=RefusalKind.UNREACHED, refusal=Refusal(text="not sent", reason=0))
        self._later(self._leg_ns() + 40 * MS, lambda: answer(outcome))

    def _place_unless_refused(self, call: Submit) -> None:
        """Somebody between us repeats requests: the first was taken, and we hear what the second was told."""
        self.venue.do(call, self._now_ns())

    def _leg_ns(self) -> int:
        if self.weather.slow and self.chance.random() < self.weather.slow:
            return int(self.chance.uniform(0.05, 6) * SECOND)
        return int(self.chance.uniform(1, 30) * MS)
