"""The engine's private listener."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.fix.private_listener import PrivateListener


def test_a_temporary_directory_of_any_length_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket address holds 108 bytes; an operator's TMPDIR may be longer."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))

    listener = PrivateListener()

    listener.connect().close()
    listener.close()
    assert list(deep.iterdir()) == []
