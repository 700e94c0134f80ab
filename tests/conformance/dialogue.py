"""Runs a dialogue: FIX text in, venue JSON in, FIX text out, with nothing between but pure code.

    # What it shows, in a sentence.
    client 35=D|11=c1|55=BTCUSDT|54=1|38=3|40=2|44=100     a message; header and TransactTime(60) are added
    sends  NEW_ORDER type=LIMIT quantity=3                 the request that waits has these parameters
    venue  accepted orderId=7 [trade=ID:QTY@PX ...]        answers the waiting order: 200, NEW or what it traded
    venue  expired orderId=7 [trade=...] [reason=WORD]     200, EXPIRED
    venue  refuses [cancel] code=-2010 text=Words_joined   HTTP 400 to the request that waits
    venue  cancels                                         200 to the waiting cancel
    venue  says status=NEW                                 200 to the waiting question for an order
    venue  lists trade=ID:QTY@PX ...                       200 to the waiting question for trades
    venue  is silent                                       the waiting request never gets its reply
    venue  trade id=1 qty=1 px=100 [(twice)]               an event of the user data stream
    venue  event status=CANCELED [reason=WORD]             another one
    wait   15s                                             time passes
    crash                                                  kill -9, and a new process on the same journal
    expect 35=8|11=c1|39=0                                 the next message has these fields
    silence                                                there is no next message

What was not expected by the end is a failure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector.core.happenings import (
    Answered,
    AskOpen,
    AskOrder,
    AskTrades,
    Call,
    Cancel,
    Decision,
    InstrumentsLoaded,
    MessageArrived,
    Reconcile,
    SkewMeasured,
    StreamStated,
    Submit,
    Tick,
)
from connector.core.records import Entry, decode, encode
from connector.core.router import Router
from connector.core.turn import AccountRules
from mappers import binance
from mappers.binance import VenueRequest
from mappers.fix_in import read_message
from mappers.fix_out import write_report
from mappers.ids import CompositeIds
from mappers.instruments import Instrument
from mappers.model import OrderStatement, OrderType, Outcome, OutcomeUnknown, Stated
from mappers.profile import SessionProfile

SOH = "\x01"
MS, SECOND = 1_000_000, 1_000_000_000
START_NS = 1_795_132_800 * SECOND
PROFILE = SessionProfile(
    session="DESK1->CONNECTOR", client_comp_id="DESK1", default_account="main", accounts={"main": ()}
)
RULES = {"main": AccountRules(name="main", ids=CompositeIds(), reconcile_interval_ms=86_400_000)}
INSTRUMENTS = {"BTCUSDT": Instrument(symbol="BTCUSDT", order_types=frozenset(OrderType))}


@dataclass(slots=True)
class VenueSide:
    """What the dialogue's venue keeps of one order, to fill its messages in."""

    symbol: str
    client_order_id: str
    quantity: Decimal
    order_id: int = 0
    executed: Decimal = Decimal(0)
    status: str = "NEW"


class Dialogue:
    """One file, line by line. `run` raises AssertionError naming file and line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now_ns = START_NS
        self.seq_num = 0
        self.entries: list[Entry] = []
        self.unread: list[str] = []
        self.waiting: list[Call] = []
        self.order: VenueSide | None = None
        self.router = Router(RULES)
        self._open()

    def run(self) -> None:
        """Play it to its end."""
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            try:
                getattr(self, f"_{words[0]}")(line.removeprefix(words[0]).strip())
            except AssertionError as error:
                raise AssertionError(f"{self.path.name}:{number}: {line}\n{error}") from error
        assert not self.unread, f"{self.path.name}: not expected: {shown(self.unread)}"

    # -- the lines ----------------------------------------------------------------------------------------

    def _client(self, text: str) -> None:
        self.seq_num += 1
        fields = text.split("|")
        header = [fields[0], f"34={self.seq_num}", "49=DESK1", "56=CONNECTOR"]
        body = [*fields[1:], "60=20261120-00:00:00.000"]
        message = SOH.join(["8=FIX.4.4", *header, *body, "10=000", ""])
        self._do(MessageArrived(received=read_message(message, PROFILE)))

    def _sends(self, text: str) -> None:
        operation, *pairs = text.split()
        assert self.waiting, "nothing was sent"
        requests = [request_of(call) for call in self.waiting]
        request = next((one for one in requests if one.operation == operation), None)
        assert request is not None, f"sent were {[one.operation.value for one in requests]}"
        params = dict(request.params)
        for name, value in (pair.split("=", 1) for pair in pairs):
            assert params.get(name) == value, f"{name}={params.get(name)}"

    def _venue(self, text: str) -> None:
        act, *words = text.split()
        values = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("trade="))
        trades = [traded(word) for word in words if word.startswith("trade=")]
        getattr(self, f"_venue_{act}")(values, trades, text)

    def _wait(self, text: str) -> None:
        end_ns = self.now_ns + int(float(text.removesuffix("s")) * SECOND)
        while (due_ns := self.router.next_timer_ns) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self._do(Tick())
        self.now_ns = end_ns

    def _crash(self, text: str) -> None:
        assert not text
        self.waiting.clear()
        self.router = Router(RULES)
        for position, at_ns, record in self.entries:
            self.router.replay(Entry(position, at_ns, decode(encode(record))))
        self._take(self.router.recover(self.now_ns))
        self._open()

    def _expect(self, text: str) -> None:
        assert self.unread, "nothing was said"
        message = self.unread.pop(0)
        fields = dict(field.split("=", 1) for field in message.split(SOH) if field)
        for tag, value in (pair.split("=", 1) for pair in text.split("|")):
            wanted = None if value == "-" else value
            assert fields.get(tag) == wanted, f"{tag}={fields.get(tag)} in {shown([message])}"

    def _silence(self, text: str) -> None:
        assert not text
        assert not self.unread, shown(self.unread)

    # -- the venue ------------------------------------------------------------------------------------------

    def _venue_accepted(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        self._placed("NEW", values, trades)

    def _venue_expired(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        self._placed("EXPIRED", values, trades)

    def _placed(self, status: str, values: dict[str, str], trades: list[dict[str, Any]]) -> None:
        call = self._answerable(Submit)
        order = self._order_of(call)
        order.order_id = int(values["orderId"])
        order.executed += sum((Decimal(fill["qty"]) for fill in trades), Decimal(0))
        if status == "NEW" and order.executed:
            status = "FILLED" if order.executed == order.quantity else "PARTIALLY_FILLED"
        order.status = status
        extra = {"expiryReason": values["reason"]} if "reason" in values else {}
        fills = [
            {**fill, "commission": "0.01", "commissionAsset": "BNB", "tradeId": fill["id"]} for fill in trades
        ]
        self._answer(call, 200, {**self._row(order), "transactTime": self._now_ms, "fills": fills, **extra})

    def _venue_refuses(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        kinds = (Cancel,) if "refuses cancel" in text else (Submit, Cancel, AskOrder)
        call = self._answerable(*kinds)
        self._answer(call, 400, {"code": int(values["code"]), "msg": values["text"].replace("_", " ")})

    def _venue_cancels(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        call = self._answerable(Cancel)
        order = self._known()
        order.status = "CANCELED"
        own = {
            "origClientOrderId": order.client_order_id,
            "clientOrderId": "cancel",
            "orderId": str(order.order_id),
        }
        self._answer(call, 200, {**self._row(order), **own})

    def _venue_says(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        call = self._answerable(AskOrder)
        order = self._known()
        order.status = values["status"]
        order.order_id = int(values.get("orderId", order.order_id))
        order.executed = Decimal(values.get("executed", order.executed))
        self._answer(call, 200, {**self._row(order), "updateTime": self._now_ms})

    def _venue_lists(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        order = self._known()
        rows = [
            {**fill, "orderId": order.order_id, "commission": "0.01", "commissionAsset": "BNB", "isMaker": True,
             "time": self._now_ms}
            for fill in trades
        ]  # fmt: skip
        self._answer(self._answerable(AskTrades), 200, rows)

    def _venue_is(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        assert text == "is silent"
        call = self._answerable(Submit, Cancel, AskOrder)
        self._answered(call, OutcomeUnknown(cause="no reply"))

    def _venue_trade(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        order = self._known()
        order.executed += Decimal(values["qty"])
        order.status = "FILLED" if order.executed == order.quantity else "PARTIALLY_FILLED"
        fill = {
            "t": int(values["id"]),
            "l": values["qty"],
            "L": values["px"],
            "n": "0.01",
            "N": "BNB",
            "m": True,
        }
        for _ in range(2 if "(twice)" in text else 1):
            self._event(order, {"x": "TRADE", **fill})

    def _venue_event(self, values: dict[str, str], trades: list[dict[str, Any]], text: str) -> None:
        order = self._known()
        order.status = values["status"]
        order.order_id = int(values.get("orderId", order.order_id))
        own = {"c": "cancel", "C": order.client_order_id} if order.status == "CANCELED" else {}
        self._event(order, {"x": values["status"], "eR": values.get("reason", "NONE"), **own})

    def _event(self, order: VenueSide, more: dict[str, Any]) -> None:
        event = {
            "e": "executionReport", "E": self._now_ms, "s": order.symbol, "c": order.client_order_id, "S": "BUY",
            "o": "LIMIT", "q": str(order.quantity), "X": order.status, "i": order.order_id, "T": self._now_ms,
            "z": str(order.executed), "r": "NONE", "t": -1, "l": "0", "L": "0", **more,
        }  # fmt: skip
        frame = binance.read_frame(json.dumps({"subscriptionId": 0, "event": event}))
        assert isinstance(frame.event, OrderStatement), frame
        self._do(StreamStated(account="main", statement=frame.event))

    # -- inside -----------------------------------------------------------------------------------------------

    @property
    def _now_ms(self) -> int:
        return self.now_ns // MS

    def _open(self) -> None:
        """The account gets ready behind the scene: nothing of it is part of the dialogue."""
        self._do(InstrumentsLoaded(account="main", instruments=INSTRUMENTS))
        self._do(SkewMeasured(account="main", skew_ms=0))
        if not self.entries:
            self._do(Reconcile(account="main", reason="start"))
            self._answered(self._answerable(AskOpen), Stated())

    def _order_of(self, call: Submit) -> VenueSide:
        asked = call.order
        quantity = asked.quantity or Decimal(0)
        self.order = VenueSide(asked.symbol, call.client_order_id, quantity)
        return self.order

    def _known(self) -> VenueSide:
        submit = next((call for call in self.waiting if isinstance(call, Submit)), None)
        if self.order is None and submit is not None:
            self._order_of(submit)
        assert self.order is not None, "the venue has no order yet"
        return self.order

    def _row(self, order: VenueSide) -> dict[str, Any]:
        return {
            "symbol": order.symbol,
            "orderId": order.order_id,
            "clientOrderId": order.client_order_id,
            "origQty": str(order.quantity),
            "executedQty": str(order.executed),
            "status": order.status,
        }

    def _answerable(self, *kinds: type[Call]) -> Any:
        call = next((call for call in self.waiting if isinstance(call, kinds)), None)
        assert call is not None, (
            f"no such request waits, but {[type(call).__name__ for call in self.waiting]}"
        )
        if isinstance(call, Submit) and self.order is None:
            self._order_of(call)
        self.waiting.remove(call)
        return call

    def _answer(self, call: Call, http: int, body: object) -> None:
        request = request_of(call)
        outcome = binance.read_reply(request.operation, http, json.dumps(body).encode(), None, 1000)
        self._answered(call, outcome)

    def _answered(self, call: Call, outcome: Outcome) -> None:
        self._do(Answered(call=call, outcome=outcome, sent_ns=self.now_ns))

    def _do(self, happening: Any) -> None:
        self._take(self.router.handle(happening, self.now_ns))

    def _take(self, decision: Decision) -> None:
        self.entries += decision.entries
        self.unread += [write_report(report) for _, report in decision.reports]
        self.waiting += decision.calls
        positions = [position for position, _ in decision.reports if position is not None]
        if positions:
            self.entries.append(self.router.told(positions, self.now_ns))


def request_of(call: Call) -> VenueRequest:
    """The request a call becomes, as in `connector.venue.caller`."""
    match call:
        case Submit():
            return binance.new_order(call.order, call.client_order_id, auto_repay_at_cancel=None)
        case Cancel():
            name, own = call.client_order_id, call.cancel_client_id
            return binance.cancel(call.symbol, call.isolated, name, own, call.order_id)
        case AskOrder():
            return binance.query(call.symbol, call.isolated, call.client_order_id)
        case AskTrades():
            return binance.trades_of_order(call.symbol, call.isolated, call.order_id, 1000)
        case _:
            return binance.open_orders(None, False)


def traded(word: str) -> dict[str, Any]:
    """trade=ID:QTY@PX."""
    number, _, rest = word.removeprefix("trade=").partition(":")
    quantity, _, price = rest.partition("@")
    return {"id": int(number), "qty": quantity, "price": price}


def shown(messages: list[str]) -> str:
    """As people write FIX."""
    return "\n".join(message.replace(SOH, "|") for message in messages)
