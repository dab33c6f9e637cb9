"""Child processes that end with their launcher, even when it is killed; and the end of earlier launchers' leftovers."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gewu.dev import processes
from gewu.dev.processes import Process

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02


class CannotStart(RuntimeError):
    """A server could not be started; the message says why and what to do."""


@dataclass(frozen=True)
class Launch:
    """What to execute directly, without a shell between, so that the signals reach the server itself.

    death_signal is sent by the kernel when the launcher's main thread ends; drop_rights runs in the child before exec.
    """

    command: tuple[str, ...]
    log: Path
    pid_file: Path
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    death_signal: signal.Signals = signal.SIGKILL
    drop_rights: Callable[[], None] | None = None


class Child:
    """A child that was started; what it does to "the family" reaches the child and all its descendants."""

    def __init__(self, launch: Launch) -> None:
        """Starts it. Raises CannotStart off Linux, off the main thread, and where it cannot be executed."""
        _refuse_where_children_would_survive()
        self._launch = launch
        self._popen = _spawn(launch)
        self._process = processes.find(self._popen.pid)
        if self._process:
            _record(launch.pid_file, self._process)

    @property
    def pid(self) -> int:
        """The child's own pid."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._popen.poll()

    def family(self) -> tuple[Process, ...]:
        """The child and its descendants, as of now."""
        return processes.family(self._process) if self._process and self.exit_code is None else ()

    def pause(self) -> None:
        """Stops the family's clocks (SIGSTOP), parents first so that nothing new is forked meanwhile."""
        processes.send(self.family(), signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused family go on."""
        processes.send(reversed(self.family()), signal.SIGCONT)

    async def wait(self, timeout: float) -> bool:
        """Whether it ended within so many seconds."""
        end = time.monotonic() + timeout
        while self.exit_code is None:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20.0) -> None:
        """Asks the child to end by this signal and after so many seconds kills whatever of its family is left."""
        family = self.family()
        processes.send(reversed(family), signal.SIGCONT)
        processes.send(family[:1], number)
        await self.wait(timeout)
        await self._kill(family)

    async def kill(self) -> None:
        """SIGKILL to the whole family, as a power cut would; returns when none of it runs."""
        await self._kill(self.family())

    async def _kill(self, family: tuple[Process, ...]) -> None:
        # The family is listed again: what was forked since the first list would otherwise stay behind.
        everyone = {*family, *self.family()}
        processes.send(everyone, signal.SIGKILL)
        await _until_gone(everyone, 10.0)
        self._popen.wait()
        _forget(self._launch.pid_file)


async def run_to_end(launch: Launch, timeout: float) -> None:
    """Runs a child that ends by itself within so many seconds. Raises CannotStart where it fails, quoting its log."""
    child = Child(launch)
    try:
        await child.wait(timeout)
    finally:
        code = child.exit_code
        await child.kill()
    if code != 0:
        ending = "did not end in time" if code is None else f"failed with {code}"
        raise CannotStart(f"{Path(launch.command[0]).name} {ending}. The end of {launch.log}:\n{tail(launch.log)}")


async def end_leftover(pid_file: Path, number: signal.Signals = signal.SIGKILL) -> bool:
    """Ends what an earlier launcher recorded here and left running; True if there was something to end.

    Pid and start time must both match: a pid that was given to somebody else meanwhile is left alone.
    """
    recorded = _recorded(pid_file)
    family = processes.family(recorded) if recorded else ()
    if family:
        processes.send(reversed(family), signal.SIGCONT)
        processes.send(family[:1], number)
        await _until_gone(family, 5.0)
        processes.send({*family, *processes.family(family[0])}, signal.SIGKILL)
        await _until_gone(family, 5.0)
    _forget(pid_file)
    return bool(family)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return "(it was never written)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def log_end(log: Path) -> int:
    """Where a log ends now, in bytes: the position from which `written_since` reads later."""
    return log.stat().st_size if log.exists() else 0


def written_since(log: Path, position: int) -> str:
    """What was written to a log behind a position."""
    with log.open("rb") as file:
        file.seek(position)
        return file.read().decode(errors="replace")


async def _until_gone(family: set[Process] | tuple[Process, ...], timeout: float) -> None:
    end = time.monotonic() + timeout
    while any(processes.is_running(process) for process in family):
        if time.monotonic() > end:
            return
        await asyncio.sleep(_POLL_S)


def _refuse_where_children_would_survive() -> None:
    if not sys.platform.startswith("linux"):
        raise CannotStart("native servers need Linux (parent-death signals, /proc): use docker compose up here")
    if threading.current_thread() is not threading.main_thread():
        # The kernel sends the death signal when the *thread* that forked ends: a worker thread of a pool that is
        # collected would take the database with it.
        raise CannotStart("start servers from the main thread: the kernel ties them to the thread that starts them")


def _spawn(launch: Launch) -> subprocess.Popen[bytes]:
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    with launch.log.open("ab") as log:
        try:
            return subprocess.Popen(
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=launch.cwd,
                env=dict(launch.environment),
                start_new_session=True,  # Ctrl-C in the terminal is the launcher's to handle, in its own order
                preexec_fn=_before_exec(launch),
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise CannotStart(f"{launch.command[0]} could not be executed: {problem}") from problem


def _before_exec(launch: Launch) -> Callable[[], None]:
    """What the child does between fork and exec: only system calls, for other threads' locks are frozen in there."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork, for the same reason
    launcher = os.getpid()
    number = int(launch.death_signal)

    def prepare() -> None:
        if launch.drop_rights:
            launch.drop_rights()
        # After the rights: a change of user clears the death signal.
        if prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
            os._exit(126)
        # The launcher may have been killed before the call above; then no signal will ever come.
        if os.getppid() != launcher:
            os._exit(125)

    return prepare


def die_with_parent(number: signal.Signals) -> None:
    """Have this process sent that signal when its parent ends, also by kill -9; for whoever runs below `make`."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _record(pid_file: Path, process: Process) -> None:
    fresh = pid_file.with_suffix(".new")
    fresh.write_text(f"{process.pid} {process.start}\n")
    fresh.replace(pid_file)


def _forget(pid_file: Path) -> None:
    pid_file.unlink(missing_ok=True)


def _recorded(pid_file: Path) -> Process | None:
    with suppress(FileNotFoundError, ValueError):
        pid, start = pid_file.read_text().split()
        return Process(int(pid), int(start))
    return None
