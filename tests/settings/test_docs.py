"""docs/configuration.md is the schema, and the schema is complete."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.settings.docs import configuration_page
from connector.settings.kinds import Kind
from connector.settings.model import Settings
from connector.settings.schema import MANDATORY, Block, Blocks, NamedBlocks, Setting, settings_of
from connector.settings.surroundings import Surroundings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def blocks(cls: type) -> Iterator[type]:
    yield cls
    for row in settings_of(cls):
        match row.kind:
            case Block(inner) | Blocks(inner) | NamedBlocks(inner):
                yield from blocks(inner)


def all_settings() -> list[Setting]:
    return [row for cls in blocks(Settings) for row in settings_of(cls)]


def test_the_documentation_is_up_to_date() -> None:
    """Run: python -m connector.settings.docs docs/configuration.md"""
    assert PAGE.read_text(encoding="utf-8") == configuration_page()


def test_every_setting_is_documented() -> None:
    page = configuration_page()

    for row in all_settings():
        assert f"`{row.name}`" in page or f"`{row.name}." in page or f".{row.name}" in page, row.name
        assert row.about.endswith("."), row.name


def test_every_default_is_allowed_by_its_own_rule(tmp_path: Path) -> None:
    """Writing a default out must change nothing."""
    for row in all_settings():
        if not isinstance(row.kind, Kind) or (row.default_in_words and row.default in ("", None, MANDATORY)):
            continue
        written = row.kind.plain(row.default)
        assert row.kind.parse(written, Surroundings({}, tmp_path)) == row.kind.settled(
            row.default, Surroundings({}, tmp_path)
        ), row.name


@pytest.mark.parametrize("cls", list(blocks(Settings)), ids=lambda cls: cls.__name__)
def test_names_are_camel_case_and_different(cls: type) -> None:
    names = [row.name for row in settings_of(cls)]

    assert len({name.casefold() for name in names}) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", name)] == []
    assert dataclasses.is_dataclass(cls)


def test_the_pages_names_and_defaults_are_kept() -> None:
    """seeds/002, "Connector settings": parameter and default value."""
    page = configuration_page()

    for name, default in {
        "websocketHeartbeatInterval": "`30m`",
        "staleWebsocketTimeout": "`5s`",
        "selfTradePreventionMode": "`EXPIRE_MAKER`",
        "sideEffectType": "`NO_SIDE_EFFECT`",
        "orderMapperType": "`SEQUENCE`",
        "ordersRequestSizeLimit": "`200`",
        "tradesRequestSizeLimit": "`100`",
    }.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
        assert line.split(" | ")[2] == default
