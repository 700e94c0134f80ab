"""Parameters of a placement: presence, form and codes."""

import re

import pytest

from connector.simulator.errors import VenueError
from connector.simulator.order_params import client_id, parse_resp_type
from connector.simulator.params import Params, Raw
from tests.simulator.kit import Desk

GOOD = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "59000",
}
MANDATORY = "Mandatory parameter '%s' was not sent, was empty/null, or malformed."
NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
WRONG = [
    ({"symbol": None}, -1102, MANDATORY % "symbol"),
    ({"side": None}, -1102, MANDATORY % "side"),
    ({"type": ""}, -1102, MANDATORY % "type"),
    ({"timeInForce": None}, -1102, MANDATORY % "timeInForce"),
    ({"quantity": None}, -1102, MANDATORY % "quantity"),
    ({"price": ""}, -1102, MANDATORY % "price"),
    ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ({"symbol": "btcusdt"}, -1121, "Invalid symbol."),
    ({"side": "buy"}, -1117, "Invalid side."),
    ({"type": "LIMITED"}, -1116, "Invalid orderType."),
    ({"timeInForce": "DAY"}, -1115, "Invalid timeInForce."),
    ({"stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
    ({"quoteOrderQty": "1"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
    ({"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
    (
        {"quantity": "1e-3"},
        -1100,
        f"Illegal characters found in parameter 'quantity'; legal range is '{NUMBER}'.",
    ),
    (
        {"quantity": "-1"},
        -1100,
        f"Illegal characters found in parameter 'quantity'; legal range is '{NUMBER}'.",
    ),
    ({"price": ".5"}, -1100, f"Illegal characters found in parameter 'price'; legal range is '{NUMBER}'."),
    ({"price": "59000.000000001"}, -1111, "Parameter 'price' has too much precision."),
    ({"newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty."),
    ({"sideEffectType": "BORROW"}, -1130, "Data sent for parameter 'sideEffectType' is not valid."),
    ({"autoRepayAtCancel": "maybe"}, -1130, "Data sent for parameter 'autoRepayAtCancel' is not valid."),
    ({"icebergQty": "0.05", "timeInForce": "IOC"}, -1014, "Unsupported order combination."),
]


@pytest.mark.parametrize(("change", "code", "text"), WRONG)
def test_what_is_wrong_is_said_by_name(change: dict[str, str | None], code: int, text: str) -> None:
    params = {name: value for name, value in (GOOD | change).items() if value is not None}
    desk = Desk()

    with pytest.raises(VenueError) as refused:
        desk.exchange.place(desk.a, _parsed(desk, params), desk.now_us)

    assert (refused.value.status, refused.value.code, refused.value.msg) == (400, code, text)


def _parsed(desk: Desk, params: dict[str, str]):  # type: ignore[no-untyped-def]
    from connector.simulator.order_params import parse_order  # noqa: PLC0415

    return parse_order(Params(params), desk.exchange)


@pytest.mark.parametrize(
    ("kind", "params", "code"),
    [
        ("MARKET", {}, -1102),
        ("MARKET", {"quantity": "1", "quoteOrderQty": "1"}, -1106),
        ("MARKET", {"quantity": "1", "timeInForce": "GTC"}, -1106),
        ("MARKET", {"quantity": "1", "price": "1"}, -1106),
        ("STOP_LOSS", {"quantity": "1"}, -1102),
        ("STOP_LOSS", {"quantity": "1", "stopPrice": "61000", "price": "1"}, -1106),
        ("STOP_LOSS_LIMIT", {"quantity": "1", "price": "1", "timeInForce": "GTC"}, -1102),
        ("STOP_LOSS_LIMIT", {"quantity": "1", "price": "1", "stopPrice": "1"}, -1102),
        ("TAKE_PROFIT", {"quantity": "1", "stopPrice": "1", "timeInForce": "GTC"}, -1106),
        ("TAKE_PROFIT_LIMIT", {"quantity": "1", "stopPrice": "1", "timeInForce": "GTC"}, -1102),
        ("LIMIT_MAKER", {"quantity": "1"}, -1102),
    ],
)
def test_each_type_has_its_own_parameters(kind: str, params: dict[str, str], code: int) -> None:
    with pytest.raises(VenueError) as refused:
        _parsed(Desk(), {"symbol": "BTCUSDT", "side": "BUY", "type": kind} | params)

    assert refused.value.code == code


def test_a_stop_without_any_trigger_names_both_possibilities() -> None:
    with pytest.raises(VenueError, match="Param 'stopPrice' or 'trailingDelta' must be sent, but both were"):
        _parsed(Desk(), {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "1"})


@pytest.mark.parametrize("value", ["a" * 37, "with space", "dot.ted", "ü", "a\n"])
def test_a_client_id_outside_the_pattern_is_refused(value: str) -> None:
    """Too long counts as illegal characters, as observed at the venue."""
    with pytest.raises(VenueError) as refused:
        _parsed(Desk(), GOOD | {"newClientOrderId": value})

    assert (refused.value.code, refused.value.msg) == (
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    )


@pytest.mark.parametrize("value", ["a", "A-b_9" * 7 + "z", "-", "_"])
def test_a_client_id_within_the_pattern_is_kept(value: str) -> None:
    assert _parsed(Desk(), GOOD | {"newClientOrderId": value}).client_order_id == value


def test_an_absent_client_id_is_made_of_22_characters() -> None:
    desk = Desk()

    made = {client_id(Params({}), "newClientOrderId", desk.exchange.random) for _ in range(50)}

    assert len(made) == 50
    assert all(re.fullmatch("[A-Za-z0-9]{22}", name) for name in made)


@pytest.mark.parametrize(
    ("kind", "default"),
    [("LIMIT", "FULL"), ("MARKET", "FULL"), ("STOP_LOSS_LIMIT", "ACK"), ("LIMIT_MAKER", "ACK")],
)
def test_the_default_response_depends_on_the_type(kind: str, default: str) -> None:
    assert parse_resp_type(Params({"type": kind})) == default


def test_an_unknown_response_type_is_refused() -> None:
    with pytest.raises(VenueError, match="-1136: Invalid newOrderRespType"):
        parse_resp_type(Params({"newOrderRespType": "ALL"}))


def test_the_query_wins_over_the_body() -> None:
    assert Raw(b"a=1&b=2", b"b=3&c=4").decoded() == {"a": "1", "b": "2", "c": "4"}


def test_a_name_given_twice_in_one_place_is_refused() -> None:
    with pytest.raises(VenueError, match=r"-1101: Duplicate values for a parameter detected\."):
        Raw(b"a=1&a=1", b"").decoded()


def test_the_signature_covers_query_and_body_without_itself() -> None:
    """Reference section 1.4: no separator between the two."""
    assert Raw(b"a=1&b=%2B", b"c=3&signature=x&d=4").signed_payload() == b"a=1&b=%2Bc=3&d=4"
    assert Raw(b"signature=x&a=1", b"").signed_payload() == b"a=1"
