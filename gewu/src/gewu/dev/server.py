"""What the launcher's servers have in common: one child process of a program of somebody else's, its data below a folder."""

import abc
import signal
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

from gewu.dev.children import Child
from gewu.dev.folder import Folder


class Server(abc.ABC):
    """It may be stopped, killed and started again: its port and its data stay. `say` hears what takes long.

    name: of its log and of the file with its process; asks: the signal by which it ends cleanly.
    """

    name: ClassVar[str]
    asks: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._folder, self._say = Folder(folder), say
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Its process while there is one."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    @property
    def log(self) -> Path:
        """Where it logs."""
        return self._folder.path / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self._folder.path / f"{self.name}.pid"

    @abc.abstractmethod
    async def start(self, timeout: float = 60.0) -> None:
        """Start it; returns when it answers, at most `timeout` seconds after its launch. CannotStart quotes its log."""

    async def stop(self, timeout: float = 20.0) -> None:
        """End it cleanly, by force after `timeout` seconds."""
        if self._child:
            await self._child.stop(self.asks, timeout)
        self._folder.release()

    async def kill(self) -> None:
        """End it and its workers as a power cut of their processes would (SIGKILL)."""
        if self._child:
            await self._child.kill()
        self._folder.release()

    def pause(self) -> None:
        """Freeze it and its workers (SIGSTOP): connections stay, answers do not come.

        A launcher that is killed meanwhile leaves it frozen; the next start on this folder ends it.
        """
        if self._child:
            self._child.pause()

    def resume(self) -> None:
        """Let a paused one go on."""
        if self._child:
            self._child.resume()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
