"""Takes the engine's listening socket away from the network.

quickfix always binds 0.0.0.0 and answers strangers before it checks them, so a private Unix-domain listener
is put over the descriptor it listens on: it goes on accepting, but only whoever may open the socket file.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

BACKLOG = 128


class ListenerNotFoundError(Exception):
    """The engine did not open the listening socket it was told to open."""


def free_port() -> int:
    """A TCP port that is free on every address now; given 0, the engine would find no session."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def open_descriptors() -> set[int]:
    """The file descriptors of this process."""
    return {int(entry.name) for entry in Path("/dev/fd").iterdir()}


class PrivateListener:
    """A Unix-domain listener that only this process can reach.

    Its file (mode 0600, in a directory of mode 0700) is removed as soon as we hold a handle to it, through
    which we connect; so nothing is left behind, not even by kill -9. Where there are no such handles (outside
    Linux) the file stays until `close`.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="connector-fix-"))
        path = self._directory / "engine"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _bind(self._socket, path)
        path.chmod(0o600)
        self._socket.listen(BACKLOG)
        self._socket.setblocking(False)
        self._address = str(path)
        self._handle = -1
        if sys.platform == "linux":
            self._handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
            self._address = f"/proc/self/fd/{self._handle}"
            shutil.rmtree(self._directory)

    def replace(self, descriptors: Iterable[int], port: int) -> None:
        """Put this listener over the one among `descriptors` that listens on TCP `port`.

        Raises:
            ListenerNotFoundError: none of them does.
        """
        for descriptor in descriptors:
            if _listens_on(descriptor, port):
                os.dup2(self._socket.fileno(), descriptor, inheritable=False)
                self._socket.close()  # the engine's descriptor is the only one left
                return
        raise ListenerNotFoundError(f"the engine does not listen on port {port}")

    def connect(self) -> socket.socket:
        """A new non-blocking connection to the engine, which accepts it in its next two polls."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.setblocking(False)
            link.connect(self._address)
        except OSError:
            link.close()
            raise
        return link

    def close(self) -> None:
        """Make it unreachable; connections live on."""
        self._socket.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        shutil.rmtree(self._directory, ignore_errors=True)


def _bind(listener: socket.socket, path: Path) -> None:
    """Bind to `path` although its directory (TMPDIR) may be longer than a socket address can be."""
    if sys.platform != "linux":
        listener.bind(str(path))
        return
    directory = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)


def _listens_on(descriptor: int, port: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as candidate:
            if candidate.family is not socket.AF_INET:
                return False
            if not candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return False
            return bool(candidate.getsockname()[1] == port)
    except OSError:  # not a socket
        return False
