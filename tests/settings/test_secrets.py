"""P11: secrets never appear, wherever they come from and however they are printed."""

import copy
import json
import pickle
from pathlib import Path

import pytest

from connector.settings import Secret, load, masked_view
from connector.settings.secret import HIDDEN
from tests.settings.sample import KEY, PASSWORD, SAMPLE, SECRET, changed, faults, read, written

KEY0 = "connectors.BINANCE.settings.apiKeys.0"
AT_KEY0 = "connectors.BINANCE.settings.apiKeys[0]"


def test_no_way_of_printing_settings_shows_a_secret(tmp_path: Path) -> None:
    settings = read(tmp_path, SAMPLE)
    session, key = settings.fix.sessions[0], settings.connectors["BINANCE"].settings.api_keys[0]
    printed = [repr(settings), str(settings), repr(key), f"{key.api_secret} {session.password!r:>40}"]
    printed += [json.dumps(masked_view(settings)), str(vars(Secret)), str(settings.origins)]

    for text in printed:
        for secret in (KEY, SECRET, PASSWORD):
            assert secret not in text
            assert secret[:6] not in text
            assert secret[-6:] not in text
    assert key.api_secret.reveal() == SECRET


def test_a_key_shows_its_ends_a_secret_its_last_five_a_password_nothing(tmp_path: Path) -> None:
    """P11: API key first 5 + last 4, secret last 5, at most."""
    settings = read(tmp_path, SAMPLE)
    key = settings.connectors["BINANCE"].settings.api_keys[0]

    assert str(key.api_key) == f"KEYhe{HIDDEN}tail"
    assert str(key.api_secret) == f"{HIDDEN}LAST5"
    assert str(settings.fix.sessions[0].password) == HIDDEN


@pytest.mark.parametrize(
    "value", ["short", "x" * 14, "-----BEGIN PRIVATE KEY-----#abc#-----END PRIVATE KEY-----"]
)
def test_a_short_secret_and_a_pem_are_hidden_whole(value: str) -> None:
    """The last five of fourteen characters would be a third of the secret; a PEM's end says nothing."""
    assert Secret(value, tail=5).masked() in (HIDDEN, f"{HIDDEN} (PEM)")


def test_a_secret_is_compared_and_copied_but_not_pickled() -> None:
    one, same, other = Secret("a"), Secret("a"), Secret("b")

    assert one == same
    assert one != other
    assert one != "a"
    assert len({one, same, other}) == 2
    assert copy.deepcopy(one) is one
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(one)


@pytest.mark.parametrize(
    "path",
    [f"{KEY0}.apiSecert", "connectors.BINANCE.settings.recvWindow", "fix.sessions.0.account", "journal.path"],
)
def test_a_secret_pasted_into_the_wrong_place_is_not_repeated(tmp_path: Path, path: str) -> None:
    """The fault names the place; the value is scrubbed, as far as it is known to be a secret."""
    found = faults(written(tmp_path, changed(path, SECRET if "journal" not in path else [SECRET])))

    assert found
    assert SECRET not in "\n".join(found)


def test_a_refused_secret_is_not_repeated(tmp_path: Path) -> None:
    found = faults(written(tmp_path, changed(f"{KEY0}.apiKey", "hunter2 hunter2")))

    assert found == [
        f"{AT_KEY0}.apiKey: the value is not allowed (15 characters); "
        "allowed: 1 to 256 characters of printable ASCII without spaces; by value, env:NAME or file:PATH"
    ]


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    settings = read(tmp_path, changed(f"{KEY0}.apiSecret", "env:THE_SECRET"), {"THE_SECRET": SECRET + "\n"})

    assert settings.connectors["BINANCE"].settings.api_keys[0].api_secret.reveal() == SECRET
    assert settings.origins[f"{AT_KEY0}.apiSecret"] == "environment variable THE_SECRET"


def test_secrets_come_from_files_beside_the_configuration(tmp_path: Path) -> None:
    """An editor ends a file with a line break; a PEM keeps those inside it."""
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----"
    secret = tmp_path / "binance.pem"
    secret.write_text(pem + "\n")
    secret.chmod(0o600)

    settings = read(tmp_path, changed(f"{KEY0}.apiSecret", "file:binance.pem"))

    assert settings.connectors["BINANCE"].settings.api_keys[0].api_secret.reveal() == pem
    assert settings.warnings == ()


def test_a_secret_file_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o644)

    settings = read(tmp_path, changed(f"{KEY0}.apiSecret", f"file:{secret}"))

    assert [str(warning) for warning in settings.warnings] == [
        f"{AT_KEY0}.apiSecret: {secret} can be read by every user of this machine; run: chmod o-rwx {secret}"
    ]


def test_a_configuration_with_secrets_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    path = written(tmp_path, SAMPLE)
    path.chmod(0o644)

    assert [str(warning) for warning in load(path, {}).warnings] == [
        f"{path}: holds {AT_KEY0}.apiSecret and can be read by every user of this machine; run: chmod o-rwx {path}"
    ]


def test_a_secret_file_that_cannot_be_used_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    (tmp_path / "directory").mkdir()
    expected = {
        "none": f"cannot read {tmp_path}/none: No such file or directory",
        "directory": f"{tmp_path}/directory is not a regular file; name the file that holds the secret",
        "binary": f"{tmp_path}/binary is not UTF-8 text",
        "large": f"{tmp_path}/large is larger than 65536 bytes; it holds no secret",
        "empty": f"empty from file {tmp_path}/empty; allowed: 1 to 256 characters of printable ASCII without "
        "spaces; by value, env:NAME or file:PATH",
    }

    for name, text in expected.items():
        found = faults(written(tmp_path, changed(f"{KEY0}.apiKey", f"file:{name}")))
        assert found == [f"{AT_KEY0}.apiKey: {text}"]
