"""Where the files of `config/` are: beside the packages in a checkout, inside `connector` once installed."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_config", _PACKAGE.parent / "config")


def shipped(name: str) -> Path:
    """The path of a file that comes with the product, for example `templates.conf`."""
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    raise FileNotFoundError(
        f"{name} is missing from the installation; looked in {_PLACES[0]} and {_PLACES[1]}"
    )
