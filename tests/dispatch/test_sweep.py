"""A picture that nobody named goes after 25 hours; one that is named, or may be named in what was not read yet, never."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gewu.pictures.store import Gone, PictureStore
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime.postgres import Reader
from gewu.runtime.settings import Kafka
from gewu.topics import Topic
from gewu_dispatch.domain.action import Kind
from gewu_dispatch.domain.case import Picture
from gewu_dispatch.handlers import sweep
from gewu_dispatch.handlers.sweep import CUT, Sweep
from gewu_dispatch.metrics import SweepMetrics, Swept
from tests.dispatch.conftest import Desk
from tests.support import log
from tests.support.building import a_signal, an_action

NOW = datetime.now(UTC)


class World:
    """A store and the desk's database; the log's ends are what a test says."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.store, self.desk, self.registry = PictureStore(str(folder)), desk, CollectorRegistry()
        self.ends: Sequence[tuple[str, int, int]] = []
        self.sweeper = Sweep(self.store, self._ends, lambda: Reader(desk.pool), SweepMetrics(self.registry))

    async def _ends(self) -> Sequence[tuple[str, int, int]]:
        return self.ends

    async def put(self, data: bytes, old: timedelta = CUT + timedelta(minutes=1)) -> bytes:
        """Stored so long ago."""
        digest = await self.store.put(data)
        os.utime(self.store._path(digest.hex()), ((NOW - old).timestamp(),) * 2)
        return digest

    async def sweep(self, digest: bytes, now: datetime = NOW) -> Swept:
        """The shard of this picture."""
        return await self.sweeper.sweep(digest[0], now)

    async def is_there(self, digest: bytes) -> bool:
        """Whether the store has it."""
        try:
            return bool(await self.store.get(digest))
        except Gone:
            return False

    async def read_up_to(self, topic: str, partition: int, offset: int) -> None:
        """Dispatch's position; its books balance."""
        await self.desk.pool.execute(
            """INSERT INTO position (topic, partition, first_offset, next_offset, skipped) VALUES ($1, $2, 0, $3, $3)
               ON CONFLICT (topic, partition) DO UPDATE SET next_offset = $3, skipped = $3""",
            topic, partition, offset,
        )  # fmt: skip


@pytest.fixture
def world(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Nothing in it yet; waits are short."""
    monkeypatch.setattr(sweep, "PAUSE_S", 0.02)
    return World(desk, tmp_path / "pictures")


def named(digest: bytes) -> Picture:
    """How a signal names it."""
    return Picture(digest, 9, "image/jpeg", "mask 1")


async def test_what_nobody_named_goes_after_the_cut_and_not_before(world: World) -> None:
    old, young = await world.put(b"old"), await world.put(b"young", CUT - timedelta(minutes=1))
    for digest in (old, young):
        assert await world.sweep(digest) is Swept.DONE
    assert not await world.is_there(old) and await world.is_there(young)
    assert world.registry.get_sample_value("gewu_dispatch_swept_pictures_total") == 1
    assert timedelta(hours=25) == CUT


async def test_what_a_signal_or_a_move_names_stays_however_old(world: World) -> None:
    one, other, nobodys = [await world.put(data, timedelta(days=400)) for data in (b"1", b"2", b"3")]
    await world.desk.take(a_signal(pictures=(named(one),)))
    (case,) = await world.desk.rows("cases")
    words: Any = {"department": case["department"], "pictures": (named(other),)}
    await world.desk.act(an_action(str(case["case_id"]), Kind.ACCEPT, department=case["department"]))
    assert await world.desk.act(an_action(str(case["case_id"]), Kind.DONE, **words)) == {"applied": 1}
    for digest in (one, other, nobodys):
        await world.sweep(digest)
    assert [await world.is_there(d) for d in (one, other, nobodys)] == [True, True, False]


async def test_nothing_goes_while_the_log_may_still_name_it(world: World) -> None:
    digest = await world.put(b"named by what is on its way")
    world.ends = [("signals.p1", 0, 5), ("signals.p2", 1, 0)]
    assert await world.sweep(digest) is Swept.BEHIND, "never read"
    await world.read_up_to("signals.p1", 0, 4)
    assert await world.sweep(digest) is Swept.BEHIND and await world.is_there(digest)
    sweeping = asyncio.create_task(world.sweep(digest))
    await asyncio.sleep(0.1)
    await world.desk.take(a_signal(pictures=(named(digest),)))
    await world.read_up_to("signals.p1", 0, 5)
    assert await sweeping is Swept.DONE and await world.is_there(digest)


async def test_a_restore_in_the_middle_of_a_sweep_takes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = await world.put(b"named after the dump")
    await world.desk.take(a_signal(pictures=(named(digest),)))
    await world.read_up_to("signals.p1", 0, 5)

    async def ends() -> Sequence[tuple[str, int, int]]:
        # The dump is older than the signal; its positions are, too.
        await world.desk.pool.execute("DELETE FROM pictures")
        await world.read_up_to("signals.p1", 0, 3)
        return [("signals.p1", 0, 5)]

    monkeypatch.setattr(world.sweeper, "_ends", ends)
    assert await world.sweep(digest) is Swept.BEHIND and await world.is_there(digest)


async def test_what_is_uploaded_again_while_it_is_swept_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, ask = await world.put(b"twice"), sweep.pictures.unnamed

    async def asked(*words: Any) -> Any:
        found = await ask(*words)
        await world.store.put(b"twice")
        return found

    monkeypatch.setattr(sweep.pictures, "unnamed", asked)
    assert await world.sweep(digest) is Swept.DONE and await world.is_there(digest)
    assert world.registry.get_sample_value("gewu_dispatch_swept_pictures_total") == 0


async def test_a_full_shard_goes_in_bounded_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "AT_ONCE", 2)
    asked: list[int] = []
    ask = sweep.pictures.unnamed

    async def counted(reader: Any, digests: Sequence[bytes], ends: Any) -> Any:
        asked.append(len(digests))
        return await ask(reader, digests, ends)

    monkeypatch.setattr(sweep.pictures, "unnamed", counted)
    alike = _of_one_shard(5)
    digests = [await world.put(data) for data in alike]
    assert await world.sweep(digests[0]) is Swept.DONE and asked == [2, 2, 1]
    assert not any([await world.is_there(d) for d in digests])


def _of_one_shard(count: int) -> list[bytes]:
    return [d for n in range(9999) if sha256(d := b"%d" % n).digest()[0] == 7][:count]


async def test_the_logs_ends_are_the_brokers(kafka: Kafka, topic: Topic) -> None:
    assert await kafka_runtime.ends([topic.name], kafka) == [(topic.name, 0, 0)]
    await log.put(kafka, topic.name, [(b"k", b"v", [])] * 3)
    assert await kafka_runtime.ends([topic.name], kafka) == [(topic.name, 0, 3)]
