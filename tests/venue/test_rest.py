"""REST against a bare TCP server: what leaves, how often, and what the caller may conclude (P3, P4, P11)."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connector.venue.rest import ReplyKind, Rest
from connector.venue.signing import signer_for

if TYPE_CHECKING:
    from tests.venue.conftest import RawVenue

API_KEY = "KEY0123456789"
SECRET = "SECRET0123456789"
SIGNATURE = "&signature="


@dataclass(frozen=True)
class Ask:
    method: str = "POST"
    path: str = "/sapi/v1/margin/order"
    params: tuple[tuple[str, str], ...] = (("symbol", "BTCUSDT"), ("newClientOrderId", "fx-1"))
    security: str = "SIGNED"


ORDER = Ask()
CANCEL = Ask(method="DELETE")
QUERY = Ask(method="GET")
TOKEN = Ask(path="/sapi/v1/userListenToken", params=(), security="API_KEY")
TIME = Ask(method="GET", path="/api/v3/time", params=(), security="NONE")
EVERY_METHOD = pytest.mark.parametrize("request_", [ORDER, CANCEL, QUERY], ids=["POST", "DELETE", "GET"])

Opener = Callable[..., Rest]


@pytest_asyncio.fixture
async def rest_to() -> AsyncIterator[Opener]:
    """Opens clients and closes them after the test."""
    opened: list[Rest] = []

    def opener(url: str, **options: object) -> Rest:
        settings = {
            "now_ns": time.monotonic_ns,
            "timestamp_ms": lambda: 1795132800123,
            "request_timeout_ms": 2_000,
            **options,
        }
        opened.append(Rest(url, API_KEY, signer_for(SECRET), **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield opener
    for rest in opened:
        await rest.close()


async def test_a_signed_request_carries_everything_in_the_query_and_has_no_body(
    venue: RawVenue, rest_to: Opener
) -> None:
    """Reference 1.2-1.4: params as given, then recvWindow, timestamp and the signature of just that text."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}"))]

    await rest_to(venue.url, recv_window_ms=4000).send(ORDER)

    query = "symbol=BTCUSDT&newClientOrderId=fx-1&recvWindow=4000&timestamp=1795132800123"
    signature = signer_for(SECRET).sign(query.encode())
    line, *headers = venue.requests[0].split("\r\n")
    assert line == f"POST /sapi/v1/margin/order?{query}&signature={signature} HTTP/1.1"
    assert f"X-MBX-APIKEY: {API_KEY}" in headers
    assert "Content-Length: 0" in headers
    assert not any(header.lower().startswith("content-type") for header in headers)


async def test_a_receive_window_of_zero_is_left_out(venue: RawVenue, rest_to: Opener) -> None:
    """Product page, "Timing security"."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}"))]

    await rest_to(venue.url, recv_window_ms=0).send(ORDER)

    assert "recvWindow" not in venue.requests[0]


@pytest.mark.parametrize(("request_", "key"), [(TOKEN, True), (TIME, False)])
async def test_only_signed_requests_are_signed_and_public_ones_show_no_key(
    venue: RawVenue, rest_to: Opener, request_: Ask, key: bool
) -> None:
    """Reference 1.3."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}"))]

    await rest_to(venue.url).send(request_)

    assert (API_KEY in venue.requests[0]) is key
    assert "timestamp" not in venue.requests[0]
    assert "signature" not in venue.requests[0]


async def test_an_encoded_value_reaches_the_wire_exactly_as_it_was_signed(
    venue: RawVenue, rest_to: Opener
) -> None:
    """Reference 0.7: the venue verifies over the text as received; nobody may re-encode it on the way."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}"))]

    await rest_to(venue.url).send(Ask(params=(("symbol", "币安ABCUSDT"), ("odd", "a+b %2F/~"))))

    payload = "symbol=%E5%B8%81%E5%AE%89ABCUSDT&odd=a%2Bb%20%252F%2F~&timestamp=1795132800123"
    target = venue.requests[0].split(" ")[1]
    assert target == f"/sapi/v1/margin/order?{payload}&signature={signer_for(SECRET).sign(payload.encode())}"


async def test_an_answer_is_handed_over_whole_with_its_counters(venue: RawVenue, rest_to: Opener) -> None:
    """Reference 1.10: names of the counters are case-insensitive, Retry-After is the header's own text."""
    venue.answers = [
        venue.says(
            venue.http(
                "429 Too Many Requests",
                b'{"code":-1003}',
                "X-SAPI-USED-UID-WEIGHT-1M: 1506",
                "x-mbx-order-count-10s: 3",
                "X-MBX-USED-WEIGHT-1M: 77",
                "Retry-After: 12",
            )
        )
    ]
    before = time.monotonic_ns()

    reply = await rest_to(venue.url).send(ORDER)

    assert (reply.kind, reply.http, reply.body) == (ReplyKind.ANSWERED, 429, b'{"code":-1003}')
    assert reply.used == {
        "x-sapi-used-uid-weight-1m": 1506,
        "x-mbx-order-count-10s": 3,
        "x-mbx-used-weight-1m": 77,
    }
    assert reply.retry_after_s == "12"
    assert before < reply.sent_ns < reply.received_ns <= time.monotonic_ns()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
GZIPPED = gzip.compress(b"[1,2]")


@pytest.mark.parametrize(
    ("answer", "http", "body"),
    [
        (CHUNKED, 200, b"[1,2]"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
            % (len(GZIPPED), GZIPPED),
            200,
            b"[1,2]",
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\nContent-Type: text/html\r\n\r\n<html></html>",
            403,
            b"<html></html>",
        ),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 503, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000, 200, b"x" * 300_000),
    ],
    ids=["chunked", "gzip", "html", "empty", "big"],
)
async def test_any_whole_answer_is_an_answer(
    venue: RawVenue, rest_to: Opener, answer: bytes, http: int, body: bytes
) -> None:
    """What it means is the mapper's business; here it only has to be complete (reference 5.1)."""
    venue.answers = [venue.says(answer)]

    reply = await rest_to(venue.url).send(QUERY)

    assert (reply.kind, reply.http, reply.body) == (ReplyKind.ANSWERED, http, body)


async def test_connections_are_kept_and_used_again(venue: RawVenue, rest_to: Opener) -> None:
    venue.answers = [venue.says(venue.http("200 OK", b"{}"))]
    rest = rest_to(venue.url)

    for request in (ORDER, QUERY, CANCEL):
        await rest.send(request)

    assert (venue.connections, len(venue.requests)) == (1, 3)


async def test_warming_opens_the_connections_before_the_first_order(venue: RawVenue, rest_to: Opener) -> None:
    venue.answers = [venue.says(venue.http("200 OK", b"{}"))]
    rest = rest_to(venue.url)

    assert await rest.warm(3) == 3
    await asyncio.gather(*(rest.send(ORDER) for _ in range(3)))

    assert venue.connections == 3
    assert [head.split(" ")[1] for head in venue.requests[:3]] == ["/api/v3/ping"] * 3


async def test_keeping_warm_goes_on_through_trouble(venue: RawVenue, rest_to: Opener) -> None:
    """A venue that drops idle connections, or is away for a while, finds us warm again."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}")), _end, venue.says(venue.http("200 OK", b"{}"))]
    keeping = asyncio.create_task(rest_to(venue.url).keep_warm(1, every_s=0.01))

    async with asyncio.timeout(5):
        while len(venue.requests) < 5:
            await asyncio.sleep(0.01)

    keeping.cancel()
    assert venue.connections == 2


async def test_warming_an_unreachable_venue_warms_nothing_and_raises_nothing(rest_to: Opener) -> None:
    assert await rest_to(f"http://127.0.0.1:{_closed_port()}").warm(2) == 0


# What did not happen


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@EVERY_METHOD
async def test_a_refused_connection_means_it_did_not_happen(rest_to: Opener, request_: Ask) -> None:
    reply = await rest_to(f"http://127.0.0.1:{_closed_port()}").send(request_)

    assert (reply.kind, reply.http, reply.sent_ns) == (ReplyKind.NOT_SENT, 0, 0)
    assert reply.cause.startswith("ClientConnectorError, ConnectionRefusedError")


async def test_a_name_that_does_not_resolve_means_it_did_not_happen(rest_to: Opener) -> None:
    """RFC 6761: `.invalid` never resolves."""
    reply = await rest_to("http://venue.invalid:1").send(ORDER)

    assert (reply.kind, reply.sent_ns) == (ReplyKind.NOT_SENT, 0)


async def test_a_failed_tls_handshake_means_it_did_not_happen(rest_to: Opener) -> None:
    """The port answers in plain text: the handshake ends before any byte of the request could leave."""

    async def plain_text(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(plain_text, "127.0.0.1", 0)

    reply = await rest_to(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}").send(ORDER)

    assert (reply.kind, reply.sent_ns) == (ReplyKind.NOT_SENT, 0)
    assert "SSL" in reply.cause
    server.close()


async def test_a_handshake_that_never_ends_means_it_did_not_happen(rest_to: Opener) -> None:
    """A time limit before the connection stands is no unknown outcome, however alike the exceptions are."""

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for limits in ({"connect_timeout_ms": 100}, {"request_timeout_ms": 100}):
        reply = await rest_to(f"https://127.0.0.1:{port}", **limits).send(ORDER)

        assert (reply.kind, reply.sent_ns) == (ReplyKind.NOT_SENT, 0)
    server.close()
    for writer in held:
        writer.close()


async def test_a_closed_client_sends_nothing(venue: RawVenue, rest_to: Opener) -> None:
    rest = rest_to(venue.url)
    await rest.close()

    reply = await rest.send(ORDER)

    assert (reply.kind, reply.cause) == (ReplyKind.NOT_SENT, "closed by us")


# What may have happened


async def _silence(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def _then_end(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return answer


@EVERY_METHOD
@pytest.mark.parametrize(
    "ending",
    [
        _silence,
        _reset,
        _end,
        _then_end(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        _then_end(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1"),
        _then_end(b"HTTP/1.1 200 O"),
        _then_end(b"\x00\x01garbage\r\n\r\n"),
        _then_end(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"),
    ],
    ids=["silence", "reset", "end", "short body", "short chunk", "short head", "garbage", "broken gzip"],
)
async def test_a_lost_answer_is_unknown_and_the_request_is_not_repeated(
    venue: RawVenue, rest_to: Opener, request_: Ask, ending: Callable[..., object]
) -> None:
    """P3, P4; traps 7 and 8. aiohttp itself would repeat DELETE and GET on a used connection."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}")), ending]  # type: ignore[list-item]
    rest = rest_to(venue.url, request_timeout_ms=300)
    assert (await rest.send(ORDER)).kind is ReplyKind.ANSWERED

    reply = await rest.send(request_)

    assert reply.kind is ReplyKind.UNKNOWN
    assert 0 < reply.sent_ns <= reply.received_ns
    await asyncio.sleep(0.05)
    assert (venue.connections, len(venue.requests)) == (1, 2)


@pytest.mark.parametrize("method", ["DELETE", "GET"])
async def test_the_http_library_left_alone_would_repeat_the_request(venue: RawVenue, method: str) -> None:
    """Why `Flight` exists. Should this fail one day, aiohttp has changed: read its client anew."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}")), _end]
    async with aiohttp.ClientSession() as session:
        async with session.get(venue.url) as response:
            await response.read()

        with pytest.raises(aiohttp.ClientError):
            await session.request(method, venue.url)

    assert len(venue.requests) == 3


@EVERY_METHOD
async def test_a_first_connection_that_breaks_is_unknown_too(
    venue: RawVenue, rest_to: Opener, request_: Ask
) -> None:
    venue.answers = [_reset]

    reply = await rest_to(venue.url).send(request_)

    assert (reply.kind, len(venue.requests)) == (ReplyKind.UNKNOWN, 1)


async def test_an_idle_connection_the_venue_closed_is_not_used(venue: RawVenue, rest_to: Opener) -> None:
    """Seen closed before the request left: the request goes over a new connection, once."""
    venue.answers = [venue.says(venue.http("200 OK", b"{}"))]
    rest = rest_to(venue.url)
    await rest.send(ORDER)
    venue.drop_all()
    await asyncio.sleep(0.05)

    assert (await rest.send(CANCEL)).kind is ReplyKind.ANSWERED
    assert (venue.connections, len(venue.requests)) == (2, 2)


@pytest.mark.parametrize(
    "status",
    [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ],
)
async def test_a_redirect_is_unknown_and_never_followed(
    venue: RawVenue, rest_to: Opener, status: str
) -> None:
    """It would take key and signature elsewhere; whether the order was taken first, nobody says."""
    venue.answers = [venue.says(venue.http(status, b"", f"Location: {venue.url}/elsewhere"))]

    reply = await rest_to(venue.url).send(ORDER)

    assert (reply.kind, reply.http, len(venue.requests)) == (ReplyKind.UNKNOWN, int(status[:3]), 1)


@pytest.mark.parametrize("chunked", [True, False])
async def test_an_answer_beyond_every_measure_is_unknown(
    venue: RawVenue, rest_to: Opener, chunked: bool
) -> None:
    """Everything has a limit: a broken front end must not fill our memory."""
    body = b"x" * 5000
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + body + b"\r\n0\r\n\r\n"
    venue.answers = [venue.says(answer if chunked else venue.http("200 OK", body))]

    reply = await rest_to(venue.url, max_body_bytes=1000).send(ORDER)

    assert (reply.kind, reply.cause) == (ReplyKind.UNKNOWN, "TooBigError")


async def test_closing_leaves_requests_in_flight_unknown(venue: RawVenue, rest_to: Opener) -> None:
    venue.answers = [_silence]
    rest = rest_to(venue.url)
    sending = asyncio.create_task(rest.send(ORDER))
    while not venue.requests:
        await asyncio.sleep(0.01)

    await rest.close()

    assert (await sending).kind is ReplyKind.UNKNOWN


async def test_the_repr_of_a_reply_keeps_the_body_to_itself(venue: RawVenue, rest_to: Opener) -> None:
    """P11, trap 22: the answer to a token request is the token."""
    venue.answers = [venue.says(venue.http("200 OK", b'{"token":"very-secret"}'))]

    reply = await rest_to(venue.url).send(TOKEN)

    assert b"very-secret" in reply.body
    assert "very-secret" not in repr(reply)


# When


async def test_the_time_is_taken_when_the_connection_stands(rest_to: Opener, tmp_path: Path) -> None:
    """A handshake of half a second would cost a desk with a recvWindow of 400 ms its order."""
    times = iter(range(1000, 9000))
    asked: list[int] = []

    def timestamp_ms() -> int:
        asked.append(next(times))
        return asked[-1]

    accepted = asyncio.Event()
    heads: list[bytes] = []

    async def slow_front_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await asyncio.sleep(0.2)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", inner_port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    async def tls_venue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server_tls, client_tls = _certificate(tmp_path)
    inner = await asyncio.start_server(tls_venue, "127.0.0.1", 0, ssl=server_tls)
    inner_port = inner.sockets[0].getsockname()[1]
    outer = await asyncio.start_server(slow_front_end, "127.0.0.1", 0)
    outer_port = outer.sockets[0].getsockname()[1]
    rest = rest_to(f"https://localhost:{outer_port}", timestamp_ms=timestamp_ms, tls=client_tls)

    sending = asyncio.create_task(rest.send(ORDER))
    await accepted.wait()
    assert asked == []
    reply = await sending

    assert (reply.kind, asked) == (ReplyKind.ANSWERED, [1000])
    assert b"timestamp=1000&" in heads[0]
    inner.close()
    outer.close()


def _certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "venue.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


async def test_an_untrusted_certificate_means_it_did_not_happen(rest_to: Opener, tmp_path: Path) -> None:
    server_tls, _ = _certificate(tmp_path)
    server = await asyncio.start_server(_silence, "127.0.0.1", 0, ssl=server_tls)

    reply = await rest_to(f"https://localhost:{server.sockets[0].getsockname()[1]}").send(ORDER)

    assert (reply.kind, reply.sent_ns) == (ReplyKind.NOT_SENT, 0)
    assert "Certificate" in reply.cause
    server.close()


async def test_an_order_and_a_cancel_never_wait_behind_slow_questions(
    venue: RawVenue, rest_to: Opener
) -> None:
    """P8: a hundred unanswered questions hold only their own few places."""
    slow = asyncio.Event()

    async def by_method(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if venue.requests[-1].startswith("GET"):
            await slow.wait()
        writer.write(venue.http("200 OK", b"{}"))

    venue.answers = [by_method]
    rest = rest_to(venue.url, questions_at_once=3)
    questions = [asyncio.create_task(rest.send(QUERY)) for _ in range(100)]
    while len(venue.requests) < 3:
        await asyncio.sleep(0.01)

    async with asyncio.timeout(1):
        replies = await asyncio.gather(rest.send(ORDER), rest.send(CANCEL))

    assert [reply.kind for reply in replies] == [ReplyKind.ANSWERED] * 2
    assert sum(head.startswith("GET") for head in venue.requests) == 3
    slow.set()
    assert {reply.kind for reply in await asyncio.gather(*questions)} == {ReplyKind.ANSWERED}
    assert venue.connections <= 5


async def test_waiting_at_the_gate_is_no_part_of_the_time_limit(venue: RawVenue, rest_to: Opener) -> None:
    """Reconciling a thousand orders takes longer than one request may; none of them is late for it."""

    async def unhurried(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(venue.http("200 OK", b"{}"))

    venue.answers = [unhurried]
    rest = rest_to(venue.url, questions_at_once=1, request_timeout_ms=250)

    replies = await asyncio.gather(*(rest.send(QUERY) for _ in range(10)))

    assert {reply.kind for reply in replies} == {ReplyKind.ANSWERED}


# Secrets


@EVERY_METHOD
@pytest.mark.parametrize("ending", [_reset, _end, _silence, _then_end(b"\x00garbage\r\n\r\n")])
async def test_no_reply_and_no_log_shows_key_secret_or_signature(
    venue: RawVenue,
    rest_to: Opener,
    caplog: pytest.LogCaptureFixture,
    request_: Ask,
    ending: Callable[..., object],
) -> None:
    """P11: aiohttp's exceptions carry addresses; our causes do not."""
    caplog.set_level("DEBUG")
    venue.answers = [ending]  # type: ignore[list-item]
    rest = rest_to(venue.url, request_timeout_ms=200)

    reply = await rest.send(request_)

    assert SIGNATURE in venue.requests[0]
    for text in (reply.cause, repr(reply), repr(rest), caplog.text):
        assert not any(secret in text for secret in (API_KEY, SECRET, SIGNATURE))
