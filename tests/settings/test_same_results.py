"""HOCON, YAML and JSON mean the same; and no text at all makes the loader fail in its own way."""

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.settings import SettingsError, load, masked_view
from connector.settings.durations import milliseconds, written
from tests.settings.sample import SAMPLE, faults, written_text

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)
NAMES = st.text("ABCabc019_.-", min_size=1, max_size=12)
ODD_NUMBERS = st.sampled_from(
    ["0123", "1e3", "5s", "1m", "true", "no", "null", "~", "1:30", "2026-01-01", "0x1F"]
)

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "recvWindow": st.integers(-10, 70_000),
        "staleWebsocketTimeout": st.sampled_from(["500ms", "5s", "10m", "1d", "5", "x"]),
        "requestTimeout": st.integers(1, 10_000_000).map(lambda ms: f"{ms}ms"),
        "sideEffectType": st.sampled_from(["MARGIN_BUY", "AUTO_REPAY", "auto_repay"]),
        "clientOrderIdPrefix": st.one_of(NAMES, ODD_NUMBERS, PRINTABLE),
        "autoRepayAtCancel": st.one_of(st.booleans(), st.just("yes"), st.none()),
        "binanceSyncSettings": st.fixed_dictionaries(
            {}, optional={"ordersRequestSizeLimit": st.integers(0, 1001)}
        ),
    },
)
KEYS = st.lists(
    st.fixed_dictionaries(
        {"apiKey": PRINTABLE, "apiSecret": st.one_of(PRINTABLE, ODD_NUMBERS)},
        optional={
            "account": st.one_of(NAMES, ODD_NUMBERS),
            "isolatedSymbols": st.lists(st.text("ABCa1", min_size=1, max_size=4), max_size=3),
        },
    ),
    max_size=3,
)


class Quoting(yaml.SafeDumper):
    """Quotes every text: PyYAML writes YAML 1.1, for which 0E0 is a text; for YAML 1.2 it is a number."""


Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def hocon(value: object) -> str:
    """Plain data as HOCON, quoted where YAML would quote too."""
    if isinstance(value, dict):
        return "{" + "\n".join(f"{key} = {hocon(item)}" for key, item in value.items()) + "\n}"
    if isinstance(value, list):
        return "[" + ", ".join(map(hocon, value)) + "]"
    return json.dumps(value)


def outcome(directory: Path, name: str, text: str) -> object:
    try:
        loaded = load(written_text(directory, text, name), {})
    except SettingsError as error:
        return [str(fault) for fault in error.faults]
    return loaded.connectors, loaded.fix, loaded.journal, loaded.logging, loaded.admin, loaded.warnings


@settings(max_examples=60, deadline=None)
@given(SETTINGS, KEYS, st.one_of(PRINTABLE, ODD_NUMBERS))
def test_three_formats_give_one_result(own: dict[str, Any], keys: list[Any], password: str) -> None:
    """Right or wrong: equal settings, or equal faults."""
    base = SAMPLE["connectors"]["BINANCE"]["settings"]
    data = {
        "connectors": {"BINANCE": {"settings": {**base, **own, "apiKeys": keys}}},
        "fix": {"sessions": [{**SAMPLE["fix"]["sessions"][0], "password": password}]},
    }
    with tempfile.TemporaryDirectory() as directory:
        as_yaml = outcome(Path(directory), "a.yaml", yaml.dump(data, Dumper=Quoting))
        as_json = outcome(Path(directory), "a.json", json.dumps(data))
        as_hocon = outcome(Path(directory), "a.conf", hocon(data)[1:-1])

    assert as_yaml == as_json == as_hocon


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["a.conf", "a.yaml", "a.json"]),
    st.text(st.sampled_from('{}[]():=,+#"\\/$?.\n \t-&*!|>%@`abc1é\x07connectors'), max_size=80),
)
def test_no_text_breaks_the_loader(name: str, text: str) -> None:
    """Whatever stands in the file, the answer is a list of faults (an empty file has faults too)."""
    with tempfile.TemporaryDirectory() as directory:
        assert faults(written_text(Path(directory), text, name)) != []


@given(st.integers(1, 10**11))
def test_a_duration_survives_being_written(value: int) -> None:
    assert milliseconds(written(value)) == value


def test_what_is_shown_can_be_loaded_again(tmp_path: Path) -> None:
    """The masked view keeps the operator's names and notation; only the secrets are missing."""
    path = written_text(tmp_path, yaml.safe_dump(SAMPLE), "a.yaml")
    first = load(path, {})
    view = masked_view(first)
    again = load(written_text(tmp_path, json.dumps(view), "b.json"), {})

    assert masked_view(again)["fix"] == view["fix"]
    assert again.connectors["BINANCE"].settings.sync == first.connectors["BINANCE"].settings.sync
    assert (again.journal, again.logging, again.admin) == (first.journal, first.logging, first.admin)
