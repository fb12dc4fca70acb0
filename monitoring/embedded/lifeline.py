"""Children that end with their parent, even when it is killed with -9."""

import ctypes
import os
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child must not import.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(signal_number: int) -> Callable[[], None] | None:
    """A `preexec_fn` that asks the kernel for `signal_number` when this process ends.

    `subprocess` calls it after the change of user, which would have cleared the request. The kernel
    watches the *thread* that forked, so call Popen from a thread that lives as long as the process.
    Other systems have no such request: there a leftover is ended by the next start.
    """
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def request() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return request
