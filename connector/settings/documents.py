"""The YAML and JSON front-ends: plain data, every key once."""

import json
import re
from typing import Any, NoReturn

import yaml

from connector.settings.errors import Fault, SettingsError
from connector.settings.tree import Node, planted


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's plain values, so that YAML and HOCON mean the same.

    YAML 1.1 reads `NO` as false, `1:30` as 90, `0123` as 83 and `2026-01-01` as a date; here these are texts.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own table

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[object]()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, "a name is expected", key_node.start_mark)
            if key in seen:
                problem = f"'{key}' is written twice in one block"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def read_yaml(text: str, name: str) -> dict[str, Node]:
    """The tree of a YAML text; `name` is the file's, for faults.

    Raises:
        SettingsError: a syntax error, a key written twice, or no block at the top; names file and line.
    """
    try:
        loader = _Loader(text)
        data = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(name, mark.line + 1 if mark else 1, error.problem or "cannot be read as YAML")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _refuse(name, line, "a control character is not allowed in YAML")
    except (RecursionError, ValueError):
        _refuse(name, 1, "nested too deeply, or a number too long to be read")
    return _top(data, name)


def read_json(text: str, name: str) -> dict[str, Node]:
    """The tree of a JSON text.

    Raises:
        SettingsError: as for YAML.
    """

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [key for key, _ in pairs]
        twice = sorted({key for key in names if names.count(key) > 1})
        if twice:
            text = f"'{twice[0]}' is written twice in one block"
            raise SettingsError([Fault(name, text)])
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        _refuse(name, error.lineno, f"this is not JSON: {error.msg} (column {error.colno})")
    except (RecursionError, ValueError):
        _refuse(name, 1, "nested too deeply, or a number too long to be read")
    return _top(data, name)


def _top(data: object, name: str) -> dict[str, Node]:
    try:
        tree = planted({} if data is None else data)
    except RecursionError:  # a YAML alias inside its own anchor
        _refuse(name, 1, "a block contains itself")
    if not isinstance(tree, dict):
        _refuse(name, 1, "settings are expected at the top, such as connectors")
    return tree


def _refuse(name: str, line: int, text: str) -> NoReturn:
    raise SettingsError([Fault(f"{name}, line {line}", text)]) from None
