"""Who goes on asking after a 429 is banned, and a ban stops cancels too (reference 1.10, P8)."""

from __future__ import annotations

import time

import pytest

from connector.simulator.config import SimulatorConfig
from connector.simulator.limits import RateLimits
from connector.simulator.server import start
from connector.venue.rest import ReplyKind, Rest
from connector.venue.restraint import LONGEST_S, NS_PER_S, UNSAID_S, Restraint
from connector.venue.signing import signer_for
from tests.venue.test_rest import QUERY, TIME

ORDER, OPEN = ("GET", "/sapi/v1/margin/order"), ("GET", "/sapi/v1/margin/openOrders")
NOW = 7 * NS_PER_S


@pytest.mark.parametrize(
    ("http", "retry_after", "held_ms", "others_ms"),
    [
        (429, "3", 3_000, 0),  # its own pool only
        (429, None, UNSAID_S * 1_000, 0),
        (429, "soon", UNSAID_S * 1_000, 0),
        (418, "120", 120_000, 120_000),  # the address is banned
        (418, "9" * 20, LONGEST_S * 1_000, LONGEST_S * 1_000),
        (503, "60", 0, 0),  # no limit: an outcome
    ],
)
def test_a_refusal_holds_the_questions_it_concerns(
    http: int, retry_after: str | None, held_ms: int, others_ms: int
) -> None:
    restraint = Restraint()

    restraint.heard(*ORDER, http, retry_after, NOW)

    assert restraint.wait_ms(*ORDER, NOW) == held_ms
    assert restraint.wait_ms(*OPEN, NOW) == others_ms
    assert restraint.wait_ms(*ORDER, NOW + held_ms * 1_000_000) == 0


def test_a_placement_over_the_order_limit_holds_no_question() -> None:
    """-1015 counts orders; whether one arrived must be asked all the same (P4)."""
    restraint = Restraint()

    restraint.heard("POST", ORDER[1], 429, "10", NOW)

    assert restraint.wait_ms(*ORDER, NOW) == 0


async def test_a_hundred_questions_past_the_limit_do_not_become_a_ban() -> None:
    """The venue (simulated) bans after ten requests into a 429; eight may be under way when it comes."""
    venue = await start(SimulatorConfig(limits=RateLimits(ip_weight=50, ban_s=60), price_moves=False))
    key = venue.demo_keys[0]
    rest = Rest(
        venue.url,
        key.api_key,
        signer_for(key.secret),
        now_ns=time.monotonic_ns,
        timestamp_ms=lambda: time.time_ns() // 1_000_000,
    )
    try:
        replies = [await rest.send(QUERY) for _ in range(100)]

        assert [reply.http for reply in replies].count(429) == 1
        held = [reply for reply in replies if reply.kind is ReplyKind.NOT_SENT]
        assert len(held) == 94
        assert "the venue asked to wait" in held[0].cause
        assert (await rest.send(TIME)).http == 200  # not banned, and another pool
    finally:
        await rest.close()
        await venue.stop()
