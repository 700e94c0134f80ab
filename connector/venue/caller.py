"""The router's calls, made: call -> request -> reply -> outcome. What a reply means is for `mappers`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from connector.core.happenings import (
    AskOpen,
    AskOrder,
    AskOrdersSince,
    AskTrades,
    AskTradesSince,
    Call,
    Cancel,
    Submit,
)
from connector.venue.clock import ClockKeeper
from connector.venue.rest import Reply, ReplyKind, Rest
from mappers import binance
from mappers.binance import VenueRequest
from mappers.binance_requests import MAX_TRADES_PAGE
from mappers.model import Outcome, OutcomeUnknown, Refusal, RefusalKind, VenueRefused

BROKER_OPTION = 0  # OrdRejReason(103)


class Caller:
    """Makes the calls of one account."""

    def __init__(
        self,
        rest: Rest,
        clock: ClockKeeper,
        *,
        auto_repay_at_cancel: bool | None,
        now_ns: Callable[[], int],
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._auto_repay_at_cancel = auto_repay_at_cancel
        self._now_ns = now_ns

    async def make(
        self, call: Call, cleared: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[Outcome, int]:
        """Send it once; the outcome, and when the last byte of it may have left (epoch ns of `now_ns`).

        `cleared` is awaited before a byte leaves (P1).
        """
        if isinstance(call, (Submit, Cancel)) and call.measure_clock:
            await self._clock.measure()
        request, page = self._request(call)
        reply = await self._rest.send(request, cleared)
        outcome = read(request, reply, page)
        if isinstance(outcome, VenueRefused) and outcome.kind is RefusalKind.CLOCK:
            self._clock.doubt()
        return outcome, reply.sent_ns or self._now_ns()

    def _request(self, call: Call) -> tuple[VenueRequest, int | None]:
        """The request, and how many rows make a full page of its answer."""
        if isinstance(call, Submit):
            repay = self._auto_repay_at_cancel
            return binance.new_order(call.order, call.client_order_id, auto_repay_at_cancel=repay), None
        symbol, isolated = call.symbol, call.isolated
        if isinstance(call, AskOpen):
            return binance.open_orders(symbol, isolated), None
        assert symbol is not None
        if isinstance(call, Cancel):
            cancel_id = call.cancel_client_id
            request = binance.cancel(symbol, isolated, call.client_order_id, cancel_id, call.order_id)
            return request, None
        if isinstance(call, AskOrder):
            return binance.query(symbol, isolated, call.client_order_id), None
        if isinstance(call, AskTrades):
            page = MAX_TRADES_PAGE
            return binance.trades_of_order(symbol, isolated, call.order_id, page), page
        return _page(call)


def _page(call: AskOrdersSince | AskTradesSince) -> tuple[VenueRequest, int]:
    if isinstance(call, AskOrdersSince):
        request = binance.all_orders(call.symbol, call.isolated, call.from_order_id, call.limit)
    else:
        request = binance.trades_from(call.symbol, call.isolated, call.from_id, call.limit)
    return request, call.limit


def read(request: VenueRequest, reply: Reply, page: int | None) -> Outcome:
    """What the reply lets us conclude (P4)."""
    if reply.kind is ReplyKind.ANSWERED:
        return binance.read_reply(request.operation, reply.http, reply.body, reply.retry_after_s, page)
    if reply.kind is ReplyKind.NOT_SENT:
        text = f"Binance cannot be reached, the order was not sent: {reply.cause}"
        return VenueRefused(kind=RefusalKind.UNREACHED, refusal=Refusal(text=text, reason=BROKER_OPTION))
    return OutcomeUnknown(cause=reply.cause)
