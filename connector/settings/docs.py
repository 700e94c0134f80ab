"""Writes docs/configuration.md from the schema.

Run `python -m connector.settings.docs docs/configuration.md` after each change of `model`; a test insists.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from connector.settings.kinds import Kind
from connector.settings.model import Settings
from connector.settings.schema import Block, Blocks, NamedBlocks, Setting, settings_of

_INTRODUCTION = """\
# Configuration

<!-- Written from connector/settings/model.py: python -m connector.settings.docs docs/configuration.md -->

`connector check FILE` reads a configuration and prints what is in force, with secrets masked and
the origin of every value, or every fault with its path. `config/connector.conf` and
`config/connector.yaml` are complete samples.

## Files

| ends in | format | notes |
|---|---|---|
| `.conf`, `.hocon` | HOCON | `${?NAME}` is the environment's NAME, if it is set; `${NAME}` must be set |
| `.yaml`, `.yml` | YAML | only `true`, `false`, `null` and numbers are not text; no name twice in a block |
| `.json` | JSON | no name twice in a block |

All three mean the same. In HOCON, `include` and `+=` are not supported, and what stands on a
template is written in one block. A name that is not listed below is refused. `null` is the same as
leaving a setting out.

**Templates.** A connector usually stands on the shipped template, whose values your own override:
`BINANCE: ${template.connector.crypto.binance} { settings { … } }` in HOCON, or in every format
`BINANCE: {template: connector.crypto.binance, settings: {…}}`. Templates of your own go under
`template`.

**Durations** are a whole number with a unit: `500ms`, `5s`, `30m`, `1h`, `1d`. A number without a
unit is refused: HOCON would take it for milliseconds, most people for seconds.

**Texts** that look like a number, a duration or `true` are written in quotes: `password = "0123"`.

**Secrets** are given by value, as `env:NAME` (an environment variable) or as `file:PATH`; the line
break at the end of a file is dropped. They are never printed: of an API key at most the first 5 and
last 4 characters, of a secret the last 5, of a password nothing.

**Paths** that are relative start at the directory of the configuration file.
"""


def configuration_page() -> str:
    """The whole page."""
    return _INTRODUCTION + "".join(_section(Settings, ""))


def _section(cls: type, path: str) -> Iterator[str]:
    """The table of one block, then its nested blocks."""
    rows = settings_of(cls)
    plain = [row for row in rows if isinstance(row.kind, Kind)]
    if plain:
        yield f"\n## `{path}`\n\n| setting | allowed | default | meaning |\n|---|---|---|---|\n"
        yield from map(_line, plain)
    for row in rows:
        match row.kind:
            case Block(cls):
                yield from _section(cls, f"{path}.{row.name}".lstrip("."))
            case Blocks(cls):
                yield from _section(cls, f"{path}.{row.name}[]".lstrip("."))
            case NamedBlocks(cls, _, rule, placeholder):
                yield f"\n## `{row.name}`\n\n{row.about} `{placeholder}` is {rule}.\n"
                yield from _section(cls, f"{row.name}.{placeholder}")


def _line(row: Setting) -> str:
    assert isinstance(row.kind, Kind)
    default = row.default_text if row.default_in_words else f"`{row.default_text}`"
    cells = (f"`{row.name}`", row.kind.allowed, default, row.about)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(configuration_page(), encoding="utf-8")
