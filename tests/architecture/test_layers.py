"""Dependencies point one way (design, section 6); pure code touches no clock, socket, disk, log or chance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each layer may import itself and those below it; siblings on one line may not import each other.
LAYERS: list[tuple[str, ...]] = [
    ("mappers.model",),
    ("mappers",),
    ("connector.core",),
    ("connector.fix", "connector.venue", "connector.journal", "connector.ops"),
    ("connector.recovery",),
    ("connector.drive", "connector.plans", "connector.journal_app", "connector.snapshots"),
    ("connector.daemon",),
    ("connector.__main__",),
]
FREE = (
    "connector.settings",
    "connector.version",
    "connector.exits",
    "connector.supervised",
)  # plain values, for whoever needs them
SIMULATOR = "connector.simulator"
DEMO = "connector.demo"  # drives the others as processes; tests/demo keeps its imports
IMPURE = {
    "asyncio", "socket", "ssl", "time", "random", "os", "secrets", "logging", "structlog", "threading",
    "subprocess", "pathlib", "io", "sqlite3", "aiohttp", "select", "selectors", "signal", "tempfile", "uuid",
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("connector", "mappers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def at_run_time(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING:`."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        yield node
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            nodes.extend(ast.iter_child_nodes(node))


def imported(path: Path, name: str, *, run_time_only: bool = False) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    for node in at_run_time(tree) if run_time_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base] if base else up)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def place(module: str) -> tuple[int, str] | None:
    """The layer a module belongs to: the most exact name wins."""
    found = [
        (len(package), level, package)
        for level, row in enumerate(LAYERS)
        for package in row
        if within(module, package)
    ]
    if not found:
        return None
    _, level, package = max(found)
    return level, package


ALL = list(modules())


@pytest.mark.parametrize(("name", "path"), ALL, ids=[name for name, _ in ALL])
def test_a_module_imports_only_its_own_layer_and_those_below(name: str, path: Path) -> None:
    mine = place(name)
    for target in imported(path, name):
        if not within(target, "connector") and not within(target, "mappers"):
            continue
        if within(name, SIMULATOR):
            assert within(target, SIMULATOR) or target == "connector", f"{name} imports {target}"
            continue
        if within(target, SIMULATOR):
            assert name == "connector.__main__", f"{name} imports {target}"
            continue
        theirs = place(target)
        if mine is None or theirs is None:
            continue
        allowed = theirs[1] == mine[1] or theirs[0] < mine[0]
        assert allowed, f"{name} imports {target}"


@pytest.mark.parametrize(
    ("name", "path"),
    [(name, path) for name, path in ALL if within(name, "mappers") or within(name, "connector.core")],
)
def test_pure_code_touches_nothing_outside_itself(name: str, path: Path) -> None:
    """Time and chance are arguments (style): what decides can be simulated."""
    for target in imported(path, name):
        assert target.split(".")[0] not in IMPURE, f"{name} imports {target}"
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, (ast.Await, ast.AsyncFunctionDef)), f"{name}: async in pure code"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "float"}, f"{name}:{node.lineno} {node.func.id}()"


@pytest.mark.parametrize("name", [name for name, _ in ALL])
def test_every_module_has_a_place(name: str) -> None:
    """A new module is put into a layer on purpose."""
    apart = (*FREE, SIMULATOR, DEMO)
    assert place(name) or any(within(name, package) for package in apart) or name == "connector", name


def test_there_are_no_import_cycles() -> None:
    known = dict(ALL)
    graph = {
        name: {t for t in imported(path, name, run_time_only=True) if t in known and t != name}
        for name, path in ALL
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name in done:
            return
        for target in graph[name]:
            if not name.startswith(
                target + "."
            ):  # a package's __init__ gathering its own modules is no cycle
                visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())
