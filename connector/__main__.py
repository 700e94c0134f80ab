"""The `connector` command."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from connector import exits, journal_app
from connector.version import VERSION

EXIT_CODES = "\n\n".join(f"{code}: {meaning}" for code, meaning in exits.MEANING.items())

app = typer.Typer(
    name="connector",
    help="FIX 4.4 order-routing connector for Binance margin trading.",
    epilog=f"Exit codes:\n\n{EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(journal_app.app)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


@app.command()
def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="HOCON (.conf) or YAML (.yaml) file.")],
    kill_at: Annotated[str, typer.Option(hidden=True, help="POINT[:N]: kill -9 at its Nth passing.")] = "",
) -> None:
    """Run the connector until SIGTERM or SIGINT."""
    from connector.ops.start import prepared  # noqa: PLC0415  # each command loads what it needs

    settings = prepared(config, os.environ)
    if settings is None:
        raise typer.Exit(exits.USAGE)
    from connector.daemon import serve  # noqa: PLC0415

    raise typer.Exit(serve(settings, hook=_killer(kill_at)))


@app.command()
def check(
    config: Annotated[Path, typer.Argument(metavar="FILE", help="HOCON (.conf) or YAML (.yaml) file.")],
    as_json: Json = False,
) -> None:
    """Print the effective configuration with secrets masked, or every fault with its path."""
    from connector.ops.check import check as checked  # noqa: PLC0415

    raise typer.Exit(checked(config, as_json=as_json, env=os.environ))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running and print how to connect.")] = False,
    as_json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show raw FIX, venue requests.")] = False,
) -> None:
    """Tell a trading story with a simulated exchange and a real FIX client, and compare their books."""
    from connector.demo.command import demo as performed  # noqa: PLC0415

    raise typer.Exit(performed(keep=keep, as_json=as_json, verbose=verbose))


@app.command(add_help_option=False)
def simulate() -> None:
    """Run the bundled Binance margin exchange (`connector simulate --help`)."""
    raise AssertionError("handled in main()")


def _killer(kill_at: str) -> Callable[[str], None]:
    """For tests of the table in design section 3: die as if by kill -9 at a named point of the order path."""
    if not kill_at:
        return lambda _point: None
    wanted, _, count = kill_at.partition(":")
    left = int(count or 1)

    def hook(point: str) -> None:
        nonlocal left
        if point == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def main() -> None:
    """Entry point."""
    if sys.argv[1:2] == ["simulate"]:  # the simulator stands alone: its command line is its own
        from connector.simulator.cli import main as simulator  # noqa: PLC0415

        sys.exit(simulator(sys.argv[2:]))
    app(prog_name="connector")


if __name__ == "__main__":
    main()
