"""Logs: one JSON object a line, everything through one pipeline, and no secret in any of it (P11)."""

import asyncio
import errno
import gc
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from connector.ops.logs import Logs, configure
from connector.ops.scrub import HIDDEN, Scrubber
from connector.settings import Secret

API_KEY = "kkkkkkkkAPIKEY" * 4
HMAC_SECRET = "sEcReT+/value==" * 4
PEM_BODY = "MC4CAQAwBQYDK2VwBCIEIAabcdefghijklmnopqrstuvwxyz0123456789+/ABCD"
PEM = f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----"
PASSWORD = 'correct "horse" battery'
SECRETS = (API_KEY, HMAC_SECRET, PEM, PASSWORD)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logs(stream: io.StringIO) -> Iterator[Logs]:
    with configure("info", "json", stream, SECRETS) as configured:
        yield configured


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def assert_no_secret(text: str) -> None:
    for secret in (API_KEY, HMAC_SECRET, PEM_BODY, PASSWORD, "horse"):
        for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), repr(secret)[1:-1]):
            assert form not in text


@pytest.mark.usefixtures("logs")
def test_an_event_is_one_json_object_with_the_same_keys_first(stream: io.StringIO) -> None:
    log = structlog.get_logger("connector.drive").bind(session="OMS1")

    log.info("order_sent", cl_ord_id="c1", elapsed_ms=3)

    (event,) = events(stream)
    assert list(event) == ["timestamp", "level", "logger", "event", "session", "cl_ord_id", "elapsed_ms"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event.pop("timestamp"))
    assert event == {
        "level": "info",
        "logger": "connector.drive",
        "event": "order_sent",
        "session": "OMS1",
        "cl_ord_id": "c1",
        "elapsed_ms": 3,
    }


@pytest.mark.usefixtures("logs")
def test_values_are_written_as_people_read_them(stream: io.StringIO) -> None:
    """Decimals keep their digits, bytes are text: in base64 nobody would find a secret."""

    class Side(StrEnum):
        BUY = "BUY"

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError(PASSWORD)

    structlog.get_logger().info(
        "values", price=Decimal("1.10"), side=Side.BUY, path=Path("/x"), raw=b"\xff8=FIX", many=(1, {2: None}),
        odd="\udcff", broken=Broken(), problem=ValueError("why"),
    )  # fmt: skip

    event = events(stream)[0]
    assert (event["price"], event["side"], event["path"], event["raw"]) == ("1.10", "BUY", "/x", "\\xff8=FIX")
    assert (event["many"], event["odd"], event["problem"]) == ([1, {"2": None}], "\udcff", "why")
    assert event["broken"] == "<Broken: RuntimeError in str()>"


def test_less_important_events_are_left_out(stream: io.StringIO) -> None:
    with configure("warning", "json", stream, ()):
        structlog.get_logger().info("quiet")
        logging.getLogger("aiohttp.client").info("quiet")
        structlog.get_logger().warning("loud")
        logging.getLogger("aiohttp.client").error("loud")

    assert [(event["level"], event["event"]) for event in events(stream)] == [
        ("warning", "loud"),
        ("error", "loud"),
    ]


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("secret", SECRETS, ids=["api key", "hmac", "pem", "password"])
def test_a_known_secret_is_hidden_wherever_it_appears(stream: io.StringIO, secret: str) -> None:
    """In texts, names, nested values, bytes, URLs, other objects' texts."""

    class Request:
        def __repr__(self) -> str:
            return f"Request({secret!r})"

    log = structlog.get_logger()
    log.info(f"said {secret}")
    log.info("named", **{f"x {secret}": 1})
    log.info("nested", body={"a": [{"b": (secret, f"<{secret}>")}], secret: 1})
    log.info("bytes", body=secret.encode())
    log.info("url", url="https://x/?k=" + quote(secret, safe=""))
    log.info("object", request=Request(), listed=[Request()])
    logging.getLogger("aiohttp.client").error("request %s failed", secret)

    assert len(events(stream)) == 7
    assert_no_secret(stream.getvalue())


@pytest.mark.usefixtures("logs")
def test_a_pem_is_hidden_line_by_line_and_with_number_signs(stream: io.StringIO) -> None:
    """design.md section 5: '#' may stand for a newline, so the body also travels alone."""
    log = structlog.get_logger()
    log.info("one_line", text=PEM.replace("\n", "#"))
    log.info("body", text=f"cannot parse {PEM_BODY}")
    log.info("unknown", text="-----BEGIN RSA PRIVATE KEY-----\nAAAABBBBCCCC\n-----END RSA PRIVATE KEY-----!")

    assert_no_secret(stream.getvalue())
    assert "AAAABBBBCCCC" not in stream.getvalue()
    assert events(stream)[2]["text"] == f"{HIDDEN} (PEM)!"


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize(
    "name",
    ["apiSecret", "api_secret", "secret", "password", "new_password", "signature", "apiKey", "api_key",
     "X-MBX-APIKEY", "token", "listenToken", "listenKey", "private_key", "Authorization"],
)  # fmt: skip
def test_what_is_named_like_a_secret_is_hidden_though_unknown(stream: io.StringIO, name: str) -> None:
    structlog.get_logger().info("named", headers={name: "unheard-of"}, **{name: "unheard-of"})

    assert "unheard-of" not in stream.getvalue()
    assert events(stream)[0][name] == HIDDEN


@pytest.mark.usefixtures("logs")
def test_numbers_and_masked_values_stay_under_such_names(stream: io.StringIO) -> None:
    """P11 allows a key's ends; a lifetime or a switch tells nothing."""
    key = Secret("KEYhe" + "x" * 40 + "tail", head=5, tail=4)

    structlog.get_logger().info("stream_opened", api_key=key, token_expires_ms=5, signature_valid=True)

    event = events(stream)[0]
    assert (event["api_key"], event["token_expires_ms"], event["signature_valid"]) == (
        f"KEYhe{HIDDEN}tail",
        5,
        True,
    )


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /a?x=1&signature=ab%2Fcd&y=2", f"GET /a?x=1&signature={HIDDEN}&y=2"),
        ("https://x/?listenKey=abc def", f"https://x/?listenKey={HIDDEN} def"),
        ("/x?apiKey=abc'", f"/x?apiKey={HIDDEN}'"),
        ("8=FIX.4.4\x0135=A\x01553=me\x01554=hunter2\x01925=hunter3\x0110=0", None),
        ("35=A|554=hunter2|10=0", f"35=A|554={HIDDEN}|10=0"),
    ],
)
def test_signed_addresses_and_logons_are_cut(stream: io.StringIO, text: str, shown: str | None) -> None:
    """Password(554), NewPassword(925): a mistyped password is nearly the right one."""
    structlog.get_logger().info("seen", text=text)

    assert "hunter" not in stream.getvalue()
    assert events(stream)[0]["text"] == (
        shown or f"8=FIX.4.4\x0135=A\x01553=me\x01554={HIDDEN}\x01925={HIDDEN}\x0110=0"
    )


@pytest.mark.usefixtures("logs")
def test_an_exception_is_told_without_local_variables(stream: io.StringIO) -> None:
    """Locals hold keys and passwords; a secret in the message is hidden too."""

    def sign(local_value: str) -> None:
        raise ValueError(f"cannot sign with {HMAC_SECRET}")

    try:
        sign("only-in-a-local")
    except ValueError:
        structlog.get_logger().exception("signing_failed")

    (event,) = events(stream)
    assert event["level"] == "error"
    assert event["exception"].startswith("Traceback (most recent call last):")
    assert event["exception"].endswith(f"ValueError: cannot sign with {HIDDEN}")
    assert "only-in-a-local" not in event["exception"].replace('sign("only-in-a-local")', "")
    assert_no_secret(stream.getvalue())


@pytest.mark.usefixtures("logs")
def test_exceptions_are_taken_as_values_too(stream: io.StringIO) -> None:
    structlog.get_logger().error("task_failed", exc_info=OSError(errno.ENOSPC, "No space left"))

    assert events(stream)[0]["exception"] == "OSError: [Errno 28] No space left"


@pytest.mark.usefixtures("logs")
async def test_asyncio_and_warnings_come_through_the_same_pipeline(stream: io.StringIO) -> None:
    async def fail() -> None:
        raise ValueError(PASSWORD)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)  # pytest stands in between; take the hook again
        logging.captureWarnings(capture=True)
        warnings.warn("beware", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    found = events(stream)
    assert [event["logger"] for event in found] == ["asyncio", "py.warnings"]
    assert "Task exception was never retrieved" in found[0]["event"]
    assert "UserWarning: beware" in found[1]["event"]
    assert_no_secret(stream.getvalue())


def test_a_record_whose_arguments_do_not_fit_is_still_told(stream: io.StringIO) -> None:
    with configure("info", "json", stream, ()) as logs:
        logs.record(logging.LogRecord("aiohttp.server", logging.ERROR, "", 1, "%d things", ("none",), None))

    assert events(stream)[0]["event"] == "%d things"


def test_a_terminal_gets_lines_for_people_a_pipe_gets_json() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with configure("info", "auto", stream, SECRETS):
            structlog.get_logger("connector").warning("order_refused", password="x", text=PASSWORD)

    assert "order_refused" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    assert events(pipe)[0]["event"] == "order_refused"
    assert_no_secret(terminal.getvalue())


def test_texts_from_outside_cannot_draw_on_the_terminal(stream: io.StringIO) -> None:
    """A reject text of the exchange with an escape sequence could hide or fake lines."""
    with configure("info", "console", stream, ()):
        structlog.get_logger().info("venue_said", text="\x1b[2Jx\nfake")
        logging.getLogger("aiohttp").error("bad\x1b[2J\nfake")

    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 2


def test_a_file_is_appended_to_and_can_be_moved_away(tmp_path: Path) -> None:
    """logrotate moves the file, then asks for a new one; others need not read it."""
    path = tmp_path / "logs" / "connector.log"
    with configure("info", "json", path, ()) as logs:
        structlog.get_logger().info("first")
        path.rename(tmp_path / "old.log")
        logs.reopen()
        structlog.get_logger().info("second")

    assert path.stat().st_mode & 0o007 == 0
    assert "first" in (tmp_path / "old.log").read_text()
    assert json.loads(path.read_text())["event"] == "second"


def test_a_full_disk_stops_no_order_and_is_told_afterwards(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with configure("info", "json", stream, ()) as logs:
        log, write = structlog.get_logger(), stream.write

        def full(_: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(stream, "write", full)
        log.info("lost_one")
        log.info("lost_two")
        assert logs.lost == 2
        monkeypatch.setattr(stream, "write", write)
        log.info("back")

    assert [(event["event"], event.get("count")) for event in events(stream)] == [
        ("log_events_lost", 2),
        ("back", None),
    ]
    assert logs.lost == 0


def test_closing_gives_the_loggers_back(stream: io.StringIO) -> None:
    """Two connectors can live in one process of a test, one after the other."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    with configure("debug", "json", stream, ()):
        assert len(root.handlers) == len(before[0]) + 1

    assert (list(root.handlers), root.level) == before
    logging.getLogger("aiohttp").error("elsewhere")
    assert stream.getvalue() == ""


def test_a_clean_line_is_not_taken_apart() -> None:
    """The fast path: the very same text comes back."""
    line = '{"event":"order_sent","symbol":"BTCUSDT","price":"61250.10"}'

    assert Scrubber(SECRETS).line(line) is line


def test_a_secret_of_digits_does_not_break_the_json() -> None:
    """A password may look like a number that stands in the line as a number."""
    line = Scrubber(["12345678"]).line('{"order_id":9123456780,"ok":true,"n":7}')

    assert json.loads(line) == {"order_id": HIDDEN, "ok": True, "n": 7}


def test_a_scrubber_does_not_show_what_it_hides() -> None:
    assert_no_secret(repr(Scrubber(SECRETS)) + str(Scrubber(SECRETS)))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    secret=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=6, max_size=40),
    value=JSON,
    before=st.text(max_size=10),
    after=st.text(max_size=10),
)
def test_no_line_holds_a_secret_and_every_line_is_json(
    secret: str, value: object, before: str, after: str
) -> None:
    """By construction: whatever the event and wherever the secret."""
    stream = io.StringIO()
    with configure("info", "json", stream, [secret]):
        structlog.get_logger("x").info(
            "seen", value=value, text=before + secret + after, **{"k" + secret: [secret]}
        )

    (event,) = events(stream)
    assert event
    texts = [str(item) for pair in event.items() for item in pair]
    assert [text for text in texts if secret in text and secret not in HIDDEN] == []
