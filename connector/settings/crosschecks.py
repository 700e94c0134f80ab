"""Rules between settings: names that must exist or differ, and combinations that mislead."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.settings.errors import Fault
from connector.settings.kinds import is_local, nearest
from connector.settings.model import (
    Acceptor,
    Admin,
    ApiKey,
    ConnectorSettings,
    OrderMapperType,
    Session,
)

_CLIENT_ORDER_ID = 36  # characters, the exchange's limit
_VENUE_WORKS_MS = 10_000  # the exchange may still act on a request for this long


@dataclass(frozen=True)
class Pieces:
    """The sound parts of a configuration by path; of a faulty one, as far as it could be read."""

    connectors: Mapping[str, ConnectorSettings]
    connector_names: frozenset[str]  # also of those that have faults
    sessions: Mapping[str, Session]
    session_count: int  # also of those that have faults
    acceptor: Acceptor | None
    admin: Admin | None

    def api_keys(self) -> Iterator[tuple[str, ApiKey]]:
        for name, settings in self.connectors.items():
            for index, key in enumerate(settings.api_keys):
                yield f"connectors.{name}.settings.apiKeys[{index}]", key


def faults(pieces: Pieces) -> list[Fault]:
    """Everything that makes the configuration unusable beyond its single settings."""
    return [
        *_repeated_accounts(pieces),
        *_dangling_sessions(pieces),
        *_repeated_sessions(pieces),
        *_composite_names(pieces),
        *_one_port_twice(pieces),
    ]


def warnings(pieces: Pieces) -> list[Fault]:
    """What can be used and yet deserves a look."""
    return [
        *_placeholders(pieces),
        *_shared_keys(pieces),
        *_unused_prefixes(pieces),
        *_short_timeouts(pieces),
        *_open_to_others(pieces),
        *_nobody(pieces),
    ]


def _repeated_accounts(pieces: Pieces) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for path, key in pieces.api_keys():
        other = first.setdefault(key.account, path)
        if other != path:
            yield Fault(f"{path}.account", f"'{key.account}' already names {other}; give it another name")


def _dangling_sessions(pieces: Pieces) -> Iterator[Fault]:
    for path, session in pieces.sessions.items() if pieces.connector_names else ():
        if session.connector not in pieces.connector_names:
            yield Fault(
                f"{path}.connector", _no_such("connector", session.connector, list(pieces.connector_names))
            )
            continue
        settings = pieces.connectors.get(session.connector)
        accounts = [key.account for key in settings.api_keys] if settings else [session.account]
        if session.account not in accounts:
            text = _no_such("account", session.account, accounts)
            yield Fault(f"{path}.account", f"{text} (of connector {session.connector})")


def _no_such(what: str, name: str, names: list[str]) -> str:
    meant = nearest(name, names)
    hint = f"did you mean {meant}?" if meant else f"there is {', '.join(sorted(names)) or 'none'}"
    return f"there is no {what} '{name}'; {hint}"


def _repeated_sessions(pieces: Pieces) -> Iterator[Fault]:
    first: dict[tuple[str, str], str] = {}
    for path, session in pieces.sessions.items():
        pair = session.target_comp_id, session.sender_comp_id
        other = first.setdefault(pair, path)
        if other != path:
            text = f"targetCompId '{pair[0]}' with senderCompId '{pair[1]}' is already {other}"
            yield Fault(f"{path}.targetCompId", text)


def _sources(pieces: Pieces) -> Iterator[tuple[str, str, Session]]:
    """What may become the sourceId of a COMPOSITE id: path, name, session."""
    for path, session in pieces.sessions.items():
        settings = pieces.connectors.get(session.connector)
        if settings and settings.order_mapper_type is OrderMapperType.COMPOSITE:
            yield f"{path}.targetCompId", session.target_comp_id, session
            for index, name in enumerate(session.on_behalf_of):
                yield f"{path}.onBehalfOf[{index}]", name, session


def _composite_names(pieces: Pieces) -> Iterator[Fault]:
    """COMPOSITE ids are `sourceId-orderId` in the exchange's alphabet and length, split at the first '-'."""
    first: dict[tuple[str, str], tuple[str, Session]] = {}
    for path, name, session in _sources(pieces):
        odd = sorted({character for character in name if not (character.isalnum() or character == "_")})
        if odd:
            listed = " and ".join(f"'{character}'" for character in odd)
            text = f"'{name}' holds {listed}; with orderMapperType COMPOSITE allowed: A-Z, a-z, 0-9, '_'"
            yield Fault(path, text)
        if len(name) > _CLIENT_ORDER_ID - 2:
            text = f"'{name}' has {len(name)} characters; with orderMapperType COMPOSITE at most"
            yield Fault(path, f"{text} {_CLIENT_ORDER_ID - 2} leave room for '-' and ClOrdID(11)")
        other, owner = first.setdefault((session.connector, name), (path, session))
        if owner is not session:
            text = f"'{name}' is already {other}; orderMapperType COMPOSITE finds an order's owner by it"
            yield Fault(path, text)


def _one_port_twice(pieces: Pieces) -> Iterator[Fault]:
    acceptor, admin = pieces.acceptor, pieces.admin
    if acceptor and admin and admin.enabled and acceptor.port and acceptor.port == admin.port:
        yield Fault("admin.port", f"{admin.port} is already fix.acceptor.port; choose another")


def _placeholders(pieces: Pieces) -> Iterator[Fault]:
    for path, key in pieces.api_keys():
        for name, secret in (("apiKey", key.api_key), ("apiSecret", key.api_secret)):
            value = secret.reveal()
            if value.startswith("<") and value.endswith(">"):
                yield Fault(
                    f"{path}.{name}", "is still the sample's placeholder; the exchange will refuse it"
                )


def _shared_keys(pieces: Pieces) -> Iterator[Fault]:
    """One margin account under two names: each of them sees the other's orders as nobody's."""
    first: dict[tuple[str, str], str] = {}
    for path, key in pieces.api_keys():
        for market in key.isolated_symbols or ("",):
            other = first.setdefault((key.api_key.reveal(), market), path)
            if other != path:
                account = f"isolated account of {market}" if market else "cross account"
                text = f"the same key and {account} as {other}; each takes the other's orders for strangers"
                yield Fault(f"{path}.apiKey", text)


def _unused_prefixes(pieces: Pieces) -> Iterator[Fault]:
    for name, settings in pieces.connectors.items():
        if settings.client_order_id_prefix and settings.order_mapper_type is OrderMapperType.COMPOSITE:
            text = "is not used with orderMapperType COMPOSITE; leave it out, or choose SEQUENCE"
            yield Fault(f"connectors.{name}.settings.clientOrderIdPrefix", text)


def _short_timeouts(pieces: Pieces) -> Iterator[Fault]:
    for name, settings in pieces.connectors.items():
        if settings.request_timeout_ms <= _VENUE_WORKS_MS:
            text = "the exchange may work on a request for 10s: more outcomes will be unknown; write 12s"
            yield Fault(f"connectors.{name}.settings.requestTimeout", text)


def _open_to_others(pieces: Pieces) -> Iterator[Fault]:
    if pieces.acceptor and not is_local(pieces.acceptor.host):
        text = "other machines can connect and FIX is not encrypted here: put a TLS tunnel in front of it"
        yield Fault("fix.acceptor.host", text)


def _nobody(pieces: Pieces) -> Iterator[Fault]:
    if not pieces.session_count:
        yield Fault("fix.sessions", "no FIX sessions: nobody can trade")
    used = {session.connector for session in pieces.sessions.values()}
    if pieces.session_count and pieces.session_count == len(pieces.sessions):
        for name in sorted(pieces.connector_names - used):
            yield Fault(f"connectors.{name}", "no FIX session trades through it")
