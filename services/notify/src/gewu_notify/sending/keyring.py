"""The secrets of every receiver, read again when a file changes."""

import os
from collections.abc import Sequence
from pathlib import Path

from gewu.runtime import whsec


class Keyring:
    """A file that cannot be used leaves the last good one in force, and says so in `faults`."""

    def __init__(self, folder: Path | None, receivers: Sequence[str]) -> None:
        self._folder, self._receivers = folder, tuple(receivers)
        self._stamps: dict[str, tuple[int, int]] = {}
        self._keys: dict[str, tuple[bytes, ...]] = {}
        self.faults: dict[str, str] = {}
        self.refresh()

    def of(self, receiver: str) -> tuple[bytes, ...]:
        """The secrets in force; () where there are none, and then nothing may be sent."""
        return self._keys.get(receiver, ())

    def refresh(self) -> None:
        """Read again what changed."""
        for receiver in self._receivers:
            self._look(receiver)

    def _look(self, receiver: str) -> None:
        if self._folder is None:
            self.faults[receiver] = "GEWU_RECEIVER_SECRETS is not set"
            return
        path = self._folder / f"{receiver}{whsec.SUFFIX}"
        try:
            stat = os.stat(path)
        except OSError as fault:
            self.faults[receiver] = f"{path.name}: {fault.strerror}"
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if self._stamps.get(receiver) == stamp and receiver not in self.faults:
            return
        try:
            self._keys[receiver], self._stamps[receiver] = whsec.read(path), stamp
        except whsec.WhsecFault as fault:
            self.faults[receiver] = str(fault)
        else:
            self.faults.pop(receiver, None)
