"""What happens before anything runs: settings read, faults said, logs set up."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from connector.ops.logs import configure
from connector.settings import Fault, Settings, SettingsError, load


def prepared(path: Path, env: Mapping[str, str]) -> Settings | None:
    """The settings, with logs configured by them; None after saying every fault on standard error."""
    try:
        settings = load(path, env)
    except SettingsError as error:
        for fault in error.faults:
            sys.stderr.write(f"{fault}\n")
        return None
    if not settings.fix.sessions:
        text = "no FIX session is configured, nobody could trade: add one (docs/configuration.md)"
        fault = Fault("fix.sessions", text)
        sys.stderr.write(f"{fault}\n")
        return None
    logging = settings.logging
    try:
        configure(
            level=logging.level,
            format=logging.format,
            stream_or_file=logging.file,
            secrets=secrets_of(settings),
        )
    except OSError as error:
        fault = Fault("logging.file", f"{logging.file}: cannot be appended to ({error.strerror or error})")
        sys.stderr.write(f"{fault}\n")
        return None
    log = structlog.get_logger("connector")
    for warning in settings.warnings:
        log.warning("setting_doubtful", path=warning.path, text=warning.text)
    return settings


def secrets_of(settings: Settings) -> list[str]:
    """Every text that must never be logged (P11)."""
    keys = [key for connector in settings.connectors.values() for key in connector.settings.api_keys]
    return [
        *(key.api_key.reveal() for key in keys),
        *(key.api_secret.reveal() for key in keys),
        *(session.password.reveal() for session in settings.fix.sessions),
    ]
