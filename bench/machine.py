"""What ran where: versions, the processor time of processes, and how busy others kept the machine meanwhile."""

import importlib.metadata
import os
import platform
import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gewu.dev import jars, processes

_TICK = os.sysconf("SC_CLK_TCK")
_PACKAGES = (
    "aiokafka", "asyncpg", "fastapi", "faststream", "httptools", "msgspec", "numpy", "protobuf", "pydantic", "shapely",
    "starlette", "uvicorn", "uvloop",
)  # fmt: skip


def cpu_seconds(pid: int) -> float:
    """User and system time of one process so far; 0 where it is gone."""
    return _cpu(pid, own_children=False)


def family_cpu_seconds(pid: int) -> float:
    """The same of a process with all its descendants, those that have ended included."""
    root = processes.find(pid)
    return sum(_cpu(process.pid, own_children=True) for process in processes.family(root)) if root else 0.0


def _cpu(pid: int, own_children: bool) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # Fields 14 to 17 of proc(5), counted behind the command's name, which may hold blanks.
    times = [int(field) for field in text.rpartition(")")[2].split()[11:15]]
    return sum(times if own_children else times[:2]) / _TICK


@dataclass(frozen=True, slots=True)
class Clock:
    """The whole machine's processor time at one moment, in seconds: in use, taken by the host, and by this run."""

    busy: float
    stolen: float
    ours: float

    @classmethod
    def now(cls) -> "Clock":
        """Ours holds those children that have ended, so look when the servers are stopped."""
        user, nice, system, _, _, irq, softirq, steal = map(int, _cpu_line()[:8])
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        ours = sum(u.ru_utime + u.ru_stime for u in used)
        return cls((user + nice + system + irq + softirq) / _TICK, steal / _TICK, ours)


def shared_with(before: Clock, after: Clock, seconds: float) -> str:
    """How much of the machine others had between two moments, in words."""
    all_cores = seconds * (os.cpu_count() or 1)
    others = max(after.busy - before.busy - (after.ours - before.ours), 0.0) / all_cores
    stolen = (after.stolen - before.stolen) / all_cores
    return (
        f"other processes had {others:.0%} of all cores, the host took {stolen:.0%}; broker, PostgreSQL, load generator "
        f"and what was measured shared the {os.cpu_count()} cores"
    )


def _cpu_line() -> list[str]:
    return Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]


def name() -> str:
    """Cores, processor and kernel."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores of {processor}, {memory:.0f} GiB, Linux {platform.release().partition('-')[0]}"


def versions(postgres: str) -> str:
    """Everything whose speed is in the figures. `postgres`: what the server says of itself."""
    packages = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in _PACKAGES)
    kafka = jars.KAFKA.removeprefix("kafka-")
    return f"{python()}, Kafka {kafka}, PostgreSQL {postgres}, {_wrk()}, {packages}"


def python() -> str:
    """The interpreter with the day on which it was compiled: of one version, a build that no profile guided is a fifth slower.

    What pyenv compiles is such a one, unless told otherwise; a distribution's or an image's own is not.
    """
    return f"CPython {platform.python_version()} of {' '.join(platform.python_build()[1].split()[:3])}"


def _wrk() -> str:
    from bench import wrk

    if not wrk.find():
        return "no wrk"
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True)
    return " ".join((said.stdout + said.stderr).split()[:2])


def commit(root: Path) -> str:
    """The commit that was measured, with a + where the tree differs from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    head = git("rev-parse", "--short=7", "HEAD")
    return f"{head}{'+' if git('status', '--porcelain', '--untracked-files=no') else ''}" if head else "unknown"
