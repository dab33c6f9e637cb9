"""Where masked pictures lie, by their SHA-256: a folder of this machine, or what fsspec reaches (an S3-compatible store).

What `put` has returned for is durable: in a folder the file and every folder above it are synced; elsewhere the store
answered. A picture is there whole or not at all, and one that is put again is as of then: a sweep goes by that date.
"""

import asyncio
import gc
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from gewu.pictures import folder

T = TypeVar("T")

THREADS = 4  # a store that hangs holds these, and nobody else's
WAIT_S = 10.0
SHARDS = 256  # by the first byte of a picture's SHA-256
_NAME = re.compile(r"[0-9a-f]{64}")
_DATES = ("LastModified", "last_modified", "mtime", "created")  # as fsspec's stores call it, the last of memory's


class Away(Exception):
    """The store cannot be reached, or is full: the same again later."""


class Gone(Exception):
    """There is no such picture."""


class Damaged(Exception):
    """What lies there is not what was put there."""


class PictureStore:
    """Pictures below one URL or folder. Nothing is touched before the first picture."""

    def __init__(self, url: str) -> None:
        # Of this store's own: an instance in fsspec's cache, and its connections, would outlive us. Listings are not remembered:
        # a sweep that goes by the date of its last look deletes what another process put again since.
        self._files, root = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)
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

    async def old(self, shard: int, before: datetime) -> list[bytes]:
        """The pictures of this shard (0 to SHARDS - 1) that were put before that time, and not again since. Raises Away."""
        return await self._in_a_thread(
            lambda: [bytes.fromhex(n) for n, at in self._dated(shard, before) if at < before]
        )

    async def drop(self, digests: Sequence[bytes], before: datetime) -> int:
        """Delete those of these that were put before that time, and not again since; how many that were. Raises Away."""
        return await self._in_a_thread(lambda: sum(self._drop(self._path(d.hex()), before) for d in digests))

    async def close(self) -> None:
        """No more of it; what hangs is left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._files = None
        gc.collect()  # its connections end with it, and it refers to itself

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name[2:4]}/{name}"

    def _put(self, path: str, data: bytes) -> None:
        if self._is_folder:
            folder.put(Path(path), data)
        else:
            self._files.pipe_file(path, data)  # also where it is there: nothing else gives it a new date

    def _dated(self, shard: int, before: datetime) -> Iterator[tuple[str, datetime]]:
        """Name and date of each picture of a shard; one without a date is none, so that it is never deleted."""
        root = f"{self._root}/{shard:02x}"
        if self._is_folder:
            found: Any = ((n, _when(at)) for n, at in folder.dated(Path(root), before.timestamp()))
        else:
            infos = self._files.find(root, detail=True) if self._files.exists(root) else {}
            found = ((path.rpartition("/")[2], _date(info)) for path, info in infos.items())
        return ((name, at) for name, at in found if at and _NAME.fullmatch(name))

    def _drop(self, path: str, before: datetime) -> bool:
        if self._is_folder:
            return folder.drop(Path(path), before.timestamp())
        at = _date(self._files.info(path))
        if at is None or at >= before:
            return False
        # Whoever puts it between this look and this deletion loses it: such a store offers nothing better.
        self._files.rm_file(path)
        return True

    async def _in_a_thread(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(WAIT_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except FileNotFoundError as fault:
            raise Gone(str(fault)) from None
        except Exception as fault:  # a store's own errors are of no common kind
            raise Away(f"{type(fault).__name__}: {fault}") from fault


def _date(info: dict[str, Any]) -> datetime | None:
    """When a store says that this was written; with its zone, UTC where it names none."""
    said = next((info[name] for name in _DATES if info.get(name)), None)
    if isinstance(said, datetime):
        return said if said.tzinfo else said.replace(tzinfo=UTC)
    return _when(said) if isinstance(said, int | float) else None


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
