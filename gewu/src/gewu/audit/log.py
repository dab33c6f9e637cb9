"""Kafka read as a stranger would: no group, no commits, each partition from its first record to an end noted before."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from gewu.audit.facts import Span
from gewu.runtime.settings import Kafka

Record = ConsumerRecord[Any, Any]
_STUCK_S = 60.0
_FETCH_WAIT_MS = 50  # whatever is asked next on the same connection waits for a fetch that found nothing


class LogStuck(Exception):
    """Kafka answers and gives no records; the text names the partitions."""


class Log:
    """A cluster's records."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: dict[str, int]) -> None:
        self._consumer = consumer
        self.partitions = partitions  # of every topic of the cluster

    def places(self, topics: Iterable[str]) -> list[TopicPartition]:
        """Every partition of these topics; KeyError for a topic that is not there."""
        return [TopicPartition(t, p) for t in topics for p in range(self.partitions[t])]

    async def ends(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each partition, now."""
        # Told of all topics at once, the client library looks up their leaders with one question. By itself it asks for
        # one unknown topic after another, a tenth of a second each: most of an audit's time where topics are many.
        await self._consumer._client.set_topics(self.partitions)
        return await self._consumer.end_offsets(places) if places else {}

    async def spans(
        self, places: Sequence[TopicPartition], settled: dict[TopicPartition, int] | None = None
    ) -> list[Span]:
        """What there is to read now. `settled`: ends noted before, up to which the database's snapshot is younger."""
        ends = await self.ends(places)
        firsts = await self._consumer.beginning_offsets(places) if places else {}
        return [Span(p.topic, p.partition, firsts[p], (settled or ends)[p], ends[p]) for p in places]

    async def within(self, places: Sequence[TopicPartition], since_ms: int, until_ms: int | None) -> list[Span]:
        """What was stamped from one time on and before another, as the brokers find it; to the end without the other."""
        spans = await self.spans(places)
        if not places:
            return spans
        begins = await self._consumer.offsets_for_times(dict.fromkeys(places, since_ms))
        stops = await self._consumer.offsets_for_times(dict.fromkeys(places, until_ms)) if until_ms is not None else {}
        found = []
        for place, span in zip(places, spans, strict=True):
            begin, stop = begins.get(place), stops.get(place)
            end = min(span.end, stop.offset) if stop else span.end
            found.append(replace(span, first=min(begin.offset, end) if begin else end, end=end))
        return found

    async def read(self, spans: Sequence[Span]) -> AsyncIterator[list[Record]]:
        """The records of these spans, each partition's in order. Raises LogStuck after a minute without progress."""
        left = {TopicPartition(s.topic, s.partition): s.end for s in spans if s.end > s.first}
        if not left:
            return  # assigned nothing and stopped at once, the library's fetcher loses its cancellation and never ends
        self._consumer.assign(list(left))
        for span in spans:
            if (place := TopicPartition(span.topic, span.partition)) in left:
                self._consumer.seek(place, span.first)
        moved = asyncio.get_running_loop().time()
        while left:
            found = await self._consumer.getmany(*left, timeout_ms=1000, max_records=5000)
            now = asyncio.get_running_loop().time()
            for place, records in found.items():
                moved = now
                yield [record for record in records if record.offset < left[place]]
            left = {place: end for place, end in left.items() if await self._consumer.position(place) < end}
            if left and now - moved > _STUCK_S:
                raise LogStuck(
                    f"no record for {_STUCK_S:.0f} s from {', '.join(f'{p.topic}[{p.partition}]' for p in left)}"
                )


@asynccontextmanager
async def connected(kafka: Kafka) -> AsyncIterator[Log]:
    """A log to read, closed at the end; KafkaError when no broker answers."""
    consumer = AIOKafkaConsumer(
        client_id="gewu-audit", enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none",
        max_partition_fetch_bytes=4 * 1024 * 1024, fetch_max_wait_ms=_FETCH_WAIT_MS, **kafka.connection(),
    )  # fmt: skip
    try:
        await consumer.start()
        yield Log(consumer, await _partitions(kafka))
    finally:
        await consumer.stop()


async def _partitions(kafka: Kafka) -> dict[str, int]:
    admin = AIOKafkaAdminClient(client_id="gewu-audit", **kafka.connection())
    try:
        await admin.start()
        return {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics()}
    finally:
        await admin.close()
