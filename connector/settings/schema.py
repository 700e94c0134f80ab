"""The words in which `model` states the schema: a dataclass is a block of settings, a field is one setting.

The field's metadata carries what the operator sees (name, kind, default, help). Validation, the unknown-name
check, docs/configuration.md and masked printing all read it from here, so that none of them can disagree.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

from connector.settings.kinds import Kind

C = TypeVar("C")
_KEY = "setting"


class _Mandatory:
    """Marks a setting without a default."""


MANDATORY = _Mandatory()


@dataclass(frozen=True)
class Block:
    """A nested block `{ … }` of the settings of `cls`."""

    cls: type


@dataclass(frozen=True)
class Blocks:
    """A list of blocks."""

    cls: type
    at_least: int = 0


@dataclass(frozen=True)
class NamedBlocks:
    """Blocks under names the operator chooses."""

    cls: type
    name_pattern: str
    name_rule: str
    placeholder: str  # stands for the name in the documentation
    at_least: int = 0


@dataclass(frozen=True)
class Setting:
    """One row of the schema."""

    name: str  # as the operator writes it
    kind: Kind[Any] | Block | Blocks | NamedBlocks
    about: str
    default: object  # for the program; MANDATORY, or None = absent
    default_text: str  # for the operator
    default_in_words: bool  # an explanation, not something to write
    example: str
    attribute: str  # of the dataclass


@dataclass(frozen=True)
class _Row:
    name: str
    kind: Kind[Any] | Block | Blocks | NamedBlocks
    about: str
    default_text: str
    example: str


def setting(
    name: str,
    kind: Kind[Any] | Block | Blocks | NamedBlocks,
    about: str,
    *,
    default: object = MANDATORY,
    default_text: str = "",
    example: str = "",
) -> Any:
    """A dataclass field that is a setting.

    `default` is the program's value; without it the setting must be written (nested blocks have their own).
    `default_text` explains a default that depends on other settings; `example` goes into "missing".
    """
    metadata = {_KEY: _Row(name, kind, about, default_text, example)}
    if default is MANDATORY:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting, dataclasses.field))
def block(cls: type[C]) -> type[C]:
    """A frozen, keyword-only dataclass whose fields are settings."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def settings_of(cls: type) -> list[Setting]:
    """The rows of a block, in the order written; fields that are no settings are left out."""
    rows = []
    for field in dataclasses.fields(cls):
        row: _Row | None = field.metadata.get(_KEY)
        if row is None:
            continue
        default = MANDATORY if field.default is dataclasses.MISSING else field.default
        rows.append(_setting(row, default, field.name))
    return rows


def _setting(row: _Row, default: object, attribute: str) -> Setting:
    return Setting(
        name=row.name,
        kind=row.kind,
        about=row.about,
        default=default,
        default_text=_default_text(row, default),
        default_in_words=bool(row.default_text) or default is None or default in (MANDATORY, ""),
        example=row.example,
        attribute=attribute,
    )


def _default_text(row: _Row, default: object) -> str:
    if row.default_text or not isinstance(row.kind, Kind):
        return row.default_text
    if default is MANDATORY:
        return "must be given"
    if default is None:
        return "absent"
    text = row.kind.plain(default)
    return str(text).lower() if isinstance(text, bool) else str(text) or "empty"
