"""`python -m connector.simulator` as its users start it."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.simulator.cli import load_keys, main
from connector.simulator.keys import KeyFileError, demo_keys

SECRET = "s" * 64
KEY = "k" * 64


@contextmanager
def started(*options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "connector.simulator", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_json_says_where_and_with_which_keys_and_sigterm_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "port"
    with started("--json", "--no-moves", "--seed", "7", "--port-file", str(file)) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert int(file.read_text()) == told["port"]
        with urllib.request.urlopen(told["url"] + "/api/v3/time", timeout=5) as reply:
            assert "serverTime" in json.load(reply)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""

    assert [key["kind"] for key in told["keys"]] == ["HMAC", "ED25519"]
    assert told["keys"][0]["apiKey"] == demo_keys(7, "main")[0].api_key


def test_people_get_addresses_and_a_one_line_secret() -> None:
    with started("--account", "desk1") as process:
        assert process.stdout is not None
        text = ""
        while "Stop with" not in text:
            text += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0

    assert "REST     http://127.0.0.1:" in text
    assert "ED25519 key of account 'desk1'" in text
    assert "-----BEGIN PRIVATE KEY-----#" in text


def test_given_keys_are_used_and_their_secrets_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"- apiKey: {'f' * 64}\n  apiSecret: {SECRET}\n  account: filed\n")
    with started(
        "--key", f"apiKey={KEY},apiSecret={SECRET},account=desk", "--keys-file", str(file)
    ) as process:
        assert process.stdout is not None
        text = ""
        while "Stop with" not in text:
            text += process.stdout.readline()

    assert "HMAC key kkkkk…kkkk of account 'desk'" in text
    assert "account 'filed'" in text
    assert SECRET not in text


def test_a_taken_port_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with started("--json") as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        begun = time.monotonic()
        assert main(["--port", str(port)]) == 1

    assert f"127.0.0.1:{port}" in capsys.readouterr().err
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("inline", "text", "complaint"),
    [
        (["nonsense"], "", "no '='"),
        ([f"apiKey={KEY},apiSecret=a", f"apiKey={KEY},apiSecret=b"], "", "given twice"),
        ([], "a: b", "not a list"),
        ([], "- text", "not a mapping"),
        ([], "- [", "keys.yaml"),
    ],
)
def test_unusable_keys_are_explained(tmp_path: Path, inline: list[str], text: str, complaint: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(text)

    with pytest.raises(KeyFileError, match=complaint):
        load_keys(inline, file if text else None)


def test_an_unusable_key_ends_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--key", "apiKey=x", "--port", "0"]) == 2
    assert "give apiSecret" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["{", "[]", '{"action":"explode"}'])
def test_an_unusable_fault_ends_with_code_2(capsys: pytest.CaptureFixture[str], fault: str) -> None:
    assert main(["--fault", fault, "--port", "0"]) == 2
    assert "connector.simulator: " in capsys.readouterr().err


def test_faults_can_be_in_force_from_the_start() -> None:
    with started(
        "--json", "--fault", '{"action":"error_before","route":"GET /api/v3/time","status":503}'
    ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"] + "/api/v3/time"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, timeout=5)
        refused.value.close()
        with urllib.request.urlopen(url, timeout=5) as reply:
            assert reply.status == 200

    assert refused.value.code == 503
