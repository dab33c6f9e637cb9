"""Processes told apart by pid and start time, read from Linux's /proc: a pid alone may be somebody else's by now."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process. `start` is /proc/PID/stat's field 22: clock ticks since boot, which a reused pid cannot share."""

    pid: int
    start: int


def find(pid: int) -> Process | None:
    """The process that has this pid now; None where there is none or only a dead one that nobody has collected."""
    entry = _stat(pid)
    return entry[0] if entry else None


def is_running(process: Process) -> bool:
    """Whether exactly this process still runs: stopped counts as running, a zombie does not."""
    return find(process.pid) == process


def family(root: Process) -> tuple[Process, ...]:
    """The process and everything that descends from it, parents first; empty where it is gone.

    Walking parents is the only way to PostgreSQL's workers: each makes a session of its own, so no group holds them.
    """
    if not is_running(root):
        return ()
    children: dict[int, list[Process]] = {}
    for name in os.listdir(_PROC):
        entry = _stat(int(name)) if name.isdigit() else None
        if entry:
            children.setdefault(entry[1], []).append(entry[0])
    found = [root]
    for process in found:
        found.extend(children.get(process.pid, ()))
    return tuple(found)


def send(processes: Iterable[Process], number: signal.Signals) -> None:
    """Signals each of them that still runs under its own start time."""
    for process in processes:
        if is_running(process):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


def _stat(pid: int) -> tuple[Process, int] | None:
    """The living process under this pid with its parent's pid."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command's name and may hold blanks and brackets: count from the last bracket.
    state, parent, *rest = text.rpartition(")")[2].split()
    if state in "ZX":
        return None
    return Process(pid, int(rest[17])), int(parent)
