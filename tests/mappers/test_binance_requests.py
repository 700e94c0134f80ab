"""Requests to the venue: names, digits, and what is never left out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mappers import binance
from mappers.binance import Operation, Security, VenueRequest
from mappers.model import NewOrder, OrderType, SelfTradePreventionMode, Side, SideEffectType, TimeInForce


def params(request: VenueRequest) -> dict[str, str]:
    assert len(dict(request.params)) == len(
        request.params
    )  # "Duplicate values for a parameter detected." (-1101)
    return dict(request.params)


def test_a_limit_order_is_written_in_full(limit_order: NewOrder) -> None:
    """The shape of the reference's signed vector (section 1.4), with what we always say."""
    request = binance.new_order(limit_order, "ord-000123")

    assert (request.operation, request.method, request.path) == (
        Operation.NEW_ORDER,
        "POST",
        "/sapi/v1/margin/order",
    )
    assert request.security is Security.SIGNED
    assert request.params == (
        ("symbol", "BTCUSDT"),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "0.00150"),
        ("price", "61250.10"),
        ("newClientOrderId", "ord-000123"),
        ("sideEffectType", "NO_SIDE_EFFECT"),
        ("isIsolated", "FALSE"),
        ("selfTradePreventionMode", "EXPIRE_MAKER"),
        ("newOrderRespType", "FULL"),
    )


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        (
            {"type": OrderType.MARKET, "time_in_force": None, "price": None},
            {"type": "MARKET", "quantity": "0.00150"},
        ),
        (
            {
                "type": OrderType.MARKET,
                "time_in_force": None,
                "price": None,
                "quantity": None,
                "quote_quantity": Decimal("100.50"),
            },
            {"type": "MARKET", "quoteOrderQty": "100.50"},
        ),
        (
            {
                "type": OrderType.STOP_LOSS,
                "time_in_force": None,
                "price": None,
                "stop_price": Decimal(60000),
            },
            {"type": "STOP_LOSS", "quantity": "0.00150", "stopPrice": "60000"},
        ),
        (
            {
                "type": OrderType.TAKE_PROFIT_LIMIT,
                "stop_price": Decimal(60000),
                "time_in_force": TimeInForce.FOK,
            },
            {
                "type": "TAKE_PROFIT_LIMIT",
                "timeInForce": "FOK",
                "quantity": "0.00150",
                "price": "61250.10",
                "stopPrice": "60000",
            },
        ),
        (
            {"type": OrderType.LIMIT_MAKER, "time_in_force": None},
            {"type": "LIMIT_MAKER", "quantity": "0.00150", "price": "61250.10"},
        ),
        (
            {"iceberg_quantity": Decimal("0.0005")},
            {
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": "0.00150",
                "price": "61250.10",
                "icebergQty": "0.0005",
            },
        ),
    ],
)
def test_each_type_sends_exactly_what_it_takes(
    limit_order: NewOrder, changes: dict[str, Any], sent: dict[str, str]
) -> None:
    """Missing is -1102, superfluous -1106 (reference, section 2.1)."""
    common = {
        "symbol",
        "side",
        "newClientOrderId",
        "sideEffectType",
        "isIsolated",
        "selfTradePreventionMode",
        "newOrderRespType",
    }
    told = params(binance.new_order(replace(limit_order, **changes), "id"))

    assert {name: value for name, value in told.items() if name not in common} == sent
    assert common <= told.keys()


@pytest.mark.parametrize(
    ("setting", "on_buy", "on_sell"),
    [
        (SideEffectType.NO_SIDE_EFFECT, "NO_SIDE_EFFECT", "NO_SIDE_EFFECT"),
        (SideEffectType.MARGIN_BUY, "MARGIN_BUY", "MARGIN_BUY"),
        (SideEffectType.AUTO_REPAY, "AUTO_REPAY", "AUTO_REPAY"),
        (SideEffectType.AUTO_BORROW_REPAY, "AUTO_BORROW_REPAY", "AUTO_BORROW_REPAY"),
        (SideEffectType.MARGIN_BUY_REPAY_SELL, "MARGIN_BUY", "AUTO_REPAY"),
        (SideEffectType.MARGIN_SELL_REPAY_BUY, "AUTO_REPAY", "MARGIN_BUY"),
    ],
)
def test_the_side_picks_the_side_effect_on_the_wire(
    limit_order: NewOrder, setting: SideEffectType, on_buy: str, on_sell: str
) -> None:
    """The product page's table "Side Effect Type"; the two combined settings are no values of the venue."""
    buy = binance.new_order(replace(limit_order, side=Side.BUY, side_effect=setting), "id")
    sell = binance.new_order(replace(limit_order, side=Side.SELL, side_effect=setting), "id")

    assert params(buy)["sideEffectType"] == on_buy
    assert params(sell)["sideEffectType"] == on_sell


@pytest.mark.parametrize("mode", list(SelfTradePreventionMode))
def test_the_self_trade_mode_is_always_said(limit_order: NewOrder, mode: SelfTradePreventionMode) -> None:
    """Left out, the symbol's own default would rule, and the OMS would be told another."""
    assert (
        params(binance.new_order(replace(limit_order, stp_mode=mode), "id"))["selfTradePreventionMode"]
        == mode
    )


@pytest.mark.parametrize(("setting", "sent"), [(None, None), (True, "TRUE"), (False, "FALSE")])
def test_repay_at_cancel_is_said_only_when_configured(
    limit_order: NewOrder, setting: bool | None, sent: str | None
) -> None:
    """The venue's default is true; we have none of our own."""
    request = binance.new_order(limit_order, "id", auto_repay_at_cancel=setting)
    assert params(request).get("autoRepayAtCancel") == sent


digits = st.decimals(min_value="0.00000000000000000001", max_value=10**20 - 1, places=20).filter(
    lambda d: d > 0
)


@given(quantity=digits, price=digits)
def test_the_digits_sent_are_the_digits_asked_for(
    limit_order: NewOrder, quantity: Decimal, price: Decimal
) -> None:
    """P9: no exponent, no rounding, no float; 20 digits each side."""
    told = params(binance.new_order(replace(limit_order, quantity=quantity, price=price), "id"))

    assert "E" not in told["quantity"] + told["price"]
    assert Decimal(told["quantity"]).as_tuple() == quantity.as_tuple()
    assert Decimal(told["price"]).as_tuple() == price.as_tuple()


@pytest.mark.parametrize("isolated", [True, False])
def test_every_request_about_orders_says_whose_account(limit_order: NewOrder, isolated: bool) -> None:
    """Trap 10: an isolated order asked for without isIsolated "does not exist", and would be placed again."""
    requests = [
        binance.new_order(replace(limit_order, isolated=isolated), "id"),
        binance.cancel("BTCUSDT", isolated, "orig", "cxl", 7),
        binance.query("BTCUSDT", isolated, "id"),
        binance.open_orders("BTCUSDT", isolated),
        binance.all_orders("BTCUSDT", isolated, 7, 200),
        binance.trades_of_order("BTCUSDT", isolated, 7),
        binance.trades_from("BTCUSDT", isolated, 7, 100),
        binance.key_check("BTCUSDT", isolated),
    ]
    assert {params(request)["isIsolated"] for request in requests} == {"TRUE" if isolated else "FALSE"}


def test_a_cancel_names_the_order_twice_when_it_can() -> None:
    """By number it is found fastest, and our id must agree (reference, section 2.4)."""
    request = binance.cancel("BTCUSDT", False, "ord-1", "cxl-1", 42)

    assert (request.operation, request.method) == (Operation.CANCEL, "DELETE")
    assert request.params == (
        ("symbol", "BTCUSDT"),
        ("isIsolated", "FALSE"),
        ("orderId", "42"),
        ("origClientOrderId", "ord-1"),
        ("newClientOrderId", "cxl-1"),
    )


def test_a_cancel_before_the_acknowledgement_goes_by_our_id_alone() -> None:
    """And without a name of its own where none can be made (P8)."""
    request = binance.cancel("BTCUSDT", False, "ord-1", None)
    assert params(request) == {"symbol": "BTCUSDT", "isIsolated": "FALSE", "origClientOrderId": "ord-1"}


def test_pages_stay_within_what_the_venue_documents() -> None:
    """allOrders: 500 in the documents; myTrades: 1000. A full page is told by what was really asked for."""
    assert params(binance.all_orders("BTCUSDT", False, None, 1000))["limit"] == "500"
    assert binance.orders_page(1000) == 500
    assert binance.orders_page(200) == 200
    assert params(binance.trades_from("BTCUSDT", False, None, 2000))["limit"] == "1000"
    assert "orderId" not in params(binance.all_orders("BTCUSDT", False, None, 200))
    assert params(binance.all_orders("BTCUSDT", False, 0, 200))["orderId"] == "0"


def test_a_listen_token_needs_the_key_only() -> None:
    """USER_STREAM: header, no signature (reference, section 1.7)."""
    cross = binance.listen_token()
    isolated = binance.listen_token("BNBUSDT", True, 3_600_000)

    assert (cross.method, cross.path, cross.security) == (
        "POST",
        "/sapi/v1/userListenToken",
        Security.API_KEY,
    )
    assert cross.params == ()
    assert params(isolated) == {"symbol": "BNBUSDT", "isIsolated": "true", "validity": "3600000"}


def test_public_questions_carry_no_key() -> None:
    """They work before any key does."""
    assert binance.server_time().security is Security.NONE
    assert binance.exchange_info().security is Security.NONE


def test_an_isolated_account_has_no_question_without_its_symbol() -> None:
    """There is no "all isolated" query (reference, section 2.6): asking it would be our bug."""
    with pytest.raises(AssertionError):
        binance.open_orders(None, True)
    assert params(binance.open_orders(None, False)) == {"isIsolated": "FALSE"}
