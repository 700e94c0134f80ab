"""The HOCON front-end: pyhocon reads the text, references are followed here.

pyhocon's own resolution is not used. It reads the process environment only, stops at the first missing name,
and forgets a value on the usual `x = 5, x = ${?X}` once the block stands on a template (0.3.63: with X unset
the template's x comes out, not 5).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NoReturn

from pyhocon import ConfigTree
from pyhocon.config_parser import NO_SUBSTITUTION, ConfigParser
from pyhocon.config_tree import ConfigQuotedString, ConfigSubstitution, ConfigValues, NoneValue
from pyparsing import ParseBaseException, lineno

from connector.settings.durations import Period
from connector.settings.errors import Fault, SettingsError
from connector.settings.kinds import nearest
from connector.settings.tree import FROM_FILE, Leaf, Node, Unresolved, block_paths, found, merged

# What must be found outside comments and strings: each alternative before the last two only skips.
_SCANNED = re.compile(
    r'"""[\s\S]*?"""+'
    r'|"(?P<string>(?:[^"\\\n]|\\.)*)"'
    r"|(?:\#|(?<!:)//)[^\n]*"
    r"|(?P<include>\binclude\b(?=[ \t]*(?:\"|(?:required|url|file|package|classpath)[ \t]*\()))"
    r"|(?P<append>\+=)"
    r"|\$\{(?P<variable>[^}]+)\}",
    re.IGNORECASE,
)


class _Parser(ConfigParser):  # type: ignore[misc]
    """pyhocon's parser, with the escapes of JSON it leaves out."""

    REPLACEMENTS = {**ConfigParser.REPLACEMENTS, r"\/": "/", r"\b": "\b", r"\f": "\f"}  # noqa: RUF012


def read_hocon(
    text: str, name: str, environment: Mapping[str, str], templates: Node | None = None
) -> dict[str, Node]:
    """The tree of a HOCON text; a reference looks into the text, `templates`, then the environment.

    Raises:
        SettingsError: a syntax error or a construct not supported; names file and line, never content.
    """
    written = _scan(text, name)
    tree = _parse(text, name)
    _check_nothing_lost(tree, written, name)
    resolver = _Resolver(tree, environment, templates if templates is not None else {})
    try:
        result = resolver.block(tree)
    except RecursionError:
        _refuse(name, 1, "the references in this file go round in circles")
    return result


def _parse(text: str, name: str) -> ConfigTree:
    try:
        tree = _Parser.parse(text, resolve=False, unresolved_value=NO_SUBSTITUTION)
    except ParseBaseException as error:
        _refuse(name, error.lineno, f"{_complaint(error.msg)} (column {error.column})")
    except RecursionError:
        _refuse(name, 1, "blocks are nested too deeply")
    except Exception as error:  # noqa: BLE001 - pyhocon lets TypeError and others out; its texts may hold a secret
        line = re.search(r"\(line: (\d+)", str(error))
        text = "a block, a list and a text cannot be joined into one value"
        _refuse(name, int(line[1]) if line else None, text)
    if not isinstance(tree, ConfigTree):
        _refuse(name, 1, "settings are expected at the top, such as connectors { … }")
    return tree


def _complaint(message: str) -> str:
    for bracket in "}]":
        if message.startswith(f"Expected '{bracket}'"):
            return f"a '{bracket}' is missing before this place"
    if message.startswith("Expected end of text"):
        return "the file should end here; is there a '}' too many?"
    return "cannot be read; a setting such as `name = value` or `name { … }` is expected here or just before"


def _scan(text: str, name: str) -> list[tuple[str, int]]:
    """References into the file as (name, line); refuses what pyhocon would read wrongly or from elsewhere."""
    references = []
    for match in _SCANNED.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["include"]:
            _refuse(name, line, "include is not supported; write one file, secrets by env:NAME or file:PATH")
        if match["append"]:
            _refuse(name, line, "+= is not supported; write the whole list")
        if re.search(r"(?<!\\)(?:\\\\)*\\u", match["string"] or ""):
            _refuse(name, line, r"\u escapes are not supported; write the character itself")
        if match["string"] == "" and _is_item(text, match):
            _refuse(name, line, 'a list holds an empty text ""; leave it out')
        if match["variable"] and "." in match["variable"]:
            references.append((match["variable"].lstrip("?").strip(), line))
    return references


def _is_item(text: str, match: re.Match[str]) -> bool:
    """Whether what matched is an item of a list; pyhocon drops an empty one without a word."""
    before, after = text[: match.start()].rstrip()[-1:], text[match.end() :].lstrip()[:1]
    return before in ("[", ",") and after in ("]", ",")


def _check_nothing_lost(tree: ConfigTree, written: list[tuple[str, int]], name: str) -> None:
    """pyhocon drops `X = ${template}` when a later `X.y = 1` or a second block adds to X: say so instead."""
    alive = {(sub.variable.strip(), lineno(sub.loc, sub.instring)) for sub in _substitutions(tree)}
    lost = [
        Fault(f"{name}, line {line}", f"${{{variable}}} is overruled further down; {_IN_ONE_PLACE}")
        for variable, line in written
        if (variable, line) not in alive
    ]
    if lost:
        raise SettingsError(lost)


_IN_ONE_PLACE = "write what stands on it in one block: ${…} { … }"


def _substitutions(item: object) -> Iterator[ConfigSubstitution]:
    match item:
        case ConfigSubstitution():
            yield item
        case ConfigValues():
            for token in item.tokens:
                yield from _substitutions(token)
            yield from _substitutions(item.overridden_value)
        case ConfigTree():
            for child in dict.values(item):
                yield from _substitutions(child)
        case list():
            for child in item:
                yield from _substitutions(child)


class _Resolver:
    """Follows `${…}` in one parsed file. None means: an optional reference that leads nowhere."""

    def __init__(self, root: ConfigTree, environment: Mapping[str, str], templates: Node) -> None:
        self._root, self._environment, self._templates = root, environment, templates
        self._active: list[
            ConfigValues
        ] = []  # being resolved: a reference back into it is to its older value

    def block(self, tree: ConfigTree) -> dict[str, Node]:
        resolved = {key.strip('"'): self.node(value) for key, value in dict.items(tree)}
        return {key: node for key, node in resolved.items() if node is not None}

    def node(self, item: object) -> Node | None:
        match item:
            case ConfigValues():
                return self._joined(item)
            case ConfigSubstitution():
                return self._followed(item)
            case ConfigTree():
                return self.block(item)
            case list():
                return [node for node in map(self.node, item) if node is not None]
            case _:
                return Leaf(_value(item))

    def _joined(self, values: ConfigValues) -> Node | None:
        """The tokens of one value: blocks merge, lists are concatenated, texts are joined."""
        if any(values is active for active in self._active):
            return self.node(values.overridden_value) if values.overridden_value is not None else None
        self._active.append(values)
        pairs = [(token, self.node(token)) for token in values.tokens]
        self._active.pop()
        parts = [(token, node) for token, node in pairs if node is not None]
        below = self.node(values.overridden_value) if values.overridden_value is not None else None
        return _join(parts, below)

    def _followed(self, reference: ConfigSubstitution) -> Node | None:
        name = reference.variable.strip()
        path = ConfigTree.parse_key(name)
        own, shipped = self._looked_up(path), found(self._templates, path)
        if own is not None:
            return merged(shipped, own) if shipped is not None else own
        if shipped is not None:
            return shipped
        if name in self._environment:
            return Leaf(self._environment[name], f"environment variable {name}")
        return None if reference.optional else Leaf(self._nowhere(name, reference))

    def _looked_up(self, path: list[str]) -> Node | None:
        item: object = self._root
        for part in path:
            if isinstance(item, ConfigValues):
                item = self._joined(item)
            if not isinstance(item, dict):
                return None
            item = {key.strip('"'): value for key, value in dict.items(item)}.get(part.strip('"'))
        if item is None or isinstance(item, Leaf):
            return item
        if isinstance(item, dict) and not isinstance(item, ConfigTree):
            return item
        return self.node(item)

    def _nowhere(self, name: str, reference: ConfigSubstitution) -> Unresolved:
        line = lineno(reference.loc, reference.instring)
        if "." not in name:
            remedy = f"set it, or write ${{?{name}}} where the default will do"
            return Unresolved(f"line {line}: environment variable {name} is not set; {remedy}")
        meant = nearest(name, list(block_paths(self._templates)))
        hint = f"did you mean ${{{meant}}}?" if meant else "check the name"
        return Unresolved(f"line {line}: there is no ${{{name}}}; {hint}")


def _join(parts: list[tuple[object, Node]], below: Node | None) -> Node | None:
    nodes = [node for _, node in parts]
    lost = [node for node in nodes if isinstance(node, Leaf) and isinstance(node.value, Unresolved)]
    if lost or not nodes:
        return lost[0] if lost else below
    if all(isinstance(node, dict) for node in nodes):
        result: Node = below if isinstance(below, dict) else {}
        for node in nodes:
            result = merged(result, node)
        return result
    if all(isinstance(node, list) for node in nodes):
        return [item for node in nodes if isinstance(node, list) for item in node]
    leaves = [node for node in nodes if isinstance(node, Leaf)]
    if len(leaves) != len(nodes):
        return Leaf(Unresolved("joins a block or a list with a text; write one of them"))
    return leaves[0] if len(leaves) == 1 else _joined_text(parts, leaves)


def _joined_text(parts: list[tuple[object, Node]], leaves: list[Leaf]) -> Leaf:
    """`"wss://"${HOST}` and the like; blanks between the parts count, blanks at the end do not (HOCON.md)."""
    texts = [
        str(leaf.value) + getattr(token, "ws", "") for (token, _), leaf in zip(parts, leaves, strict=True)
    ]
    texts[-1] = str(leaves[-1].value)
    origins = [leaf.origin for leaf in leaves if leaf.origin != FROM_FILE]
    return Leaf("".join(texts), origins[0] if origins else FROM_FILE)


def _value(item: object) -> object:
    """A pyhocon value as a plain one."""
    match item:
        case ConfigQuotedString():
            return item.value
        case NoneValue():
            return None
        case str():
            return str(item)
        case timedelta():
            return Period(item // timedelta(milliseconds=1))
        case _:
            return _calendar(item) if type(item).__name__ == "relativedelta" else item


def _calendar(item: Any) -> object:
    """dateutil's relativedelta, which pyhocon makes of days and smaller; a month has no fixed length."""
    if item.years or item.months:
        return Unresolved("months and years have no fixed length; write days")
    hours = timedelta(days=item.days, hours=item.hours, minutes=item.minutes)
    whole = hours + timedelta(seconds=item.seconds, microseconds=item.microseconds)
    return Period(whole // timedelta(milliseconds=1))


def _refuse(name: str, line: int | None, text: str) -> NoReturn:
    place = f"{name}, line {line}" if line else name
    raise SettingsError([Fault(place, text)]) from None
