"""One complete small configuration as plain data, and ways to write, break and read it."""

import copy
from pathlib import Path
from typing import Any

import yaml

from connector.settings import Settings, SettingsError, load

KEY = "KEYhead" + "x" * 50 + "tail"
SECRET = "s3cr3t" + "y" * 50 + "LAST5"
PASSWORD = "correct horse battery"

SAMPLE: dict[str, Any] = {
    "connectors": {
        "BINANCE": {
            "settings": {
                "restUrl": "https://api.binance.com",
                "websocketUrl": "wss://ws-api.binance.com:443/ws-api/v3",
                "apiKeys": [{"apiKey": KEY, "apiSecret": SECRET}],
            }
        }
    },
    "fix": {
        "sessions": [
            {"targetCompId": "OMS1", "username": "oms1", "password": PASSWORD, "connector": "BINANCE"},
        ]
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The sample with the setting at a dotted path replaced; `...` removes it."""
    data = copy.deepcopy(SAMPLE)
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    block: Any = data
    for step in parents:
        block = block.setdefault(step, {}) if isinstance(block, dict) else block[step]
    if value is ...:
        del block[last]
    elif isinstance(block, list) and last == len(block):
        block.append(value)
    else:
        block[last] = value
    return data


def written(directory: Path, data: object, name: str = "connector.yaml") -> Path:
    """The data as a YAML file that only its owner can read."""
    return written_text(directory, yaml.safe_dump(data, sort_keys=False, allow_unicode=True), name)


def written_text(directory: Path, text: str, name: str) -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def read(directory: Path, data: object, env: dict[str, str] | None = None) -> Settings:
    return load(written(directory, data), env or {})


def faults(path: Path, env: dict[str, str] | None = None) -> list[str]:
    """The faults of a file as the operator sees them; none if it loads."""
    try:
        load(path, env or {})
    except SettingsError as error:
        return [str(fault) for fault in error.faults]
    return []
