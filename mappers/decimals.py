"""Arithmetic on the decimals of orders and fills (P9: exact, or told).

The default context of `decimal` keeps 28 digits and rounds silently. A price and a quantity of 20 + 20 digits
each multiply to 80, so products and tick checks run in `EXACT`, which raises instead of rounding.
"""

from __future__ import annotations

from decimal import Clamped, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

ZERO = Decimal(0)

EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Clamped])
AVERAGE = Context(
    prec=28
)  # a quotient need not end; 28 digits are more than any venue's price and quantity carry

_LARGEST_EXPONENT = 40  # a number beyond 10^40 or finer than 10^-40 is damage, not money


def is_amount(value: Decimal) -> bool:
    """Whether a decoded number can be a price or a quantity: NaN, Infinity and 1E+999999 cannot."""
    return value.is_finite() and (not value or -_LARGEST_EXPONENT <= value.adjusted() <= _LARGEST_EXPONENT)


def average(total: Decimal, quantity: Decimal) -> Decimal:
    """`total / quantity`, exact when 28 digits suffice, else rounded half-even to 28; 0 for no quantity."""
    return AVERAGE.divide(total, quantity) if quantity else ZERO


def short(value: Decimal) -> str:
    """Plain digits without trailing zeros: the venue states one fact as "1" (REST) and "1.00000000"
    (stream).
    """
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
