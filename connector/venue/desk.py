"""One account's whole way to the venue: clock, key, instruments, requests and the user data stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NoReturn

from connector.core.happenings import (
    Call,
    Cancel,
    Happening,
    InstrumentsLoaded,
    Reconcile,
    SkewMeasured,
    StreamStated,
    Submit,
)
from connector.core.stream_values import StreamSettings
from connector.supervised import Tasks
from connector.venue import questions
from connector.venue.caller import Caller
from connector.venue.clock import ClockKeeper, TimeSample, VenueClock
from connector.venue.questions import KeyRefusedError, NoAnswerError
from connector.venue.rest import Rest
from connector.venue.signing import signer_for
from connector.venue.user_stream import UserStream
from mappers import binance
from mappers.binance import Unreadable
from mappers.model import OrderStatement, Outcome, VenueRefused

NS_PER_MS = 1_000_000
RETRY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSpec:
    """Plain values from the configuration."""

    account: str
    rest_url: str
    websocket_url: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    isolated_symbols: tuple[str, ...]  # empty: the cross margin account
    recv_window_ms: int
    request_timeout_ms: int
    warm_connections: int  # kept open, so that no order pays a handshake
    heartbeat_interval_ms: int
    stale_timeout_ms: int
    auto_repay_at_cancel: bool | None
    instruments_refresh_interval_ms: int
    stream_attempts: int  # stream connections in 5 minutes; the venue counts all of one address together


class Desk:
    """Makes the router's calls for one account and tells it what the account's stream says."""

    def __init__(
        self,
        spec: DeskSpec,
        *,
        happen: Callable[[Happening], None],
        key_refused: Callable[[KeyRefusedError], None],
        now_ns: Callable[[], int],
        fail_stop: Callable[[BaseException], NoReturn],
        log: Any,
    ) -> None:
        """Construct it inside the running loop. `key_refused` is told if the venue refuses the key."""
        self._spec = spec
        self._happen = happen
        self._key_refused = key_refused
        self._now_ns = now_ns
        self._fail_stop = fail_stop
        self._log = log
        self._tasks = Tasks(fail_stop)
        signer = signer_for(spec.api_secret)
        log.info("signing_chosen", kind=signer.kind)
        if signer.warning:
            log.warning("signing_key_suspect", text=signer.warning)
        self._clock = VenueClock(now_ns=now_ns(), wall_ns=now_ns())
        self._rest = Rest(
            spec.rest_url,
            spec.api_key,
            signer,
            now_ns=now_ns,
            timestamp_ms=self._venue_now_ms,
            recv_window_ms=spec.recv_window_ms,
            request_timeout_ms=spec.request_timeout_ms,
        )
        self._keeper = ClockKeeper(self._clock, self._sample)
        self._caller = Caller(
            self._rest, self._keeper, auto_repay_at_cancel=spec.auto_repay_at_cancel, now_ns=now_ns
        )
        self._stream = self._user_stream()

    # -- life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Get ready in the background: clock, key, then instruments, stream and the first reconciliation."""
        self._tasks.spawn(self._open())

    async def stop(self) -> None:
        """Close everything; requests under way end unknown."""
        await self._tasks.stop()
        await self._stream.close()
        await self._rest.close()

    # -- what the drive asks ----------------------------------------------------------------------------

    async def make(
        self, call: Call, cleared: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[Outcome, int]:
        """Make the call once, not before `cleared` has returned."""
        return await self._caller.make(call, cleared)

    def order_message_sent(self, call: Call) -> None:
        """An order or a cancel is about to leave: the stream must prove itself (staleWebsocketTimeout)."""
        self._stream.order_message_sent(_key(call))

    def order_message_answered(self, call: Call, outcome: Outcome) -> None:
        """Its outcome is known; one the venue refused causes no event."""
        self._stream.order_message_answered(_key(call), event_expected=not isinstance(outcome, VenueRefused))

    # -- opening ----------------------------------------------------------------------------------------

    async def _open(self) -> None:
        self._tasks.spawn(self._rest.keep_warm(self._spec.warm_connections))
        while not await self._keeper.measure():
            self._log.warning("venue_not_reached", url=self._spec.rest_url)
            await asyncio.sleep(RETRY_S)
        try:
            await self._until_proven()
        except KeyRefusedError as error:
            self._key_refused(error)
            return
        self._tasks.spawn(self._keeper.run())
        self._tasks.spawn(self._keep_instruments())
        self._stream.start()
        self._happen(Reconcile(account=self._spec.account, reason="start"))

    async def _until_proven(self) -> None:
        while True:
            try:
                await questions.prove_key(self._rest, self._spec.account, self._spec.isolated_symbols)
            except NoAnswerError as error:
                self._log.warning("key_not_proven", cause=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                self._log.info("key_proven")
                return

    async def _keep_instruments(self) -> None:
        while True:
            try:
                loaded = await questions.instruments(self._rest)
            except NoAnswerError as error:
                self._log.warning("instruments_not_loaded", cause=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            self._log.info("instruments_loaded", count=len(loaded))
            self._happen(InstrumentsLoaded(account=self._spec.account, instruments=loaded))
            await asyncio.sleep(self._spec.instruments_refresh_interval_ms / 1000)

    # -- clock ------------------------------------------------------------------------------------------

    def _venue_now_ms(self) -> int:
        return self._clock.timestamp_ms(self._now_ns())

    async def _sample(self) -> TimeSample | None:
        sample = await questions.server_time(self._rest)
        if sample is not None:
            asyncio.get_running_loop().call_soon(self._tell_skew)  # once the keeper has taken it in
        return sample

    def _tell_skew(self) -> None:
        skew_ms = self._clock.skew_ms(self._now_ns())
        self._happen(SkewMeasured(account=self._spec.account, skew_ms=skew_ms))

    # -- stream -----------------------------------------------------------------------------------------

    def _user_stream(self) -> UserStream:
        spec = self._spec
        settings = StreamSettings(
            heartbeat_ns=spec.heartbeat_interval_ms * NS_PER_MS,
            stale_ns=spec.stale_timeout_ms * NS_PER_MS,
            attempts=spec.stream_attempts,
        )
        validity_ms = settings.validity_ns // NS_PER_MS
        return UserStream(
            spec.websocket_url,
            spec.isolated_symbols or (None,),
            settings,
            fetch_token=lambda scope: questions.listen_token(self._rest, scope, validity_ms),
            on_event=self._event,
            on_up=lambda reason: self._happen(Reconcile(account=spec.account, reason=f"stream {reason}")),
            on_down=lambda _cause: None,  # the stream logs it; what was missed is asked for once it is up
            fail_stop=self._fail_stop,
            now_ns=self._now_ns,
            venue_now_ms=self._venue_now_ms,
            chance=Random().random,  # noqa: S311  # jitter, not a secret
            log=self._log,
        )

    def _event(self, text: str) -> None:
        event = binance.read_frame(text).event
        if isinstance(event, OrderStatement):
            self._happen(StreamStated(account=self._spec.account, statement=event))
        elif isinstance(event, Unreadable):
            self._log.error("event_unreadable", cause=event.cause)
            self._happen(Reconcile(account=self._spec.account, reason="unreadable event"))


def _key(call: Call) -> str:
    """One order message, until it is answered."""
    assert isinstance(call, (Submit, Cancel))
    return f"{type(call).__name__} {call.client_order_id}"
