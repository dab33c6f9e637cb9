"""A backlog of ordinary reports in dispatch's log, and a fire that is reported behind it."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from gewu import geo, ids, topics
from gewu.city import City
from gewu.city import load as load_city
from gewu.clock import SystemClock
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.load.bodies import Bodies
from gewu.runtime import kafka
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.settings import Kafka
from gewu.v1.assignment_pb2 import Assignment
from gewu_dispatch.domain import joining
from gewu_intake import parse, wire
from gewu_intake.domain.report import ReportSaid, seen

_FIRES, _EVERY_S = 12, 0.4
_BACKLOG = topics.signals(Lane.P2)
_PARTITIONS = next(t.partitions for t in topics.registry([]) if t.name == _BACKLOG)


@dataclass(frozen=True, slots=True)
class Overtook:
    """Fires that were sent while ordinary reports waited; seconds from sending one to its assignment on its department's
    topic, of the slowest and of the middle one; how many ordinary ones waited soon after the first, and after the last
    that met any."""

    fires: int
    seconds: float
    median: float
    waiting: int
    left: int


async def overtake(stack: Stack, settings: Kafka, secret: str, waiting: int) -> Overtook:
    """Put so many ordinary reports into p2's log, then report fires through intake, one behind another as long as ordinary ones
    wait, and hear of each at its department."""
    city = load_city(stack.city)
    words = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    sent: dict[str, float] = {}
    async with _departments(settings, city) as consumer, aiohttp.ClientSession() as session, _table(stack) as table:
        stack.services["dispatch"].pause()  # or a quick one would be through before the first fire is there
        try:
            await _fill(settings, city, waiting)
        finally:
            stack.services["dispatch"].resume()
        end = sum((await consumer.end_offsets([TopicPartition(_BACKLOG, n) for n in range(_PARTITIONS)])).values())
        hearing = asyncio.create_task(_hear(consumer, sent, over := asyncio.Event()))
        at_first = left = waiting
        for n, fire in enumerate(_apart(city)):
            began = time.monotonic()
            async with session.post(f"{stack.intake_url}/v1/reports", data=fire, headers=words) as answer:
                sent[ids.case_id((await answer.json())["signal_id"])] = began
            await asyncio.sleep(_EVERY_S)
            now = end - await _settled(table)
            if n == 0:
                at_first = now
            if now <= 0:
                break  # whether this one still met others is not known
            left = now
        over.set()
        seconds = await hearing
    return Overtook(len(seconds), seconds[-1], statistics.median(seconds), at_first, left)


def _apart(city: City) -> list[bytes]:
    """Fires so far from each other that none joins another's case, which would be no news to its department."""
    kept: list[bytes] = []
    places: list[tuple[float, float]] = []
    for body in Bodies(city, {"p0": 1.0}, time.monotonic_ns()).draw(2000):
        place = json.loads(body.line)["place"]
        here = place["lon"], place["lat"]
        if len(kept) < _FIRES and all(geo.metres(*here, *other) > 2 * joining.LARGEST_RADIUS_M for other in places):
            kept.append(body.line)
            places.append(here)
    return kept


async def _fill(settings: Kafka, city: City, count: int) -> None:
    bodies = Bodies(city, {"p2": 1.0}, 7)
    known = {t.name: t for t in topics.registry([])}
    writer = GroupCommit(
        lambda: kafka.producer(settings, "backlog"), lambda name: known[name].record_bytes, bound=1 << 30
    )
    await writer.start()
    topic = known[_BACKLOG]
    front = wire.front("key:backlog", Lane.P2, city.grids[-1].path[0], city.version, topic.partitions)
    now = SystemClock().now()
    for n, body in enumerate(bodies.draw(count)):
        said = parse.report(body.line)
        assert isinstance(said, ReportSaid)
        category = city.category(said.category)
        class_ = category.key if category else ""
        ((_, partition, _, _, record),) = wire.word([said], [seen(said, now)], [front], [class_], now, None)
        writer.append(front.topic, partition, [record], lambda *_: None)
        if n % 2000 == 0:
            await asyncio.sleep(0)
    await writer.flush()
    await writer.stop()


@asynccontextmanager
async def _departments(settings: Kafka, city: City) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **settings.connection())
    await consumer.start()
    try:
        known = {t.name: t.partitions for t in topics.registry(city.departments)}
        places = [
            TopicPartition(topics.dispatch(d), n) for d in city.departments for n in range(known[topics.dispatch(d)])
        ]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)
        yield consumer
    finally:
        await consumer.stop()


async def _hear(consumer: AIOKafkaConsumer, sent: Mapping[str, float], over: asyncio.Event) -> list[float]:
    """How long each of these cases took to come to its department; returns when that is over and all are heard of."""
    seen: dict[str, float] = {}
    while not (over.is_set() and sent.keys() <= seen.keys()):
        for records in (await consumer.getmany(timeout_ms=20)).values():
            for record in records:
                if record.value:
                    seen.setdefault(Assignment.FromString(record.value).case.case_id, time.monotonic())
        assert all(time.monotonic() - at < 120 for case, at in sent.items() if case not in seen), "a fire never came"
    return sorted(seen[case] - at for case, at in sent.items())


@asynccontextmanager
async def _table(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _settled(connection: asyncpg.Connection) -> int:
    sums = "SELECT coalesce(sum(next_offset), 0) FROM dispatch.position WHERE topic = $1"
    return int(await connection.fetchval(sums, _BACKLOG))
