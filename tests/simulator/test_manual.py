"""docs/simulator.md documents what the control API offers."""

import re
from pathlib import Path

import pytest

from connector.simulator.cli import parser
from connector.simulator.control import ROUTES
from connector.simulator.fault import Action, Fault

MANUAL = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("route", sorted(ROUTES), ids=" ".join)
def test_every_control_route_is_documented(route: tuple[str, str]) -> None:
    method, path = route

    assert f"`{method} {path}" in MANUAL
    if method == "POST":
        assert re.search(rf"curl -X POST \$SIM{path}( |$)", MANUAL, re.MULTILINE), "no example"


@pytest.mark.parametrize("action", list(Action))
def test_every_fault_is_documented(action: Action) -> None:
    assert re.search(rf"^\|.*`{action}`.*\|", MANUAL, re.MULTILINE)


def test_every_field_of_a_fault_is_documented() -> None:
    for name in set(Fault.__dataclass_fields__) - {"id", "acted"}:
        assert f"`{name}`" in MANUAL


def test_every_option_is_documented() -> None:
    for option in re.findall(r"--[a-z-]+", parser().format_usage()):
        assert f"`{option}" in MANUAL
