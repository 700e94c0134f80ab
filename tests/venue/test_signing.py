"""Signing: golden vectors of reference 1.4 byte for byte, and the choice of the algorithm."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from connector.venue.signing import Signer, query_string, sign_rest, sign_ws_api, signer_for

BODY = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"
HMAC_SECRET = "Example-HMAC-secret-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH"

ORDER = (
    ("symbol", "BTCUSDT"),
    ("side", "BUY"),
    ("type", "LIMIT"),
    ("timeInForce", "GTC"),
    ("quantity", "0.00150"),
    ("price", "61250.10"),
    ("newClientOrderId", "ord-000123"),
    ("sideEffectType", "NO_SIDE_EFFECT"),
    ("isIsolated", "FALSE"),
    ("recvWindow", "5000"),
    ("timestamp", "1795132800123"),
)
PAYLOAD = (
    "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00150&price=61250.10"
    "&newClientOrderId=ord-000123&sideEffectType=NO_SIDE_EFFECT&isIsolated=FALSE&recvWindow=5000"
    "&timestamp=1795132800123"
)
ED25519_IN_URL = (
    "b310edjJVEbgANjoQNsqx7tFlDD4RScAzHPl%2BYEDAHUpMrNH2%2BwWaCIWOYC6R204xmXAtiSfaraS6I97R6MfBA%3D%3D"
)
HMAC_IN_URL = "6ff091767a9432ef1db27e5837b3018e566eec6960e2884cf5dbb5cd0a9ae87c"
WS_KEY = "EXAMPLEKEY0000000000000000000000000000000000000000000000000000000"


@pytest.mark.parametrize(("secret", "signature"), [(PEM, ED25519_IN_URL), (HMAC_SECRET, HMAC_IN_URL)])
def test_a_signed_rest_query_is_the_golden_vector(secret: str, signature: str) -> None:
    """Reference 1.4: both key types, byte for byte, base64 signature percent-encoded."""
    assert sign_rest(signer_for(secret), ORDER) == f"{PAYLOAD}&signature={signature}"


@pytest.mark.parametrize(
    ("secret", "signature"),
    [
        (PEM, "8QABoUB9DwIA+EjkhsDe+2ZcuyebtHv/hQc+1k8krvAhM5aN/1XAV/jdj+6D1fWc5P0MJr+dVVTUAeo2IyJLDw=="),
        (HMAC_SECRET, "8d58d87407e331073cd2523a527c067f6fe4784bfcff6a72a90f10f10b00ec4b"),
    ],
)
def test_signed_ws_api_params_are_the_golden_vector(secret: str, signature: str) -> None:
    """Reference 1.5: sorted by name, whatever their order was, the signature plain in the JSON."""
    params = {"timestamp": "1795132800123", "apiKey": WS_KEY}

    assert sign_ws_api(signer_for(secret), params) == {**params, "signature": signature}


def test_non_ascii_values_are_encoded_for_rest_and_raw_for_the_ws_api() -> None:
    """Reference 1.4, last vector; traps 16 and 17: the two ways differ only for special values."""
    signer = signer_for(PEM)
    params = {"symbol": "币安ABCUSDT", "timestamp": "1795132800123"}

    assert sign_rest(signer, params.items()) == (
        "symbol=%E5%B8%81%E5%AE%89ABCUSDT&timestamp=1795132800123"
        "&signature=JpxHWOq04foSspANF6k5upACLR6flDkrnaiNebI1aCrM2iip0wGuC79pP5RKgSWHt8IaFKC7YuLlu9UcyyH%2FDg%3D%3D"
    )
    assert sign_ws_api(signer, params)["signature"] == (
        "z9Sg9d3vGCSqkDFEy2U1xh6spHLWDcuoe9DjZ+QBhRw0jdegJZ0yIPRYuLEi6u3tkYKZEig0ZLyd82IBDvl4Bg=="
    )


def test_a_signature_already_among_ws_params_is_not_signed_again() -> None:
    """Reference 1.5: all params except `signature`; a repeated request must give the same text."""
    signer = signer_for(PEM)
    once = sign_ws_api(signer, {"apiKey": WS_KEY, "timestamp": "1"})

    assert sign_ws_api(signer, once) == once


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("\n", "#"),
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\\n"),
        f"-----BEGIN PRIVATE KEY-----#{BODY[:20]}#{BODY[20:]}#-----END PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----{BODY}-----END PRIVATE KEY-----",
        f"  {PEM}\n\n",
    ],
)
def test_an_ed25519_key_is_recognised_however_its_lines_are_broken(text: str) -> None:
    """Product page: '#' is a line separator in one-line configurations; env files escape newlines."""
    signer = signer_for(text)

    assert (signer.kind, signer.warning) == ("Ed25519", None)
    assert sign_rest(signer, ORDER).endswith(ED25519_IN_URL)


def test_a_plain_secret_is_an_hmac_key_without_any_warning() -> None:
    signer = signer_for(HMAC_SECRET + "\n")

    assert (signer.kind, signer.warning) == ("HMAC-SHA256", None)
    assert sign_rest(signer, ORDER).endswith(HMAC_IN_URL)


def _rsa_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _encrypted_pem() -> str:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (PEM.replace(BODY, BODY[:-4]), "not a PKCS#8 private key"),
        (PEM.replace(BODY, BODY[:-1]), "not valid base64"),
        (PEM.replace(BODY, "!" + BODY[1:]), "not valid base64"),
        (PEM.replace("-----END PRIVATE KEY-----", ""), "has no pair of"),
        (PEM.replace("-----BEGIN PRIVATE KEY-----", ""), "has no pair of"),
        (_encrypted_pem(), "has no pair of"),
        (_rsa_pem(), "RSAPrivateKey"),
    ],
)
def test_a_damaged_pem_falls_back_to_hmac_and_says_so_without_the_secret(damaged: str, why: str) -> None:
    """The product page demands the fallback; design 5 demands that it is found at start (P11: no secret)."""
    signer = signer_for(damaged)

    assert signer.kind == "HMAC-SHA256"
    assert signer.warning is not None
    assert why in signer.warning
    assert not any(part in signer.warning for part in (BODY[:12], BODY[-12:], damaged[40:60]))
    assert signer.sign(b"x") == hmac.new(damaged.strip().encode(), b"x", hashlib.sha256).hexdigest()


def test_an_empty_secret_is_said_to_be_empty() -> None:
    warning = signer_for(" \n").warning

    assert warning is not None
    assert "empty" in warning


@pytest.mark.parametrize("secret", [PEM, HMAC_SECRET, PEM.replace(BODY, BODY[:-4])])
def test_no_repr_shows_the_secret(secret: str) -> None:
    """P11: a signer that ends up in a log line or a traceback gives nothing away."""
    signer: Signer = signer_for(secret)

    for text in (repr(signer), str(signer), f"{signer}"):
        assert BODY[:10] not in text
        assert HMAC_SECRET[:10] not in text


@given(st.lists(st.text(max_size=12), max_size=6))
def test_what_is_encoded_is_plain_ascii_and_decodes_to_what_was_meant(values: list[str]) -> None:
    """Encode, then sign: the venue decodes each pair to the value we meant, with no '+' for a space."""
    params = [(f"p{n}", value) for n, value in enumerate(values)]

    query = query_string(params)

    assert query.isascii()
    assert "+" not in query
    pairs = [part.split("=") for part in query.split("&")] if query else []
    assert [(name, unquote(value)) for name, value in pairs] == params
