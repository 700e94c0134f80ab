"""Requests to the venue's REST side: signed late, sent at most once, answered in three ways (P3, P4).

One aiohttp session, one pool without a limit: what changes something at the venue (POST, DELETE)
never waits for a connection (P8). Questions (GET) pass a gate of a few at a time instead, so that
reconciling a thousand orders neither opens a thousand connections nor keeps an order waiting; they
leave their connections warm in the same pool. A request's clock starts when it has passed the gate.
While the venue asks to wait (429, 418) the gate lets nothing through: such a question was NOT_SENT.

The request is signed when its connection is at hand, so a slow TLS handshake costs no recvWindow.
That moment also decides the outcome of what fails: before it nothing has left (NOT_SENT), after it
something may have (UNKNOWN). No list of exception classes could tell as much: a time limit looks
the same on both sides of it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol

import aiohttp
import msgspec
from yarl import URL

from connector.venue.flight import Departure, FailedError, Flight, cause_of, counters, read_bounded
from connector.venue.restraint import Restraint
from connector.venue.signing import Signer, query_string, sign_rest

USER_AGENT = "binance-margin-connector"
_KEEP_ALIVE_S = 45.0  # longer than the interval of keep_warm, shorter than the usual 60 s of front ends


class ReplyKind(StrEnum):
    """What the caller may conclude about one request."""

    ANSWERED = "ANSWERED"  # the venue (or its front end) answered: `http` and `body` are whole
    NOT_SENT = "NOT_SENT"  # no byte of the request left: it did not happen
    UNKNOWN = "UNKNOWN"  # bytes may have left and no whole answer came: it may or may not have happened


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one request. Times are of the caller's monotonic clock."""

    kind: ReplyKind
    http: int = 0  # HTTP status; 0: none was received
    body: bytes = b""
    cause: str = ""  # of NOT_SENT and UNKNOWN, for people; never an address with a signature
    retry_after_s: str | None = None  # the header's own text
    used: dict[str, int] = msgspec.field(default_factory=dict)  # lower-case counter header -> value
    sent_ns: int = 0  # the last byte was handed to the system; 0: never sent
    received_ns: int  # the answer was whole, or the failure was noticed

    def __repr__(self) -> str:
        """Without the body: it may hold a listen token, or a whole account (P11)."""
        return f"<Reply {self.kind} http={self.http} body={len(self.body)} bytes cause={self.cause!r}>"


class VenueRequest(Protocol):
    """What `mappers.binance` builds: everything but time, window, key and signature."""

    @property
    def method(self) -> str:
        """GET, POST, PUT or DELETE."""

    @property
    def path(self) -> str:
        """Begins with '/', holds no query."""

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Not encoded, in the order they are to be sent."""

    @property
    def security(self) -> str:
        """NONE, API_KEY or SIGNED (reference 1.3)."""


@dataclass(frozen=True, slots=True)
class _Ping:
    method: str = "GET"
    path: str = "/api/v3/ping"
    params: tuple[tuple[str, str], ...] = ()
    security: str = "NONE"


class Rest:
    """Sends requests of one API key. Construct it inside the running loop; `close()` it there."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        signer: Signer,
        *,
        now_ns: Callable[[], int],
        timestamp_ms: Callable[[], int],
        recv_window_ms: int = 0,
        request_timeout_ms: int = 15_000,
        connect_timeout_ms: int = 5_000,
        questions_at_once: int = 8,
        max_body_bytes: int = 64 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare the pool; nothing is connected yet.

        Args:
            base_url: scheme, host and port (`restUrl`); a path is kept as a prefix.
            now_ns: monotonic clock of `sent_ns` and `received_ns`.
            timestamp_ms: the venue's epoch time as we know it (`connector.venue.clock`).
            recv_window_ms: `recvWindow`; 0 leaves the parameter out.
            request_timeout_ms: from leaving the gate to the last byte of the answer. The venue's own
                limit is 10 s (-1007), so less than that makes unknown what it would still have told.
            tls: None verifies against the system's authorities.
        """
        self._base_url = base_url.rstrip("/")
        self._signer = signer
        self._now_ns = now_ns
        self._timestamp_ms = timestamp_ms
        self._recv_window = (("recvWindow", str(recv_window_ms)),) if recv_window_ms else ()
        self._max_body_bytes = max_body_bytes
        self._gate = asyncio.Semaphore(questions_at_once)
        self._restraint = Restraint()
        self._urls: dict[str, URL] = {}
        self._headers = {
            "NONE": {},
            "API_KEY": {"X-MBX-APIKEY": api_key},
            "SIGNED": {"X-MBX-APIKEY": api_key},
        }
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, ssl=tls or True),
            timeout=aiohttp.ClientTimeout(total=request_timeout_ms / 1000, connect=connect_timeout_ms / 1000),
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies of a front end are none of an order's business
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=("Content-Type", "Accept"),
            request_class=Departure,
        )

    def __repr__(self) -> str:
        return f"<Rest {self._base_url} {self._signer.kind}>"

    async def send(
        self, request: VenueRequest, cleared: Callable[[], Awaitable[None]] | None = None
    ) -> Reply:
        """Send once and wait for the outcome. Trouble is in the reply, never raised.

        `cleared` must have returned before a byte leaves (P1); connection and request are prepared meanwhile.
        Only what it raises comes out of here.
        """
        if request.method == "GET":
            async with self._gate:
                wait_ms = self._restraint.wait_ms(request.method, request.path, self._now_ns())
                return self._held(wait_ms) if wait_ms else await self._exchange(request)
        return await self._exchange(request, cleared)

    async def warm(self, connections: int) -> int:
        """Open this many connections (or use that many idle ones) at once; how many answered.

        Each costs one ping of weight 1. Called before the first order, so that none pays a handshake.
        """
        ping = _Ping()
        if self._restraint.wait_ms(ping.method, ping.path, self._now_ns()):
            return 0
        replies = await asyncio.gather(*(self._exchange(ping) for _ in range(connections)))
        return sum(reply.kind is ReplyKind.ANSWERED for reply in replies)

    async def keep_warm(self, connections: int, every_s: float = 20.0) -> None:
        """Warm for ever; cancel it to stop."""
        while True:
            await self.warm(connections)
            await asyncio.sleep(every_s)

    async def close(self) -> None:
        """Close every connection; requests in flight end as NOT_SENT or UNKNOWN."""
        await self._session.close()

    async def _exchange(
        self, request: VenueRequest, cleared: Callable[[], Awaitable[None]] | None = None
    ) -> Reply:
        flight = Flight(partial(self._query, request), self._now_ns, cleared)
        if self._session.closed:
            return self._failed(flight, "closed by us")
        try:
            async with self._session.request(
                request.method,
                self._url(request.path),
                headers=self._headers[request.security],
                allow_redirects=False,  # a redirect would carry key and signature to another place
                middlewares=(flight,),
            ) as response:
                body = await read_bounded(response, self._max_body_bytes)
        except (FailedError, aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            return self._failed(flight, cause_of(error))
        if 300 <= response.status < 400:
            return self._failed(flight, f"HTTP {response.status} redirect, not followed", response.status)
        retry_after_s = response.headers.get("Retry-After")
        self._restraint.heard(request.method, request.path, response.status, retry_after_s, self._now_ns())
        return Reply(
            kind=ReplyKind.ANSWERED,
            http=response.status,
            body=body,
            retry_after_s=retry_after_s,
            used=counters(response.raw_headers),
            sent_ns=flight.sent_ns,
            received_ns=self._now_ns(),
        )

    def _held(self, wait_ms: int) -> Reply:
        cause = f"the venue asked to wait, {wait_ms} ms more"
        return Reply(kind=ReplyKind.NOT_SENT, cause=cause, received_ns=self._now_ns())

    def _failed(self, flight: Flight, cause: str, http: int = 0) -> Reply:
        return Reply(
            kind=ReplyKind.UNKNOWN if flight.departed else ReplyKind.NOT_SENT,
            http=http,
            cause=cause,
            sent_ns=flight.sent_ns,
            received_ns=self._now_ns(),
        )

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(self._base_url + path, encoded=True)
        return url

    def _query(self, request: VenueRequest) -> str:
        if request.security != "SIGNED":
            return query_string(request.params)
        timestamp = ("timestamp", str(self._timestamp_ms()))
        return sign_rest(self._signer, (*request.params, *self._recv_window, timestamp))
