"""A backlog of ordinary reports in dispatch's log, and a fire that is reported behind it."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

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
    topic, of the slowest and of the middle one; behind how many ordinary ones the first was sent, and how many of them still
    waited when it was heard of there; how many of the fires were heard of while any did."""

    fires: int
    seconds: float
    median: float
    behind: int
    waiting: int
    overtook: int


class _Heard(NamedTuple):
    """A fire on its department's topic: when, and how many ordinary reports still waited then."""

    at: float
    waiting: int


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
        waits = partial(_waits, table, asyncio.Lock(), end)
        fires = _apart(city)
        classes = {found.key for fire in fires if (found := city.category(json.loads(fire)["category"]))}
        hearing = asyncio.create_task(_hear(consumer, classes, sent, waits, over := asyncio.Event()))
        for fire in fires:
            began = time.monotonic()
            async with session.post(f"{stack.intake_url}/v1/reports", data=fire, headers=words) as answer:
                sent[ids.case_id((await answer.json())["signal_id"])] = began
            await asyncio.sleep(_EVERY_S)
            if await waits() <= 0:
                break
        over.set()
        heard = await hearing
    seconds = sorted(heard[case].at - began for case, began in sent.items())
    return Overtook(
        len(seconds), seconds[-1], statistics.median(seconds), waiting, heard[next(iter(sent))].waiting,
        sum(heard[case].waiting > 0 for case in sent),
    )  # fmt: skip


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


async def _hear(
    consumer: AIOKafkaConsumer, classes: set[str], sent: Mapping[str, float], waits: Callable[[], Awaitable[int]],
    over: asyncio.Event,
) -> dict[str, _Heard]:  # fmt: skip
    """Each case of these classes as its department first hears of it; returns when that is over and all sent are heard of."""
    heard: dict[str, _Heard] = {}
    while not (over.is_set() and sent.keys() <= heard.keys()):
        said = [record.value for records in (await consumer.getmany(timeout_ms=20)).values() for record in records]
        at = time.monotonic()
        cases = [Assignment.FromString(value).case for value in said if value]
        # Whatever lane it came in: a fire that stands behind all others must be heard of too, and late.
        if new := {case.case_id for case in cases if case.category in classes} - heard.keys():
            heard |= dict.fromkeys(new, _Heard(at, await waits()))
        assert all(at - began < 120 for case, began in sent.items() if case not in heard), "a fire never came"
    return heard


@asynccontextmanager
async def _table(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _waits(connection: asyncpg.Connection, one_at_a_time: asyncio.Lock, end: int) -> int:
    """How many ordinary reports before this end of the log are not dispatched yet."""
    sums = "SELECT coalesce(sum(next_offset), 0) FROM dispatch.position WHERE topic = $1"
    async with one_at_a_time:
        return max(0, end - int(await connection.fetchval(sums, _BACKLOG)))
