"""Settings of quickfix 1.16.0: the names that exist, and the values we run with.

The engine silently ignores a name it does not know (a misspelt `SocketNodelay` costs 43 ms on every second
report), so every name is checked against the list of its source before it is set.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import quickfix as fix

from connector.fix.session import BEGIN_STRING, MAX_LATENCY_S, SessionSpec

# SessionSettings.h of 1.16.0, without those of stores, logs and TLS that are not compiled in.
NAMES = frozenset(
    """
    BeginString SenderCompID TargetCompID SessionQualifier DefaultApplVerID ConnectionType UseDataDictionary
    SendResetSeqNumFlag SendRedundantResendRequests SendNextExpectedMsgSeqNum DataDictionary
    TransportDataDictionary AppDataDictionary UseLocalTime StartTime EndTime StartDay EndDay NonStopSession
    LogonTime LogoutTime LogonDay LogoutDay CheckCompID CheckLatency MaxLatency HeartBtInt SocketAcceptPort
    SocketReuseAddress SocketConnectHost SocketConnectPort SocketConnectSourceHost SocketConnectSourcePort
    SocketNodelay SocketSendBufferSize SocketReceiveBufferSize HostSelectionPolicy
    HostSelectionPolicyPriorityStartOverInterval ReconnectInterval ValidateLengthAndChecksum
    ValidateFieldsOutOfOrder ValidateFieldsHaveValues ValidateUserDefinedFields AllowUnknownMsgFields
    PreserveMessageFieldsOrder LogonTimeout LogoutTimeout FileStorePath FileLogPath FileLogBackupPath
    ResetOnLogon ResetOnLogout ResetOnDisconnect RefreshOnLogon MillisecondsInTimeStamp TimestampPrecision
    HttpAcceptPort PersistMessages AllowedRemoteAddresses
    """.split()  # noqa: SIM905 - a list to read, not sixty quoted lines
)

FIXED: Mapping[str, str] = {
    "ConnectionType": "acceptor",
    "SocketReuseAddress": "Y",
    "SocketNodelay": "Y",  # the default N makes the second of two reports 43 ms late
    "NonStopSession": "Y",  # the venue never closes; numbers restart only when the client asks (141=Y)
    # No ResetOnLogon/Logout/Disconnect anywhere: with one of them a report for an absent client is lost.
    "PersistMessages": "Y",  # what is sent while the client is away is delivered on its ResendRequest
    "RefreshOnLogon": "N",  # the store has one writer: us
    "UseDataDictionary": "Y",
    "ValidateLengthAndChecksum": "Y",
    "ValidateFieldsOutOfOrder": "Y",
    "ValidateFieldsHaveValues": "Y",
    "ValidateUserDefinedFields": "Y",  # an unknown tag from 5000 up is refused by name, not ignored (P10)
    "AllowUnknownMsgFields": "N",  # the same below 5000
    "CheckCompID": "Y",
    "CheckLatency": "Y",  # SendingTime(52) off by more than MaxLatency: Reject 373=10 and Logout
    "MaxLatency": str(MAX_LATENCY_S),
    "SendRedundantResendRequests": "N",
    "SendNextExpectedMsgSeqNum": "N",  # a client's NextExpectedMsgSeqNum(789) is honoured, ours not imposed
    "TimestampPrecision": "3",  # milliseconds: all that FIX 4.4 defines for UTCTimestamp
    "LogonTimeout": "10",
    "LogoutTimeout": "2",
}


class UnknownEngineSettingError(Exception):
    """A setting the engine would ignore in silence."""

    def __init__(self, name: str) -> None:
        near = difflib.get_close_matches(name, NAMES, n=1)
        super().__init__(
            f"quickfix has no setting {name!r}" + (f"; the nearest is {near[0]!r}" if near else "")
        )
        self.name = name


def checked(settings: Mapping[str, str]) -> Mapping[str, str]:
    """`settings` as they are.

    Raises:
        UnknownEngineSettingError: a name is not the engine's, letter by letter.
    """
    for name in settings:
        if name not in NAMES:
            raise UnknownEngineSettingError(name)
    return settings


def session_settings(
    sessions: Sequence[SessionSpec], *, accept_port: int, store_path: Path, dictionary: Path
) -> fix.SessionSettings:
    """The engine's own object for `sessions`, from plain values; no file is involved.

    Raises:
        UnknownEngineSettingError: see `checked`.
        ValueError: no session at all, or two with the same comp IDs.
    """
    keys = [spec.key for spec in sessions]
    if not keys or len(set(keys)) != len(keys):
        raise ValueError(f"FIX sessions must be named once each, at least one: {keys}")
    common = checked(
        {
            **FIXED,
            "SocketAcceptPort": str(accept_port),
            "FileStorePath": str(store_path),
            "DataDictionary": str(dictionary),
        }
    )
    settings = fix.SessionSettings()
    for spec in sessions:
        block = fix.Dictionary()
        for name, value in {**common, **(checked(_internal(store_path)) if spec.internal else {})}.items():
            block.setString(name, value)
        settings.set(session_id(spec), block)
    return settings


def internal_store(store_path: Path) -> Path:
    """Where sessions of our own keep their numbers: apart, and not longer than the process."""
    return store_path / "internal"


def _internal(store_path: Path) -> Mapping[str, str]:
    return {"FileStorePath": str(internal_store(store_path)), "PersistMessages": "N"}


def session_id(spec: SessionSpec) -> fix.SessionID:
    """The engine's name for a session."""
    return fix.SessionID(BEGIN_STRING, spec.sender_comp_id, spec.target_comp_id)
