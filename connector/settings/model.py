"""The schema: every setting of the connector, its default, its range and its explanation.

Names, defaults and ranges inside `settings` are those of the product's page where it has them. Attributes
carry their unit; durations are whole milliseconds.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path

from connector.settings.errors import Fault
from connector.settings.kinds import (
    Choice,
    Duration,
    FilePath,
    Listing,
    SecretText,
    Size,
    Switch,
    Text,
    Url,
    Whole,
    WholeRange,
)
from connector.settings.schema import Block, Blocks, NamedBlocks, block, setting
from connector.settings.secret import Secret
from mappers.model import SelfTradePreventionMode, SideEffectType
from mappers.profile import DayTimeInForce


class OrderMapperType(StrEnum):
    SEQUENCE = "SEQUENCE"
    COMPOSITE = "COMPOSITE"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


# A comp ID gets into file names of the FIX engine's store and into its settings, hence no / = ; or space.
COMP_ID = Text(r"[A-Za-z0-9_.@-]+", "A-Z, a-z, 0-9, '_', '.', '@' and '-'", 64)
ACCOUNT = Text(r"[A-Za-z0-9_.-]+", "A-Z, a-z, 0-9, '_', '.' and '-'", 40)
SYMBOL = Text(r"[A-Z0-9_.-]+", "A-Z (upper case), 0-9, '_', '.' and '-'", 50)
HOST = Text(r"[A-Za-z0-9.:_-]+", "A-Z, a-z, 0-9, '.', ':', '_' and '-' (a name or an IP address)", 253)
CONNECTOR_NAME = r"[A-Za-z0-9_]{1,32}"


@block
class ApiKey:
    """One API key of the exchange and the margin account it trades."""

    api_key: Secret = setting(
        "apiKey",
        SecretText(r"[!-~]+", "printable ASCII without spaces", 256, head=5, tail=4),
        "The API key. Shown as its first 5 and last 4 characters at most.",
        example="env:BINANCE_API_KEY",
    )
    api_secret: Secret = setting(
        "apiSecret",
        SecretText(r"[ -~\r\n]+", "printable ASCII", 16_384, tail=5),
        "Its secret: an Ed25519 private key in PEM (`#` may stand for a line break), else an HMAC secret.",
        example="env:BINANCE_API_SECRET",
    )
    account: str = setting(
        "account",
        ACCOUNT,
        "The account's name in Account(1) and in sessions; different over all connectors.",
        default="",
        default_text="the connector's name; later keys `<NAME>-2`, `<NAME>-3` …",
    )
    isolated_symbols: tuple[str, ...] = setting(
        "isolatedSymbols",
        Listing(SYMBOL),
        "Empty: the cross margin account. Otherwise the isolated margin accounts of exactly these symbols.",
        default=(),
    )


@block
class SyncSettings:
    """Page sizes of reconciliation."""

    orders_request_size_limit: int = setting(
        "ordersRequestSizeLimit",
        Whole(1, 1000),
        "The most orders asked for in one page of the order history.",
        default=200,
    )
    trades_request_size_limit: int = setting(
        "tradesRequestSizeLimit",
        Whole(1, 1000),
        "The most trades asked for in one page of the account's trade list.",
        default=100,
    )


@block
class ConnectorSettings:
    """What one connector needs to trade at the exchange."""

    rest_url: str = setting(
        "restUrl",
        Url(("http", "https")),
        "Base address of the exchange's REST interface.",
        example="https://api.binance.com",
    )
    websocket_url: str = setting(
        "websocketUrl",
        Url(("ws", "wss")),
        "Address of the exchange's WebSocket interface, which carries the user data stream.",
        example="wss://ws-api.binance.com:443/ws-api/v3",
    )
    api_keys: tuple[ApiKey, ...] = setting("apiKeys", Blocks(ApiKey, at_least=1), "One block for each key.")
    recv_window_ms: int = setting(
        "recvWindow",
        Whole(0, 60_000, "milliseconds"),
        "For how long after its timestamp the exchange may accept a request; 5000 or less is recommended. "
        "0 leaves the parameter out, and the exchange then takes 5000.",
        default=0,
    )
    websocket_heartbeat_interval_ms: int = setting(
        "websocketHeartbeatInterval",
        Duration("1s", "59m"),
        "Keepalive period of the user data stream, which the exchange closes after 60 minutes.",
        default=1_800_000,
    )
    stale_websocket_timeout_ms: int = setting(
        "staleWebsocketTimeout",
        Duration("100ms", "10m"),
        "Reconnect the user data stream when it is silent for this long after an order message was sent.",
        default=5_000,
    )
    self_trade_prevention_mode: SelfTradePreventionMode = setting(
        "selfTradePreventionMode",
        Choice(SelfTradePreventionMode),
        "Self-trade prevention of orders that do not carry SelfTradePreventionMode(6102).",
        default=SelfTradePreventionMode.EXPIRE_MAKER,
    )
    side_effect_type: SideEffectType = setting(
        "sideEffectType",
        Choice(SideEffectType),
        "Borrowing and repaying of orders that do not carry SideEffectType(6101). MARGIN_BUY_REPAY_SELL "
        "borrows on buys and repays on sells, MARGIN_SELL_REPAY_BUY the other way round.",
        default=SideEffectType.NO_SIDE_EFFECT,
    )
    client_order_id_prefix: str = setting(
        "clientOrderIdPrefix",
        Text(r"[A-Za-z0-9_-]*", "a-z, A-Z, 0-9, '-' and '_'", 16, shortest=0),
        "Put before the number in client order ids (SEQUENCE only). At most 16 of the exchange's 36 "
        "characters, so that every number fits.",
        default="",
    )
    order_mapper_type: OrderMapperType = setting(
        "orderMapperType",
        Choice(OrderMapperType),
        "How client order ids are made: SEQUENCE = prefix and the connector's own number, "
        "COMPOSITE = the client's comp ID, '-', ClOrdID(11).",
        default=OrderMapperType.SEQUENCE,
    )
    sync: SyncSettings = setting("binanceSyncSettings", Block(SyncSettings), "Page sizes of reconciliation.")
    reconcile_interval_ms: int = setting(
        "reconcileInterval",
        Duration("1s", "1d"),
        "How often open orders and trades are compared with the exchange while all is quiet.",
        default=60_000,
    )
    request_timeout_ms: int = setting(
        "requestTimeout",
        Duration("100ms", "5m"),
        "How long a reply is waited for before the outcome counts as unknown. The exchange itself may "
        "work on a request for up to 10s.",
        default=12_000,
    )
    auto_repay_at_cancel: bool | None = setting(
        "autoRepayAtCancel",
        Switch(),
        "Whether cancelling an order repays what it borrowed; absent: the exchange's own default (true).",
        default=None,
    )
    warm_connections: int = setting(
        "warmConnections",
        Whole(1, 32),
        "REST connections kept open by a ping every 20s, so that an order does not wait for a handshake. "
        "More are opened as orders need them.",
        default=2,
    )
    instruments_refresh_interval_ms: int = setting(
        "instrumentsRefreshInterval",
        Duration("10s", "1d"),
        "How often symbols and their filters are asked for again.",
        default=3_600_000,
    )


@block
class Connector:
    """One connection to the exchange."""

    settings: ConnectorSettings = setting("settings", Block(ConnectorSettings), "The connector's settings.")


@block
class Acceptor:
    """Where FIX clients connect."""

    host: str = setting("host", HOST, "Address to listen on.", default="127.0.0.1")
    port: int = setting("port", Whole(0, 65_535), "Port to listen on; 0 takes a free one.", default=9878)
    sender_comp_id: str = setting(
        "senderCompId", COMP_ID, "Our comp ID: SenderCompID(49) of what we send.", default="CONNECTOR"
    )
    first_message_deadline_ms: int = setting(
        "firstMessageDeadline",
        Duration("100ms", "1m"),
        "A connection without a whole Logon(A) by then is cut.",
        default=5_000,
    )
    heartbeat_interval_range_s: tuple[int, int] = setting(
        "heartbeatIntervalRange",
        WholeRange(Whole(1, 3600, "seconds")),
        "HeartBtInt(108) a client may ask for, in seconds.",
        default=(5, 60),
    )
    stale_order_age_ms: int = setting(
        "staleOrderAge",
        Duration("1s", "1d"),
        "A new order is refused when its SendingTime(52), or the OrigSendingTime(122) of one that had to be "
        "asked for again (PossDupFlag(43)=Y), is further than this from now.",
        default=60_000,
    )
    store_path: Path = setting(
        "storePath",
        FilePath(),
        "Directory of the FIX engine's message store, for resends.",
        default=Path("data/fix"),
    )


@block
class Session:
    """One FIX client."""

    target_comp_id: str = setting(
        "targetCompId", COMP_ID, "The client's comp ID: SenderCompID(49) of what it sends.", example="OMS1"
    )
    sender_comp_id: str = setting(
        "senderCompId",
        COMP_ID,
        "Our comp ID towards this client.",
        default="",
        default_text="`fix.acceptor.senderCompId`",
    )
    username: str = setting(
        "username", Text(r"[!-~]+", "printable ASCII without spaces", 64), "Username(553)."
    )
    password: Secret = setting(
        "password",
        SecretText(r"[ -~]+", "printable ASCII", 128),
        "Password(554). Never shown.",
        example="env:OMS1_PASSWORD",
    )
    connector: str = setting(
        "connector", Text(CONNECTOR_NAME, "A-Z, a-z, 0-9 and '_'", 32), "The connector it trades through."
    )
    account: str = setting(
        "account",
        ACCOUNT,
        "The account of orders that do not carry Account(1).",
        default="",
        default_text="the connector's first account",
    )
    day_time_in_force: DayTimeInForce = setting(
        "dayTimeInForce",
        Choice(DayTimeInForce),
        "What TimeInForce(59)=0 (Day) becomes, which the exchange does not know: a reject, or GTC.",
        default=DayTimeInForce.REJECT,
    )
    on_behalf_of: tuple[str, ...] = setting(
        "onBehalfOf",
        Listing(COMP_ID),
        "The OnBehalfOfCompID(115) values it may use when it routes for others.",
        default=(),
    )


@block
class Fix:
    """The FIX side."""

    acceptor: Acceptor = setting("acceptor", Block(Acceptor), "Where FIX clients connect.")
    sessions: tuple[Session, ...] = setting(
        "sessions", Blocks(Session), "One block for each FIX client.", default=()
    )


@block
class Journal:
    """The record of everything requested, sent, stated and reported."""

    path: Path = setting(
        "path",
        FilePath(),
        "The journal's file. Keep it on a local disk, keep it for ever, never share it between two daemons.",
        default=Path("data/journal.db"),
    )
    min_free_space_bytes: int = setting(
        "minFreeSpace",
        Size("16MiB", "1PiB"),
        "With less room than this on the disk of the journal or of `fix.acceptor.storePath` new orders are "
        "refused; cancels pass and what is open goes on.",
        default=256 * 1024 * 1024,
    )


@block
class Logging:
    """What is logged, how and where."""

    level: LogLevel = setting(
        "level", Choice(LogLevel), "The least important events written.", default=LogLevel.INFO
    )
    format: LogFormat = setting(
        "format",
        Choice(LogFormat),
        "json: one object a line; console: for people; auto: console on a terminal, else json.",
        default=LogFormat.AUTO,
    )
    file: Path | None = setting(
        "file", FilePath(), "File to append to; absent: standard error.", default=None
    )


@block
class Admin:
    """The HTTP port of the probes."""

    enabled: bool = setting("enabled", Switch(), "Whether to listen.", default=True)
    host: str = setting("host", HOST, "Address to listen on.", default="127.0.0.1")
    port: int = setting("port", Whole(0, 65_535), "Port to listen on; 0 takes a free one.", default=9880)


@block
class Settings:
    """A configuration without a fault; made by `connector.settings.load`."""

    connectors: Mapping[str, Connector] = setting(
        "connectors",
        NamedBlocks(
            Connector, CONNECTOR_NAME, "1 to 32 characters of A-Z, a-z, 0-9 and '_'", "<NAME>", at_least=1
        ),
        "Connections to the exchange, each under a name.",
    )
    fix: Fix = setting("fix", Block(Fix), "The FIX side.")
    journal: Journal = setting("journal", Block(Journal), "The journal.")
    logging: Logging = setting("logging", Block(Logging), "Logs.")
    admin: Admin = setting("admin", Block(Admin), "Probes.")

    path: Path = field(default=Path())  # the file it was read from
    warnings: tuple[Fault, ...] = field(default=())  # usable, but look at this
    origins: Mapping[str, str] = field(default_factory=dict)  # path of a setting -> where its value came from
