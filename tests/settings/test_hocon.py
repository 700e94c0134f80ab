"""HOCON as operators know it: references, overrides, the environment; and what pyhocon gets wrong."""

from pathlib import Path

import pytest

from connector.settings import SettingsError
from connector.settings.durations import Period
from connector.settings.hocon import read_hocon
from connector.settings.templates import shipped_templates
from connector.settings.tree import bare
from tests.settings.sample import faults, written_text

TEMPLATES = read_hocon("template.t { s { a = 1, b = 2 } }", "templates.conf", {})


def values(text: str, **environment: str) -> object:
    return bare(read_hocon(text, "a.conf", environment, TEMPLATES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k = 1, k = ${?X}", 1),
        ("k = 1, k = ${?SET}", "yes"),
        ("k = ${SET}", "yes"),
        ('k = "wss://"${SET}"/x"', "wss://yes/x"),
        ("k = a ${SET} b", "a yes b"),
        ("k = [1, ${?X}, ${SET}]", [1, "yes"]),
        ("k = [1] [2, 3]", [1, 2, 3]),
        ("k = ${template.t} { s { b = 3 } }", {"s": {"a": 1, "b": 3}}),
        ("k = ${template.t} { s.b = 3 } { s.c = 4 }", {"s": {"a": 1, "b": 3, "c": 4}}),
        ("k { s { c = 3 } }\nk = ${template.t}", {"s": {"c": 3, "a": 1, "b": 2}}),
        ("k = ${template.t.s.a}", 1),
        ("template.t.s.a = 9\nk = ${template.t}", {"s": {"a": 9, "b": 2}}),
        ("template.mine = ${template.t} { s { a = 7 } }\nk = ${template.mine}", {"s": {"a": 7, "b": 2}}),
        ("other { x = 1 }\nk = ${other} { y = 2 }", {"x": 1, "y": 2}),
        ("k = 5, k = ${k}", 5),
        ('k = "a\\/b\\n"', "a/b\n"),
        ('k = "-----BEGIN#x/+==#-----END"', "-----BEGIN#x/+==#-----END"),
        ("k = https://api.binance.com # comment", "https://api.binance.com"),
        ('k = """a\nb"""', "a\nb"),
        ("k = 1500ms", Period(1500)),
        ("k = 90s", Period(90_000)),
        ("k = null", None),
    ],
)
def test_a_value_is_what_hocon_says(text: str, expected: object) -> None:
    """HOCON.md: substitutions, merging, concatenation, optional references."""
    tree = values(text, SET="yes")

    assert isinstance(tree, dict)
    assert tree["k"] == expected


@pytest.mark.parametrize("unset", ["k { x = 5, x = ${?X} }", "k = ${template.t} { s { a = 5, a = ${?X} } }"])
def test_a_default_before_an_unset_variable_stands(unset: str) -> None:
    """pyhocon 0.3.63 gives the template's 1 in the second case."""
    tree = values(unset)

    assert tree in ({"k": {"x": 5}}, {"k": {"s": {"a": 5, "b": 2}}})


@pytest.mark.parametrize(
    "later",
    ["connectors.B.settings.recvWindow = 5", "connectors { B { settings { recvWindow = 5 } } }"],
)
def test_a_template_that_would_be_lost_is_refused(tmp_path: Path, later: str) -> None:
    """pyhocon forgets `B: ${…}` when a second block adds to B; silently other settings would be in force."""
    path = written_text(
        tmp_path, f"connectors.B = ${{template.connector.crypto.binance}}\n{later}\n", "a.conf"
    )

    assert faults(path) == [
        f"{path}, line 1: ${{template.connector.crypto.binance}} is overruled further down; "
        "write what stands on it in one block: ${…} { … }"
    ]


@pytest.mark.parametrize("text", ["a = ${b}\nb = ${a}", "a = ${a}", "a { b = ${a.c}, c = ${a.b} }"])
def test_references_in_a_circle_lead_nowhere(text: str) -> None:
    tree = str(values(text))

    assert "there is no" in tree or "is not set" in tree


@pytest.mark.parametrize(
    "text", ['# include "x" and a += 1 and \\u0041\na = 1', "a = 1 // += ${gone.x}", 'a = "+= include"']
)
def test_comments_and_strings_may_say_anything(text: str) -> None:
    assert isinstance(values(text), dict)


def test_deep_nesting_is_refused_not_crashed_on() -> None:
    with pytest.raises(SettingsError, match=r"a\.conf, line 1: blocks are nested too deeply"):
        values("a = " + "[" * 5000)


def test_an_unquoted_number_is_no_text(tmp_path: Path) -> None:
    """pyhocon reads 0123 as 123 and 1m as 60 seconds: a password would silently be another one."""
    for unquoted in ("0123", "1m", "true", "1.10"):
        text = f"fix.sessions = [{{targetCompId = A, username = u, connector = B, password = {unquoted}}}]"
        path = written_text(tmp_path, text, "a.conf")

        assert (
            "fix.sessions[0].password: the value unquoted is not read as text; write it in quotes"
            in faults(path)
        )


def test_the_shipped_templates_hold_the_one_the_page_names() -> None:
    tree = bare(shipped_templates())

    assert isinstance(tree, dict)
    assert sorted(tree["template"]["connector"]["crypto"]["binance"]) == ["settings"]
