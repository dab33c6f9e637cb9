"""A picture that was put is there, whole and under its own name, whatever keeps it: a folder, or what fsspec reaches.

The same tests for all. S3 is moto's server, in this process and over HTTP.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3 import s3_backends
from moto.server import ThreadedMotoServer

from gewu.pictures import store
from gewu.pictures.store import Away, Damaged, Gone, PictureStore

DATA = b"\xff\xd8\xff" + bytes(1000)
NAME = sha256(DATA).hexdigest()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a server that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket; how to reach and to enter it stands where the libraries of S3 look for it."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": s3, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"b-{sha256(str(tmp_path).encode()).hexdigest()[:20]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/pictures"


@pytest.fixture(params=["folder", "file://", "memory://", "s3://"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be."""
    if request.param == "s3://":
        return str(request.getfixturevalue("bucket"))
    known = {"folder": f"{tmp_path}/new", "file://": f"file://{tmp_path}/new", "memory://": f"memory://{tmp_path.name}"}
    return known[request.param]


@pytest.fixture
def kept(url: str) -> PictureStore:
    """A store, empty."""
    return PictureStore(url)


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
    await kept.close()


SHARD = int(NAME[:2], 16)
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=3)


def age(kept: PictureStore) -> None:
    """As if it had been put long ago."""
    path = kept._path(NAME)
    if kept._is_folder:
        os.utime(path, (LONG_AGO.timestamp(),) * 2)
    elif "s3" in kept._files.protocol:
        bucket, _, key = path.partition("/")
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys[key].last_modified = LONG_AGO.replace(tzinfo=None)
    else:
        kept._files.store[path].created = LONG_AGO


async def test_only_what_is_old_is_found_and_only_in_its_shard(kept: PictureStore) -> None:
    assert await kept.old(SHARD, NOW) == [], "there is no folder yet"
    await kept.put(DATA)
    assert await kept.old(SHARD, NOW - timedelta(hours=1)) == []
    age(kept)
    assert await kept.old(SHARD, NOW) == [sha256(DATA).digest()]
    assert await kept.old((SHARD + 1) % store.SHARDS, NOW) == []
    kept._files.pipe_file(kept._path(NAME) + ".txt", b"no picture of ours")
    assert await kept.old(SHARD, NOW + timedelta(days=1)) == [sha256(DATA).digest()]


async def test_what_was_put_again_is_as_of_then_and_is_not_dropped(kept: PictureStore) -> None:
    digest = await kept.put(DATA)
    age(kept)
    assert await kept.old(SHARD, NOW) == [digest]
    await kept.put(DATA)
    assert await kept.old(SHARD, NOW - timedelta(hours=1)) == []
    assert await kept.drop([digest], NOW - timedelta(hours=1)) == 0 and await kept.get(digest) == DATA
    age(kept)
    assert await kept.drop([digest], NOW) == 1
    with pytest.raises(Gone):
        await kept.get(digest)
    assert await kept.put(DATA) == digest and await kept.get(digest) == DATA


async def test_what_another_process_put_again_since_the_look_is_not_dropped(url: str) -> None:
    sweeping, putting = PictureStore(url), PictureStore(url)
    digest, before = await putting.put(DATA), NOW - timedelta(hours=1)
    age(putting)
    assert await sweeping.old(SHARD, before) == [digest]
    await putting.put(DATA)
    assert await sweeping.drop([digest], before) == 0 and await putting.get(digest) == DATA


async def test_a_sweep_never_takes_what_is_put_at_the_same_moment(tmp_path: Path) -> None:
    kept, before = PictureStore(str(tmp_path / "new")), NOW - timedelta(hours=1)
    digest, gone = await kept.put(DATA), 0
    for _ in range(100):
        age(kept)
        first, second, _ = await asyncio.gather(
            kept.drop([digest], before), kept.drop([digest], before), kept.put(DATA)
        )
        gone += first + second
        assert await kept.get(digest) == DATA
        assert await kept.old(SHARD, before) == []
    assert gone, "no sweep was ever first: nothing was tried"
    assert [p.name for p in _files(tmp_path)] == [NAME]


async def test_what_a_sweep_or_a_put_that_was_killed_has_left_is_put_right(tmp_path: Path) -> None:
    kept, before = PictureStore(str(tmp_path / "new")), NOW - timedelta(hours=1)
    digest = await kept.put(DATA)
    file = Path(kept._path(NAME))
    os.rename(file, file.with_name(f".swept-{NAME}"))
    (half := file.with_name("." + "0" * 16)).write_bytes(b"half")
    (young := file.with_name("." + "1" * 16)).write_bytes(b"on its way")
    os.utime(half, (LONG_AGO.timestamp(),) * 2)
    assert await kept.old(SHARD, before) == [] and await kept.get(digest) == DATA
    assert not half.exists() and young.exists()
    file.with_name(f".swept-{NAME}").write_bytes(DATA)  # and was put anew since
    os.utime(file.with_name(f".swept-{NAME}"), (LONG_AGO.timestamp(),) * 2)
    assert await kept.old(SHARD, before) == [], "the new one keeps its date"
    assert sorted(p.name for p in _files(tmp_path)) == [young.name, NAME]


async def test_a_closed_store_ends_its_connections() -> None:
    ended, opened = asyncio.Event(), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while await reader.readline() not in (b"\r\n", b""):
            pass
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(DATA) + DATA)
        await reader.read()  # to its end: nothing more is asked
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/pictures"
    one, other = PictureStore(url), PictureStore(url)
    assert one._files is not other._files
    assert await one.get(sha256(DATA).digest()) == DATA and opened == 1 and not ended.is_set()
    await one.close()
    async with asyncio.timeout(10):
        await ended.wait()
    with pytest.raises(Away):
        await one.get(sha256(DATA).digest())
    server.close()
