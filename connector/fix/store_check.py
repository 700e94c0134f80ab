"""Looks at the engine's message store before the engine does.

quickfix takes a damaged store for a new or a smaller one without a word: numbers restart at 1, reports vanish
into gap fills, or every ResendRequest(2) ends the session. A store that contradicts itself stops the start.

Files of a session (FileStore of 1.16.0): `.seqnums` "<next outgoing> : <next incoming>", 20 digits each;
`.header` "<number>,<offset>,<size> " per stored message; `.body` the messages. A message is stored, then the
number counted up.

A store that is sound but knows less than the journal (lost, or an old copy put back) is not refused: see
`connector.fix.numbers`. Moving the files of a damaged one away therefore repairs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from connector.fix.numbers import Numbers, behind
from connector.fix.session import BEGIN_STRING, SessionSpec

TAIL_BYTES = 256  # several header entries
SEQNUMS = re.compile(rb"(\d{20}) : (\d{20})\s*")
LAST_ENTRY = re.compile(rb"(?:^|(?<= ))(\d+),(\d+),(\d+) $")


class StoreDamagedError(Exception):
    """The message store of a session contradicts itself."""

    def __init__(self, session: str, file: Path, fault: str) -> None:
        super().__init__(
            f"FIX session {session}: {file}: {fault}. Move the session's files ({file.stem}.*) away and "
            f"start again: its numbers are then taken from the journal, and what the client may not have "
            f"read is told again with PossResend(97)=Y. Should it complain of a MsgSeqNum(34) too low, "
            f"have it log on with ResetSeqNumFlag(141)=Y"
        )
        self.session, self.file = session, file


def check_store(
    store_path: Path, sessions: Sequence[SessionSpec], saved: Mapping[str, Numbers] | None = None
) -> list[str]:
    """Check the store of every session; the keys of those whose store knows less than `saved`, the journal.

    Raises:
        StoreDamagedError: names session, file and fault.
    """
    poorer = []
    for spec in sessions:
        stem = store_path / f"{BEGIN_STRING}-{spec.sender_comp_id}-{spec.target_comp_id}"
        stored = _check(spec.key, stem)
        if saved is not None and spec.key in saved and behind(stored, saved[spec.key]):
            poorer.append(spec.key)
    return poorer


def _check(session: str, stem: Path) -> Numbers:
    numbers, header, body = (stem.with_name(f"{stem.name}.{kind}") for kind in ("seqnums", "header", "body"))
    if not _size(numbers) and not _size(header) and not _size(body):
        return Numbers(1, 1)  # a new session, or one that died while its files were made
    match = SEQNUMS.fullmatch(numbers.read_bytes()) if numbers.exists() else None
    if match is None:
        raise StoreDamagedError(session, numbers, "the sequence numbers are missing or unreadable")
    last_sent = int(match[1]) - 1
    stored, end = _last_entry(session, header)
    if stored not in (last_sent, last_sent + 1):  # + 1: killed between the message and its number
        raise StoreDamagedError(
            session, header, f"the last message is number {stored}, but number {last_sent} was sent"
        )
    if end > _size(body):
        raise StoreDamagedError(session, body, f"{_size(body)} bytes, but message {stored} ends at {end}")
    return Numbers(int(match[1]), int(match[2]))


def _last_entry(session: str, header: Path) -> tuple[int, int]:
    """Number of the last stored message and where it ends in the body."""
    if not _size(header):
        return 0, 0
    with header.open("rb") as file:
        file.seek(max(0, _size(header) - TAIL_BYTES))
        entry = LAST_ENTRY.search(file.read())
    if entry is None:
        raise StoreDamagedError(session, header, "the index ends in the middle of an entry")
    return int(entry[1]), int(entry[2]) + int(entry[3])


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
