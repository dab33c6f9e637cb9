"""What the child takes from itself before it sees a picture: memory, processor time, files, sockets, core dumps, its parent's
absence. The kernel holds it to all of them, whatever a decoder is talked into."""

import ctypes
import os
import resource
import signal
import sys
from math import ceil

MEMORY_BYTES = (
    1536 * 1024**2
)  # address space; libraries and models take 400 MiB, the largest picture of each format up to 560
CPU_S = 20  # processor time of one picture; the client's deadline is on the wall
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def at_start(parent: int) -> None:
    """Before any library is loaded. Ends this process if its parent is gone already."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((_PR_SET_PDEATHSIG, signal.SIGKILL), (_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
        if prctl(option, int(value), 0, 0, 0) != 0:
            sys.exit(f"prctl({option}) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def before_pictures() -> None:
    """After everything is loaded: from now on no file and no socket can be opened."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def before_one() -> None:
    """This much processor time for the next picture; beyond it the kernel ends the process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(used.ru_utime + used.ru_stime) + CPU_S, resource.RLIM_INFINITY))
