"""Decimal amounts and the venue's two ways of writing them."""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

ZERO = Decimal(0)
EIGHT_PLACES = Decimal("0.00000001")


def stripped(value: Decimal) -> str:
    """Write without trailing zeros and exponent, as most `/sapi` responses do ("0.5", "25", "0")."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def padded(value: Decimal) -> str:
    """Write with eight decimals, as events and `/api` responses do ("0.50000000")."""
    return f"{value:.8f}"


def as_number(value: Decimal) -> Decimal:
    """Shorten for use as a bare JSON number (`marginBuyBorrowAmount`)."""
    return Decimal(stripped(value))


def floored(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of `step` (step > 0)."""
    return value - value % step


def rounded_up(value: Decimal) -> Decimal:
    """Round up to the eight decimals wallets are kept in."""
    return value.quantize(EIGHT_PLACES, ROUND_UP)


def rounded_down(value: Decimal) -> Decimal:
    """Round down to the eight decimals wallets are kept in."""
    return value.quantize(EIGHT_PLACES, ROUND_DOWN)
