"""What every front-end makes of a file: blocks, lists and leaves that remember where they came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

FROM_FILE = "file"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Stands where a reference could not be followed; the reader reports `text` at the setting's path."""

    text: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of the file (str, int, float, bool, None, `Period` or `Unresolved`) and its origin."""

    value: object
    origin: str = FROM_FILE


Node = Leaf | list["Node"] | dict[str, "Node"]


def planted(value: object, origin: str = FROM_FILE) -> Node:
    """Plain dicts, lists and values as a tree."""
    if isinstance(value, Mapping):
        return {str(key): planted(item, origin) for key, item in value.items()}
    if isinstance(value, list):
        return [planted(item, origin) for item in value]
    return Leaf(value, origin)


def bare(node: Node) -> object:
    """The tree as plain dicts, lists and values."""
    match node:
        case Leaf(value):
            return value
        case list():
            return [bare(item) for item in node]
        case dict():
            return {key: bare(item) for key, item in node.items()}


def merged(below: Node, above: Node) -> Node:
    """`above` laid over `below`: blocks are merged, anything else is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    result = dict(below)
    for key, node in above.items():
        result[key] = merged(result[key], node) if key in result else node
    return result


def found(node: Node, path: list[str]) -> Node | None:
    """The node at `path`, or None."""
    for name in path:
        if not isinstance(node, dict) or name not in node:
            return None
        node = node[name]
    return node


def block_paths(node: Node, prefix: str = "") -> Iterator[str]:
    """Dotted paths of all blocks, outermost first: the names a template may be called by."""
    if isinstance(node, dict):
        for key, child in node.items():
            if isinstance(child, dict):
                yield prefix + key
                yield from block_paths(child, f"{prefix}{key}.")
