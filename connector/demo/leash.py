"""`python -m connector.demo.leash PARENT_PID COMMAND...`: run a command that dies with its parent.

Clean-up by the parent covers every way it can end but kill -9; for that one the kernel is asked (Linux).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2); kept across execve(2)


def main(parent: int, command: list[str]) -> None:
    """Become the command. The parent is compared because it may have died before the kernel was asked."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell on purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
