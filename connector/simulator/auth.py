"""Who asks, and may they: key header, signature, timestamp and recvWindow (reference sections 1.3-1.5)."""

import re
from collections.abc import Mapping
from decimal import Decimal

from connector.simulator.errors import VenueError, refusal
from connector.simulator.keys import ApiKey
from connector.simulator.params import Params

AHEAD_LIMIT_US = 1_000_000
DEFAULT_WINDOW = Decimal(5000)
MAX_WINDOW = Decimal(60_000)
MICROSECOND_MAGNITUDE = 10**15  # larger timestamps are microseconds
AHEAD = "Timestamp for this request was 1000ms ahead of the server's time."
LATE = "Timestamp for this request is outside of the recvWindow."

_KEY_FORMAT = re.compile(r"[A-Za-z0-9]{64}\Z")
_WINDOW = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?\Z")


class Timing:
    """When a request was stamped and how long it stays good."""

    def __init__(self, params: Params) -> None:
        """Read timestamp and recvWindow.

        Raises:
            VenueError: -1102 no timestamp, -1100 not a number, -1131 recvWindow above 60000.
        """
        params.required("timestamp")
        stamp = params.integer("timestamp")
        assert stamp is not None
        self.stamp_us = stamp if stamp >= MICROSECOND_MAGNITUDE else stamp * 1000
        self.window_us = int(_window(params) * 1000)

    def check_received(self, now_us: int) -> None:
        """Check A, on receipt: neither from the future nor too old.

        Raises:
            VenueError: -1021.
        """
        if self.stamp_us >= now_us + AHEAD_LIMIT_US:
            raise refusal(-1021, AHEAD)
        self.check_age(now_us)

    def check_age(self, now_us: int) -> None:
        """Check B (and C), before forwarding and before the matching engine.

        Raises:
            VenueError: -1021.
        """
        if now_us - self.stamp_us > self.window_us:
            raise refusal(-1021, LATE)


def _window(params: Params) -> Decimal:
    text = params.text("recvWindow")
    if text is None:
        return DEFAULT_WINDOW
    if not _WINDOW.match(text):
        too_large = text.isdigit() and Decimal(text) > MAX_WINDOW
        raise refusal(-1131) if too_large else refusal(-1102, "recvWindow")
    window = Decimal(text)
    if window > MAX_WINDOW:
        raise refusal(-1131)
    return window


def find_key(keys: Mapping[str, ApiKey], given: str | None) -> ApiKey:
    """Return the key of the header or the `apiKey` parameter.

    Raises:
        VenueError: -2014 absent or malformed, -2015 unknown.
    """
    if not given:
        raise refusal(-2014)
    key = keys.get(given)
    if key is None:
        raise refusal(-2015) if _KEY_FORMAT.match(given) else refusal(-2014)
    return key


def check_signature(key: ApiKey, payload: bytes, params: Params) -> None:
    """Verify `signature` over the bytes as they came.

    Raises:
        VenueError: -1102 absent, -1022 wrong.
    """
    if not key.verifier.verify(payload, params.required("signature")):
        raise refusal(-1022)


def ws_payload(params: Mapping[str, object]) -> bytes:
    """Join a WS-API request's parameters sorted by name, raw UTF-8, without the signature."""
    return "&".join(
        f"{name}={text_of(value)}" for name, value in sorted(params.items()) if name != "signature"
    ).encode()


def text_of(value: object) -> str:
    """Write a JSON parameter value as the client's signature wrote it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def unauthorized_trading() -> VenueError:
    """The key may not trade."""
    return refusal(-2015)
