"""API keys: HMAC, Ed25519 and RSA, their verification, and a demo pair made from the seed."""

import base64
import binascii
import hashlib
import hmac
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

ALPHANUMERIC = string.ascii_letters + string.digits
KEY_LENGTH = 64


class KeyFileError(Exception):
    """A key given on the command line or in a file cannot be used; the text says which and why."""


class Verifier(Protocol):
    def verify(self, payload: bytes, signature: str) -> bool:
        """Tell whether `signature`, as it stood in the request after percent-decoding, is right."""


class HmacVerifier:
    """HMAC-SHA256 in hex, case-insensitive."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def verify(self, payload: bytes, signature: str) -> bool:
        expected = hmac.new(self._secret, payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.lower().encode())


class Ed25519Verifier:
    """Ed25519 over the payload, signature in base64."""

    def __init__(self, public: ed25519.Ed25519PublicKey) -> None:
        self._key = VerifyKey(public.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def verify(self, payload: bytes, signature: str) -> bool:
        decoded = _base64(signature)
        try:
            self._key.verify(payload, decoded)
        except (BadSignatureError, ValueError):
            return False
        return True


class RsaVerifier:
    """RSASSA-PKCS1-v1_5 with SHA-256, signature in base64."""

    def __init__(self, public: rsa.RSAPublicKey) -> None:
        self._key = public

    def verify(self, payload: bytes, signature: str) -> bool:
        try:
            self._key.verify(_base64(signature), payload, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key and the account it acts for. Several keys may share an account."""

    api_key: str
    kind: str  # HMAC, ED25519 or RSA
    verifier: Verifier
    account: str
    can_trade: bool = True

    @property
    def can_logon(self) -> bool:
        """WS-API `session.logon` takes Ed25519 only."""
        return self.kind == "ED25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoKey:
    """A generated key with the secret half, for printing at start."""

    api_key: str
    kind: str
    secret: str  # HMAC secret, or PKCS#8 PEM
    account: str


def hmac_key(api_key: str, secret: str, account: str, *, can_trade: bool = True) -> ApiKey:
    return ApiKey(
        api_key=api_key, kind="HMAC", verifier=HmacVerifier(secret), account=account, can_trade=can_trade
    )


def pem_key(api_key: str, pem: str, account: str, *, can_trade: bool = True) -> ApiKey:
    """Build from a PEM, public or private ('#' may stand for a newline), Ed25519 or RSA.

    Raises:
        KeyFileError: not a PEM, or of another algorithm.
    """
    public = _public_key(api_key, pem.replace("#", "\n").encode())
    if isinstance(public, ed25519.Ed25519PublicKey):
        verifier: Verifier = Ed25519Verifier(public)
        kind = "ED25519"
    elif isinstance(public, rsa.RSAPublicKey):
        verifier, kind = RsaVerifier(public), "RSA"
    else:
        raise KeyFileError(f"{masked(api_key)}: {type(public).__name__} keys do not exist at the venue")
    return ApiKey(api_key=api_key, kind=kind, verifier=verifier, account=account, can_trade=can_trade)


def _public_key(api_key: str, pem: bytes) -> object:
    try:
        if b"PRIVATE" in pem:
            return load_pem_private_key(pem, None).public_key()
        return load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{masked(api_key)}: not a usable PEM key ({error})") from error


def key_from_entry(entry: Mapping[str, object]) -> ApiKey:
    """Build from a mapping of `apiKey`, `apiSecret` | `publicKey` | `privateKey` (PEM or a file name),
    `account` (default "main") and `trade` (default true).

    An `apiSecret` that is a PEM is taken as such, so connector configurations can be reused.

    Raises:
        KeyFileError: a field is missing, unknown, or unusable.
    """
    unknown = set(entry) - {"apiKey", "apiSecret", "publicKey", "privateKey", "account", "trade"}
    api_key = str(entry.get("apiKey", ""))
    if unknown or not api_key:
        problem = f"unknown {sorted(unknown)}" if unknown else "apiKey is missing"
        raise KeyFileError(f"key entry {masked(api_key)}: {problem}")
    account, can_trade = str(entry.get("account", "main")), bool(entry.get("trade", True))
    for field in ("publicKey", "privateKey"):
        if field in entry:
            return pem_key(api_key, _inline_or_file(str(entry[field])), account, can_trade=can_trade)
    secret = str(entry.get("apiSecret", ""))
    if not secret:
        raise KeyFileError(f"key entry {masked(api_key)}: give apiSecret, publicKey or privateKey")
    if "-----BEGIN" in secret:
        return pem_key(api_key, secret, account, can_trade=can_trade)
    return hmac_key(api_key, secret, account, can_trade=can_trade)


def _inline_or_file(value: str) -> str:
    if "-----BEGIN" in value:
        return value
    try:
        return Path(value).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{value}: {error}") from error


def masked(api_key: str) -> str:
    """First five and last four characters: what logs may show of an API key."""
    return f"{api_key[:5]}…{api_key[-4:]}" if len(api_key) > 12 else "(short key)"


def demo_keys(seed: int, account: str) -> list[DemoKey]:
    """Make an HMAC and an Ed25519 pair for `account`; the same seed makes the same keys."""
    random = Random(f"{seed}/keys/{account}")  # noqa: S311 - demo keys of a simulator, reproducible on purpose
    private = ed25519.Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return [
        DemoKey(api_key=_text(random), kind="HMAC", secret=_text(random), account=account),
        DemoKey(api_key=_text(random), kind="ED25519", secret=pem, account=account),
    ]


def _text(random: Random) -> str:
    return "".join(random.choices(ALPHANUMERIC, k=KEY_LENGTH))


def usable(demo: DemoKey) -> ApiKey:
    """The venue's half of a demo key."""
    if demo.kind == "HMAC":
        return hmac_key(demo.api_key, demo.secret, demo.account)
    return pem_key(demo.api_key, demo.secret, demo.account)
