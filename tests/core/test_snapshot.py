"""A snapshot and the facts after it make the same book as all the facts (design, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core import packed
from connector.core.book import Book
from connector.core.happenings import SessionOpened
from connector.core.order import Life, Order
from connector.core.packed import is_quiet, pack, repacked, unpack
from connector.core.records import Accepted, Ended, Entry, Requested, Traded, decode
from connector.core.router import Router
from connector.core.snapshot import SnapshotError, decode_book, encode_book
from mappers.model import (
    NewOrder,
    OrderType,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    TimeInForce,
    Trade,
)
from mappers.reports import Report
from tests.simulation.world import World


def replayed(entries: Sequence[Entry], book: Book | None = None) -> tuple[Book, list[Report | None]]:
    book = book or Book()
    return book, [book.apply(entry) for entry in entries]


def observed(book: Book) -> dict[str, object]:
    """Everything a book can be asked, orders by all their attributes; in order, since recovery goes by it."""

    def order(one: Order) -> tuple[object, ...]:
        return tuple(getattr(one, name) for name in Order.__slots__)

    return {
        "orders": [(name, order(one)) for name, one in book.orders.items()],
        "live": [(name, order(one)) for name, one in book.live.items()],
        "canceling": [(name, order(one)) for name, one in book.canceling.items()],
        "named": [
            (key, order(known) if isinstance(known := book.known(*key), Order) else known)
            for key in book.named
        ],
        "by_order_id": list(book.by_order_id.items()),
        "last_trade_id": list(book.last_trade_id.items()),
        "untold": list(book.untold.items()),
        "unread": {session: list(unread.items()) for session, unread in book.unread.items()},
        "numbers": book.numbers,
    }


def entries_of(seed: int) -> list[Entry]:
    """The journal of one simulated desk: two sessions, two accounts, every kind of order and of trouble."""
    world = World(seed)
    world.run()
    return [Entry(position, at_ns, decode(body)) for position, at_ns, body in world.disk.rows]


@pytest.mark.parametrize("seed", range(40))
def test_a_book_from_a_snapshot_and_the_rest_is_the_book_from_everything(seed: int) -> None:
    """Cut at any position, snapshot upon snapshot; the same book, and the same reports from there on."""
    entries, chance = entries_of(seed), Random(seed)
    whole, reports = replayed(entries)
    for cut in {0, len(entries), *(chance.randrange(len(entries) + 1) for _ in range(8))}:
        before, _ = replayed(entries[:cut])
        before.orders.rest(chance.randrange(3))
        middle = chance.randrange(cut, len(entries) + 1)

        book, position = decode_book(encode_book(before, 17))
        assert position == 17
        assert observed(book) == observed(before)
        assert all(book.live[name] is book.orders[name] for name in book.live)
        _, first = replayed(entries[cut:middle], book)
        book, _ = decode_book(encode_book(book, 18))
        _, second = replayed(entries[middle:], book)

        assert [*first, *second] == reports[cut:]
        assert observed(book) == observed(whole)


@pytest.mark.parametrize("seed", range(60))
def test_packing_between_any_two_turns_breaks_no_promise(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late fills, repetitions and questions find the packed order: worlds in which none stays unpacked."""
    monkeypatch.setattr("connector.core.router.IN_USE", 0)
    World(seed).run()


REQUEST = NewOrder(
    session="OMS1->CONNECTOR",
    source_id="OMS1",
    cl_ord_id="c1",
    account="BINANCE",
    isolated=False,
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    quantity=Decimal("3.00"),
    price=Decimal("50000.00"),
    side_effect=SideEffectType.NO_SIDE_EFFECT,
    stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
)


def trade(number: int, quantity: str = "1") -> Trade:
    return Trade(trade_id=number, quantity=Decimal(quantity), price=Decimal("50000.10"), time_ms=1)


def canceled_after(*trades: Trade) -> list[Entry]:
    names = {"account": "BINANCE", "client_order_id": "x1"}
    records = [
        Requested(**names, order=REQUEST),
        Accepted(**names, order_id=7, time_ms=1),
        *(Traded(**names, trade=one) for one in trades),
        Ended(**names, life=Life.CANCELED, time_ms=2),
    ]
    return [Entry(position, position, record) for position, record in enumerate(records, 1)]


def test_a_late_fill_of_an_order_in_a_snapshot_is_known_by_its_trade_id() -> None:
    """P5: the trade that was told is recognised, another one counts and is told."""
    before, _ = replayed(canceled_after(trade(11)))
    book, _ = decode_book(encode_book(before, 4))

    order = book.at_venue("BINANCE", "BTCUSDT", 7)

    assert order is not None
    assert order.trade_ids == {11}
    report = book.apply(
        Entry(5, 5, Traded(account="BINANCE", client_order_id="x1", trade=trade(12, "2"), completes=True))
    )
    assert (order.life, order.cum) == (Life.FILLED, Decimal(3))
    assert report == before.apply(
        Entry(5, 5, Traded(account="BINANCE", client_order_id="x1", trade=trade(12, "2"), completes=True))
    )


MONEY = st.decimals(min_value=Decimal("1e-8"), max_value=Decimal("1e12"), places=8)


@settings(max_examples=300, deadline=None)
@given(
    quantity=MONEY,
    price=st.none() | MONEY,
    trades=st.lists(st.tuples(st.integers(0, 2**62), MONEY, MONEY), unique_by=lambda one: one[0], max_size=5),
    order_id=st.none() | st.integers(0, 2**62),
    life=st.sampled_from([Life.CANCELED, Life.EXPIRED, Life.REJECTED, Life.FILLED]),
    names=st.lists(st.text(min_size=1), min_size=4, max_size=4),
)
def test_unpacking_gives_back_the_order_to_the_last_digit(
    quantity: Decimal,
    price: Decimal | None,
    trades: list[tuple[int, Decimal, Decimal]],
    order_id: int | None,
    life: Life,
    names: list[str],
) -> None:
    """P9: digits, not values: 3.00 stays 3.00."""
    session, source_id, cl_ord_id, client_order_id = names
    request = msgspec.structs.replace(
        REQUEST, session=session, source_id=source_id, cl_ord_id=cl_ord_id, quantity=quantity, price=price
    )
    order = Order(request, client_order_id, 9)
    order.life, order.order_id = Life.NEW, order_id
    for number, amount, at in trades:
        order.count(Trade(trade_id=number, quantity=amount, price=at, time_ms=1), completes=False)
    order.life = life
    assert is_quiet(order)

    again = unpack(client_order_id, pack(order))

    for name in Order.__slots__:
        value, packed_value = getattr(order, name), getattr(again, name)
        assert packed_value == value, name
        assert name == "trade_ids" or str(packed_value) == str(value), name
    assert again.request == request


def test_an_order_packed_by_a_release_with_other_fields_is_read_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A journal whose rows were pruned has nothing but its snapshot: it must outlive the release that made it."""
    book, _ = replayed(canceled_after(trade(11)))
    order = book.orders["x1"]
    fields = packed.REQUEST_FIELDS
    older = tuple(reversed([name for name in fields if name != "transact_time"]))
    monkeypatch.setattr(packed, "REQUEST_FIELDS", older)
    content = pack(order)
    monkeypatch.setattr(packed, "REQUEST_FIELDS", fields)

    assert repacked(content, older) == pack(order)
    with pytest.raises(ValueError, match="colour"):
        repacked(content, ["colour" if name == "symbol" else name for name in older])


@pytest.mark.parametrize("content", [b"", b"\x00", b"not a snapshot", b"\x81\xa6format\x63"])
def test_what_is_no_snapshot_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode_book(content)


def test_a_snapshot_of_a_later_format_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.core.snapshot.FORMAT", 2)
    content = encode_book(Book(), 1)
    monkeypatch.undo()
    with pytest.raises(SnapshotError, match="snapshot format 2, this release reads 1"):
        decode_book(content)


def test_a_settled_order_takes_less_than_a_kilobyte_packed() -> None:
    """Issue 3: memory must not be what limits how long a journal may be."""
    book, _ = replayed(canceled_after(trade(11), trade(12)))
    assert len(pack(book.orders["x1"])) < 300


def test_a_router_goes_on_from_a_snapshot_as_from_a_replay() -> None:
    """Recovery decides the same: what is told again, what is asked."""
    for seed in range(10):
        entries = entries_of(seed)[: 10 + 7 * seed]
        rules = World(seed).rules
        plain, quick = Router(rules), Router(rules)
        for entry in entries:
            plain.replay(entry)
        book, _ = replayed(entries[:-5])
        quick.resume(*decode_book(encode_book(book, entries[-6].position)))
        for entry in entries[-5:]:
            quick.replay(entry)
        assert quick.state.next_position == plain.state.next_position
        assert quick.recover(10**18) == plain.recover(10**18)
        opened = SessionOpened(session="DESK1->CONNECTOR", reset=True)
        assert quick.handle(opened, 10**18) == plain.handle(opened, 10**18)
