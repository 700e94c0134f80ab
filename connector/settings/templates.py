"""Templates: what a connector stands on, shipped or the operator's own.

HOCON writes `BINANCE: ${template.connector.crypto.binance} { … }`; every format may write
`BINANCE: {template: connector.crypto.binance, …}` instead.
"""

from functools import cache

from connector.settings.files import read_text
from connector.settings.hocon import read_hocon
from connector.settings.kinds import nearest, shown
from connector.settings.shipped import shipped
from connector.settings.tree import Leaf, Node, Unresolved, bare, block_paths, found, merged, planted

_KEY = "template"
FROM_TEMPLATE = "template"
_DEEPEST = 8  # templates standing on templates


@cache
def shipped_templates() -> dict[str, Node]:
    """The tree of the shipped config/templates.conf; read once, it belongs to the installation."""
    path = shipped("templates.conf")
    tree = read_hocon(read_text(path), path.name, {})
    result = planted(bare(tree), FROM_TEMPLATE)
    assert isinstance(result, dict)
    return result


def expanded(tree: dict[str, Node], templates: dict[str, Node]) -> dict[str, Node]:
    """`tree` with every connector's `template` key replaced by what it names, and without the templates."""
    known = merged(templates.get(_KEY, {}), tree.get(_KEY, {}))
    result = {key: node for key, node in tree.items() if key != _KEY}
    connectors = result.get("connectors")
    if isinstance(connectors, dict):
        result["connectors"] = {name: _expanded(node, known, _DEEPEST) for name, node in connectors.items()}
    return result


def _expanded(node: Node, known: Node, deepest: int) -> Node:
    if not isinstance(node, dict) or _KEY not in node:
        return node
    wanted, rest = node[_KEY], {key: child for key, child in node.items() if key != _KEY}
    name = wanted.value if isinstance(wanted, Leaf) else None
    below = found(known, name.removeprefix(f"{_KEY}.").split(".")) if isinstance(name, str) else None
    if not isinstance(below, dict):
        return Leaf(Unresolved(_nowhere(bare(wanted), known)))
    if not deepest:
        return Leaf(Unresolved(f"template {shown(name)} stands on itself"))
    return merged(_expanded(below, known, deepest - 1), rest)


def _nowhere(name: object, known: Node) -> str:
    paths = list(block_paths(known))
    meant = nearest(name, paths) if isinstance(name, str) else None
    hint = f"did you mean {meant}?" if meant else "the shipped one is connector.crypto.binance"
    return f"there is no template {shown(name)}; {hint}"
