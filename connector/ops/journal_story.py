"""What a journal tells: every fact in order, one order's whole life, and what is open.

Nothing here opens a file: entries come in, values go out (`connector.ops.journal_tables` shows them).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from connector.core.book import Book
from connector.core.order import Order
from connector.core.records import (
    OF_SESSIONS,
    Accepted,
    CancelRefused,
    CancelRequested,
    Ended,
    Entry,
    Foreign,
    Record,
    Refused,
    Reported,
    Requested,
)
from connector.ops.journal_words import By, Said, report_words, said, terms
from mappers.decimals import average, short
from mappers.model import NewOrder

Entries = Callable[[], Iterable[Entry]]
"""Every entry of a journal, from the beginning, each time it is called."""


@dataclass(slots=True)
class Step:
    """One fact of the story."""

    position: int
    at_ns: int
    by: By
    what: str
    price: str
    session: str
    cl_ord_id: str  # ClOrdID(11) of the order
    client_order_id: str
    filled: str = ""  # CumQty after it
    left: str = ""  # LeavesQty after it
    report: str = ""  # what the OMS is told because of it; empty: nothing
    told_ns: list[int] = field(default_factory=list)  # when the FIX engine had the report


@dataclass(frozen=True, slots=True)
class Story:
    """One order's life, or one refusal's."""

    title: str
    steps: list[Step]
    now: str  # how it stands


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One unsettled order."""

    since_ns: int
    session: str
    cl_ord_id: str
    client_order_id: str
    order_id: int | None
    account: str
    terms: str
    filled: str
    left: str
    state: str


class Teller:
    """Entries in, steps out; keeps a book so that it can say what each fact led to."""

    def __init__(self, book: Book | None = None) -> None:
        """`book`: what happened before the first entry."""
        self.book = book or Book()

    def tell(self, entry: Entry) -> Step | None:
        """The step of one entry; None for those of sessions, which are about earlier ones."""
        record = entry.record
        if isinstance(record, OF_SESSIONS):
            self.book.apply(entry)
            return None
        name = client_order_id_of(record)
        words = said(record, self.book.orders.get(name))
        report = self.book.apply(entry)
        order = self.book.orders.get(name)
        step = _step(entry, words, order)
        if order is not None:
            step.filled, step.left = short(order.cum), short(order.leaves)
        if report is not None:
            step.report = report_words(report)
        return step


def facts(entries: Iterable[Entry], last: int, book: Book | None = None) -> tuple[list[Step], int]:
    """The last so many facts (0: all) and how many there are."""
    teller, count = Teller(book), 0
    steps: deque[Step] = deque(maxlen=last or None)
    by_position: dict[int, Step] = {}
    for entry in entries:
        if isinstance(entry.record, Reported):
            for position in entry.record.positions:
                if position in by_position:
                    by_position[position].told_ns.append(entry.at_ns)
        step = teller.tell(entry)
        if step is None:
            continue
        count += 1
        if len(steps) == steps.maxlen:
            by_position.pop(steps[0].position, None)
        steps.append(step)
        by_position[step.position] = step
    return list(steps), count


def stories(entries: Entries, name: str, book: Callable[[], Book] = Book) -> list[Story]:
    """The stories of every order called `name`: ClOrdID (its own or its cancel's), client order id, venue
    order id, or SYMBOL:venue order id. Session A's order c1 and session B's are two orders.

    `book` gives what happened before the first entry, anew each time.
    """
    teller = Teller(book())
    wanted = _search(entries(), name, teller.book)
    found: dict[str, list[Step]] = {key: [] for key in sorted(wanted.orders)}
    by_position: dict[int, Step] = {}
    for entry in entries():
        if isinstance(entry.record, Reported):
            for position in entry.record.positions:
                if position in by_position:
                    by_position[position].told_ns.append(entry.at_ns)
            continue
        key = client_order_id_of(entry.record) or wanted.others.get(entry.position, "")
        if key in wanted.orders or entry.position in wanted.others:
            step = teller.tell(entry)
            assert step is not None
            by_position[step.position] = step
            found.setdefault(key, []).append(step)
    return [_story(teller.book, key, steps) for key, steps in found.items()]


def open_orders(entries: Iterable[Entry], book: Book | None = None) -> list[OpenOrder]:
    """The orders whose end is not known and told, the oldest first; `since_ns` 0: before the first entry."""
    book, since = book or Book(), {}
    for entry in entries:
        book.apply(entry)
        book.orders.rest(0)
        if isinstance(entry.record, Requested):
            since[entry.record.client_order_id] = entry.at_ns
        elif isinstance(entry.record, Ended):
            since.pop(entry.record.client_order_id, None)
    return [_open(order, since.get(order.client_order_id, 0)) for order in book.live.values()]


def client_order_id_of(record: Record) -> str:
    """The order a record is about; empty where it is about none that was sent."""
    return str(getattr(record, "client_order_id", ""))


# -- inside -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    orders: set[str]  # client order ids
    others: dict[int, str]  # positions of refusals and foreign orders -> the story they belong to


def _search(entries: Iterable[Entry], name: str, book: Book) -> _Wanted:
    symbol, _, number = name.rpartition(":")
    wanted = _Wanted(set(), {})
    symbols: dict[str, str] = {}  # client order id -> symbol
    owners: dict[tuple[str, str, str], str] = {}  # session, source, ClOrdID -> client order id
    refusals: list[tuple[str, int]] = []  # the order each is about, and its position
    _search_book(wanted, book, name)
    for entry in entries:
        record = entry.record
        match record:
            case Requested():
                order = record.order
                symbols[record.client_order_id] = order.symbol
                owners[order.session, order.source_id, order.cl_ord_id] = record.client_order_id
                if name in (order.cl_ord_id, record.client_order_id):
                    wanted.orders.add(record.client_order_id)
            case CancelRequested() if name in (record.cancel.cl_ord_id, record.cancel_client_id):
                wanted.orders.add(record.client_order_id)
            case Accepted() | Ended() if str(record.order_id) == number:
                if symbol in ("", symbols.get(record.client_order_id)):
                    wanted.orders.add(record.client_order_id)
            case Refused() | CancelRefused():
                refusals.append(_search_refusal(wanted, entry.position, record, owners, name))
            case Foreign() if name == record.statement.client_order_id or (
                str(record.statement.order_id) == number and symbol in ("", record.statement.symbol)
            ):
                its = record.statement
                wanted.others[entry.position] = f"foreign {its.symbol}:{its.order_id}"
    wanted.others.update({position: owner for owner, position in refusals if owner in wanted.orders})
    return wanted


def _search_book(wanted: _Wanted, book: Book, name: str) -> None:
    """What the pruned part of a journal knows by that name."""
    symbol, _, number = name.rpartition(":")
    if name in book.orders:
        wanted.orders.add(name)
    for key, value in book.named.items():
        known = book.known(*key) if key[2] == name else None
        if isinstance(known, Order | CancelRequested):
            wanted.orders.add(known.client_order_id if isinstance(known, CancelRequested) else str(value))
    for (_, its_symbol, order_id), client_order_id in book.by_order_id.items():
        if str(order_id) == number and symbol in ("", its_symbol):
            wanted.orders.add(client_order_id)


def _search_refusal(
    wanted: _Wanted,
    position: int,
    record: Refused | CancelRefused,
    owners: dict[tuple[str, str, str], str],
    name: str,
) -> tuple[str, int]:
    """A refused message belongs to the order it names, else it is a story of its own."""
    message = record.order if isinstance(record, Refused) else record.cancel
    about = message.cl_ord_id if isinstance(record, Refused) else record.cancel.orig_cl_ord_id
    owner = owners.get((message.session, message.source_id, about), "")
    if name in (message.cl_ord_id, about):
        if owner:
            wanted.orders.add(owner)
        else:
            wanted.others[position] = f"{message.session} {message.source_id} {about}"
    return owner, position


def _step(entry: Entry, words: Said, order: Order | None) -> Step:
    session, cl_ord_id, client_order_id = _names(entry.record, order)
    return Step(
        position=entry.position,
        at_ns=entry.at_ns,
        by=words.by,
        what=words.what,
        price=words.price,
        session=session,
        cl_ord_id=cl_ord_id,
        client_order_id=client_order_id,
    )


def _names(record: Record, order: Order | None) -> tuple[str, str, str]:
    if order is not None:
        return order.request.session, order.request.cl_ord_id, order.client_order_id
    match record:
        case Refused():
            return record.order.session, record.order.cl_ord_id, ""
        case CancelRefused():
            return record.cancel.session, record.cancel.orig_cl_ord_id, ""
        case Foreign():
            return "", "", record.statement.client_order_id
    raise AssertionError(record)


def _story(book: Book, key: str, steps: list[Step]) -> Story:
    order = book.orders.get(key)
    if order is None:
        return Story(_title_without_order(steps[0]), steps, _told(steps))
    request = order.request
    title = (
        f"ClOrdID {request.cl_ord_id}, session {request.session}, account {request.account}: "
        f"{terms(request)}; "
        f"client order id {order.client_order_id}, venue order id {order.order_id or 'none'}"
    )
    pruned = not steps or order.position < steps[0].position
    before = "; its beginning is in an archive that is not here" if pruned else ""
    return Story(title, steps, f"{_state(order)}, {_filled(order)}; {_told(steps)}{before}")


def _title_without_order(step: Step) -> str:
    if not step.session:
        return f"client order id {step.client_order_id}: an order at the venue that nobody sent through us"
    return f"ClOrdID {step.cl_ord_id}, session {step.session}: nothing was sent to the venue for it"


def _filled(order: Order) -> str:
    if not order.cum:
        return "nothing filled"
    price = short(average(order.cum_quote, order.cum))
    return f"{short(order.cum)} filled, average price {price}, {short(order.leaves)} left"


def _told(steps: list[Step]) -> str:
    owed = [step for step in steps if step.report and not step.told_ns]
    if not owed:
        return "the OMS has every report"
    return f"{len(owed)} report{'s' * (len(owed) > 1)} not handed to the FIX engine yet"


def _state(order: Order) -> str:
    parts = [str(order.life)]
    if order.doubted:
        parts.append("outcome unknown, being asked for")
    if order.cancel is not None:
        parts.append(f"cancel {order.cancel.cancel.cl_ord_id} under way")
    if order.stated_end is not None:
        parts.append(f"{order.stated_end.life} at the venue, fills missing")
    return "; ".join(parts)


def _open(order: Order, since_ns: int) -> OpenOrder:
    request: NewOrder = order.request
    return OpenOrder(
        since_ns=since_ns,
        session=request.session,
        cl_ord_id=request.cl_ord_id,
        client_order_id=order.client_order_id,
        order_id=order.order_id,
        account=request.account,
        terms=terms(request),
        filled=short(order.cum),
        left=short(order.leaves),
        state=_state(order),
    )
