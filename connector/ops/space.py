"""Stops new orders before the disk is full: what is open is still cancelled, filled and told (P8, P12)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

LOOK_EVERY_S: Final = 2.0  # at 25 MB/s of journal and store, 50 MB: a fifth of the usual reserve
AGAIN_FROM: Final = (
    1.1  # orders are taken again with a tenth more than the least, so that it does not flicker
)
_MIB: Final = 1024 * 1024

Log = Any  # a structlog logger; its methods are made at run time


def free_bytes(path: Path) -> int:
    """What this process may still write where `path` is, or will be.

    Raises:
        OSError: the file system does not say.
    """
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


class SpaceWatch:
    """Looks at the disks of the journal and of the FIX engine's store."""

    def __init__(
        self,
        *,
        paths: Sequence[Path],
        least_bytes: int,
        hold: Callable[[str | None], None],
        log: Log,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """`hold` is told why new orders cannot be taken, and None when they can again."""
        self._paths = paths
        self._least = least_bytes
        self._hold = hold
        self._log = log
        self._free = free
        self._low = False

    async def keep_looking(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Look once; say what has changed."""
        try:
            free, path = min((self._free(path), path) for path in self._paths)
        except OSError as error:
            if not self._low:
                self._low = True
                self._log.error("disk_unreadable", text=str(error))
                self._hold(f"the free space of the disk cannot be read ({error})")
            return
        if not self._low and free < self._least:
            self._low = True
            self._log.error("disk_space_low", path=str(path), free_bytes=free, least_bytes=self._least)
            self._hold(
                f"the connector's disk is nearly full: {free // _MIB} MiB free, "
                f"journal.minFreeSpace is {self._least // _MIB} MiB"
            )
        elif self._low and free >= self._least * AGAIN_FROM:
            self._low = False
            self._log.info("disk_space_enough", path=str(path), free_bytes=free)
            self._hold(None)
