"""Runs a command that ends when the process that started it ends, however that one ended.

    python -m deploy.tether COMMAND [ARGUMENT ...]

A supervisor that is killed with -9 can't stop its children; on Linux the kernel does it for us (PR_SET_PDEATHSIG, which
survives execve). Elsewhere the command just runs.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    command = sys.argv[1:]
    if not command:
        sys.exit("usage: python -m deploy.tether COMMAND [ARGUMENT ...]")
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the supervisor ended while this process was starting")
    os.execvp(command[0], command)  # noqa: S606  (the supervisor's configuration is the only caller)


if __name__ == "__main__":
    main()
