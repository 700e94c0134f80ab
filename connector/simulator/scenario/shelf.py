"""The scenarios that come with the product, found by name; and those of others, by file."""

from collections.abc import Iterator
from pathlib import Path

from connector.simulator.nearest import nearest
from connector.simulator.scenario.model import Scenario
from connector.simulator.scenario.reader import ANYWHERE, ScenarioError, read
from connector.simulator.scenario.vocabulary import Known

_PACKAGE = Path(__file__).resolve().parents[2]
# Inside the package once installed, beside it in a checkout.
PLACES = (_PACKAGE / "_config" / "scenarios", _PACKAGE.parent / "config" / "scenarios")


def names() -> list[str]:
    """Return the names of the scenarios that come with the product."""
    return sorted(path.stem for path in _files())


def load(name_or_file: str, known: Known = ANYWHERE) -> Scenario:
    """Read a scenario by the name of a shipped one, or from a file.

    Raises:
        ScenarioError: there is none, or it has faults; each text begins with the file.
    """
    path = Path(name_or_file)
    if path.suffix in (".yaml", ".yml", ".json") or len(path.parts) > 1:
        return _read(path, known)
    return shipped(name_or_file, known)


def shipped(name: str, known: Known = ANYWHERE) -> Scenario:
    """Read a shipped scenario.

    Raises:
        ScenarioError: there is none of that name.
    """
    found = next((path for path in _files() if path.stem == name), None)
    if found is None:
        hint = nearest(name, names())
        raise ScenarioError([f"no scenario {name!r}: {hint}a .yaml file, or one of {', '.join(names())}"])
    return _read(found, known)


def _files() -> Iterator[Path]:
    for place in PLACES:
        if place.is_dir():
            yield from sorted(place.glob("*.yaml"))
            return


def _read(path: Path, known: Known) -> Scenario:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError([f"{path}: {error}"]) from error
    try:
        return read(text, known)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {fault}" for fault in error.faults) from error
