"""Keys, signatures, timestamps: what the venue verifies before anything else."""

import base64
import hashlib
import hmac
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connector.simulator.keys import KeyFileError, hmac_key, key_from_entry, pem_key
from connector.simulator.server import RunningSimulator
from tests.simulator.client import Client, encoded, now_ms, sign

ACCOUNT = "/sapi/v1/margin/account"
ORDER = "/sapi/v1/margin/order"
INVALID_SIGNATURE = (400, -1022, "Signature for this request is not valid.")

# Reference section 1.4: computed there from these keys, not by this code.
HMAC_SECRET = "Example-HMAC-secret-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH"
ED25519_PUBLIC = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n"
    "-----END PUBLIC KEY-----\n"
)
ED25519_PRIVATE = (
    "-----BEGIN PRIVATE KEY-----#MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    "#-----END PRIVATE KEY-----#"
)
REST_PAYLOAD = (
    b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00150&price=61250.10"
    b"&newClientOrderId=ord-000123&sideEffectType=NO_SIDE_EFFECT&isIsolated=FALSE&recvWindow=5000"
    b"&timestamp=1795132800123"
)
ED25519_VECTORS = [
    (
        REST_PAYLOAD,
        "b310edjJVEbgANjoQNsqx7tFlDD4RScAzHPl+YEDAHUpMrNH2+wWaCIWOYC6R204xmXAtiSfaraS6I97R6MfBA==",
    ),
    (
        b"symbol=%E5%B8%81%E5%AE%89ABCUSDT&timestamp=1795132800123",
        "JpxHWOq04foSspANF6k5upACLR6flDkrnaiNebI1aCrM2iip0wGuC79pP5RKgSWHt8IaFKC7YuLlu9UcyyH/Dg==",
    ),
    (
        "symbol=币安ABCUSDT&timestamp=1795132800123".encode(),
        "z9Sg9d3vGCSqkDFEy2U1xh6spHLWDcuoe9DjZ+QBhRw0jdegJZ0yIPRYuLEi6u3tkYKZEig0ZLyd82IBDvl4Bg==",
    ),
]


@pytest.mark.parametrize(("payload", "signature"), ED25519_VECTORS)
@pytest.mark.parametrize("pem", [ED25519_PUBLIC, ED25519_PRIVATE])
def test_ed25519_vectors_of_the_reference_verify(pem: str, payload: bytes, signature: str) -> None:
    verifier = pem_key("k", pem, "main").verifier

    assert verifier.verify(payload, signature)
    assert not verifier.verify(payload + b"0", signature)
    assert not verifier.verify(payload, "A" + signature[1:])
    assert not verifier.verify(payload, "not base64")


def test_hmac_vector_of_the_reference_verifies_in_either_case() -> None:
    verifier = hmac_key("k", HMAC_SECRET, "main").verifier
    signature = "6ff091767a9432ef1db27e5837b3018e566eec6960e2884cf5dbb5cd0a9ae87c"

    assert verifier.verify(REST_PAYLOAD, signature)
    assert verifier.verify(REST_PAYLOAD, signature.upper())
    assert not verifier.verify(REST_PAYLOAD, signature[:-1])
    assert not verifier.verify(REST_PAYLOAD, "ü")


def test_rsa_signatures_verify() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    signature = base64.b64encode(private.sign(REST_PAYLOAD, padding.PKCS1v15(), hashes.SHA256())).decode()

    for pem in (public, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()):
        key = pem_key("k", pem, "main")
        assert (key.kind, key.can_logon) == ("RSA", False)
        assert key.verifier.verify(REST_PAYLOAD, signature)
        assert not key.verifier.verify(REST_PAYLOAD + b"0", signature)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"apiKey": "k" * 64}, "give apiSecret, publicKey or privateKey"),
        ({"apiSecret": "s"}, "apiKey is missing"),
        ({"apiKey": "k" * 64, "secret": "s"}, "unknown"),
        ({"apiKey": "k" * 64, "publicKey": "/no/such/file"}, "/no/such/file"),
        ({"apiKey": "k" * 64, "apiSecret": "-----BEGIN PRIVATE KEY-----#AA#-----END"}, "not a usable PEM"),
    ],
)
def test_an_unusable_key_entry_is_refused_without_showing_the_secret(
    entry: dict[str, object], complaint: str
) -> None:
    with pytest.raises(KeyFileError, match=complaint) as refused:
        key_from_entry(entry)

    assert "k" * 64 not in str(refused.value)


@pytest.mark.parametrize("index", [0, 1])
async def test_both_demo_keys_sign_in_query_and_in_body(client: Client, index: int) -> None:
    """The official SDK sends everything in the query, others in the body."""
    key = client.simulator.demo_keys[index]
    mine = client.as_key(key)
    assert (await mine.call("GET", ACCOUNT)).status == 200

    query = encoded({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"})
    body = encoded({"quantity": "0.1", "price": "59000", "timestamp": now_ms()})
    signature = quote(sign(key, (query + body).encode()), safe="")
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    in_body = await mine.raw("POST", f"{ORDER}?{query}", data=f"{body}&signature={signature}", headers=form)
    assert in_body.status == 200, in_body.body
    in_query = await mine.raw("POST", f"{ORDER}?{query}&signature={signature}", data=body, headers=form)
    assert in_query.status == 200, in_query.body


async def test_the_signature_covers_the_bytes_as_sent(client: Client) -> None:
    """Encode, then sign: a payload signed before encoding is refused since 2026-01-15."""
    stamp = now_ms()
    plain, sent = f"asset=A@B&timestamp={stamp}", f"asset=A%40B&timestamp={stamp}"

    wrong = await client.raw("GET", f"{ACCOUNT}?{sent}&signature={sign(client.key, plain.encode())}")
    right = await client.raw("GET", f"{ACCOUNT}?{sent}&signature={sign(client.key, sent.encode())}")

    assert (wrong.error, right.status) == (INVALID_SIGNATURE, 200)


async def test_a_changed_parameter_breaks_the_signature(client: Client) -> None:
    query = f"symbol=BTCUSDT&timestamp={now_ms()}"
    signature = sign(client.key, query.encode())

    answer = await client.raw(
        "GET", f"/sapi/v1/margin/openOrders?{query.replace('BTC', 'ETH')}&signature={signature}"
    )

    assert answer.error == INVALID_SIGNATURE


@pytest.mark.parametrize(
    ("key", "code", "text"),
    [
        ("", -2014, "API-key format invalid."),
        ("short", -2014, "API-key format invalid."),
        ("x" * 64, -2015, "Invalid API-key, IP, or permissions for action."),
    ],
)
async def test_an_unknown_key_is_unauthorized(client: Client, key: str, code: int, text: str) -> None:
    answer = await client.call("GET", ACCOUNT, headers={"X-MBX-APIKEY": key})

    assert answer.error == (401, code, text)


@pytest.mark.parametrize(
    ("shift_ms", "window", "text"),
    [
        (1500, None, "Timestamp for this request was 1000ms ahead of the server's time."),
        (1500, 60_000, "Timestamp for this request was 1000ms ahead of the server's time."),
        (-5200, None, "Timestamp for this request is outside of the recvWindow."),
        (-600, 500, "Timestamp for this request is outside of the recvWindow."),
    ],
)
async def test_a_timestamp_outside_the_window_is_refused(
    client: Client, shift_ms: int, window: int | None, text: str
) -> None:
    window_param = {} if window is None else {"recvWindow": window}

    answer = await client.call("GET", ACCOUNT, timestamp=now_ms() + shift_ms, **window_param)

    assert answer.error == (400, -1021, text)


@pytest.mark.parametrize("shift_ms", [500, -4500])
async def test_a_timestamp_within_the_window_is_good(client: Client, shift_ms: int) -> None:
    assert (await client.call("GET", ACCOUNT, timestamp=now_ms() + shift_ms)).status == 200


async def test_microsecond_timestamps_and_answers(client: Client) -> None:
    answer = await client.call(
        "GET", ACCOUNT, timestamp=now_ms() * 1000, headers={"X-MBX-TIME-UNIT": "MICROSECOND"}
    )
    assert answer.status == 200

    order = await client.limit("59000", "0.1")
    micro = await client.limit("59000", "0.1", headers={"X-MBX-TIME-UNIT": "microsecond"})
    assert micro.json["transactTime"] // 10**9 == order.json["transactTime"] // 10**6
    wrong = await client.raw("GET", "/api/v3/time", headers={"X-MBX-TIME-UNIT": "DAY"})
    assert wrong.error == (
        400,
        -1194,
        "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
    )


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"recvWindow": 60_001}, -1131, "recvWindow must be less than 60000"),
        (
            {"timestamp": ""},
            -1102,
            "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
        ),
        (
            {"timestamp": "now"},
            -1100,
            "Illegal characters found in parameter 'timestamp'; legal range is '^[0-9]{1,20}$'.",
        ),
    ],
)
async def test_malformed_timing_is_named(
    client: Client, params: dict[str, object], code: int, text: str
) -> None:
    assert (await client.call("GET", ACCOUNT, **params)).error == (400, code, text)


async def test_a_missing_signature_is_named(client: Client) -> None:
    answer = await client.raw("GET", f"{ACCOUNT}?timestamp={now_ms()}")

    assert answer.error == (
        400,
        -1102,
        "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
    )


async def test_accounts_of_different_keys_are_separate(simulator: RunningSimulator, client: Client) -> None:
    desk_hmac, desk_ed, other, _ = simulator.demo_keys
    await client.as_key(desk_hmac).limit("59000", "0.1", newClientOrderId="mine")

    same = await client.as_key(desk_ed).call("GET", ORDER, symbol="BTCUSDT", origClientOrderId="mine")
    foreign = await client.as_key(other).call("GET", ORDER, symbol="BTCUSDT", origClientOrderId="mine")

    assert same.json["clientOrderId"] == "mine"
    assert foreign.error == (400, -2013, "Order does not exist.")


async def test_a_key_without_trade_permission_may_only_look(
    simulator: RunningSimulator, client: Client
) -> None:
    secret = "s" * 64
    simulator.world.keys["r" * 64] = hmac_key("r" * 64, secret, "desk", can_trade=False)
    query = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&timestamp={now_ms()}"
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    header = {"X-MBX-APIKEY": "r" * 64}

    look = await client.raw("GET", f"{ACCOUNT}?{query}&signature={signature}", headers=header)
    trade = await client.raw("POST", f"{ORDER}?{query}&signature={signature}", headers=header)

    assert (look.status, trade.error[:2]) == (200, (401, -2015))


@pytest.mark.parametrize("value", ["A@B", "A,B", "[1]", "A B", "ü"])
async def test_a_payload_that_was_not_encoded_is_refused_even_if_signed_as_sent(
    client: Client, value: str
) -> None:
    body = f"asset={value}&amount=1&type=BORROW&timestamp={now_ms()}".encode()

    answer = await client.raw(
        "POST", "/sapi/v1/margin/borrow-repay", data=body + b"&signature=" + sign(client.key, body).encode()
    )

    assert answer.error == INVALID_SIGNATURE
