"""NewOrderSingle(D) to `NewOrder`: the translation table of design section 5, and what it refuses.

Decisions the table leaves open, each so that nothing is pretended:

- TimeInForce(59) on MARKET, STOP_LOSS and TAKE_PROFIT, which take none at the venue: absent, 1 and 3 are
  accepted. A market order ends at once, which is what 3 asks for and leaves 1 nothing to do (the venue
  itself reports GTC for it); a market stop rests until its trigger (1) and then ends at once (3). 4 is
  refused: it may fill in part.
- TimeInForce(59) on a post-only order: absent or 1. An order that may not take cannot be 3 or 4.
- Currency(15): only the base asset beside OrderQty(38) and only the quote asset beside CashOrderQty(152).
  FIX reads the tag as the price's currency, the FX world as the quantity's; where the two disagree we do
  not guess.
- HandlInst(21) 1 and 2 are the same thing here; 3 (manual) is refused.
- Side(54) 5 (sell short) is refused: the venue borrows on a plain sell with SideEffectType(6101)=MARGIN_BUY.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from mappers.fix_tags import LIMITED
from mappers.fix_values import Fields, InvalidValueError, choice, identifier, listed, positive, shown
from mappers.model import NewOrder, OrderType, SelfTradePreventionMode, Side, SideEffectType, TimeInForce
from mappers.profile import DayTimeInForce, SessionProfile
from mappers.reasons import INCORRECT_QUANTITY, OTHER, UNKNOWN_ACCOUNT, UNKNOWN_SYMBOL, UNSUPPORTED
from mappers.text import printable

SIDES: Mapping[str, Side] = {"1": Side.BUY, "2": Side.SELL}

STOP_LOSS, TAKE_PROFIT = "StopLoss", "TakeProfit"
POST_ONLY = "6"

_TYPES: Mapping[tuple[str | None, str | None, str | None], OrderType] = {
    # OrdType(40), StopOrderType(6100), ExecInst(18); what is not here is refused
    ("1", None, None): OrderType.MARKET,
    ("2", None, None): OrderType.LIMIT,
    ("2", None, POST_ONLY): OrderType.LIMIT_MAKER,
    ("3", None, None): OrderType.STOP_LOSS,
    ("3", STOP_LOSS, None): OrderType.STOP_LOSS,
    ("3", TAKE_PROFIT, None): OrderType.TAKE_PROFIT,
    ("4", None, None): OrderType.STOP_LOSS_LIMIT,
    ("4", STOP_LOSS, None): OrderType.STOP_LOSS_LIMIT,
    ("4", TAKE_PROFIT, None): OrderType.TAKE_PROFIT_LIMIT,
}

_LIMIT_TIMES = {None: TimeInForce.GTC, "1": TimeInForce.GTC, "3": TimeInForce.IOC, "4": TimeInForce.FOK}
_MARKET_TIMES = {None: None, "1": None, "3": None}
_TIMES: Mapping[OrderType, Mapping[str | None, TimeInForce | None]] = {
    OrderType.LIMIT: _LIMIT_TIMES,
    OrderType.STOP_LOSS_LIMIT: _LIMIT_TIMES,
    OrderType.TAKE_PROFIT_LIMIT: _LIMIT_TIMES,
    OrderType.MARKET: _MARKET_TIMES,
    OrderType.STOP_LOSS: _MARKET_TIMES,
    OrderType.TAKE_PROFIT: _MARKET_TIMES,
    OrderType.LIMIT_MAKER: {None: None, "1": None},
}

_WITH_PRICE = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
_WITH_STOP = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)

_SIDE_EFFECTS: Mapping[str, SideEffectType] = {effect.value: effect for effect in SideEffectType}
_STP_MODES: Mapping[str, SelfTradePreventionMode] = {mode.value: mode for mode in SelfTradePreventionMode}
_STP_NUMBERS: Mapping[str, SelfTradePreventionMode] = {  # the numbers of the venue's own FIX interface
    "1": SelfTradePreventionMode.NONE,
    "2": SelfTradePreventionMode.EXPIRE_TAKER,
    "3": SelfTradePreventionMode.EXPIRE_MAKER,
    "4": SelfTradePreventionMode.EXPIRE_BOTH,
}

_TIME = re.compile(r"[0-9]{8}-[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?")
_LIMITED: Mapping[str, int] = {str(tag): tag for tag in LIMITED}


def read_order(fields: Fields, profile: SessionProfile, source_id: str, on_behalf_of: bool) -> NewOrder:
    """The order, with every default of the session in force.

    Raises:
        InvalidValueError: a value we cannot honour.
    """
    if not _LIMITED.keys().isdisjoint(fields):
        _refuse_limited(fields)
    symbol = read_symbol(fields)
    account, isolated = _account(fields, profile, symbol)
    kind = _type(fields)
    time_in_force = _time_in_force(fields, kind, profile)
    quantity, quote_quantity = _quantities(fields, kind)
    if "15" in fields:
        _check_currency(fields["15"], symbol, quote_quantity is not None)
    return NewOrder(
        session=profile.session,
        source_id=source_id,
        cl_ord_id=identifier(fields, 11, OTHER) or "",
        account=account,
        isolated=isolated,
        symbol=symbol,
        side=read_side(fields),
        type=kind,
        time_in_force=time_in_force,
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=_price(fields, 44, kind, kind in _WITH_PRICE),
        stop_price=_price(fields, 99, kind, kind in _WITH_STOP),
        iceberg_quantity=_iceberg(fields, kind, time_in_force),
        side_effect=choice(fields, 6101, _SIDE_EFFECTS, profile.side_effect, UNSUPPORTED),
        stp_mode=_stp_mode(fields, profile),
        on_behalf_of=on_behalf_of,
        transact_time=_transact_time(fields),
    )


def read_symbol(fields: Fields) -> str:
    """Symbol(55) in the venue's form.

    Raises:
        InvalidValueError: absent, or not in that form; the text offers the form it probably should have.
    """
    symbol = fields.get("55")
    if symbol is not None and symbol.isalnum() and symbol == symbol.upper():
        return symbol
    joined = "".join(filter(str.isalnum, symbol or "")).upper() or "BTCUSDT"
    rule = f"a pair is written in upper case without separator, like {printable(joined, 64)}"
    raise InvalidValueError(55, symbol, rule, UNKNOWN_SYMBOL)


def read_side(fields: Fields) -> Side:
    """Side(54).

    Raises:
        InvalidValueError: absent, or neither 1 nor 2.
    """
    value = fields.get("54", "")
    side = SIDES.get(value)
    if side is None:
        hint = "; to sell short send 2 with SideEffectType(6101)=MARGIN_BUY" if value in {"5", "6"} else ""
        raise InvalidValueError(54, value or None, f"allowed are 1 (buy), 2 (sell){hint}", UNSUPPORTED)
    return side


def _refuse_limited(fields: Fields) -> None:
    for text, tag in _LIMITED.items():
        value = fields.get(text)
        allowed, remedy = LIMITED[tag]
        if value is None or value in allowed:
            continue
        only = f"only {listed(allowed)} can be honoured" if allowed else "it cannot be honoured"
        raise InvalidValueError(tag, value, f"{only}: {remedy}", UNSUPPORTED)


def _account(fields: Fields, profile: SessionProfile, symbol: str) -> tuple[str, bool]:
    """The named account, and whether it is isolated."""
    name = fields.get("1", profile.default_account)
    symbols = profile.accounts.get(name)
    if symbols is None:
        raise InvalidValueError(1, name, f"this session trades {listed(profile.accounts)}", UNKNOWN_ACCOUNT)
    if symbols and symbol not in symbols:
        rule = f"{shown(1, name)} is isolated and trades {listed(symbols)}"
        raise InvalidValueError(55, symbol, rule, UNKNOWN_SYMBOL)
    return name, bool(symbols)


def _type(fields: Fields) -> OrderType:
    key = fields.get("40"), fields.get("6100"), fields.get("18")
    kind = _TYPES.get(key)
    if kind is None:
        raise _no_such_type(*key)
    return kind


def _no_such_type(ord_type: str | None, stop_type: str | None, exec_inst: str | None) -> InvalidValueError:
    """Which of the three that pick the type is to blame."""
    if ord_type not in {"1", "2", "3", "4"}:
        rule = "allowed are 1 (market), 2 (limit), 3 (stop), 4 (stop limit)"
        return InvalidValueError(40, ord_type, rule, UNSUPPORTED)
    if exec_inst is not None and (exec_inst != POST_ONLY or ord_type != "2"):
        rule = f"only 6 (post-only), alone and with OrdType(40)=2, can be honoured; OrdType(40) is {ord_type}"
        return InvalidValueError(18, exec_inst, rule, UNSUPPORTED)
    assert stop_type is not None, (ord_type, exec_inst)
    if stop_type not in {STOP_LOSS, TAKE_PROFIT}:
        rule = f"allowed are {STOP_LOSS}, {TAKE_PROFIT}, in exactly these letters"
    else:
        rule = f"only with OrdType(40) 3 (stop) or 4 (stop limit), not {ord_type}"
    return InvalidValueError(6100, stop_type, rule, UNSUPPORTED)


def _time_in_force(fields: Fields, kind: OrderType, profile: SessionProfile) -> TimeInForce | None:
    value = fields.get("59")
    if value == "0":
        if profile.day_time_in_force is DayTimeInForce.REJECT:
            remedy = "send 1 (GTC), 3 (IOC) or 4 (FOK), or let the session set dayTimeInForce = GTC"
            raise InvalidValueError(59, value, f"the venue has no day orders; {remedy}", UNSUPPORTED)
        value = "1"
    times = _TIMES[kind]
    if value in times:
        return times[value]
    allowed = listed(known for known in times if known is not None)
    raise InvalidValueError(59, value, f"allowed for {kind.value} are {allowed}", UNSUPPORTED)


def _quantities(fields: Fields, kind: OrderType) -> tuple[Decimal | None, Decimal | None]:
    """OrderQty(38) or CashOrderQty(152)."""
    quote = fields.get("152")
    if quote is not None:
        if kind is not OrderType.MARKET:
            rule = f"only market orders are sized in quote units, not {kind.value}; send OrderQty(38)"
            raise InvalidValueError(152, quote, rule, INCORRECT_QUANTITY)
        if "38" in fields:
            rule = f"not together with {shown(38, fields['38'])}; send one of them"
            raise InvalidValueError(152, quote, rule, INCORRECT_QUANTITY)
        return None, positive(fields, 152, INCORRECT_QUANTITY)
    quantity = positive(fields, 38, INCORRECT_QUANTITY)
    if quantity is None:
        other = ", or CashOrderQty(152)" if kind is OrderType.MARKET else ""
        raise InvalidValueError(38, None, f"{kind.value} needs it{other}", INCORRECT_QUANTITY)
    return quantity, None


def _price(fields: Fields, tag: int, kind: OrderType, needed: bool) -> Decimal | None:
    """Price(44) or StopPx(99): there exactly when the type has one."""
    price = positive(fields, tag, OTHER)
    if needed and price is None:
        raise InvalidValueError(tag, None, f"{kind.value} needs it", OTHER)
    if price is not None and not needed:
        raise InvalidValueError(tag, fields[str(tag)], f"{kind.value} takes none", OTHER)
    return price


def _iceberg(fields: Fields, kind: OrderType, time_in_force: TimeInForce | None) -> Decimal | None:
    iceberg = positive(fields, 111, INCORRECT_QUANTITY)
    if iceberg is None:
        return None
    if kind not in _WITH_PRICE:
        rule = f"{kind.value} cannot be an iceberg; only types with a Price(44) can"
        raise InvalidValueError(111, fields["111"], rule, UNSUPPORTED)
    if time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
        rule = f"an iceberg rests, so it needs TimeInForce(59)=1, not {fields['59']} ({time_in_force})"
        raise InvalidValueError(111, fields["111"], rule, UNSUPPORTED)
    return iceberg


def _stp_mode(fields: Fields, profile: SessionProfile) -> SelfTradePreventionMode:
    """6102 by name or 25001 by number; both only when they agree."""
    mode = choice(fields, 6102, _STP_MODES, profile.stp_mode, UNSUPPORTED)
    if "25001" not in fields:
        return mode
    numbered = choice(fields, 25001, _STP_NUMBERS, mode, UNSUPPORTED)
    if "6102" in fields and numbered is not mode:
        rule = f"it says {numbered}, {shown(6102, fields['6102'])} says otherwise; send one of them"
        raise InvalidValueError(25001, fields["25001"], rule, UNSUPPORTED)
    return numbered


def _check_currency(currency: str, symbol: str, in_quote: bool) -> None:
    """Quantities are in base units for 38, in quote units for 152; a currency saying otherwise is refused."""
    fits = symbol.endswith(currency) if in_quote else symbol.startswith(currency)
    if currency and currency != symbol and fits:
        return
    rule = (
        f"CashOrderQty(152) of {symbol} is in its quote asset"
        if in_quote
        else f"OrderQty(38) of {symbol} is in its base asset; for quote units send CashOrderQty(152)"
    )
    raise InvalidValueError(15, currency, f"{rule}, or leave the tag out", UNSUPPORTED)


def _transact_time(fields: Fields) -> str | None:
    value = fields.get("60")
    if value is not None and not _TIME.fullmatch(value):
        raise InvalidValueError(60, value, "a UTC time like 20261120-09:30:00.123 is needed", OTHER)
    return value
