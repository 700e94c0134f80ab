"""One engine for one message store: two would give one MsgSeqNum(34) to two messages."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK_FILE = "store.lock"


class StoreBusyError(Exception):
    """Another process has this store open."""

    def __init__(self, store: Path) -> None:
        super().__init__(
            f"fix.acceptor.storePath {store} is in use by another connector: stop it, or set another path"
        )


def locked(store: Path) -> int:
    """A descriptor that holds the store until it is closed, however the process ends.

    Raises:
        StoreBusyError: another process holds it.
        OSError: the file cannot be made.
    """
    descriptor = os.open(store / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreBusyError(store) from None
    return descriptor
