"""`<journal>.snapshot`: what the rows up to a position amount to, so that a start reads only what follows.

It is a shortcut, never the truth: without it, or with one that is damaged or of another journal, a start
reads all rows as before. So it may be removed at any time, and it need not be backed up.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEADER: Final = re.compile(rb"FMXS 1 (\d+) (\d+) (\d+) ([0-9a-f]{8})\n")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`body` is the caller's; it stands for all rows up to `position`."""

    position: int
    row_crc: int  # of the row at `position`, which ties the snapshot to its journal
    body: bytes


def snapshot_path(journal: Path) -> Path:
    """Where the snapshot of a journal lies."""
    return journal.with_name(f"{journal.name}.snapshot")


def write_snapshot(journal: Path, snapshot: Snapshot) -> None:
    """Put it on stable storage in the place of the last one, as a whole or not at all.

    Raises:
        OSError: the disk refused; the last one is still there.
    """
    path = snapshot_path(journal)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    numbers = b"%d %d %d" % (snapshot.position, snapshot.row_crc, len(snapshot.body))
    header = b"FMXS 1 %s %08x\n" % (numbers, zlib.crc32(snapshot.body, zlib.crc32(numbers)))
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        with os.fdopen(descriptor, "wb") as file:
            file.write(header)
            file.write(snapshot.body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_snapshot(journal: Path) -> Snapshot | None:
    """The last one; None where there is none or it is not whole."""
    try:
        content = snapshot_path(journal).read_bytes()
    except OSError:
        return None
    header = _HEADER.match(content)
    if header is None:
        return None
    position, row_crc, length = (int(number) for number in header.groups()[:3])
    body = content[header.end() :]
    check = zlib.crc32(body, zlib.crc32(b"%d %d %d" % (position, row_crc, length)))
    whole = len(body) == length and b"%08x" % check == header[4]
    return Snapshot(position, row_crc, body) if whole else None
