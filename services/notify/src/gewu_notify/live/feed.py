"""The live feed's eye on the log: every process reads all partitions, without a group, and older things when asked for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from gewu import topics
from gewu.errors import Never, NotNow
from gewu.runtime.health import Health
from gewu.runtime.record import Record
from gewu.runtime.settings import Kafka
from gewu_notify import wire
from gewu_notify.live.event import Event, event
from gewu_notify.live.hub import Hub
from gewu_notify.metrics import LiveMetrics

log = logging.getLogger(__name__)

WARM = 2_000  # records of each partition that are read at the start, for who comes back from a process that ended
REPLAYS = 8  # looks into the log at once; who asks for one more waits
_BATCH = 500
_WAIT_MS = 200
_PATIENCE_S = 10.0
_PARTITIONS = next(t.partitions for t in topics.registry([]) if t.name == topics.CASES)
_PLACES = [TopicPartition(topics.CASES, n) for n in range(_PARTITIONS)]


class Cut(Exception):
    """What was asked for is not in the log, any more or yet."""


class Feed:
    """Reads cases.changed into the hub for as long as it runs."""

    def __init__(self, kafka: Kafka, health: Health, metrics: LiveMetrics) -> None:
        self._kafka, self._health, self._metrics = kafka, health, metrics
        self.hub = Hub(_PARTITIONS, metrics)
        self._looks = asyncio.Semaphore(REPLAYS)
        self._until: list[int] = []
        self.is_warm = False  # whether it has read what there was when it began

    async def run(self) -> None:
        """Until cancelled."""
        begun = False
        while True:
            try:
                async with self._consumer() as consumer:
                    await self._begin(consumer, anew=not begun)
                    begun = True
                    await self._follow(consumer)
            except OffsetOutOfRangeError:
                log.error("the log was cut beneath the live feed: every client begins anew")
                begun = self.is_warm = False
            except KafkaError as fault:
                self._health.bad("live feed", f"the log is away: {fault!r}", _PATIENCE_S)
                await asyncio.sleep(1.0)

    async def replay(self, since: Sequence[int], until: Sequence[int]) -> AsyncIterator[list[Event]]:
        """What stands in the log between these vectors. Cut where it does not hold all of that."""
        async with self._looks, self._consumer() as consumer:
            first = await consumer.beginning_offsets(_PLACES)
            if any(asked < first[place] for place, asked in zip(_PLACES, since, strict=True)):
                raise Cut
            left = [p for p in _PLACES if since[p.partition] < until[p.partition]]
            consumer.assign(left)
            for place in left:
                consumer.seek(place, since[place.partition])
            while left:
                try:
                    found = await consumer.getmany(*left, timeout_ms=_WAIT_MS, max_records=_BATCH)
                except OffsetOutOfRangeError:
                    raise Cut from None
                yield [
                    e
                    for records in found.values()
                    for r in records
                    if r.offset < until[r.partition] and (e := _read(r)) is not None
                ]
                stands = {p: await consumer.position(p) for p in left}
                left = [p for p in left if stands[p] < until[p.partition]]

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            client_id="notify-live", group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            isolation_level="read_committed", fetch_max_wait_ms=100, **self._kafka.connection(),
        )  # fmt: skip
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()

    async def _begin(self, consumer: AIOKafkaConsumer, *, anew: bool) -> None:
        """Go on where the hub stands, or begin a little before the log's end."""
        consumer.assign(_PLACES)
        if anew:
            first, ends = await consumer.beginning_offsets(_PLACES), await consumer.end_offsets(_PLACES)
            self.hub.begin([max(first[p], ends[p] - WARM) for p in _PLACES])
            self._until = [ends[p] for p in _PLACES]
        for place in _PLACES:
            consumer.seek(place, self.hub.ends[place.partition])

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            found = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_BATCH)
            self._health.good("live feed")
            for place, records in found.items():
                self.hub.publish([one for record in records if (one := _read(record)) is not None])
                self.hub.passed(place.partition, records[-1].offset + 1)
            if not self.is_warm:
                stands = [await consumer.position(p) for p in _PLACES]
                self.is_warm = all(at >= end for at, end in zip(stands, self._until, strict=True))
            self._metrics.behind.set(
                sum(max(0, (consumer.highwater(p) or 0) - self.hub.ends[p.partition]) for p in _PLACES)
            )


def _read(record: Any) -> Event | None:
    """The event in a record; None for one that cannot be read, which the delivery beside us parks and tells of."""
    try:
        fact = wire.fact(
            Record(
                record.topic, record.partition, record.offset, record.timestamp, record.key, record.value,
                tuple(record.headers),
            )
        )  # fmt: skip
    except (Never, NotNow):
        return None
    return event(fact, record.partition, record.offset)
