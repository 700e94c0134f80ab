"""Signatures for REST and the WS-API (reference 1.4, 1.5).

The secret is tried as an Ed25519 private key (PKCS#8 PEM, '#' may stand for a newline), else it is
an HMAC-SHA256 key (product page, "API keys"). Nothing here ever shows a secret: not in `repr`, not
in a warning, not in an exception.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import quote

import nacl.signing
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

_PEM = re.compile(r"-----BEGIN PRIVATE KEY-----(?P<body>.*?)-----END PRIVATE KEY-----", re.DOTALL)
_PEM_LIKE = re.compile(r"BEGIN [A-Z0-9 ]*PRIVATE KEY|END [A-Z0-9 ]*PRIVATE KEY")
_LINE_BREAKS = re.compile(r"\\r|\\n|[#\s]")  # also the two characters of an escaped newline in an env file
_SAFE = re.compile(r"[A-Za-z0-9._~-]*")  # RFC 3986 "unreserved": percent-encoding changes nothing


class Signer(Protocol):
    """Makes the venue's signature text. `kind` and `warning` are for the start-up log."""

    @property
    def kind(self) -> str:
        """`Ed25519` or `HMAC-SHA256`."""

    @property
    def warning(self) -> str | None:
        """Why this kind may not be what the operator meant; None when nothing is odd."""

    def sign(self, payload: bytes) -> str:
        """The signature of exactly these bytes, as text, not yet percent-encoded."""


class Ed25519Signer:
    """Base64 Ed25519 signatures (88 characters). Signs by libsodium: 19 us against 31 by OpenSSL."""

    kind = "Ed25519"
    warning: str | None = None

    def __init__(self, seed: bytes) -> None:
        self._key = nacl.signing.SigningKey(seed)

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload).signature).decode("ascii")

    def __repr__(self) -> str:
        return "<Ed25519Signer>"


class HmacSigner:
    """Hexadecimal HMAC-SHA256 signatures (64 characters)."""

    kind = "HMAC-SHA256"

    def __init__(self, secret: str, warning: str | None = None) -> None:
        self._key = secret.encode("utf-8")
        self.warning = warning

    def sign(self, payload: bytes) -> str:
        return hmac.digest(self._key, payload, "sha256").hex()

    def __repr__(self) -> str:
        return "<HmacSigner>"


def signer_for(secret: str) -> Signer:
    """Choose the signer for a configured `apiSecret`: Ed25519 if it loads as such, else HMAC.

    Never raises: the product page demands the fallback. What looks like a damaged key is an HMAC
    signer whose `warning` says so; the signed request made at start then proves it wrong.
    """
    secret = secret.strip()  # a secret read from a file ends with a newline more often than not
    if not secret:
        return HmacSigner(secret, "apiSecret is empty: every signed request will be refused")
    if not _PEM_LIKE.search(secret):
        return HmacSigner(secret)
    try:
        return Ed25519Signer(_ed25519_seed(secret))
    except _NotEd25519Error as error:
        return HmacSigner(
            secret,
            f"apiSecret looks like a private key but {error}; it is used as an HMAC-SHA256 key instead,"
            " which the venue will refuse unless it really is one",
        )


class _NotEd25519Error(Exception):
    """The secret is no Ed25519 private key; the text says why without showing any of it."""


def _ed25519_seed(secret: str) -> bytes:
    """The 32 bytes of the key in a PKCS#8 PEM whose line breaks may be newlines, '#', or missing."""
    match = _PEM.search(secret)
    if match is None:
        raise _NotEd25519Error(
            "has no pair of -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY----- (unencrypted PKCS#8)"
        )
    try:
        der = base64.b64decode(_LINE_BREAKS.sub("", match["body"]), validate=True)
    except binascii.Error:
        raise _NotEd25519Error("its body is not valid base64") from None
    try:
        key = load_der_private_key(der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _NotEd25519Error("its body is not a PKCS#8 private key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _NotEd25519Error(f"is a key of another kind ({type(key).__name__}), not Ed25519")
    return key.private_bytes_raw()


def percent_encode(value: str) -> str:
    """RFC 3986: UTF-8, uppercase hexadecimal, only unreserved characters stay (a space is %20)."""
    return quote(value, safe="")


def query_string(params: Iterable[tuple[str, str]]) -> str:
    """`name=value&...` with encoded values, in the given order. Names are ours and need no encoding."""
    pairs = tuple(params)
    if _SAFE.fullmatch("".join([value for _, value in pairs])):
        return "&".join([f"{name}={value}" for name, value in pairs])
    return "&".join([f"{name}={percent_encode(value)}" for name, value in pairs])


def sign_rest(signer: Signer, params: Iterable[tuple[str, str]]) -> str:
    """The query string of a signed REST request: encode, sign those very bytes, append the signature.

    `params` already hold `timestamp`, and `recvWindow` where it is sent. The body must stay empty.
    """
    query = query_string(params)
    signature = signer.sign(query.encode("ascii"))
    return f"{query}&signature={percent_encode(signature)}"


def sign_ws_api(signer: Signer, params: Mapping[str, str]) -> dict[str, str]:
    """The `params` of a signed WS-API request: sorted by name, raw UTF-8, never percent-encoded.

    `params` already hold `apiKey` and `timestamp`; the result holds `signature` as well.
    """
    payload = "&".join([f"{name}={params[name]}" for name in sorted(params) if name != "signature"])
    return {**params, "signature": signer.sign(payload.encode("utf-8"))}
