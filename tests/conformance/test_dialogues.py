"""Every dialogue in `dialogues/` goes as it is written. A failing line is named by file and number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.dialogue import Dialogue

DIALOGUES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_the_dialogue_goes_as_written(path: Path) -> None:
    Dialogue(path).run()


def test_a_dialogue_that_goes_otherwise_is_noticed(tmp_path: Path) -> None:
    """A runner that accepts everything proves nothing."""
    original = (Path(__file__).parent / "dialogues" / "01-rest-and-fill.txt").read_text()
    for old, new in (("14=3", "14=2"), ("\nsilence", ""), ("(twice)", ""), ("quantity=3", "quantity=4")):
        path = tmp_path / "changed.txt"
        path.write_text(original.replace(old, new))
        if old in ("\nsilence", "(twice)"):
            Dialogue(path).run()  # saying less is not wrong
        else:
            with pytest.raises(AssertionError, match=r"changed\.txt"):
                Dialogue(path).run()


def test_what_was_not_expected_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("client 35=F|11=x1|41=c9|55=BTCUSDT|54=1\n")
    with pytest.raises(AssertionError, match="not expected: 35=9"):
        Dialogue(path).run()
