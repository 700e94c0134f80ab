"""One HTTP request on its way: the moment it leaves, that it leaves once, and how its end is read.

Everything that depends on the inside of aiohttp (3.12 or newer: client middlewares) is in here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

_COUNTERS = (b"x-sapi-used-", b"x-mbx-used-", b"x-mbx-order-count-")  # reference 1.10


class FailedError(Exception):
    """Wraps what aiohttp raised, so that aiohttp does not send the request a second time."""


class Flight:
    """One request on its way: an aiohttp middleware of that request alone.

    aiohttp re-sends what it takes for idempotent, DELETE and GET among it, when a reused connection
    breaks. It looks for its own exceptions to do so, and finds none.
    """

    __slots__ = ("_now_ns", "_query", "cleared", "departed", "sent_ns")

    def __init__(
        self,
        query: Callable[[], str],
        now_ns: Callable[[], int],
        cleared: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`query` gives the query string, timestamped and signed at the moment it is called.

        `cleared` is awaited when the connection is at hand, before anything is signed: until then the
        request may not leave (P1). What it raises ends the request, which then has not left.
        """
        self.cleared = cleared
        self._query = query
        self._now_ns = now_ns
        self.departed = False  # a byte of the request may have left
        self.sent_ns = 0  # the last byte was handed to the system; 0: it was not

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        assert isinstance(request, Departure)
        request.flight = self
        try:
            return await handler(request)
        except aiohttp.ClientError as error:
            raise FailedError from error

    def depart(self, url: URL) -> URL:
        """The address to ask for, signed now; from here on the request may have happened."""
        assert not self.departed, "one request, sent twice"
        query = self._query()
        self.departed = True
        return URL.build(
            scheme=url.scheme,
            host=url.raw_host or "",
            port=url.port,
            path=url.raw_path,
            query_string=query,
            encoded=True,
        )

    def left(self) -> None:
        """Every byte was handed over, or handing over failed."""
        self.sent_ns = self._now_ns()


class Departure(aiohttp.ClientRequest):
    """aiohttp's request, told when its connection is at hand."""

    flight: Flight

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Sign and send; afterwards the address is the plain one again, for aiohttp's errors and reprs."""
        if self.flight.cleared is not None:
            await self.flight.cleared()
        plain = self.url
        self.url = self.flight.depart(plain)
        try:
            return await super().send(conn)
        finally:
            self.flight.left()
            self.url = plain


class TooBigError(aiohttp.ClientPayloadError):
    """The answer is longer than any the venue gives."""


async def read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body, decompressed.

    Raises:
        TooBigError: more than `limit` bytes; the connection is closed.
        aiohttp.ClientError, OSError: the answer ended early or is damaged.
    """
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            response.close()
            raise TooBigError
    return b"".join(parts)


def counters(headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, int]:
    """The venue's weight and order counters: lower-case header name -> value."""
    used = {}
    for name, value in headers:
        lower = name.lower()
        if lower.startswith(_COUNTERS) and value.isdigit():
            used[lower.decode("ascii")] = int(value)
    return used


def cause_of(error: BaseException) -> str:
    """Kinds and system texts only: what libraries write into their messages may hold an address."""
    if isinstance(error, FailedError) and error.__cause__ is not None:
        error = error.__cause__
    source = getattr(error, "os_error", error)
    text = getattr(source, "strerror", None)
    names = type(error).__name__ if source is error else f"{type(error).__name__}, {type(source).__name__}"
    return f"{names}: {text}" if isinstance(text, str) else names
