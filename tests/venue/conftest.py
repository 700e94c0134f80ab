"""A venue made of nothing but a TCP socket: it counts requests and answers as each test tells it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawVenue:
    """Hands the n-th request (of all connections) to the n-th answer; the last answer repeats."""

    def __init__(self) -> None:
        self.requests: list[str] = []  # heads, as received
        self.connections = 0
        self.answers: list[Answer] = []
        self.url = ""
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop_all(self) -> None:
        """Close every connection, as a front end does with idle ones."""
        for writer in self._writers:
            writer.close()

    @staticmethod
    def says(data: bytes) -> Answer:
        """Answer with these bytes and keep the connection."""

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(data)
            await writer.drain()

        return answer

    @staticmethod
    def http(status: str, body: bytes = b"", *headers: str) -> bytes:
        """A whole HTTP answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        return "\r\n".join(lines).encode() + body

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.decode("ascii"))
                await self.answers[min(len(self.requests), len(self.answers)) - 1](reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        except asyncio.CancelledError:
            writer.close()


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[RawVenue]:
    """An open plain-text venue."""
    raw = RawVenue()
    await raw.open()
    yield raw
    await raw.close()
