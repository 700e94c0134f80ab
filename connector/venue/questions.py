"""What a desk asks of the venue for itself: time, key, trading rules, listen tokens. Each asks once."""

from __future__ import annotations

from connector.venue.clock import TimeSample, read_server_time
from connector.venue.rest import ReplyKind, Rest
from connector.venue.user_stream import Token, TokenError
from mappers import binance
from mappers.binance import ListenToken
from mappers.instruments import Instrument, read_exchange_info
from mappers.model import RefusalKind, Stated, VenueRefused


class KeyRefusedError(Exception):
    """The venue refuses this account's API key or signature: a human is needed, restarting will not help."""

    def __init__(self, account: str, text: str) -> None:
        super().__init__(f"account {account}: Binance refuses the API key: {text}")
        self.account = account


class NoAnswerError(Exception):
    """The question was not answered; the text says why. It may be asked again."""


async def server_time(rest: Rest) -> TimeSample | None:
    """One sample of the venue's clock; None when it could not be had."""
    reply = await rest.send(binance.server_time())
    if reply.kind is not ReplyKind.ANSWERED or reply.http != 200:
        return None
    return read_server_time(reply.body, reply.sent_ns, reply.received_ns)


async def prove_key(rest: Rest, account: str, isolated_symbols: tuple[str, ...]) -> None:
    """A harmless signed question, so that a damaged PEM is not found by the first order (design, section 5).

    Raises:
        KeyRefusedError: the venue answered, and refuses key or signature.
        NoAnswerError: it did not answer, or asked to wait.
    """
    symbol = isolated_symbols[0] if isolated_symbols else None
    request = binance.key_check(symbol, isolated=symbol is not None)
    reply = await rest.send(request)
    if reply.kind is not ReplyKind.ANSWERED:
        raise NoAnswerError(reply.cause)
    outcome = binance.read_reply(request.operation, reply.http, reply.body, reply.retry_after_s)
    if isinstance(outcome, VenueRefused) and outcome.kind in (RefusalKind.KEY, RefusalKind.FINAL):
        raise KeyRefusedError(account, outcome.refusal.text)
    if not isinstance(outcome, Stated):
        raise NoAnswerError(repr(outcome))


async def instruments(rest: Rest) -> dict[str, Instrument]:
    """Every symbol's trading rules.

    Raises:
        NoAnswerError: the venue did not answer, or not with an exchangeInfo.
    """
    reply = await rest.send(binance.exchange_info())
    if reply.kind is not ReplyKind.ANSWERED or reply.http != 200:
        raise NoAnswerError(reply.cause or f"HTTP {reply.http}")
    try:
        return read_exchange_info(reply.body)
    except ValueError as error:
        raise NoAnswerError(str(error)) from error


async def listen_token(rest: Rest, symbol: str | None, validity_ms: int) -> Token:
    """A token for the cross account's stream, or for one isolated symbol's.

    Raises:
        TokenError: none was given; the text holds no secret.
    """
    reply = await rest.send(
        binance.listen_token(symbol, isolated=symbol is not None, validity_ms=validity_ms)
    )
    if reply.kind is not ReplyKind.ANSWERED:
        raise TokenError(reply.cause)
    token = binance.read_listen_token(reply.http, reply.body, reply.retry_after_s)
    if not isinstance(token, ListenToken):
        raise TokenError(repr(token))
    return Token(token.token, token.expires_ms)
