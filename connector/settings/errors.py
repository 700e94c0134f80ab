"""What is wrong with a configuration, in the operator's words."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding: `path` is the setting (or file and line), `text` what is wrong and what to do."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class SettingsError(Exception):
    """The configuration cannot be used; `faults` lists everything that was found, not only the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        assert faults, "a SettingsError without a fault tells nobody anything"
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class RefusedError(Exception):
    """A kind refuses a raw value; the text never holds a secret. Turned into a `Fault` by the reader."""
