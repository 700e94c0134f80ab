"""What the engine is told, and the dictionary it is given."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import quickfix as fix

from connector.fix.acceptor import FixAcceptor, SessionSpec
from connector.fix.engine import EngineStartError
from connector.fix.engine_settings import FIXED, NAMES, UnknownEngineSettingError, checked, session_settings
from tests.fix.conftest import DICTIONARY, RecordedApplication, RecordedLog, must_not_fail

OURS = {6100: "StopOrderType", 6101: "SideEffectType", 6102: "SelfTradePreventionMode"}
SPEC = SessionSpec(sender_comp_id="GW", target_comp_id="OMS")


def test_a_misspelt_setting_is_refused_with_the_nearest_name() -> None:
    """The engine would ignore it in silence (fact 9)."""
    with pytest.raises(
        UnknownEngineSettingError, match="no setting 'SocketNoDelay'; the nearest is 'SocketNodelay'"
    ):
        checked({"SocketNoDelay": "Y"})


def test_every_name_of_ours_is_one_the_binding_exports() -> None:
    """The table is the engine's own: `quickfix` exports its setting names as constants."""
    exported = {value for value in vars(fix).values() if isinstance(value, str)}
    assert exported >= NAMES - {"HostSelectionPolicyPriorityStartOverInterval"}
    assert set(FIXED) <= NAMES


def test_no_setting_resets_numbers() -> None:
    """With ResetOn* a report for an absent client is lost (fact 16)."""
    assert not [name for name in FIXED if name.startswith("ResetOn")]
    settings = session_settings([SPEC], accept_port=1, store_path=Path("/x"), dictionary=DICTIONARY)
    block = settings.get(fix.SessionID("FIX.4.4", "GW", "OMS"))
    assert block.getString("SocketNodelay") == "Y"
    assert not block.has("ResetOnLogon")


@pytest.mark.parametrize("specs", [[], [SPEC, SPEC]])
def test_sessions_are_named_once_each(specs: list[SessionSpec]) -> None:
    with pytest.raises(ValueError, match="once each"):
        session_settings(specs, accept_port=1, store_path=Path("/x"), dictionary=DICTIONARY)


@pytest.mark.parametrize("name", ["", "A B", "../X", "A\x01", "\u00e9"])
def test_comp_ids_that_cannot_name_a_file_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="TargetCompID"):
        SessionSpec(sender_comp_id="GW", target_comp_id=name)


def test_a_password_is_not_in_a_sessions_repr() -> None:
    """P11."""
    assert "hush" not in repr(
        SessionSpec(sender_comp_id="G", target_comp_id="O", username="u", password="hush")
    )


@pytest.mark.parametrize("message", ["D", "G", "8"])
def test_our_tags_are_defined_on_their_messages(message: str) -> None:
    dictionary = fix.DataDictionary(str(DICTIONARY))
    for tag in (*OURS, 25001, 111, 152):
        assert dictionary.isMsgField(message, tag), (message, tag)


def test_reports_have_the_fields_we_fill() -> None:
    dictionary = fix.DataDictionary(str(DICTIONARY))
    execution = (37, 11, 41, 526, 17, 150, 39, 1, 55, 54, 38, 40, 44, 99, 59, 18, 14, 151, 6, 31, 32, 60)
    for tag in (*execution, 12, 13, 136, 851, 1057, 1003, 103, 58, 378, 790, 25016):
        assert dictionary.isMsgField("8", tag), tag
    for message, tags in {
        "9": (37, 11, 41, 39, 434, 102, 58, 25016),
        "j": (45, 372, 379, 380, 58, 25016),
    }.items():
        assert [tag for tag in tags if not dictionary.isMsgField(message, tag)] == []
    assert dictionary.isMsgField("3", 25016)


def test_open_values_stay_open_and_names_are_unique() -> None:
    root = ET.parse(DICTIONARY).getroot()
    entries = root.findall("fields/field")
    names = [entry.get("name") for entry in entries]
    numbers = [entry.get("number") for entry in entries]
    assert len(set(names)) == len(names)
    assert len(set(numbers)) == len(numbers)
    by_number = {int(entry.get("number", "0")): entry for entry in entries}
    for tag in (18, 40, 54, 59, *OURS, 25001):
        assert list(by_number[tag]) == [], f"{by_number[tag].get('name')}({tag}) lists values"
    assert {tag: by_number[tag].get("name") for tag in OURS} == OURS


async def start(**changes: Any) -> None:
    acceptor = FixAcceptor(
        **{
            "host": "127.0.0.1",
            "port": 0,
            "sessions": [SPEC],
            "dictionary": DICTIONARY,
            "application": RecordedApplication(),
            "fail_stop": must_not_fail,
            "first_message_deadline_s": 1.0,
            "log": RecordedLog(),
            **changes,
        }
    )
    await acceptor.start()


async def test_a_missing_dictionary_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match=r"nowhere\.xml"):
        await start(store_path=tmp_path, dictionary=tmp_path / "nowhere.xml")


async def test_a_taken_port_is_an_os_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    for _ in range(2):
        with pytest.raises(OSError, match=str(taken)):
            await start(store_path=tmp_path, port=taken)
    server.close()
    await server.wait_closed()
