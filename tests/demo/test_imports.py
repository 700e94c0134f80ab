"""The demo proves something only because it knows no more than any OMS and any venue's customer does."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import connector.demo

PACKAGE = Path(connector.demo.__file__).parent
ALLOWED = {"connector.demo", "connector.exits", "connector.settings.shipped"}
LIBRARIES = {"aiohttp", "quickfix", "rich"} | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_the_demo_uses_nothing_of_ours_but_exit_codes_and_shipped_files(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            ours = any(name == allowed or name.startswith(allowed + ".") for allowed in ALLOWED)
            assert ours or name.split(".")[0] in LIBRARIES, f"{path.name} imports {name}"
