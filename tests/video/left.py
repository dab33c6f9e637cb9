"""What this process holds and has below it: what a camera's trouble may not leave behind."""

import os
from contextlib import suppress
from pathlib import Path

from gewu.dev import processes


def descriptors() -> int:
    """How many this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> int:
    """How many eyes this process has, dead ones that nobody collected included."""
    return len(eyes()) + sum(processes.find(pid) is None for pid in _below(os.getpid()))


def eyes(of: int = 0) -> list[int]:
    """The cameras' children of a process, of this one by default."""
    return [pid for pid in _below(of or os.getpid()) if b"gewu_video.child" in _command(pid)]


def _below(parent: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):  # it is gone
        for task in Path(f"/proc/{parent}/task").iterdir():
            with suppress(
                OSError
            ):  # a thread of it is, and its children are another's; those of the others still count
                found += map(int, (task / "children").read_text().split())
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
