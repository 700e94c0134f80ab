"""What a reader sees in a narrow, a wide and no terminal."""

from __future__ import annotations

import io

import pytest

from connector.demo.messages import Direction, Pairs, Row, row
from connector.demo.scenes import SCENES
from connector.demo.screen import TableScreen

AT_NS = 1_795_181_400_123_000_000
TRADE: Pairs = (
    (35, "8"), (11, "margin-buy"), (150, "F"), (39, "1"), (14, "0.2"), (151, "0.3"), (44, "60000"), (31, "59998"),
    (32, "0.2"), (851, "1"), (137, "0.0002"), (138, "BTC"), (1003, "990017002"),
)  # fmt: skip
REFUSED: Pairs = (
    (35, "8"), (11, "fat-finger"), (150, "8"), (39, "8"), (14, "0"), (151, "0"), (44, "60000"),
    (58, "OrderQty(38)=10000 is above maxQty 9000.00000000 (LOT_SIZE) and this text goes on and on"),
)  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def shown(screen: TableScreen, out: io.StringIO, *rows: Row) -> list[str]:
    screen.scene(1, SCENES[0])
    for one in rows:
        screen.show(one)
    screen.close()
    return out.getvalue().splitlines()


@pytest.mark.usefixtures("_plain_surroundings")
def test_without_a_terminal_each_message_is_one_plain_line() -> None:
    """CI logs: no control codes, nothing wrapped, so that grep finds whole messages."""
    out = io.StringIO()
    screen = TableScreen(out, verbose=False)
    screen.waiting("something")
    lines = shown(screen, out, row(AT_NS, Direction.TO_OMS, TRADE), row(AT_NS, Direction.TO_OMS, REFUSED))
    assert "\x1b" not in out.getvalue()
    assert "\r" not in out.getvalue()
    assert "something" not in out.getvalue()
    assert lines[-2].split() == [
        "13:30:00.123", "→OMS", "ExecutionReport", "Trade", "margin-buy", "PartiallyFilled", "0.2/0.3", "59998",
        "0.2", "maker,", "fee", "0.0002", "BTC,", "#990017002",
    ]  # fmt: skip
    assert lines[-1].endswith("this text goes on and on")


@pytest.mark.usefixtures("_plain_surroundings")
@pytest.mark.parametrize("columns", [60, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the terminal wraps by itself breaks the columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    out = io.StringIO()
    lines = shown(
        TableScreen(out, verbose=False),
        out,
        row(AT_NS, Direction.TO_OMS, TRADE),
        row(AT_NS, Direction.TO_OMS, REFUSED),
    )
    if columns >= 80:
        assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    for part in ("ExecutionReport Trade", "PartiallyFilled", "0.2/0.3", "59998", "#990017002", "LOT_SIZE"):
        assert part in text


@pytest.mark.usefixtures("_plain_surroundings")
def test_a_cell_too_long_takes_its_room_from_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    pairs: Pairs = (
        (35, "8"),
        (11, "cxl-resting"),
        (41, "resting"),
        (150, "6"),
        (39, "6"),
        (14, "0"),
        (151, "5"),
    )
    lines = shown(TableScreen(out, verbose=False), out, row(AT_NS, Direction.TO_OMS, pairs))
    assert lines[-1] == "13:30:00 →OMS  ExecutionReport PendingCancel cxl-resting PendingCancel 0/5"


@pytest.mark.usefixtures("_plain_surroundings")
def test_a_terminal_gets_colours_and_a_waiting_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    screen = TableScreen(out, verbose=False)
    screen.waiting("waiting for the stream")
    shown(screen, out, row(AT_NS, Direction.TO_OMS, TRADE))
    assert screen.live
    assert "\x1b[" in out.getvalue()
    assert "waiting for the stream" in out.getvalue()


@pytest.mark.usefixtures("_plain_surroundings")
def test_texts_of_others_are_shown_as_they_are() -> None:
    """A Text(58) with brackets is no markup."""
    out = io.StringIO()
    odd: Pairs = ((35, "8"), (11, "c1"), (150, "8"), (39, "8"), (58, "[red]not a colour[/red]"))
    lines = shown(TableScreen(out, verbose=False), out, row(AT_NS, Direction.TO_OMS, odd))
    assert lines[-1].endswith("[red]not a colour[/red]")


@pytest.mark.usefixtures("_plain_surroundings")
def test_verbose_adds_the_raw_message() -> None:
    out = io.StringIO()
    lines = shown(TableScreen(out, verbose=True), out, row(AT_NS, Direction.TO_OMS, TRADE))
    assert lines[-1] == "|".join(f"{tag}={value}" for tag, value in TRADE) + "|"


@pytest.mark.parametrize(
    ("pairs", "name", "text"),
    [
        (
            ((35, "D"), (11, "c1"), (55, "BTCUSDT"), (54, "2"), (38, "1"), (40, "4"), (99, "7"), (44, "6"),
             (6100, "TakeProfit"), (59, "1")),
            "NewOrderSingle",
            "SELL 1 BTCUSDT TAKE-PROFIT LIMIT GTC, triggers at 7",
        ),
        (((35, "F"), (11, "x1"), (41, "c1")), "OrderCancelRequest", "of c1"),
    ],
)  # fmt: skip
def test_what_the_oms_asks_reads_like_an_order(pairs: Pairs, name: str, text: str) -> None:
    one = row(AT_NS, Direction.FROM_OMS, pairs)
    assert (one.message, one.text) == (name, text)


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        (((35, "9"), (11, "x1"), (39, "2")), "OrderCancelReject"),
        (((35, "j"), (379, "c1"), (58, "no")), "BusinessMessageReject"),
        (((35, "3"), (58, "no")), "Reject"),
        (((35, "8"), (11, "c1"), (150, "Z")), "ExecutionReport 150=Z"),
        (((35, "AE"),), "MsgType(35)=AE"),
    ],
)
def test_every_message_has_a_name(pairs: Pairs, name: str) -> None:
    assert row(AT_NS, Direction.TO_OMS, pairs).message == name
