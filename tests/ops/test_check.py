"""`connector check FILE`."""

import json
from pathlib import Path

import pytest

from connector.ops.check import check
from tests.settings.sample import KEY, PASSWORD, SAMPLE, SECRET, changed, written

RECV_WINDOW = "connectors.BINANCE.settings.recvWindow"


def test_a_usable_configuration_is_shown_with_origins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, changed(RECV_WINDOW, 5000))

    code = check(path, as_json=False, env={})

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert f"{RECV_WINDOW} 5000 file" in lines
    assert "fix.acceptor.heartbeatIntervalRange [5, 60] default" in lines
    assert "logging.file (absent) default" in lines
    assert lines[-1] == f"{path}: usable, 0 warnings"


def test_warnings_do_not_change_the_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The product page's sample has no sessions: usable for check, said aloud."""
    assert check(written(tmp_path, changed("fix", {})), as_json=False, env={}) == 0
    assert "warning fix.sessions: no FIX sessions: nobody can trade\n" in capsys.readouterr().out


def test_every_fault_is_a_line_and_the_code_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = changed(RECV_WINDOW, -1)
    data["journal"] = {"paht": "[red]x"}
    path = written(tmp_path, data)

    code = check(path, as_json=False, env={})

    assert code == 2
    assert capsys.readouterr().out.splitlines() == [
        f"{RECV_WINDOW}: -1 is out of range; allowed: a whole number of milliseconds from 0 to 60000",
        "journal.paht: unknown setting; did you mean path?",
        f"{path}: 2 faults, not usable",
    ]


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = written(tmp_path, SAMPLE), written(tmp_path, changed(RECV_WINDOW, -1), "bad.yaml")

    assert check(good, as_json=True, env={}) == 0
    usable = json.loads(capsys.readouterr().out)
    assert check(bad, as_json=True, env={}) == 2
    faulty = json.loads(capsys.readouterr().out)

    assert usable["ok"] is True
    assert usable["settings"]["fix"]["acceptor"]["port"] == 9878
    assert usable["origins"]["fix.acceptor.port"] == "default"
    assert usable["warnings"] == []
    assert faulty == {
        "ok": False,
        "file": str(bad),
        "faults": [
            {
                "path": RECV_WINDOW,
                "text": "-1 is out of range; allowed: a whole number of milliseconds from 0 to 60000",
            }
        ],
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    """P11."""
    assert check(written(tmp_path, SAMPLE), as_json=as_json, env={}) == 0

    printed = capsys.readouterr().out
    for secret in (KEY, SECRET, PASSWORD):
        assert secret not in printed
    assert "KEYhe********tail" in printed
