"""A picture that was put is there, whole and under its own name, whatever keeps it: a folder, or what fsspec reaches.

The same tests for both. An S3-compatible store is one more URL of fsspec's, which was never run here.
"""

import asyncio
import os
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gewu.pictures import store
from gewu.pictures.store import Away, Damaged, Gone, PictureStore

DATA = b"\xff\xd8\xff" + bytes(1000)
NAME = sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "file://", "memory://"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> PictureStore:
    """A store, empty."""
    url = {"folder": f"{tmp_path}/new", "file://": f"file://{tmp_path}/new", "memory://": f"memory://{tmp_path.name}"}
    return PictureStore(url[request.param])


async def test_what_was_put_is_there_under_its_hash(kept: PictureStore) -> None:
    assert await kept.put(DATA) == sha256(DATA).digest()
    assert await kept.get(sha256(DATA).digest()) == DATA
    assert await kept.put(DATA) == sha256(DATA).digest()
    with pytest.raises(Gone):
        await kept.get(bytes(32))


async def test_many_puts_of_one_picture_at_once_leave_one(kept: PictureStore) -> None:
    await asyncio.gather(*(kept.put(DATA) for _ in range(20)))
    found = kept._files.find(kept._root)
    assert [f.rpartition("/")[2] for f in found] == [NAME] and f"/{NAME[:2]}/{NAME[2:4]}/" in found[0]


async def test_what_was_changed_there_is_not_given_out(kept: PictureStore) -> None:
    await kept.put(DATA)
    kept._files.pipe_file(kept._path(NAME), DATA[:-1] + b"x")
    with pytest.raises(Damaged):
        await kept.get(sha256(DATA).digest())


async def test_a_picture_in_a_folder_is_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: Any) -> None:
    told: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        told.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        sync(descriptor)

    def replaced(path: Path, target: Path) -> Any:
        told.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    await PictureStore(str(tmp_path / "new")).put(DATA)
    assert told == ["file", "name", "folder", "folder", "folder"]


async def test_a_put_that_fails_leaves_nothing_and_says_later(tmp_path: Path, monkeypatch: Any) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Away, match="No space"):
        await PictureStore(str(tmp_path)).put(DATA)
    assert _files(tmp_path) == []


def _files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


async def test_a_store_that_hangs_is_waited_for_within_a_bound(kept: PictureStore, monkeypatch: Any) -> None:
    monkeypatch.setattr(store, "WAIT_S", 0.2)
    monkeypatch.setattr(PictureStore, "_put", lambda *_: time.sleep(1.0))
    with pytest.raises(Away):
        await kept.put(DATA)
    kept.close()
