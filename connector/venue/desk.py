"""One account's whole way to the venue: clock, key, instruments, requests and the user data stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
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
from connector.core.stream_values import Scope, StreamSettings
from connector.venue.caller import Caller
from connector.venue.clock import ClockKeeper, TimeSample, VenueClock, read_server_time
from connector.venue.rest import ReplyKind, Rest
from connector.venue.signing import signer_for
from connector.venue.user_stream import Token, TokenError, UserStream
from mappers import binance
from mappers.binance import ListenToken, Unreadable
from mappers.instruments import Instrument, read_exchange_info
from mappers.model import OrderStatement, Outcome, RefusalKind, Stated, VenueRefused

NS_PER_MS = 1_000_000
RETRY_S = 2.0
WARM = 2  # connections opened before the first order
RECONCILE_AT_START = "start"


class KeyRefusedError(Exception):
    """The venue refuses this account's API key or signature: a human is needed, restarting will not help."""

    def __init__(self, account: str, text: str) -> None:
        super().__init__(f"account {account}: Binance refuses the API key: {text}")
        self.account = account


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
    connections: int
    heartbeat_interval_ms: int
    stale_timeout_ms: int
    auto_repay_at_cancel: bool | None
    instruments_refresh_interval_ms: int


class Desk:
    """Makes the router's calls for one account and tells it what the account's stream says."""

    def __init__(
        self,
        spec: DeskSpec,
        *,
        happen: Callable[[Happening], None],
        now_ns: Callable[[], int],
        fail_stop: Callable[[BaseException], NoReturn],
        log: Any,
    ) -> None:
        self._spec = spec
        self._happen = happen
        self._now_ns = now_ns
        self._fail_stop = fail_stop
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()
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
            timestamp_ms=lambda: self._clock.timestamp_ms(now_ns()),
            recv_window_ms=spec.recv_window_ms,
            request_timeout_ms=spec.request_timeout_ms,
        )
        self._keeper = ClockKeeper(self._clock, self._server_time)
        self._caller = Caller(
            self._rest, self._keeper, auto_repay_at_cancel=spec.auto_repay_at_cancel, now_ns=now_ns
        )
        self._stream = self._user_stream()

    # -- life -----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Prove the key, then get ready in the background.

        Raises:
            KeyRefusedError: the venue answered, and refuses the key.
        """
        await self._rest.warm(WARM)
        await self._keeper.measure()
        self._tell_skew()
        await self._prove_key()
        self._spawn(self._keeper.run())
        self._spawn(self._keep_instruments())
        self._stream.start()
        self._happen(Reconcile(account=self._spec.account, reason=RECONCILE_AT_START))

    async def stop(self) -> None:
        """Close everything; requests under way end unknown."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stream.close()
        await self._rest.close()

    # -- what the drive asks ----------------------------------------------------------------------------

    async def make(self, call: Call) -> tuple[Outcome, int]:
        """Make the call once."""
        return await self._caller.make(call)

    def order_message_sent(self, call: Call) -> None:
        """An order or a cancel is about to leave: the stream must prove itself (staleWebsocketTimeout)."""
        self._stream.order_message_sent(_key(call))

    def order_message_answered(self, call: Call, outcome: Outcome) -> None:
        """Its outcome is known; one the venue refused causes no event."""
        self._stream.order_message_answered(_key(call), event_expected=not isinstance(outcome, VenueRefused))

    # -- inside -----------------------------------------------------------------------------------------

    def _user_stream(self) -> UserStream:
        spec = self._spec
        settings = StreamSettings(
            heartbeat_ns=spec.heartbeat_interval_ms * NS_PER_MS,
            stale_ns=spec.stale_timeout_ms * NS_PER_MS,
        )
        self._validity_ms = settings.validity_ns // NS_PER_MS
        return UserStream(
            spec.websocket_url,
            spec.isolated_symbols or (None,),
            settings,
            fetch_token=self._token,
            on_event=self._event,
            on_up=lambda reason: self._happen(Reconcile(account=spec.account, reason=f"stream {reason}")),
            on_down=lambda _cause: None,  # logged by the stream; what was missed is asked for once it is up
            fail_stop=self._fail_stop,
            now_ns=self._now_ns,
            venue_now_ms=lambda: self._clock.timestamp_ms(self._now_ns()),
            chance=Random().random,  # noqa: S311  # jitter, not a secret
            log=self._log,
        )

    async def _token(self, scope: Scope) -> Token:
        request = binance.listen_token(scope, isolated=scope is not None, validity_ms=self._validity_ms)
        reply = await self._rest.send(request)
        if reply.kind is not ReplyKind.ANSWERED:
            raise TokenError(reply.cause)
        token = binance.read_listen_token(reply.http, reply.body, reply.retry_after_s)
        if not isinstance(token, ListenToken):
            raise TokenError(repr(token))
        return Token(token.token, token.expires_ms)

    def _event(self, text: str) -> None:
        event = binance.read_frame(text).event
        if isinstance(event, OrderStatement):
            self._happen(StreamStated(account=self._spec.account, statement=event))
        elif isinstance(event, Unreadable):
            self._log.error("event_unreadable", cause=event.cause)
            self._happen(Reconcile(account=self._spec.account, reason="unreadable event"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail_stop(error)

    async def _prove_key(self) -> None:
        """A damaged PEM is found here and not by the first order (design, section 5)."""
        symbols = self._spec.isolated_symbols
        request = binance.key_check(symbols[0] if symbols else None, isolated=bool(symbols))
        reply = await self._rest.send(request)
        if reply.kind is not ReplyKind.ANSWERED:
            self._log.warning("key_not_proven", cause=reply.cause)
            return
        outcome = binance.read_reply(request.operation, reply.http, reply.body, reply.retry_after_s)
        if isinstance(outcome, Stated):
            self._log.info("key_proven")
        elif isinstance(outcome, VenueRefused) and outcome.kind in (RefusalKind.KEY, RefusalKind.FINAL):
            raise KeyRefusedError(self._spec.account, outcome.refusal.text)
        else:
            self._log.warning("key_not_proven", cause=repr(outcome))

    async def _server_time(self) -> TimeSample | None:
        reply = await self._rest.send(binance.server_time())
        if reply.kind is not ReplyKind.ANSWERED or reply.http != 200:
            return None
        sample = read_server_time(reply.body, reply.sent_ns, reply.received_ns)
        if sample is not None:
            asyncio.get_running_loop().call_soon(self._tell_skew)
        return sample

    def _tell_skew(self) -> None:
        skew_ms = self._clock.skew_ms(self._now_ns())
        self._happen(SkewMeasured(account=self._spec.account, skew_ms=skew_ms))

    async def _keep_instruments(self) -> None:
        while True:
            instruments = await self._instruments()
            if instruments is None:
                await asyncio.sleep(RETRY_S)
                continue
            self._log.info("instruments_loaded", count=len(instruments))
            self._happen(InstrumentsLoaded(account=self._spec.account, instruments=instruments))
            await asyncio.sleep(self._spec.instruments_refresh_interval_ms / 1000)

    async def _instruments(self) -> dict[str, Instrument] | None:
        reply = await self._rest.send(binance.exchange_info())
        if reply.kind is not ReplyKind.ANSWERED or reply.http != 200:
            self._log.warning("instruments_not_loaded", http=reply.http, cause=reply.cause)
            return None
        try:
            return dict(read_exchange_info(reply.body))
        except ValueError as error:
            self._log.error("instruments_unreadable", text=str(error))
            return None


def _key(call: Call) -> str:
    """One order message, until it is answered."""
    assert isinstance(call, (Submit, Cancel))
    return f"{type(call).__name__} {call.client_order_id}"
