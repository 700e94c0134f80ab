"""What happens at the venue, told to whoever waits for it: requests, orders, fills, subscriptions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connector.simulator.account import TradingAccount
from connector.simulator.events import Event
from connector.simulator.orders import STOP_TYPES

ORDER_ROUTE = "/sapi/v1/margin/order"


class Kind(StrEnum):
    REQUEST = "request"  # any, REST or WS-API
    ORDER_RECEIVED = "order_received"  # a placement arrived, whatever becomes of it
    CANCEL_RECEIVED = "cancel_received"
    ORDER_ACCEPTED = "order_accepted"
    FILL = "fill"  # each trade
    ORDER_FILLED = "order_filled"  # the last of them
    ORDER_ENDED = "order_ended"  # filled, cancelled or expired
    STREAM_SUBSCRIBED = "stream_subscribed"
    STREAM_RENEWED = "stream_renewed"
    STREAM_ENDED = "stream_ended"


ORDER_KINDS = frozenset({Kind.ORDER_ACCEPTED, Kind.FILL, Kind.ORDER_FILLED, Kind.ORDER_ENDED})
TRADED = "TRADE"
ENDING = frozenset({"CANCELED", "EXPIRED", "TRADE_PREVENTION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened. What does not apply is empty; `account` is the user's name."""

    kind: Kind
    account: str = ""
    symbol: str = ""
    client_order_id: str = ""
    order_id: int = 0  # 0 until accepted
    side: str = ""
    type: str = ""
    route: str = ""

    def __str__(self) -> str:
        details = (self.client_order_id or self.route, self.symbol, self.account)
        return " ".join([self.kind, *filter(None, details)])


class News:
    """Passes happenings on to observers; costs nothing while there are none."""

    def __init__(self) -> None:
        self.observers: list[Callable[[Happening], None]] = []

    def requested(self, route: str, params: Mapping[str, str], account: str) -> None:
        """A request arrived: `METHOD /path` or `WS method`."""
        if self.observers:
            for kind in _request_kinds(route):
                self._tell(_of_request(kind, route, params, account))

    def told(self, account: TradingAccount, event: Event) -> None:
        """The venue caused a user data event, whether or not anybody gets it."""
        if self.observers and event["e"] == "executionReport":
            for kind in _report_kinds(event):
                self._tell(_of_report(kind, account, event))

    def subscription(self, kind: Kind, account: TradingAccount) -> None:
        """A subscription began, was renewed or ended."""
        if self.observers:
            self._tell(Happening(kind=kind, account=account.user, symbol=account.symbol))

    def _tell(self, happening: Happening) -> None:
        for observer in tuple(self.observers):
            observer(happening)


def _request_kinds(route: str) -> Iterator[Kind]:
    yield Kind.REQUEST
    if route == f"POST {ORDER_ROUTE}":
        yield Kind.ORDER_RECEIVED
    elif route == f"DELETE {ORDER_ROUTE}":
        yield Kind.CANCEL_RECEIVED


def _of_request(kind: Kind, route: str, params: Mapping[str, str], account: str) -> Happening:
    return Happening(
        kind=kind,
        account=account,
        symbol=params.get("symbol", ""),
        client_order_id=params.get("origClientOrderId") or params.get("newClientOrderId", ""),
        side=params.get("side", ""),
        type=params.get("type", ""),
        route=route,
    )


def _report_kinds(event: Event) -> Iterator[Kind]:
    if event["x"] == "NEW":
        if not (event["o"] in STOP_TYPES and event["w"]):  # a stop's second NEW: it triggered
            yield Kind.ORDER_ACCEPTED
    elif event["x"] == TRADED:
        yield Kind.FILL
        if event["X"] == "FILLED":
            yield Kind.ORDER_FILLED
            yield Kind.ORDER_ENDED
    elif event["x"] in ENDING:
        yield Kind.ORDER_ENDED


def _of_report(kind: Kind, account: TradingAccount, event: Event) -> Happening:
    order_id = event["i"]
    assert isinstance(order_id, int)
    return Happening(
        kind=kind,
        account=account.user,
        symbol=str(event["s"]),
        client_order_id=str(event["C"] or event["c"]),
        order_id=order_id,
        side=str(event["S"]),
        type=str(event["o"]),
    )
