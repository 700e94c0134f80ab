"""`connector check FILE`: what a configuration means, or everything that is wrong with it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.settings import Fault, Settings, SettingsError, Shown, load, masked_view, rows

USABLE = 0
FAULTY = 2
_UNWRAPPED = 500  # columns for pipes and files: a line that can be searched for


def check(path: Path, *, as_json: bool, env: Mapping[str, str]) -> int:
    """Print the effective configuration in `path`, secrets masked, or every fault; return the exit code.

    `as_json` prints one JSON object instead. Codes: 0 usable (perhaps with warnings), 2 not usable.
    """
    try:
        settings = load(path, env)
    except SettingsError as error:
        _print_faults(path, error.faults, as_json=as_json)
        return FAULTY
    if as_json:
        _print_json(_as_plain(settings))
    else:
        _print_settings(settings)
    return USABLE


def _print_faults(path: Path, faults: tuple[Fault, ...], *, as_json: bool) -> None:
    if as_json:
        _print_json({"ok": False, "file": str(path), "faults": _findings(faults)})
        return
    console = _console()
    for fault in faults:
        console.print(_finding(fault, "red"))
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    console.print(Text(f"{path}: {count}, not usable"))


def _as_plain(settings: Settings) -> dict[str, object]:
    return {
        "ok": True,
        "file": str(settings.path),
        "settings": masked_view(settings),
        "origins": {row.path: row.origin for row in rows(settings)},
        "warnings": _findings(settings.warnings),
    }


def _print_settings(settings: Settings) -> None:
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("setting", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column("from", style="dim", overflow="fold")
    for row in rows(settings):
        table.add_row(Text(row.path), Text(_written(row)), Text(row.origin))
    console.print(table)
    for warning in settings.warnings:
        console.print(Text("warning ", style="yellow") + _finding(warning, "yellow"))
    console.print(Text(f"{settings.path}: usable, {len(settings.warnings)} warnings"))


def _written(row: Shown) -> str:
    match row.value:
        case None:
            return "(absent)"
        case bool():
            return str(row.value).lower()
        case list():
            return "[" + ", ".join(map(str, row.value)) + "]"
        case "":
            return '""'
        case value:
            return str(value)


def _finding(fault: Fault, style: str) -> Text:
    return Text.assemble((fault.path, style), f": {fault.text}")


def _findings(faults: tuple[Fault, ...]) -> list[dict[str, str]]:
    return [{"path": fault.path, "text": fault.text} for fault in faults]


def _console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, highlight=False, width=None if terminal else _UNWRAPPED)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
