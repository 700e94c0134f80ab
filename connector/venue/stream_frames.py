"""WS-API text frames: the subscription we send, and as much of what comes as the connection needs.

What an account event says is read elsewhere (`mappers.binance`); here it is told apart from answers
and from the two events that concern the connection itself (reference 1.5, 1.6, 4.5). Wrapped
(`event`), combined (`data`) and bare events are all understood (reference 1.8).
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Answered:
    """The venue's answer to request `id`; `code` and `text` when it is an error."""

    id: int | str | None
    subscription_id: int | None = None
    expiration: int | None = None  # ms or µs, by magnitude
    code: int | None = None
    text: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """Anything that concerns the account; `name` is the event's `e`."""

    name: str


@dataclass(frozen=True, slots=True)
class Terminated:
    """eventStreamTerminated."""

    subscription_id: int | None


@dataclass(frozen=True, slots=True)
class ShuttingDown:
    """serverShutdown."""


@dataclass(frozen=True, slots=True)
class Odd:
    """No frame we know (trap 19): it proves nothing and ends nothing."""

    why: str


Frame = Answered | AccountEvent | Terminated | ShuttingDown | Odd


class _Event(msgspec.Struct):
    e: str = ""


class _Error(msgspec.Struct):
    code: int | None = None
    msg: str = ""


class _Result(msgspec.Struct):
    subscriptionId: int | None = None
    expirationTime: int | None = None


class _Wire(msgspec.Struct):
    id: int | str | msgspec.UnsetType | None = msgspec.UNSET
    status: int | None = None
    result: _Result | None = None
    error: _Error | None = None
    subscriptionId: int | None = None
    event: _Event | None = None
    data: _Event | None = None
    e: str = ""


_decode = msgspec.json.Decoder(_Wire).decode


def read_frame(text: str) -> Frame:
    """Never raises on what a venue may send."""
    try:
        wire = _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Odd(f"{type(error).__name__}, {len(text)} characters")
    inner = wire.event or wire.data
    name = inner.e if inner is not None else wire.e
    if name == "eventStreamTerminated":
        return Terminated(wire.subscriptionId)
    if name == "serverShutdown":
        return ShuttingDown()
    if name:
        return AccountEvent(name)
    if wire.id is msgspec.UNSET:
        return Odd("neither an answer nor an event")
    return _answered(wire.id, wire)


def _answered(request: int | str | None, wire: _Wire) -> Answered:
    if wire.error is not None or (wire.status is not None and wire.status != 200):
        error = wire.error or _Error(msg=f"status {wire.status}")
        return Answered(request, code=error.code, text=error.msg, refused=True)
    result = wire.result or _Result()
    return Answered(request, result.subscriptionId, result.expirationTime)


def subscribe_frame(request: int, token: str) -> str:
    """`userDataStream.subscribe.listenToken`: no login, no signature, the token is the credential."""
    method = "userDataStream.subscribe.listenToken"
    return msgspec.json.encode({"id": request, "method": method, "params": {"listenToken": token}}).decode()
