"""Where masked pictures lie, by their SHA-256: a folder of this machine, or what fsspec reaches (an S3-compatible store).

What `put` has returned for is durable: in a folder the file and every folder above it are synced; elsewhere the store
answered. A picture is there whole or not at all, and one that is there already stays as it is.
"""

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

T = TypeVar("T")

THREADS = 4  # a store that hangs holds these, and nobody else's
WAIT_S = 10.0


class Away(Exception):
    """The store cannot be reached, or is full: the same again later."""


class Gone(Exception):
    """There is no such picture."""


class Damaged(Exception):
    """What lies there is not what was put there."""


class PictureStore:
    """Pictures below one URL or folder. Nothing is touched before the first picture."""

    def __init__(self, url: str) -> None:
        self._files, root = url_to_fs(url)
        self._root = root.rstrip("/")
        self._is_folder = isinstance(self._files, LocalFileSystem)
        self._threads = ThreadPoolExecutor(THREADS, "pictures")

    async def put(self, data: bytes) -> bytes:
        """Keep these bytes; their SHA-256, once they are durable. Raises Away."""
        digest = sha256(data)
        await self._in_a_thread(lambda: self._put(self._path(digest.hexdigest()), data))
        return digest.digest()

    async def get(self, digest: bytes) -> bytes:
        """The bytes of this SHA-256. Raises Gone, Damaged, Away."""
        data = await self._in_a_thread(lambda: bytes(self._files.cat_file(self._path(digest.hex()))))
        if sha256(data).digest() != digest:
            raise Damaged(digest.hex())
        return data

    def close(self) -> None:
        """No more of it; what hangs is left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name[2:4]}/{name}"

    def _put(self, path: str, data: bytes) -> None:
        if self._is_folder:
            _put_in_folder(Path(path), data)
        elif not self._files.exists(path):
            self._files.pipe_file(path, data)

    async def _in_a_thread(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(WAIT_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except FileNotFoundError as fault:
            raise Gone(str(fault)) from None
        except Exception as fault:  # a store's own errors are of no common kind
            raise Away(f"{type(fault).__name__}: {fault}") from fault


def _put_in_folder(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with fresh.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    # Also where it was there already: whoever put it may not have come to this yet.
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
