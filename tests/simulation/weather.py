"""What one world suffers from. Each fault is off in many worlds, so that each is also seen alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random


@dataclass(slots=True, kw_only=True)
class Weather:
    """Probabilities are per call or per event; counts are per world."""

    # the wire to the venue
    lost_request: float  # never arrives; the outcome is unknown to us
    lost_reply: float  # arrives and is done; we never hear
    late: float  # unknown at once, done up to recvWindow + 10 s after it left
    server_error: float  # 5xx at once; done or not
    not_sent: float  # no connection: proven not sent
    rate_limited: float  # 429, with or without Retry-After
    clock_refused: float  # -1021
    refused: float  # the venue's own rules: -2010 and the like
    duplicate_said: float  # "Duplicate order sent." for the order that was just taken
    fee_later: float  # the reply's fills come without their commission
    slow: float  # request or reply takes seconds
    early_not_found: float  # accepted, yet -2013 for a while
    trades_lag: float  # counted in the order, not yet in the list of trades
    strange_cancel_reply: float  # 200 for a cancel that is not done yet
    # the stream
    drop: float
    repeat: float
    reorder: float
    cuts: float
    silences: float
    rejected_event: float  # a REJECTED event beside the refusal
    # the process
    crashes: float
    torn: float  # the crash cuts the entries being written
    # the others
    web_cancel: float
    exchange_end: float
    foreign: float
    oms_resend: float  # 97=Y at will
    oms_repeat: float  # the same ClOrdID without a flag
    oms_cancel: float
    oms_status: float

    @classmethod
    def draw(cls, chance: Random) -> Weather:
        """A share of all faults, each with its own strength: few and strong, many and weak, or both."""
        share, strongest = chance.choice(((0.2, 0.8), (0.5, 0.35), (0.9, 0.15)))
        drawn = {
            field.name: round(chance.uniform(0.03, strongest), 2) if chance.random() < share else 0.0
            for field in fields(cls)
        }
        drawn["oms_cancel"] = chance.choice((0.1, 0.5, 0.9))
        return cls(**drawn)

    def heal(self) -> None:
        """Everything works from now on."""
        for field in fields(self):
            setattr(self, field.name, 0.0)

    def __str__(self) -> str:
        return " ".join(
            f"{field.name}={value}" for field in fields(self) if (value := getattr(self, field.name))
        )
