"""Reading a configuration: a file in, `Settings` out, or every fault that was found."""

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from connector.settings import crosschecks
from connector.settings.derived import completed
from connector.settings.documents import read_json, read_yaml
from connector.settings.errors import Fault, SettingsError
from connector.settings.files import read_text
from connector.settings.hocon import read_hocon
from connector.settings.model import Acceptor, Admin, ConnectorSettings, Session, Settings
from connector.settings.reader import Reader
from connector.settings.secret import HIDDEN
from connector.settings.surroundings import Surroundings
from connector.settings.templates import expanded, shipped_templates
from connector.settings.tree import FROM_FILE, Node, found

FORMATS = {".conf": "HOCON", ".hocon": "HOCON", ".json": "JSON", ".yaml": "YAML", ".yml": "YAML"}
_TELLING = 8  # characters; scrubbing shorter ones would garble every text, and they are no secrets


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """The configuration in `path`; `env` serves `env:NAME` and `${NAME}`.

    Raises:
        SettingsError: the file cannot be read, or any setting is at fault; lists all faults.
    """
    tree = completed(expanded(_tree(path, env), shipped_templates()))
    reader = Reader(Surroundings(env, path.absolute().parent))
    settings = reader.block(Settings, tree, "")
    pieces = _pieces(reader, tree)
    faults = [*reader.faults, *crosschecks.faults(pieces)]
    if faults:
        raise SettingsError([_scrubbed(fault, reader.around.secrets) for fault in faults])
    assert isinstance(settings, Settings)
    warnings = [*reader.warnings, *_exposed(path, reader.origins), *crosschecks.warnings(pieces)]
    return replace(settings, path=path.absolute(), warnings=tuple(warnings), origins=reader.origins)


def _tree(path: Path, env: Mapping[str, str]) -> dict[str, Node]:
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        text = f"cannot tell its format from '{path.suffix}'; name it {', '.join(FORMATS)}"
        raise SettingsError([Fault(str(path), text)])
    text = read_text(path)
    if form == "HOCON":
        return read_hocon(text, str(path), env, shipped_templates())
    return read_yaml(text, str(path)) if form == "YAML" else read_json(text, str(path))


def _pieces(reader: Reader, tree: dict[str, Node]) -> crosschecks.Pieces:
    names = found(tree, ["connectors"])
    sessions = found(tree, ["fix", "sessions"])
    acceptor, admin = reader.blocks.get("fix.acceptor"), reader.blocks.get("admin")
    return crosschecks.Pieces(
        connectors={
            path.split(".")[1]: block
            for path, block in reader.blocks.items()
            if isinstance(block, ConnectorSettings)
        },
        connector_names=frozenset(names) if isinstance(names, dict) else frozenset(),
        sessions={path: block for path, block in reader.blocks.items() if isinstance(block, Session)},
        session_count=len(sessions) if isinstance(sessions, list) else 0,
        acceptor=acceptor if isinstance(acceptor, Acceptor) else None,
        admin=admin if isinstance(admin, Admin) else None,
    )


def _scrubbed(fault: Fault, secrets: list[str]) -> Fault:
    """No fault repeats a secret, not even one that was also pasted into another setting (P11)."""
    path, text = fault.path, fault.text
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _TELLING:
            path, text = path.replace(secret, HIDDEN), text.replace(secret, HIDDEN)
    return Fault(path, text)


def _exposed(path: Path, origins: Mapping[str, str]) -> list[Fault]:
    by_value = [
        name
        for name, origin in origins.items()
        if origin == FROM_FILE and name.endswith((".apiSecret", ".password"))
    ]
    if by_value and path.stat().st_mode & stat.S_IROTH:
        text = f"holds {by_value[0]} and can be read by every user of this machine; run: chmod o-rwx {path}"
        return [Fault(str(path), text)]
    return []
