"""Small disks of their own, so that a full one harms nobody else: tmpfs in a mount namespace that ends with this process."""

import ctypes
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


class NoDisk(Exception):
    """This machine does not let us mount; the text says why."""


class Disk:
    """A file system of so many MiB at `folder`. Processes that are started from the main thread see it."""

    def __init__(self, folder: Path, mib: int) -> None:
        """Mounts it. Raises NoDisk where that is not allowed."""
        _own_mounts()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        _check(_libc.mount(b"none", str(folder).encode(), b"tmpfs", 0, f"size={mib}m,mode=0755".encode()))

    @property
    def free(self) -> int:
        """Bytes that may still be written."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self) -> int:
        """Take every free byte; returns how many were taken. Call it again for what became free meanwhile."""
        taken = 0
        file = os.open(self._filler, os.O_RDWR | os.O_CREAT)
        try:
            while self.free:
                end = os.fstat(file).st_size
                with suppress(OSError):
                    os.posix_fallocate(file, end, self.free)
                if (grown := os.fstat(file).st_size - end) == 0:
                    break
                taken += grown
        finally:
            os.close(file)
        return taken

    def relieve(self) -> None:
        """Give back what `fill` took."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """What stood on it is gone."""
        _libc.umount2(str(self.folder).encode(), _MNT_DETACH)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@cache
def _own_mounts() -> None:
    """Leave the machine's mounts alone: whatever we mount is seen by this process and its children, and ends with them."""
    _check(_libc.unshare(_CLONE_NEWNS))
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise NoDisk(f"mounting a small disk is not allowed here: {os.strerror(number)}")
