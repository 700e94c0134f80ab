"""Settings as they may be shown: the operator's names and notation, secrets masked."""

from collections.abc import Iterator
from dataclasses import dataclass

from connector.settings.model import Settings
from connector.settings.schema import Block, Blocks, NamedBlocks, Setting, settings_of

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Shown:
    """One effective setting for printing."""

    path: str
    value: object  # plain: bool, int, str, list of str, or None for absent
    origin: str  # file, template, default, environment variable X, file X


def masked_view(settings: Settings) -> dict[str, object]:
    """The whole configuration as nested plain data, fit for JSON; secrets as P11 allows."""
    return _block(settings)


def rows(settings: Settings) -> Iterator[Shown]:
    """Every setting of the configuration in the schema's order."""
    return _rows(masked_view(settings), "", settings)


def _block(block: object) -> dict[str, object]:
    return {row.name: _plain(row, getattr(block, row.attribute)) for row in settings_of(type(block))}


def _plain(row: Setting, value: object) -> object:
    match row.kind:
        case Block():
            return _block(value)
        case Blocks():
            assert isinstance(value, tuple)
            return [_block(item) for item in value]
        case NamedBlocks():
            assert isinstance(value, dict)
            return {name: _block(item) for name, item in value.items()}
        case kind:
            return None if value is None else kind.plain(value)


def _rows(plain: object, path: str, settings: Settings) -> Iterator[Shown]:
    if isinstance(plain, dict):
        for name, child in plain.items():
            yield from _rows(child, f"{path}.{name}" if path else name, settings)
    elif isinstance(plain, list) and plain and isinstance(plain[0], dict):
        for index, child in enumerate(plain):
            yield from _rows(child, f"{path}[{index}]", settings)
    else:
        yield Shown(path, plain, settings.origins.get(path, DEFAULT))
