"""Settings: one typed schema, read from HOCON, YAML or JSON, with every fault named by its path."""

from connector.settings.errors import Fault, SettingsError
from connector.settings.load import load
from connector.settings.model import (
    Acceptor,
    Admin,
    ApiKey,
    Connector,
    ConnectorSettings,
    Fix,
    Journal,
    LogFormat,
    Logging,
    LogLevel,
    OrderMapperType,
    Session,
    Settings,
    SyncSettings,
)
from connector.settings.secret import Secret
from connector.settings.shipped import shipped
from connector.settings.view import Shown, masked_view, rows
from mappers.model import SelfTradePreventionMode, SideEffectType
from mappers.profile import DayTimeInForce

__all__ = [
    "Acceptor",
    "Admin",
    "ApiKey",
    "Connector",
    "ConnectorSettings",
    "DayTimeInForce",
    "Fault",
    "Fix",
    "Journal",
    "LogFormat",
    "LogLevel",
    "Logging",
    "OrderMapperType",
    "Secret",
    "SelfTradePreventionMode",
    "Session",
    "Settings",
    "SettingsError",
    "Shown",
    "SideEffectType",
    "SyncSettings",
    "load",
    "masked_view",
    "rows",
    "shipped",
]
