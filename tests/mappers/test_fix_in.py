"""FIX in: every row of design section 5, valid and invalid; nothing a client sends raises."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from mappers.fix_in import read_message
from mappers.fix_out import write_report
from mappers.fix_tags import LIMITED, NAMES
from mappers.model import (
    CancelOrder,
    Inbound,
    NewOrder,
    OrderType,
    Received,
    RefusedCancel,
    RefusedMessage,
    RefusedOrder,
    SelfTradePreventionMode,
    Side,
    SideEffectType,
    StatusRequest,
    TimeInForce,
)
from mappers.profile import DayTimeInForce, SessionProfile
from mappers.reports import ExecType, ExecutionReport, OrdStatus

HEADER = "8=FIX.4.4|9=200|35={kind}|34=12|49=DESK1|52=20261120-09:30:00.123|56=CONNECTOR"
LIMIT = "11=o-1|55=BTCUSDT|54=1|60=20261120-09:30:00.123|38=0.00150|40=2|44=61250.10"
MARKET = "11=o-1|55=BTCUSDT|54=1|38=0.00150|40=1"
STOP = "11=o-1|55=BTCUSDT|54=1|38=0.00150|40=3|99=60000"
STOP_LIMIT = "11=o-1|55=BTCUSDT|54=1|38=0.00150|40=4|99=60000|44=60001"


def text(kind: str, body: str) -> str:
    """A message as the engine hands it over; '|' stands for SOH."""
    return f"{HEADER.format(kind=kind)}|{body}|10=123|".replace("|", "\x01")


@pytest.fixture
def send(profile: SessionProfile) -> Any:
    """Translate one message body of a kind."""

    def translate(body: str, kind: str = "D") -> Inbound:
        return read_message(text(kind, body), profile).message

    return translate


def refused(message: Inbound) -> tuple[str, int]:
    assert isinstance(message, RefusedOrder), message
    return message.refusal.text, message.refusal.reason


def test_a_limit_order_with_every_default_in_force(profile: SessionProfile) -> None:
    """The session's defaults are applied here, so that what was in force is what is echoed."""
    received = read_message(text("D", LIMIT), profile)

    assert received == Received(
        first_sent_ms=1_795_167_000_123,
        seq_num=12,
        message=NewOrder(
            session="DESK1->CONNECTOR",
            source_id="DESK1",
            cl_ord_id="o-1",
            account="main",
            isolated=False,
            symbol="BTCUSDT",
            side=Side.BUY,
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            quantity=Decimal("0.00150"),
            price=Decimal("61250.10"),
            side_effect=SideEffectType.NO_SIDE_EFFECT,
            stp_mode=SelfTradePreventionMode.EXPIRE_MAKER,
            transact_time="20261120-09:30:00.123",
        ),
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (MARKET, OrderType.MARKET),
        (LIMIT, OrderType.LIMIT),
        (LIMIT + "|18=6", OrderType.LIMIT_MAKER),
        (STOP, OrderType.STOP_LOSS),
        (STOP + "|6100=StopLoss", OrderType.STOP_LOSS),
        (STOP + "|6100=TakeProfit", OrderType.TAKE_PROFIT),
        (STOP_LIMIT, OrderType.STOP_LOSS_LIMIT),
        (STOP_LIMIT + "|6100=StopLoss", OrderType.STOP_LOSS_LIMIT),
        (STOP_LIMIT + "|6100=TakeProfit", OrderType.TAKE_PROFIT_LIMIT),
    ],
)
def test_three_tags_pick_the_venues_type(send: Any, body: str, kind: OrderType) -> None:
    """OrdType(40), StopOrderType(6100), ExecInst(18)."""
    order = send(body)
    assert isinstance(order, NewOrder)
    assert order.type is kind


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            LIMIT.replace("40=2", "40=P"),
            "OrdType(40)=P: allowed are 1 (market), 2 (limit), 3 (stop), 4 (stop limit)",
        ),
        (LIMIT.replace("40=2", "40=5"), "OrdType(40)=5: allowed are 1 (market)"),
        (LIMIT.replace("|40=2", ""), "OrdType(40) is missing: allowed are 1 (market)"),
        (
            LIMIT + "|6100=StopLoss",
            "StopOrderType(6100)=StopLoss: only with OrdType(40) 3 (stop) or 4 (stop limit), not 2",
        ),
        (MARKET + "|6100=TakeProfit", "StopOrderType(6100)=TakeProfit: only with OrdType(40) 3"),
        (
            STOP + "|6100=takeprofit",
            "StopOrderType(6100)=takeprofit: allowed are StopLoss, TakeProfit, in exactly",
        ),
        (
            LIMIT + "|18=1",
            "ExecInst(18)=1: only 6 (post-only), alone and with OrdType(40)=2, can be honoured",
        ),
        (LIMIT + "|18=6 G", "ExecInst(18)=6 G: only 6 (post-only), alone"),
        (
            MARKET + "|18=6",
            "ExecInst(18)=6: only 6 (post-only), alone and with OrdType(40)=2, can be honoured; OrdType(40) is 1",
        ),
        (STOP_LIMIT + "|18=6", "ExecInst(18)=6: only 6 (post-only)"),
    ],
)
def test_a_type_that_is_not_in_the_table_is_refused(send: Any, body: str, told: str) -> None:
    """103=11, with tag number, name, value and what is allowed (P10)."""
    said, reason = refused(send(body))
    assert said.startswith(told)
    assert reason == 11


@pytest.mark.parametrize(
    ("body", "tif"),
    [
        (LIMIT, TimeInForce.GTC),
        (LIMIT + "|59=1", TimeInForce.GTC),
        (LIMIT + "|59=3", TimeInForce.IOC),
        (LIMIT + "|59=4", TimeInForce.FOK),
        (STOP_LIMIT + "|59=3", TimeInForce.IOC),
        (STOP_LIMIT + "|6100=TakeProfit|59=4", TimeInForce.FOK),
        (LIMIT + "|18=6", None),
        (LIMIT + "|18=6|59=1", None),
        (MARKET, None),
        (MARKET + "|59=1", None),
        (MARKET + "|59=3", None),
        (STOP, None),
        (STOP + "|59=1", None),
        (STOP + "|59=3", None),
    ],
)
def test_time_in_force_is_what_the_type_can_keep(send: Any, body: str, tif: TimeInForce | None) -> None:
    """None: the venue takes no timeInForce there (-1106), and the value asks for what happens anyway."""
    order = send(body)
    assert isinstance(order, NewOrder)
    assert order.time_in_force is tif


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (LIMIT + "|59=2", "TimeInForce(59)=2: allowed for LIMIT are 1, 3, 4"),
        (LIMIT + "|59=5", "TimeInForce(59)=5: allowed for LIMIT are 1, 3, 4"),
        (LIMIT + "|59=6", "TimeInForce(59)=6: allowed for LIMIT are 1, 3, 4"),
        (LIMIT + "|59=7", "TimeInForce(59)=7: allowed for LIMIT are 1, 3, 4"),
        (LIMIT + "|59=Z", "TimeInForce(59)=Z: allowed for LIMIT are 1, 3, 4"),
        (LIMIT + "|18=6|59=3", "TimeInForce(59)=3: allowed for LIMIT_MAKER are 1"),
        (LIMIT + "|18=6|59=4", "TimeInForce(59)=4: allowed for LIMIT_MAKER are 1"),
        (MARKET + "|59=4", "TimeInForce(59)=4: allowed for MARKET are 1, 3"),
        (STOP + "|59=4", "TimeInForce(59)=4: allowed for STOP_LOSS are 1, 3"),
        (
            LIMIT + "|59=0",
            "TimeInForce(59)=0: the venue has no day orders; send 1 (GTC), 3 (IOC) or 4 (FOK), or let",
        ),
        (MARKET + "|59=0", "TimeInForce(59)=0: the venue has no day orders"),
    ],
)
def test_a_time_in_force_that_cannot_be_kept_is_refused(send: Any, body: str, told: str) -> None:
    """Day(0) by default too; the text tells the setting that allows it."""
    said, reason = refused(send(body))
    assert said.startswith(told)
    assert reason == 11


@pytest.mark.parametrize(("body", "tif"), [(LIMIT, TimeInForce.GTC), (MARKET, None), (LIMIT + "|18=6", None)])
def test_day_becomes_gtc_where_the_session_says_so(
    profile: SessionProfile, body: str, tif: TimeInForce | None
) -> None:
    """dayTimeInForce = GTC."""
    day = replace(profile, day_time_in_force=DayTimeInForce.GTC)
    order = read_message(text("D", body + "|59=0"), day).message
    assert isinstance(order, NewOrder)
    assert order.time_in_force is tif


@pytest.mark.parametrize("default", list(SideEffectType))
@pytest.mark.parametrize("sent", [None, *SideEffectType])
def test_the_side_effect_is_the_orders_else_the_sessions(
    profile: SessionProfile, default: SideEffectType, sent: SideEffectType | None
) -> None:
    """All six, as the OMS names them; the side picks the wire value later."""
    body = LIMIT if sent is None else f"{LIMIT}|6101={sent.value}"
    order = read_message(text("D", body), replace(profile, side_effect=default)).message
    assert isinstance(order, NewOrder)
    assert order.side_effect is (sent or default)


@pytest.mark.parametrize("default", list(SelfTradePreventionMode))
@pytest.mark.parametrize(
    ("sent", "mode"),
    [
        ("", None),
        ("|6102=EXPIRE_MAKER", SelfTradePreventionMode.EXPIRE_MAKER),
        ("|6102=EXPIRE_TAKER", SelfTradePreventionMode.EXPIRE_TAKER),
        ("|6102=EXPIRE_BOTH", SelfTradePreventionMode.EXPIRE_BOTH),
        ("|6102=NONE", SelfTradePreventionMode.NONE),
        ("|25001=1", SelfTradePreventionMode.NONE),
        ("|25001=2", SelfTradePreventionMode.EXPIRE_TAKER),
        ("|25001=3", SelfTradePreventionMode.EXPIRE_MAKER),
        ("|25001=4", SelfTradePreventionMode.EXPIRE_BOTH),
        ("|25001=4|6102=EXPIRE_BOTH", SelfTradePreventionMode.EXPIRE_BOTH),
    ],
)
def test_self_trade_prevention_by_name_or_by_the_venues_number(
    profile: SessionProfile,
    default: SelfTradePreventionMode,
    sent: str,
    mode: SelfTradePreventionMode | None,
) -> None:
    """25001 is the venue's own FIX tag: an OMS that has it needs no 6102."""
    order = read_message(text("D", LIMIT + sent), replace(profile, stp_mode=default)).message
    assert isinstance(order, NewOrder)
    assert order.stp_mode is (mode or default)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            LIMIT + "|6101=BORROW",
            "SideEffectType(6101)=BORROW: allowed are NO_SIDE_EFFECT, MARGIN_BUY, AUTO_REPAY, AUTO_B",
        ),
        (LIMIT + "|6101=margin_buy", "SideEffectType(6101)=margin_buy: allowed are"),
        (
            LIMIT + "|6102=DECREMENT",
            "SelfTradePreventionMode(6102)=DECREMENT: allowed are EXPIRE_MAKER, EXPIRE_TAKER, E",
        ),
        (LIMIT + "|25001=5", "SelfTradePreventionMode(25001)=5: allowed are 1, 2, 3, 4"),
        (
            LIMIT + "|25001=1|6102=EXPIRE_BOTH",
            "SelfTradePreventionMode(25001)=1: it says NONE, SelfTradePreventionMode(6102)",
        ),
        (
            LIMIT.replace("54=1", "54=5"),
            "Side(54)=5: allowed are 1 (buy), 2 (sell); to sell short send 2 with SideEff",
        ),
        (LIMIT.replace("54=1", "54=B"), "Side(54)=B: allowed are 1 (buy), 2 (sell)"),
        (LIMIT.replace("|54=1", ""), "Side(54) is missing: allowed are 1 (buy), 2 (sell)"),
    ],
)
def test_unknown_attributes_are_refused_with_the_known_ones(send: Any, body: str, told: str) -> None:
    """P10."""
    said, reason = refused(send(body))
    assert said.startswith(told)
    assert reason == 11


@pytest.mark.parametrize("side", [("1", Side.BUY), ("2", Side.SELL)])
def test_side_is_buy_or_sell(send: Any, side: tuple[str, Side]) -> None:
    """Side(54)."""
    order = send(LIMIT.replace("54=1", f"54={side[0]}"))
    assert isinstance(order, NewOrder)
    assert order.side is side[1]


def test_amounts_go_where_the_venue_has_them(send: Any) -> None:
    """OrderQty(38), CashOrderQty(152), Price(44), StopPx(99), MaxFloor(111)."""
    iceberg, stop, cash = (
        send(LIMIT + "|111=0.0005"),
        send(STOP_LIMIT),
        send("11=o|55=BTCUSDT|54=1|40=1|152=99.90"),
    )

    assert (iceberg.quantity, iceberg.price, iceberg.iceberg_quantity) == (
        Decimal("0.00150"),
        Decimal("61250.10"),
        Decimal("0.0005"),
    )
    assert (stop.stop_price, stop.price) == (Decimal(60000), Decimal(60001))
    assert (cash.quantity, cash.quote_quantity, str(cash.quote_quantity)) == (None, Decimal("99.90"), "99.90")


@pytest.mark.parametrize(
    ("body", "told", "reason"),
    [
        (
            LIMIT + "|152=10",
            "CashOrderQty(152)=10: only market orders are sized in quote units, not LIMIT; send OrderQty",
            13,
        ),
        (
            MARKET + "|152=10",
            "CashOrderQty(152)=10: not together with OrderQty(38)=0.00150; send one of them",
            13,
        ),
        (
            MARKET.replace("|38=0.00150", ""),
            "OrderQty(38) is missing: MARKET needs it, or CashOrderQty(152)",
            13,
        ),
        (LIMIT.replace("|38=0.00150", ""), "OrderQty(38) is missing: LIMIT needs it", 13),
        (LIMIT.replace("|44=61250.10", ""), "Price(44) is missing: LIMIT needs it", 99),
        (STOP_LIMIT.replace("|44=60001", ""), "Price(44) is missing: STOP_LOSS_LIMIT needs it", 99),
        (STOP_LIMIT.replace("|99=60000", ""), "StopPx(99) is missing: STOP_LOSS_LIMIT needs it", 99),
        (STOP.replace("|99=60000", ""), "StopPx(99) is missing: STOP_LOSS needs it", 99),
        (STOP.replace("|99=60000", "|6100=TakeProfit"), "StopPx(99) is missing: TAKE_PROFIT needs it", 99),
        (MARKET + "|44=1", "Price(44)=1: MARKET takes none", 99),
        (STOP + "|44=1", "Price(44)=1: STOP_LOSS takes none", 99),
        (LIMIT + "|99=1", "StopPx(99)=1: LIMIT takes none", 99),
        (MARKET + "|99=1", "StopPx(99)=1: MARKET takes none", 99),
        (LIMIT + "|18=6|99=1", "StopPx(99)=1: LIMIT_MAKER takes none", 99),
        (
            LIMIT + "|111=0.001|59=3",
            "MaxFloor(111)=0.001: an iceberg rests, so it needs TimeInForce(59)=1, not 3 (IOC)",
            11,
        ),
        (
            LIMIT + "|111=0.001|59=4",
            "MaxFloor(111)=0.001: an iceberg rests, so it needs TimeInForce(59)=1, not 4 (FOK)",
            11,
        ),
        (
            MARKET + "|111=0.001",
            "MaxFloor(111)=0.001: MARKET cannot be an iceberg; only types with a Price(44) can",
            11,
        ),
        (STOP + "|111=0.001", "MaxFloor(111)=0.001: STOP_LOSS cannot be an iceberg", 11),
    ],
)
def test_amounts_that_do_not_belong_together_are_refused(
    send: Any, body: str, told: str, reason: int
) -> None:
    """Missing, superfluous, or both of two alternatives."""
    said, why = refused(send(body))
    assert said.startswith(told)
    assert why == reason


@pytest.mark.parametrize("tag", [38, 44, 99, 111, 152])
@pytest.mark.parametrize(
    "value",
    ["0", "0.000", "-1", "+1", "1e3", "1E-8", "1,5", ".", "", " 1", "1 ", "0x1", "NaN", "Infinity", "1_000", "٣", "1.2.3",
     "9" * 21, "0." + "1" * 21, "\udcff"],
)  # fmt: skip
def test_what_is_not_a_plain_positive_decimal_is_refused(send: Any, tag: int, value: str) -> None:
    """No sign, no exponent, above zero, at most 20 digits each side: what Decimal() would accept is not enough."""
    bodies = {
        38: LIMIT,
        44: LIMIT,
        99: STOP_LIMIT,
        111: LIMIT + "|111=1",
        152: "11=o|55=BTCUSDT|54=1|40=1|152=1",
    }
    fields = [f"{tag}={value}" if field.startswith(f"{tag}=") else field for field in bodies[tag].split("|")]

    said, reason = refused(send("|".join(fields)))

    shown = "?" if value == "\udcff" else value
    assert said.startswith(f"{NAMES[tag]}({tag})={shown}")
    assert reason == (13 if tag in {38, 111, 152} else 99)


@given(
    whole=st.text("0123456789", max_size=20), part=st.one_of(st.none(), st.text("0123456789", max_size=20))
)
@example(whole="9" * 20, part="9" * 20)
@example(whole="0" * 20, part="0" * 19 + "1")
@example(whole="", part="10")
@example(whole="007", part="")
def test_the_digits_the_oms_sent_are_kept(profile: SessionProfile, whole: str, part: str | None) -> None:
    """P9: trailing zeros and all 20 + 20 digits; only zeros before the first digit go."""
    value = whole if part is None else f"{whole}.{part}"
    message = read_message(text("D", LIMIT.replace("38=0.00150", f"38={value}")), profile).message

    if not value.strip("0."):
        assert isinstance(message, RefusedOrder)
        return
    assert isinstance(message, NewOrder)
    assert message.quantity is not None
    kept = f"{message.quantity:f}"
    expected = value.rstrip(".").lstrip("0") if "." in value else value.lstrip("0")
    assert kept == ("0" + expected if expected.startswith(".") else expected)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000SATSUSDT", "币安人生USDT"])
def test_a_symbol_is_upper_case_without_separator(send: Any, symbol: str) -> None:
    """The product page: case-sensitive; the venue has listed names outside ASCII since 2025-12."""
    order = send(LIMIT.replace("BTCUSDT", symbol))
    assert isinstance(order, NewOrder)
    assert order.symbol == symbol


@pytest.mark.parametrize(
    ("symbol", "offered"),
    [
        ("BTC/USDT", "BTCUSDT"),
        ("BTC-USDT", "BTCUSDT"),
        ("btcusdt", "BTCUSDT"),
        ("BTC USDT", "BTCUSDT"),
        ("[N/A]", "NA"),
    ],
)
def test_another_form_of_symbol_is_refused_with_the_right_one(send: Any, symbol: str, offered: str) -> None:
    """103=1; nothing is normalised silently."""
    said, reason = refused(send(LIMIT.replace("BTCUSDT", symbol)))
    assert said == f"Symbol(55)={symbol}: a pair is written in upper case without separator, like {offered}"
    assert reason == 1


@pytest.mark.parametrize(
    ("body", "account", "isolated"),
    [(LIMIT, "main", False), (LIMIT + "|1=main", "main", False), (LIMIT + "|1=btc", "btc", True)],
)
def test_the_account_is_named_or_the_sessions_default(
    send: Any, body: str, account: str, isolated: bool
) -> None:
    """Account(1)."""
    order = send(body)
    assert isinstance(order, NewOrder)
    assert (order.account, order.isolated) == (account, isolated)


@pytest.mark.parametrize(
    ("body", "told", "reason"),
    [
        (LIMIT + "|1=nope", "Account(1)=nope: this session trades main, btc", 15),
        (LIMIT + "|1=", "Account(1)=: this session trades main, btc", 15),
        (
            LIMIT.replace("BTCUSDT", "ETHUSDT") + "|1=btc",
            "Symbol(55)=ETHUSDT: Account(1)=btc is isolated and trades BTCUSDT, BTCUSDC",
            1,
        ),
    ],
)
def test_an_unknown_account_names_the_known_ones(send: Any, body: str, told: str, reason: int) -> None:
    """103=15; an isolated account only takes its own symbols."""
    assert refused(send(body)) == (told, reason)


@pytest.mark.parametrize("tag", sorted(LIMITED))
def test_a_tag_that_would_change_the_order_is_refused_by_name(send: Any, tag: int) -> None:
    """P10: MinQty, ExpireTime, PositionEffect and the like are understood, and cannot be honoured."""
    said, reason = refused(send(f"{LIMIT}|{tag}=3"))

    assert said.startswith(f"{NAMES[tag]}({tag})=3: ")
    assert "can be honoured: " in said or "cannot be honoured: " in said
    assert reason == 11


@pytest.mark.parametrize(
    ("tag", "value"), [(tag, value) for tag, limited in LIMITED.items() for value in limited.allowed]
)
def test_the_values_such_a_tag_may_have_change_nothing(send: Any, tag: int, value: str) -> None:
    """HandlInst(21)=1, SettlType(63)=0 and the like say what happens anyway."""
    assert send(f"{LIMIT}|{tag}={value}") == send(LIMIT)


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (LIMIT + "|15=BTC", True),
        (LIMIT + "|15=USDT", False),
        (LIMIT + "|15=ETH", False),
        (LIMIT + "|15=", False),
        (LIMIT + "|15=BTCUSDT", False),
        ("11=o-1|55=BTCUSDT|54=1|40=1|152=10|15=USDT", True),
        ("11=o-1|55=BTCUSDT|54=1|40=1|152=10|15=BTC", False),
    ],
)
def test_a_currency_must_be_the_quantitys(send: Any, body: str, fits: bool) -> None:
    """1000 of 15=USDT must never become 1000 BTC."""
    message = send(body)
    if fits:
        assert isinstance(message, NewOrder)
    else:
        said, reason = refused(message)
        assert said.startswith("Currency(15)=")
        assert reason == 11


def test_a_refused_order_repeats_what_was_sent(send: Any) -> None:
    """The ExecutionReport echoes the client's own values, in a fixed order."""
    message = send("11=o-1|1=main|55=BTC/USDT|54=1|38=1e3|40=2|44=5|6101=X")

    assert isinstance(message, RefusedOrder)
    assert (message.cl_ord_id, message.account, message.source_id) == ("o-1", "main", "DESK1")
    assert message.echo == ((55, "BTC/USDT"), (54, "1"), (38, "1e3"), (40, "2"), (44, "5"), (6101, "X"))


@pytest.mark.parametrize("kind", ["D", "F", "H"])
def test_a_client_may_route_for_the_firms_it_was_given(profile: SessionProfile, kind: str) -> None:
    """OnBehalfOfCompID(115) becomes the source, and the answer carries DeliverToCompID(128)."""
    message = read_message(text(kind, f"115=FUND7|41=o-0|{LIMIT}"), profile).message

    assert isinstance(message, NewOrder | CancelOrder | StatusRequest)
    assert (message.source_id, message.on_behalf_of) == ("FUND7", True)


@pytest.mark.parametrize(
    ("allowed", "told"),
    [(("FUND7",), "OnBehalfOfCompID(115)=FUND8: this session may send FUND7"), ((), "may send none")],
)
def test_another_firm_is_refused(profile: SessionProfile, allowed: tuple[str, ...], told: str) -> None:
    """No list, no routing."""
    limited = replace(profile, on_behalf_of=allowed)
    order = read_message(text("D", f"115=FUND8|{LIMIT}"), limited).message
    cancel = read_message(text("F", f"115=FUND8|41=o-0|{LIMIT}"), limited).message

    assert isinstance(order, RefusedOrder)
    assert isinstance(cancel, RefusedCancel)
    assert told in order.refusal.text
    assert told in cancel.refusal.text
    assert (order.source_id, order.on_behalf_of) == ("DESK1", False)


def test_repetition_is_told_apart(profile: SessionProfile) -> None:
    """43=Y: the engine asked for it again; 97=Y: the OMS sends it again under a new number."""
    plain, dup, resend = (
        read_message(text("D", f"{extra}{LIMIT}"), profile) for extra in ("", "43=Y|122=x|", "97=Y|")
    )
    assert (plain.poss_dup, plain.poss_resend) == (False, False)
    assert (dup.poss_dup, dup.poss_resend) == (True, False)
    assert (resend.poss_dup, resend.poss_resend) == (False, True)
    assert {plain.seq_num, dup.seq_num, resend.seq_num} == {12}


def test_a_cancel_names_its_order(send: Any) -> None:
    """OrderCancelRequest(F); quantity and account are the order's own."""
    assert send("11=c-1|41=o-1|37=77|55=BTCUSDT|54=2|38=1|60=20261120-09:30:00", "F") == CancelOrder(
        session="DESK1->CONNECTOR",
        source_id="DESK1",
        cl_ord_id="c-1",
        orig_cl_ord_id="o-1",
        order_id="77",
        symbol="BTCUSDT",
        side=Side.SELL,
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("11=c-1|41=o-1|55=BTC/USDT|54=1", "Symbol(55)=BTC/USDT: a pair is written in upper case"),
        ("11=c-1|41=o-1|55=BTCUSDT|54=9", "Side(54)=9: allowed are 1 (buy), 2 (sell)"),
        ("11=c-1|41=o\x02|55=BTCUSDT|54=1", "OrigClOrdID(41)=o?: it has characters that are not printable"),
        ("11=c-1|41=o-1|41=o-2|55=BTCUSDT|54=1", "OrigClOrdID(41)=o-1: the field comes twice"),
    ],
)
def test_a_cancel_that_cannot_be_meant_is_rejected_as_a_cancel(send: Any, body: str, told: str) -> None:
    """OrderCancelReject(9), 102=99."""
    message = send(body, "F")
    assert isinstance(message, RefusedCancel)
    assert message.refusal.text.startswith(told)
    assert (message.cl_ord_id, message.refusal.reason) == ("c-1", 99)


def test_a_status_request_carries_its_own_id(send: Any) -> None:
    """OrderStatusRequest(H): OrdStatusReqID(790) comes back."""
    assert send("11=o-1|790=s-1|55=BTCUSDT|54=1", "H") == StatusRequest(
        session="DESK1->CONNECTOR",
        source_id="DESK1",
        cl_ord_id="o-1",
        symbol="BTCUSDT",
        side=Side.BUY,
        status_req_id="s-1",
    )


@pytest.mark.parametrize(
    ("kind", "body", "told", "reason"),
    [
        (
            "G",
            "11=r-1",
            "MsgType(35)=G (OrderCancelReplaceRequest) is not supported: send OrderCancelRequest(F), then",
            3,
        ),
        (
            "AF",
            "11=r-1",
            "MsgType(35)=AF (OrderMassStatusRequest) is not supported: send OrderStatusRequest(H)",
            3,
        ),
        ("Zz", "11=r-1", "MsgType(35)=Zz is not supported: allowed are D, F, H", 3),
        ("D", "55=BTCUSDT", "ClOrdID(11) is missing", 5),
        ("F", "41=o-1", "ClOrdID(11) is missing", 5),
        ("F", "11=r-1", "OrigClOrdID(41) is missing", 5),
        ("H", "55=BTCUSDT", "ClOrdID(11) is missing", 5),
        ("H", "11=r-1|55=BTC/USDT|54=1", "Symbol(55)=BTC/USDT: a pair is written", 0),
    ],
)
def test_what_has_no_order_to_report_on_is_a_business_reject(
    send: Any, kind: str, body: str, told: str, reason: int
) -> None:
    """BusinessMessageReject(j) with 380 and the message it answers."""
    message = send(body, kind)

    assert isinstance(message, RefusedMessage)
    assert message.refusal.text.startswith(told)
    assert (message.refusal.reason, message.ref_msg_type, message.ref_seq_num) == (reason, kind, 12)
    assert message.ref_id == ("r-1" if "11=r-1" in body else None)


@pytest.mark.parametrize("kind", ["D", "F", "H", "G"])
def test_bytes_that_are_not_utf_8_never_reach_the_journal(send: Any, kind: str) -> None:
    """The engine hands them over as lone surrogates: no encoder takes them, and the engine takes none back."""
    message = send("11=o\udcff1|1=\udcff|41=o\udcff0|55=\udcff|54=\udcff|38=\udcff", kind)
    encoded = msgspec.json.encode(message)
    assert b"o?1" in encoded


def test_a_field_of_ours_that_comes_twice_is_refused(send: Any) -> None:
    """Which of the two prices was meant? Groups (Parties) may repeat theirs."""
    assert refused(send(LIMIT + "|44=1"))[0] == "Price(44)=61250.10: the field comes twice"
    assert isinstance(send(LIMIT + "|453=2|448=A|447=D|452=1|448=B|447=D|452=3"), NewOrder)


def test_raw_data_cannot_smuggle_a_field(send: Any) -> None:
    """EncodedText(355) may hold an SOH: what follows it would look like a field."""
    said, _ = refused(send(LIMIT + "|354=9|355=x|99=5"))
    assert said.startswith("EncodedText(355)=x: it cannot be honoured")


@pytest.mark.parametrize("value", ["20261120", "2026-11-20T09:30:00Z", "20261120-09:30:00.123+01", "\udcff"])
def test_a_transact_time_that_is_none_is_refused(send: Any, value: str) -> None:
    """TransactTime(60) is kept for the story, in UTC."""
    said, _ = refused(send(f"{MARKET}|60={value}"))
    assert "a UTC time like 20261120-09:30:00.123 is needed" in said


values = st.one_of(
    st.sampled_from(
        [
            "D",
            "F",
            "H",
            "G",
            "1",
            "2",
            "3",
            "4",
            "6",
            "0",
            "Y",
            "N",
            "BTCUSDT",
            "USDT",
            "btc",
            "main",
            "FUND7",
            "0.5",
            "-1",
            "StopLoss",
            "TakeProfit",
            "MARGIN_BUY",
            "EXPIRE_BOTH",
            "NONE",
            "o-1",
            "20261120-09:30:00",
            "=",
            "",
        ]
    ),
    st.text(max_size=8),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Lu", "Nd"]), max_size=4),
)
tags = st.one_of(
    st.sampled_from([str(tag) for tag in (*NAMES, 34, 43, 97)]),
    st.text("0123456789", max_size=6),
    st.text(max_size=3),
)


@given(
    kind=st.sampled_from(["D", "D", "D", "F", "H", "G", ""]),
    pairs=st.lists(st.tuples(tags, values), max_size=14),
)
def test_whatever_a_client_sends_has_an_answer(
    profile: SessionProfile, kind: str, pairs: list[tuple[str, str]]
) -> None:
    """Nothing raises; the value can be journalled, and its answer encoded for the wire."""
    fields = [("35", kind), *pairs]
    message = "".join(f"{tag}={value}\x01" for tag, value in fields)

    received = read_message(message, profile)

    msgspec.json.encode(received)
    if isinstance(received.message, RefusedOrder):
        report = ExecutionReport(
            session=profile.session,
            order=received.message,
            exec_id="E1",
            exec_type=ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            cl_ord_id=received.message.cl_ord_id,
            quantity=None,
            refusal=received.message.refusal,
            transact_time_ms=0,
        )
        body = write_report(report)
        body.encode("utf-8")
        assert all("=" in part for part in body.split("\x01")[:-1])


@given(st.text())
def test_even_what_is_no_message_has_an_answer(profile: SessionProfile, garbage: str) -> None:
    """The engine would not let it through; we do not rely on that."""
    assert isinstance(read_message(garbage, profile), Received)


@given(st.dictionaries(st.sampled_from([*map(str, NAMES)]), values, max_size=10))
def test_a_legal_order_stays_translated_or_is_refused_whatever_is_added(
    profile: SessionProfile, added: dict[str, str]
) -> None:
    """A starting point that passes reaches further into the translation than noise does."""
    base = dict(field.split("=", 1) for field in f"35=D|34=1|{LIMIT}".split("|"))
    message = "".join(f"{tag}={value}\x01" for tag, value in (base | added | {"35": "D"}).items())

    received = read_message(message, profile)

    assert isinstance(received.message, NewOrder | RefusedOrder | RefusedMessage)
    msgspec.json.encode(received)


def test_a_possible_duplicate_must_say_when_it_was_first_sent(profile: SessionProfile) -> None:
    """43=Y without OrigSendingTime(122) may be an order of any age."""
    text = "35=D|34=7|43=Y|49=DESK1|56=OURS|52=20261120-09:30:00|11=o-1|55=BTCUSDT|54=1|38=1|40=1|".replace(
        "|", "\x01"
    )

    message = read_message(text, profile).message

    assert isinstance(message, RefusedOrder)
    assert "OrigSendingTime(122)" in message.refusal.text
