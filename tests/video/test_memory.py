"""A plate rule that suspended itself stays suspended: over a restart, in every process, and whatever else is on that topic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gewu import topics
from gewu.city import City, load
from gewu.clock import SystemClock
from gewu.lane import Lane
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime.contact import Sealed
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.settings import Kafka
from gewu.v1.signal_pb2 import RuleSuspended
from gewu_video.handlers import Handlers
from gewu_video.memory import Memory
from gewu_video.metrics import Metrics
from gewu_video.mouth import Mouth
from gewu_video.talk import Hit, Plates
from gewu_video.wire import Said, Words
from tests.support import log
from tests.support.waiting import until
from tests.video.test_whole import ASKED, CAR_PARK, package

RULE = "stolen-7"


@pytest.fixture(scope="module")
def gelin(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> City:
    """The demo city with a plate rule."""
    return load(package(demo, tmp_path_factory.mktemp("memory") / "city"))


@pytest.fixture
async def empty(kafka: Kafka) -> Kafka:
    """A log on which no rule is suspended."""
    admin = await kafka_runtime.administrator(kafka)
    topic = [t for t in topics.registry([]) if t.name == topics.SUSPENDED]
    try:
        if topics.SUSPENDED in await admin.list_topics():
            await admin.delete_topics([topics.SUSPENDED])

            async def gone() -> bool:
                return topics.SUSPENDED not in await admin.list_topics()

            await until(gone, 30.0, "the end of the topic")
    finally:
        await admin.close()
    assert await kafka_runtime.apply(topic, kafka) == []
    return kafka


def process(city: City) -> tuple[Handlers, list[Said]]:
    """A process of video as it begins, and what it says."""
    said: list[Said] = []
    metrics = Metrics(CollectorRegistry(), city.cameras)
    words = Words(city, lambda plain: Sealed("k", b"x" * len(plain)))
    return Handlers(city, city.cameras, words, said.append, metrics, SystemClock(), can_seal=True), said


def suspend(handlers: Handlers, city: City) -> None:
    """One car in two that it sees is the one that the rule names: each time on another camera's child, as if it drove round."""
    camera = city.cameras[CAR_PARK]
    for _ in range(10):
        handlers.heard(camera, Plates(2, "m", [Hit(RULE, ASKED, 0.9)]))
        handlers._plates._since.clear()  # a new occurrence


@asynccontextmanager
async def mouth(kafka: Kafka, city: City) -> AsyncIterator[Mouth]:
    """One with a real producer."""
    limits = {t.name: t.record_bytes for t in topics.registry([])}
    metrics = Metrics(CollectorRegistry(), city.cameras)
    producer = GroupCommit(
        lambda: kafka_runtime.producer(kafka, "video-test"), limits.__getitem__, deadline=10.0, bound=1 << 20,
        meter=metrics.producers.of("p0"),
    )  # fmt: skip
    await producer.start()
    try:
        yield Mouth(dict.fromkeys(Lane, producer), metrics)
    finally:
        await producer.stop()


async def test_a_rule_that_suspended_itself_is_in_force_neither_after_a_restart_nor_elsewhere(
    empty: Kafka, gelin: City
) -> None:
    first, said = process(gelin)
    other, _ = process(gelin)
    follows = Memory(empty, other.suspended, Health())
    await follows.recall()
    following = asyncio.create_task(follows.follow())
    assert [r.id for r in first.rules(CAR_PARK)] == [r.id for r in other.rules(CAR_PARK)] == [RULE]

    suspend(first, gelin)
    assert first.rules(CAR_PARK) == []
    (suspension,) = [s for s in said if s.kind == "suspension"]
    assert ASKED.encode() not in b"".join(map(bytes, suspension.record[:2]))
    async with mouth(empty, gelin) as speaks:
        speaks.say(suspension)

        async def acked() -> bool:
            return speaks.waiting == 0

        await until(acked, 20.0, "the ack")

    async def heard() -> bool:
        return other.rules(CAR_PARK) == []

    await until(heard, 20.0, "the other process")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)

    again, says = process(gelin)
    assert again.rules(CAR_PARK), "it remembers nothing by itself"
    await Memory(empty, again.suspended, Health()).recall()
    assert again.rules(CAR_PARK) == []
    again.heard(gelin.cameras[CAR_PARK], Plates(1, "m", [Hit(RULE, ASKED, 0.9)]))
    assert says == []


async def test_what_cannot_be_read_and_rules_of_other_packages_change_nothing(empty: Kafka, gelin: City) -> None:
    handlers, _ = process(gelin)
    strange = [(b"x", b"\xff\xff", []), (b"y", None, []), (b"z", RuleSuspended(rule_id="gone").SerializeToString(), [])]
    await log.put(empty, topics.SUSPENDED, strange)
    memory = Memory(empty, handlers.suspended, Health())
    await memory.recall()
    assert handlers.rules(CAR_PARK)
    await log.put(empty, topics.SUSPENDED, [(b"r", RuleSuspended(rule_id=RULE).SerializeToString(), [])])
    await memory.recall()
    assert handlers.rules(CAR_PARK) == []


def test_a_suspension_is_said_once(gelin: City) -> None:
    handlers, said = process(gelin)
    for _ in range(3):
        suspend(handlers, gelin)
    assert [s.kind for s in said].count("suspension") == 1
