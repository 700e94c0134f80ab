"""Numbers at the edges: what may be an amount, how an average is rounded, how a number is shown."""

from __future__ import annotations

from decimal import Context, Decimal

ZERO = Decimal(0)

# a quotient need not end; 28 digits are more than any venue's price and quantity carry
AVERAGE = Context(prec=28)

# a number beyond 10^40, finer than 10^-40 or of more than 40 digits is damage, not money
_MOST = 40
_BOUNDED = Context(prec=_MOST)


def is_amount(value: Decimal) -> bool:
    """Whether a decoded number can be a price or a quantity: NaN, Infinity and 1E+999999 cannot.

    What passes can be multiplied and summed in `mappers.model.EXACT`.
    """
    return value.is_finite() and -_MOST <= value.adjusted() <= _MOST and _BOUNDED.plus(value) == value


def average(total: Decimal, quantity: Decimal) -> Decimal:
    """`total / quantity`, exact when 28 digits suffice, else rounded half-even to 28; 0 for no quantity."""
    return AVERAGE.divide(total, quantity) if quantity else ZERO


def short(value: Decimal) -> str:
    """Plain digits without trailing zeros: one fact is "1" in a REST reply and "1.00000000" in the stream."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
