"""YAML text -> texts, lists and mappings, with the line of each; numbers stay the text that was written."""

from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
Path: TypeAlias = "tuple[str | int, ...]"
MAX_DEPTH = 12  # deeper is no scenario but an alias that contains itself


@dataclass(slots=True)
class Document:
    """A parsed file. `faults` are those of the text itself: keys given twice, keys that are no text."""

    value: Value = ""
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[tuple[Path, str]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest thing around it; from 1."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> Document:
    """Read YAML (or JSON, which is YAML).

    Raises:
        yaml.YAMLError: the text is not YAML; it says where.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    document = Document()
    if node is not None:
        document.value = _value(document, node, ())
    return document


def _value(document: Document, node: yaml.Node, path: Path) -> Value:
    document.lines[path] = node.start_mark.line + 1
    if len(path) > MAX_DEPTH:
        document.faults.append((path, "nested too deep"))
        return ""
    if isinstance(node, yaml.SequenceNode):
        return [_value(document, item, (*path, number)) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path)
    return str(node.value)


def _mapping(document: Document, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, item in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        here = (*path, name)
        value = _value(document, item, here)
        document.lines[here] = key.start_mark.line + 1
        if not name:
            document.faults.append((path, "a key is not a text"))
        elif name in found:
            document.faults.append((here, "given twice"))
        found.setdefault(name, value)
    return found
