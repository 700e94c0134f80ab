"""Defaults that depend on other settings, filled into the tree before it is checked."""

from connector.settings.model import Acceptor
from connector.settings.schema import settings_of
from connector.settings.tree import Leaf, Node, bare, found

DERIVED = "default"


def completed(tree: dict[str, Node]) -> dict[str, Node]:
    """`tree` with the accounts of API keys and the comp IDs and accounts of sessions that were left out."""
    result = dict(tree)
    connectors = result.get("connectors")
    if isinstance(connectors, dict):
        connectors = {name: _named_accounts(name, node) for name, node in connectors.items()}
        result["connectors"] = connectors
    fix = result.get("fix")
    if isinstance(fix, dict) and isinstance(fix.get("sessions"), list):
        result["fix"] = {**fix, "sessions": [_session(node, result) for node in _items(fix["sessions"])]}
    return result


def _items(node: Node) -> list[Node]:
    return node if isinstance(node, list) else []


def _named_accounts(name: str, node: Node) -> Node:
    settings = found(node, ["settings"])
    keys = found(node, ["settings", "apiKeys"])
    if not (isinstance(node, dict) and isinstance(settings, dict) and isinstance(keys, list)):
        return node
    named = [
        _with(key, "account", name if index == 1 else f"{name}-{index}") for index, key in enumerate(keys, 1)
    ]
    return {**node, "settings": {**settings, "apiKeys": named}}


def _session(node: Node, tree: dict[str, Node]) -> Node:
    ours = found(tree, ["fix", "acceptor", "senderCompId"])
    defaults = {row.name: row.default for row in settings_of(Acceptor)}
    node = _with(node, "senderCompId", defaults["senderCompId"] if _absent(ours) else bare(ours or {}))
    connector = found(node, ["connector"])
    if not (isinstance(connector, Leaf) and isinstance(connector.value, str)):
        return node
    keys = _items(found(tree, ["connectors", connector.value, "settings", "apiKeys"]) or [])
    first = found(keys[0], ["account"]) if keys else None
    return node if first is None else _with(node, "account", bare(first))


def _absent(node: Node | None) -> bool:
    return node is None or (isinstance(node, Leaf) and node.value is None)


def _with(node: Node, name: str, value: object) -> Node:
    if not isinstance(node, dict) or not _absent(node.get(name)):
        return node
    return {**node, name: Leaf(value, DERIVED)}
