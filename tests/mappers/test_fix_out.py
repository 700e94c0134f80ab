"""FIX out: golden texts, exact numbers, and the shipped dictionary's own verdict on each."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import quickfix
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mappers.fix_in import read_message
from mappers.fix_out import write_report
from mappers.fix_time import utc
from mappers.model import (
    NewOrder,
    OrderType,
    Refusal,
    RefusedMessage,
    RefusedOrder,
    Side,
    SideEffectType,
    TimeInForce,
    Trade,
)
from mappers.profile import SessionProfile
from mappers.reports import BusinessReject, CancelReject, ExecType, ExecutionReport, OrdStatus

NOW_MS = 1795132800123  # 2026-11-20 00:00:00.123 UTC
DICTIONARY = Path(__file__).parents[2] / "config" / "FIX44.xml"


@pytest.fixture(scope="module")
def dictionary() -> Any:
    """The dictionary we ship, as strict as the engine is set."""
    return quickfix.DataDictionary(str(DICTIONARY))


def pipes(body: str) -> str:
    return body.replace("\x01", "|")


def accept(dictionary: Any, body: str) -> Any:
    """What the engine makes of a body, after the dictionary has had its say.

    Raises:
        quickfix exceptions: a tag of no message, a wrong type, a missing required field, a group out of order.
    """
    head, rest = body.split("\x01", 1)
    assert head.startswith("35=")
    content = f"{head}\x0134=7\x0149=CONNECTOR\x0152=20261120-00:00:00.123\x0156=DESK1\x01{rest}"
    framed = f"8=FIX.4.4\x019={len(content.encode())}\x01{content}"
    checked = f"{framed}10={sum(framed.encode()) % 256:03d}\x01"
    message = quickfix.Message()
    message.setString(checked, True, dictionary)
    dictionary.validate(message)
    return message


def report(order: NewOrder | RefusedOrder, **changes: Any) -> ExecutionReport:
    """An acceptance of `order`, changed."""
    facts: dict[str, Any] = {
        "session": order.session,
        "order": order,
        "exec_id": "E17",
        "exec_type": ExecType.NEW,
        "ord_status": OrdStatus.NEW,
        "order_id": "48211300157",
        "client_order_id": "fx-17",
        "cl_ord_id": order.cl_ord_id,
        "quantity": order.quantity if isinstance(order, NewOrder) else None,
        "transact_time_ms": NOW_MS,
    }
    return ExecutionReport(**(facts | changes))


FILL = Trade(
    trade_id=990017001,
    quantity=Decimal("0.00100000"),
    price=Decimal("61240.00000000"),
    commission=Decimal("0.06124000"),
    commission_asset="USDT",
    maker=False,
    time_ms=NOW_MS,
)
FILLED = {
    "exec_type": ExecType.TRADE,
    "ord_status": OrdStatus.PARTIALLY_FILLED,
    "leaves": Decimal("0.0005"),
    "cum": Decimal("0.00100000"),
    "cum_quote": Decimal("61.24000000"),
    "trade": FILL,
}


def test_an_acceptance(limit_order: NewOrder, dictionary: Any) -> None:
    """150=0: the order with the values in force, nothing done yet."""
    body = write_report(report(limit_order, leaves=Decimal("0.00150")))

    assert pipes(body) == (
        "35=8|37=48211300157|17=E17|150=0|39=0|11=o-1|526=fx-17|1=main|55=BTCUSDT|54=1|40=2|38=0.00150|44=61250.10|"
        "59=1|6101=NO_SIDE_EFFECT|6102=EXPIRE_MAKER|151=0.0015|14=0|6=0|60=20261120-00:00:00.123|"
    )
    accept(dictionary, body)


def test_a_fill(limit_order: NewOrder, dictionary: Any) -> None:
    """150=F: trade id, maker/taker twice, the fee as a MiscFees group of exchange fees."""
    body = write_report(report(limit_order, **FILLED))

    assert pipes(body) == (
        "35=8|37=48211300157|17=E17|150=F|39=1|11=o-1|526=fx-17|1=main|55=BTCUSDT|54=1|40=2|38=0.00150|44=61250.10|"
        "59=1|6101=NO_SIDE_EFFECT|6102=EXPIRE_MAKER|32=0.001|31=61240|1003=990017001|851=2|1057=Y|"
        "136=1|137=0.06124|138=USDT|139=4|151=0.0005|14=0.001|6=61240|60=20261120-00:00:00.123|"
    )
    message = accept(dictionary, body)
    group = quickfix.Group(136, 137)
    message.getGroup(1, group)
    assert (group.getField(137), group.getField(138), group.getField(139)) == ("0.06124", "USDT", "4")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"maker": True}, "851=1|1057=N|136=1|"),
        ({"maker": None}, "1003=990017001|136=1|"),
        ({"commission": None, "commission_asset": None}, "1057=Y|151="),
        ({"commission": Decimal("0E-8"), "commission_asset": None}, "136=1|137=0|139=4|"),
        ({"commission": Decimal("-0.00010"), "commission_asset": "BNB"}, "136=1|137=-0.0001|138=BNB|139=4|"),
    ],
)
def test_what_the_venue_did_not_say_about_a_fill_is_left_out(
    limit_order: NewOrder, dictionary: Any, changes: dict[str, Any], told: str
) -> None:
    """An unknown fee is no fee of zero; a rebate is a negative fee."""
    body = write_report(report(limit_order, **FILLED | {"trade": replace(FILL, **changes)}))
    assert told in pipes(body)
    accept(dictionary, body)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"type": OrderType.MARKET, "time_in_force": None, "price": None}, "40=1|38=0.00150|59=3|"),
        (
            {
                "type": OrderType.MARKET,
                "time_in_force": None,
                "price": None,
                "quantity": None,
                "quote_quantity": Decimal("99.90"),
            },
            "40=1|152=99.90|59=3|",
        ),
        ({"type": OrderType.LIMIT_MAKER, "time_in_force": None}, "40=2|18=6|38=0.00150|44=61250.10|59=1|"),
        (
            {"type": OrderType.STOP_LOSS, "time_in_force": None, "price": None, "stop_price": Decimal(60000)},
            "40=3|6100=StopLoss|38=0.00150|99=60000|59=1|",
        ),
        (
            {
                "type": OrderType.TAKE_PROFIT,
                "time_in_force": None,
                "price": None,
                "stop_price": Decimal(60000),
            },
            "40=3|6100=TakeProfit|38=0.00150|99=60000|59=1|",
        ),
        (
            {
                "type": OrderType.TAKE_PROFIT_LIMIT,
                "stop_price": Decimal(60000),
                "time_in_force": TimeInForce.FOK,
            },
            "40=4|6100=TakeProfit|38=0.00150|44=61250.10|99=60000|59=4|",
        ),
        (
            {"iceberg_quantity": Decimal("0.0005"), "side": Side.SELL},
            "54=2|40=2|38=0.00150|44=61250.10|111=0.0005|59=1|",
        ),
        ({"side_effect": SideEffectType.MARGIN_SELL_REPAY_BUY}, "|6101=MARGIN_SELL_REPAY_BUY|"),
    ],
)
def test_each_order_is_echoed_as_it_was_asked_for(
    limit_order: NewOrder, dictionary: Any, changes: dict[str, Any], told: str
) -> None:
    """18, 6100-6102 with the values in force, the digits as they were sent."""
    body = write_report(report(replace(limit_order, **changes)))
    assert told in pipes(body)
    accept(dictionary, body)


def test_an_echo_reads_back_as_the_same_order(profile: SessionProfile, limit_order: NewOrder) -> None:
    """What we say is in force would, sent again, be the same order: both directions share one table."""
    for kind in OrderType:
        stop = Decimal("60000.5") if "STOP" in kind or "TAKE" in kind else None
        priced = "LIMIT" in kind
        timed = kind in {OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
        order = replace(
            limit_order,
            type=kind,
            stop_price=stop,
            price=limit_order.price if priced else None,
            time_in_force=TimeInForce.GTC if timed else None,
        )
        body = write_report(report(order))
        kept = {"11", "1", "55", "54", "40", "18", "38", "44", "99", "59", "6100", "6101", "6102"}
        sent = "\x01".join(field for field in body.split("\x01") if field.split("=")[0] in kept)

        assert read_message(f"35=D\x0134=1\x01{sent}\x01", profile).message == order


def test_a_venues_refusal_carries_its_code_and_words(limit_order: NewOrder, dictionary: Any) -> None:
    """103, 58 and ErrorCode(25016)."""
    refusal = Refusal(
        text="-2010 Account has insufficient balance for requested action.", reason=3, venue_code=-2010
    )
    body = write_report(
        report(
            limit_order,
            exec_type=ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            order_id="NONE",
            client_order_id=None,
            refusal=refusal,
        )
    )
    assert pipes(body).startswith("35=8|37=NONE|17=E17|150=8|39=8|11=o-1|1=main|")
    assert pipes(body).endswith(
        "|103=3|58=-2010 Account has insufficient balance for requested action.|25016=-2010|"
    )
    accept(dictionary, body)


def test_an_order_refused_by_us_repeats_what_was_sent(profile: SessionProfile, dictionary: Any) -> None:
    """Wrong values come back as they came, so that a person sees what the machine saw."""
    sent = "35=D|34=3|11=o-9|1=main|55=BTC/USDT|54=1|38=10|40=2|44=5|59=1|".replace("|", "\x01")
    order = read_message(sent, profile).message
    assert isinstance(order, RefusedOrder)

    body = write_report(
        report(
            order,
            exec_type=ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            order_id="NONE",
            client_order_id=None,
            refusal=order.refusal,
        )
    )
    assert pipes(body) == (
        "35=8|37=NONE|17=E17|150=8|39=8|11=o-9|1=main|55=BTC/USDT|54=1|38=10|40=2|44=5|59=1|151=0|14=0|6=0|"
        "60=20261120-00:00:00.123|103=1|58=Symbol(55)=BTC/USDT: a pair is written in upper case without separator, "
        "like BTCUSDT|"
    )
    accept(dictionary, body)


def test_a_cancelled_order_reports_under_the_cancels_id(limit_order: NewOrder, dictionary: Any) -> None:
    """11 is the request's, 41 the order's (FIX 4.4 Appendix D)."""
    body = write_report(
        report(
            limit_order,
            exec_type=ExecType.CANCELED,
            ord_status=OrdStatus.CANCELED,
            cl_ord_id="c-1",
            orig_cl_ord_id="o-1",
            text="cancelled at the venue's web page",
        )
    )
    assert "150=4|39=4|11=c-1|41=o-1|" in pipes(body)
    assert pipes(body).endswith("|58=cancelled at the venue's web page|")
    accept(dictionary, body)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"exec_type": ExecType.RESTATED}, "|378=8|"),
        ({"exec_type": ExecType.RESTATED, "restatement_reason": 5}, "|378=5|"),
        (
            {"exec_type": ExecType.CANCELED, "ord_status": OrdStatus.CANCELED, "restatement_reason": 8},
            "|378=8|",
        ),
    ],
)
def test_a_change_nobody_asked_for_says_why(
    limit_order: NewOrder, dictionary: Any, changes: dict[str, Any], told: str
) -> None:
    """ExecRestatementReason(378) is required with 150=D."""
    body = write_report(report(limit_order, **changes))
    assert told in pipes(body)
    accept(dictionary, body)


def test_header_fields_come_first(limit_order: NewOrder, dictionary: Any) -> None:
    """PossResend(97) and DeliverToCompID(128) belong to the header, right after MsgType."""
    order = replace(limit_order, source_id="FUND7", on_behalf_of=True)
    body = write_report(report(order, poss_resend=True))

    assert pipes(body).startswith("35=8|97=Y|128=FUND7|37=")
    assert accept(dictionary, body).getHeader().getField(128) == "FUND7"


def test_a_status_answers_its_request(limit_order: NewOrder, dictionary: Any) -> None:
    """150=I, 17=0, OrdStatusReqID(790)."""
    body = write_report(
        report(limit_order, exec_id="0", exec_type=ExecType.ORDER_STATUS, status_req_id="s-1")
    )
    assert "|17=0|150=I|39=0|11=o-1|526=fx-17|790=s-1|" in pipes(body)
    accept(dictionary, body)


def test_a_cancel_reject(dictionary: Any) -> None:
    """35=9 with 434=1; 37=NONE when there is no such order."""
    body = write_report(
        CancelReject(
            session="s",
            source_id="FUND7",
            on_behalf_of=True,
            cl_ord_id="c-1",
            orig_cl_ord_id="o-1",
            ord_status=OrdStatus.REJECTED,
            refusal=Refusal(text="-2011 Unknown order sent.", reason=1, venue_code=-2011),
            transact_time_ms=NOW_MS,
            poss_resend=True,
        )
    )
    assert pipes(body) == (
        "35=9|97=Y|128=FUND7|37=NONE|11=c-1|41=o-1|39=8|434=1|102=1|60=20261120-00:00:00.123|"
        "58=-2011 Unknown order sent.|25016=-2011|"
    )
    accept(dictionary, body)


def test_a_business_reject(dictionary: Any) -> None:
    """35=j names the message it answers."""
    refused = RefusedMessage(
        session="s",
        ref_msg_type="G",
        ref_seq_num=9,
        ref_id="r-1",
        refusal=Refusal(text="not supported", reason=3),
    )
    body = write_report(BusinessReject(message=refused))

    assert pipes(body) == "35=j|45=9|372=G|379=r-1|380=3|58=not supported|"
    accept(dictionary, body)
    assert "379=" not in write_report(BusinessReject(message=replace(refused, ref_id=None)))


def test_a_text_cannot_forge_a_field(limit_order: NewOrder, dictionary: Any) -> None:
    """Whatever it holds: SOH, line ends, what is not UTF-8."""
    body = write_report(report(limit_order, text="x\x0139=2\n\udcff"))
    assert pipes(body).endswith("|58=x?39=2??|")
    accept(dictionary, body)


@pytest.mark.parametrize(
    ("epoch_ms", "text"),
    [
        (0, "19700101-00:00:00.000"),
        (1795132800123, "20261120-00:00:00.123"),
        (1709164799999, "20240228-23:59:59.999"),
        (1709251199999, "20240229-23:59:59.999"),
        (4102444799999, "20991231-23:59:59.999"),
        (253402300799999, "99991231-23:59:59.999"),
    ],
)
def test_times_are_utc_to_the_millisecond(epoch_ms: int, text: str) -> None:
    """TransactTime(60); integers all the way, a float would lose milliseconds."""
    assert utc(epoch_ms) == text


@pytest.mark.parametrize("epoch_ms", [-1, 253402300800000])
def test_a_time_outside_the_calendar_is_an_error(epoch_ms: int) -> None:
    """FIX has four digits for the year."""
    with pytest.raises(ValueError):
        utc(epoch_ms)


@given(trades=st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 10**12)), min_size=1, max_size=8))
def test_the_average_price_is_exact_to_28_digits(
    limit_order: NewOrder, trades: list[tuple[int, int]]
) -> None:
    """P6: AvgPx is the true quotient, rounded once and only where it does not end."""
    cum = sum((Decimal(quantity).scaleb(-8) for quantity, _ in trades), Decimal(0))
    quote = sum((Decimal(quantity * price).scaleb(-16) for quantity, price in trades), Decimal(0))
    body = write_report(report(limit_order, cum=cum, cum_quote=quote))

    told = next(field[2:] for field in body.split("\x01") if field.startswith("6="))
    true = Fraction(quote) / Fraction(cum)
    assert abs(Fraction(told) - true) <= true / 10**27
    assert "E" not in told
    assert not (told.endswith("0") and "." in told)


def test_an_average_that_ends_is_exact(limit_order: NewOrder) -> None:
    """And one that does not, ends at 28 digits."""

    def average(quote: str, cum: str) -> str:
        body = write_report(report(limit_order, cum=Decimal(cum), cum_quote=Decimal(quote)))
        return next(field[2:] for field in body.split("\x01") if field.startswith("6="))

    assert average("91.86", "0.0015") == "61240"
    assert average("1", "8") == "0.125"
    assert average("10", "3") == "3.333333333333333333333333333"
    assert average("0", "0") == "0"
