"""Command line of the simulator: options, keys, and what is printed at start."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

import yaml

from connector.simulator.config import SimulatorConfig, Timers
from connector.simulator.fault import FaultError
from connector.simulator.keys import ApiKey, KeyFileError, key_from_entry, masked
from connector.simulator.scenario import shelf
from connector.simulator.scenario.model import Scenario
from connector.simulator.scenario.progress import Progress
from connector.simulator.scenario.reader import ScenarioError
from connector.simulator.scenario.vocabulary import Known
from connector.simulator.server import RunningSimulator, run

EXIT_BAD_OPTIONS = 2
EXIT_NO_PORT = 1


def parser() -> argparse.ArgumentParser:
    """The options of `python -m connector.simulator`."""
    options = argparse.ArgumentParser(
        prog="connector.simulator",
        description="A Binance margin exchange to certify against: REST, WS-API, matching, wallets, faults.",
    )
    options.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    options.add_argument(
        "--port", type=int, default=9090, help="port; 0 takes a free one (default %(default)s)"
    )
    options.add_argument("--port-file", type=Path, help="write the port here once it listens")
    options.add_argument(
        "--json", action="store_true", help="print one JSON object at start, then one a step"
    )
    options.add_argument("--key", action="append", default=[], metavar="FIELDS", help=KEY_HELP)
    options.add_argument("--keys-file", type=Path, help="YAML or JSON list of key entries (same fields)")
    options.add_argument(
        "--account", action="append", default=[], help="make a demo key pair for this account (repeatable)"
    )
    options.add_argument("--seed", type=int, default=0, help="of demo keys, ladder and random walk")
    options.add_argument("--no-moves", action="store_true", help="prices stay until /sim/price moves them")
    options.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="JSON",
        help='a fault in force from the start, e.g. {"action":"reply_lost"}; repeatable',
    )
    options.add_argument(
        "--time-scale",
        type=float,
        default=1.0,
        help="WS ping, pong and 24 h timers, and a scenario's times, run this much faster",
    )
    options.add_argument(
        "--scenario",
        metavar="NAME|FILE",
        help=f"a script of a bad day, a YAML file or one of {', '.join(shelf.names())}",
    )
    options.add_argument("--list-scenarios", action="store_true", help="say what those are, and end")
    return options


KEY_HELP = (
    "a key as comma-separated fields: apiKey=…,apiSecret=… (HMAC secret, or PEM with # for newlines) or "
    "apiKey=…,publicKey=FILE or privateKey=FILE (Ed25519 or RSA PEM); account=NAME (default main) names the "
    "account it acts for; repeatable"
)


def configuration(arguments: argparse.Namespace) -> SimulatorConfig:
    """Turn parsed options into a configuration.

    Raises:
        KeyFileError: a key cannot be used.
        FaultError: a fault is not a JSON object.
    """
    return SimulatorConfig(
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        keys=load_keys(arguments.key, arguments.keys_file),
        demo_accounts=tuple(arguments.account) or ("main",),
        timers=Timers().scaled(arguments.time_scale),
        price_moves=not arguments.no_moves,
        faults=tuple(_fault(text) for text in arguments.fault),
        scenario_speed=arguments.time_scale,
    )


def chosen_scenario(name: str | None, config: SimulatorConfig) -> Scenario | None:
    """Read the scenario asked for, if any, for the symbols and accounts of a configuration.

    Raises:
        ScenarioError: there is none, or everything that is wrong with it.
    """
    if name is None:
        return None
    accounts = {key.account for key in config.keys} or set(config.demo_accounts)
    symbols = frozenset(spec.name for spec in config.symbols)
    return shelf.load(name, Known(symbols=symbols, accounts=frozenset(accounts)))


def _fault(text: str) -> dict[str, object]:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise FaultError(f"--fault {text}: {error}") from None
    if not isinstance(parsed, dict):
        raise FaultError(f"--fault {text}: not a JSON object")
    return parsed


def load_keys(inline: Sequence[str], file: Path | None) -> tuple[ApiKey, ...]:
    """Read keys given as `name=value,…` texts and in a YAML or JSON file.

    Raises:
        KeyFileError: naming the entry and what is wrong with it.
    """
    entries: list[object] = [_fields(text) for text in inline]
    if file is not None:
        try:
            loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise KeyFileError(f"{file}: {error}") from error
        if not isinstance(loaded, list):
            raise KeyFileError(f"{file}: not a list of key entries")
        entries += loaded
    keys: dict[str, ApiKey] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise KeyFileError(f"{file}: an entry is not a mapping of fields")
        key = key_from_entry(entry)
        if key.api_key in keys:
            raise KeyFileError(f"key {masked(key.api_key)} is given twice")
        keys[key.api_key] = key
    return tuple(keys.values())


def _fields(text: str) -> dict[str, object]:
    pairs = [field.partition("=") for field in text.split(",")]
    broken = [name for name, separator, _ in pairs if not separator]
    if broken:
        raise KeyFileError("--key: a field has no '='; write apiKey=…,apiSecret=…")
    return {name.strip(): value.strip() for name, _, value in pairs}


def announce(simulator: RunningSimulator, out: TextIO, *, as_json: bool) -> None:
    """Print addresses and demo keys, for people or as one JSON object."""
    if as_json:
        out.write(json.dumps(description(simulator)) + "\n")
        out.flush()
        return
    lines = [
        "Binance margin simulator",
        f"  REST     {simulator.url}        (restUrl)",
        f"  WS-API   {simulator.ws_url}   (websocketUrl)",
        f"  control  {simulator.url}/sim/state",
        f"  symbols  {', '.join(simulator.world.exchange.markets)}",
    ]
    for demo in simulator.demo_keys:
        secret = demo.secret.strip().replace("\n", "#") if demo.kind != "HMAC" else demo.secret
        lines += ["", f"  {demo.kind} key of account {demo.account!r}"]
        lines += [f"    apiKey     {demo.api_key}", f"    apiSecret  {secret}"]
    for key in () if simulator.demo_keys else simulator.config.keys:
        lines.append(f"  {key.kind} key {masked(key.api_key)} of account {key.account!r}")
    out.write("\n".join(lines) + "\n\nStop with Ctrl-C.\n")
    out.flush()


def description(simulator: RunningSimulator) -> dict[str, object]:
    """What `--json` prints."""
    return {
        "url": simulator.url,
        "wsUrl": simulator.ws_url,
        "port": simulator.port,
        "seed": simulator.config.seed,
        "keys": [
            {"apiKey": demo.api_key, "apiSecret": demo.secret, "kind": demo.kind, "account": demo.account}
            for demo in simulator.demo_keys
        ],
    }


def list_scenarios(out: TextIO) -> None:
    """Print the scenarios that come with the product."""
    for name in shelf.names():
        description = " ".join(shelf.shipped(name).description.split())
        out.write(f"{name}\n    {description}\n")


def teller(out: TextIO, *, as_json: bool) -> Callable[[Progress], None]:
    """Return what prints a scenario's progress as it happens."""

    def tell(line: Progress) -> None:
        out.write((json.dumps(line.as_json()) if as_json else line.as_line()) + "\n")
        out.flush()

    return tell


def write_port(file: Path, port: int) -> None:
    """Write the port so that whoever waits for the file never reads half of it."""
    draft = file.with_name(file.name + ".new")
    draft.write_text(f"{port}\n", encoding="ascii")
    draft.replace(file)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT.

    Exit code 0; 1 the port is taken; 2 a key, a fault or a scenario cannot be used.
    """
    arguments = parser().parse_args(argv)
    if arguments.list_scenarios:
        list_scenarios(sys.stdout)
        return 0
    try:
        config = configuration(arguments)
        scenario = chosen_scenario(arguments.scenario, config)
    except (KeyFileError, FaultError) as error:
        return _unusable([str(error)])
    except ScenarioError as error:
        return _unusable(error.faults)

    def started(simulator: RunningSimulator) -> None:
        if arguments.port_file is not None:
            write_port(arguments.port_file, simulator.port)
        announce(simulator, sys.stdout, as_json=arguments.json)
        if scenario is not None or not arguments.json:  # programs that ask for no scenario read one line
            simulator.director.listeners.append(teller(sys.stdout, as_json=arguments.json))
        if scenario is not None:
            simulator.director.start(scenario)

    try:
        run(config, started)
    except FaultError as error:
        return _unusable([str(error)])
    except OSError as error:
        sys.stderr.write(f"connector.simulator: {arguments.host}:{arguments.port}: {error}\n")
        return EXIT_NO_PORT
    return 0


def _unusable(faults: Iterable[str]) -> int:
    for fault in faults:
        sys.stderr.write(f"connector.simulator: {fault}\n")
    return EXIT_BAD_OPTIONS
