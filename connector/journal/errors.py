"""What can be wrong with a journal, told apart by what the operator has to do."""

from __future__ import annotations

from pathlib import Path


class JournalError(Exception):
    """Base: the journal cannot be trusted or written; stop accepting orders (P12)."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(f"journal {path}: {text}")
        self.path = path


class JournalBusyError(JournalError):
    """Another process holds this journal; two writers would give one id to two orders."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(
            path, f"already in use by {holder}: stop that process or configure another journal path"
        )
        self.holder = holder


class JournalDamagedError(JournalError):
    """What is on disk is not what was written. Nothing is repaired silently: an operator decides."""

    def __init__(self, path: Path, position: int, what: str) -> None:
        super().__init__(path, f"damaged at position {position}: {what}")
        self.position = position  # the first position that cannot be vouched for


class JournalVersionError(JournalError):
    """The file is not a journal of a version this product reads; it has not been touched."""


class JournalUnwritableError(JournalError):
    """The disk refused a write or a sync. What was not confirmed before is in doubt for ever."""
