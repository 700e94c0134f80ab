"""A tree, checked against the schema: typed blocks, and every fault with its path."""

import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connector.settings.errors import Fault, RefusedError
from connector.settings.kinds import Kind, nearest, shown
from connector.settings.schema import MANDATORY, Block, Blocks, NamedBlocks, Setting, settings_of
from connector.settings.surroundings import Surroundings
from connector.settings.tree import FROM_FILE, Leaf, Node, Unresolved, bare

B = TypeVar("B")


class _Faulty:
    """Stands for a value that has been reported already."""


FAULTY = _Faulty()


@dataclass
class Reader:
    """Reads blocks; collects what it finds, and keeps every sound block in `blocks` by its path."""

    around: Surroundings
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, object] = field(default_factory=dict)

    def block(self, cls: type[B], node: Node | None, path: str) -> B | _Faulty:
        """The block at `path`, or `FAULTY` after its faults were collected."""
        if isinstance(node, Leaf) and isinstance(node.value, Unresolved):
            return self._fault(path, node.value.text)
        if node is None or (isinstance(node, Leaf) and node.value is None):
            node = {}
        if not isinstance(node, dict):
            return self._fault(
                path, f"{_container(node)} is written where a block of settings {{ … }} belongs"
            )
        rows = settings_of(cls)
        self._unknown(node, rows, path)
        values = {
            row.attribute: self._setting(row, node.get(row.name), _below(path, row.name)) for row in rows
        }
        if any(value is FAULTY for value in values.values()):
            return FAULTY
        result = cls(**values)
        self.blocks[path] = result
        return result

    def _fault(self, path: str, text: str) -> _Faulty:
        self.faults.append(Fault(path, text))
        return FAULTY

    def _unknown(self, node: dict[str, Node], rows: list[Setting], path: str) -> None:
        names = [row.name for row in rows]
        for name in node:
            if name not in names:
                meant = nearest(name, names)
                hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(names)}"
                self._fault(_below(path, name), f"unknown setting; {hint}")

    def _setting(self, row: Setting, node: Node | None, path: str) -> object:
        match row.kind:
            case Block(cls):
                return self.block(cls, node, path)
            case Blocks():
                return self._blocks(row, row.kind, node, path)
            case NamedBlocks():
                return self._named(row, row.kind, node, path)
            case kind:
                return self._value(row, kind, node, path)

    def _value(self, row: Setting, kind: Kind[Any], node: Node | None, path: str) -> object:
        raw = None if node is None else bare(node)
        lost = _unresolved(raw)
        if lost:
            return self._fault(path, lost.text)
        if raw is None:
            return self._default(row, kind, path)
        self.around.notes, self.around.origin = [], ""
        try:
            value = kind.parse(raw, self.around)
        except RefusedError as error:
            return self._fault(path, str(error))
        self.warnings += [Fault(path, note) for note in self.around.notes]
        self.origins[path] = self.around.origin or _origin(node)
        return value

    def _default(self, row: Setting, kind: Kind[Any], path: str) -> object:
        if row.default is MANDATORY:
            example = f", for example {row.example}" if row.example else ""
            return self._fault(path, f"missing; write {kind.allowed}{example}")
        return kind.settled(row.default, self.around)

    def _blocks(self, row: Setting, kind: Blocks, node: Node | None, path: str) -> object:
        if isinstance(node, Leaf) and isinstance(node.value, Unresolved):
            return self._fault(path, node.value.text)
        if node is None or (isinstance(node, Leaf) and node.value is None):
            node = []
        if not isinstance(node, list):
            return self._fault(
                path, f"{_container(node)} is written where a list of blocks [ {{ … }} ] belongs"
            )
        if len(node) < kind.at_least:
            return self._fault(path, f"missing; at least {kind.at_least} block is needed: {row.about}")
        items = [self.block(kind.cls, item, f"{path}[{index}]") for index, item in enumerate(node)]
        return FAULTY if any(item is FAULTY for item in items) else tuple(items)

    def _named(self, row: Setting, kind: NamedBlocks, node: Node | None, path: str) -> object:
        if node is None or (isinstance(node, Leaf) and node.value is None):
            node = {}
        if not isinstance(node, dict):
            return self._fault(
                path, f"{_container(node)} is written where named blocks {{ NAME {{ … }} }} belong"
            )
        if len(node) < kind.at_least:
            return self._fault(path, f"missing; at least {kind.at_least} block is needed: {row.about}")
        items: dict[str, object] = {}
        for name, child in node.items():
            if not re.fullmatch(kind.name_pattern, name):
                items[name] = self._fault(
                    _below(path, name), f"this name is not allowed; allowed: {kind.name_rule}"
                )
            else:
                items[name] = self.block(kind.cls, child, _below(path, name))
        return FAULTY if any(item is FAULTY for item in items.values()) else items


def _below(path: str, name: str) -> str:
    """The path of `name` inside `path`; an odd name is quoted, so that the path stays readable."""
    name = name if re.fullmatch(r"[\w-]+", name) else repr(name)
    return f"{path}.{name}" if path else name


def _container(node: Node) -> str:
    """What was written instead of a block; never its content, which may be a secret in the wrong place."""
    if isinstance(node, Leaf):
        return "a text" if isinstance(node.value, str) else "a single value"
    return shown(bare(node))


def _unresolved(raw: object) -> Unresolved | None:
    items = raw if isinstance(raw, list) else [raw]
    return next((item for item in items if isinstance(item, Unresolved)), None)


def _origin(node: Node | None) -> str:
    """Where a value, or the first item of a list, came from."""
    while isinstance(node, list) and node:
        node = node[0]
    return node.origin if isinstance(node, Leaf) else FROM_FILE
