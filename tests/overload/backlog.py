"""A backlog of ordinary reports in dispatch's log, and a fire that is reported behind it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from gewu import ids, topics
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
from gewu_intake import parse, wire
from gewu_intake.domain.report import ReportSaid, seen

_BACKLOG = topics.signals(Lane.P2)
_PARTITIONS = next(t.partitions for t in topics.registry([]) if t.name == _BACKLOG)


@dataclass(frozen=True, slots=True)
class Overtook:
    """Seconds from sending the fire to its assignment on its department's topic, and how many ordinary ones still waited."""

    seconds: float
    waiting: int


async def overtake(stack: Stack, settings: Kafka, secret: str, waiting: int) -> Overtook:
    """Put so many ordinary reports into p2's log, then report a fire through intake and wait for its department."""
    city = load_city(stack.city)
    (fire,) = Bodies(city, {"p0": 1.0}, time.monotonic_ns()).draw(1)
    words = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    async with _departments(settings, city) as consumer, aiohttp.ClientSession() as session, _table(stack) as table:
        stack.services["dispatch"].pause()  # or a quick one would be through before the fire is there
        try:
            await _fill(settings, city, waiting)
        finally:
            stack.services["dispatch"].resume()
        end = sum((await consumer.end_offsets([TopicPartition(_BACKLOG, n) for n in range(_PARTITIONS)])).values())
        began = time.monotonic()
        async with session.post(f"{stack.intake_url}/v1/reports", data=fire.line, headers=words) as answer:
            signal = (await answer.json())["signal_id"]
        seconds = await _heard(consumer, signal, began)
        return Overtook(seconds, end - await _settled(table))


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


async def _heard(consumer: AIOKafkaConsumer, signal: str, began: float) -> float:
    case = ids.case_id(signal)
    while True:
        for records in (await consumer.getmany(timeout_ms=100)).values():
            for record in records:
                if record.value and Assignment.FromString(record.value).case.case_id == case:
                    return time.monotonic() - began
        assert time.monotonic() - began < 120, "the fire never came"


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
