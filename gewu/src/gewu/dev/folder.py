"""A server's data folder: held by one launcher at a time, and the place of what it must remember between starts."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from gewu.dev.children import CannotStart


class Folder:
    """A folder under a lock that ends with the launcher. Without it a second launcher would take the first one's
    running server for a leftover and end it."""

    def __init__(self, path: Path) -> None:
        """Names the folder; nothing is made before `hold`."""
        self.path = path.resolve()
        self._lock: int | None = None

    def hold(self) -> None:
        """Makes and locks the folder. Raises CannotStart where another launcher holds it."""
        if self._lock is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(lock)
            message = f"{self.path} is in use by another launcher: stop that one, or choose another data folder"
            raise CannotStart(message) from problem
        self._lock = lock

    def release(self) -> None:
        """Lets another launcher have it; harmless where it is not held."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remembered(self, name: str) -> str | None:
        """What was kept under this name by an earlier start, or None."""
        file = self.path / name
        return file.read_text().strip() or None if file.exists() else None

    def keep(self, name: str, value: str) -> str:
        """Keeps a value for later starts, readable by the owner only, and returns it."""
        fresh = self.path / f"{name}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{value}\n")
        fresh.replace(self.path / name)
        return value

    def remember(self, name: str, make: Callable[[], str]) -> str:
        """What was kept under this name, made now where nothing was."""
        return self.remembered(name) or self.keep(name, make())
