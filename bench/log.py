"""The log from outside: where it ends, what stands in it, and records put there as they are."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.world import Fault
from gewu import topics
from gewu.lane import Lane
from gewu.runtime import kafka
from gewu.runtime.settings import Kafka

Ends = dict[TopicPartition, int]
SIGNALS = tuple(topics.signals(lane) for lane in Lane)
PARTITIONS = {t.name: t.partitions for t in topics.registry([])}
_PATIENCE_MS, _TRIES = 2000, 20
_KEPT = 0.9  # the part of a rate that must be reached


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a service said it."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return len(self.key) + len(self.value) + sum(len(name) + len(value) for name, value in self.headers)


async def make_topics(settings: Kafka, names: Iterable[str]) -> None:
    """Topics of the bench's own, with the partitions and settings of a lane's."""
    like = topics.registry([])[0]
    wanted = [replace(like, name=name, parking=None) for name in names]
    for _ in range(_TRIES):  # a busy broker takes a while until a new topic has its leader
        if not (left := await kafka.apply(wanted, settings)):
            return
        await asyncio.sleep(0.5)
    raise RuntimeError(f"topics could not be made: {left}")


async def ends(settings: Kafka, names: Iterable[str], partitions: int = PARTITIONS[SIGNALS[0]]) -> Ends:
    """Where each partition of these topics ends."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **settings.connection())
    await consumer.start()
    try:
        return dict(await consumer.end_offsets([TopicPartition(n, p) for n in names for p in range(partitions)]))
    finally:
        await consumer.stop()


def grown(before: Ends, after: Ends) -> int:
    """How many records came between two looks."""
    return sum(after.values()) - sum(before.values())


async def read(settings: Kafka, start: Ends, end: Ends) -> list[Record]:
    """Everything between these offsets, partition by partition in order."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **settings.connection())
    await consumer.start()
    found: list[Record] = []
    try:
        for place, first in start.items():
            if first == end[place]:
                continue
            consumer.assign([place])
            consumer.seek(place, first)
            while first < end[place]:
                for r in (await consumer.getmany(place, timeout_ms=_PATIENCE_MS)).get(place, ()):
                    if r.offset < end[place]:
                        found.append(Record(r.topic, r.partition, r.key, r.value, tuple(r.headers)))
                    first = r.offset + 1
    finally:
        await consumer.stop()
    return found


async def append(settings: Kafka, records: Sequence[Record], topic: str = "") -> None:
    """Put records into the log again, each in its partition and in this order; into another topic if one is given."""
    by_place: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        by_place.setdefault((topic or record.topic, record.partition), []).append(record)
    producer = kafka.producer(settings, "bench")
    await producer.start()
    try:
        for (name, partition), own in by_place.items():
            await _append(producer, name, partition, own)
        await producer.flush()
    finally:
        await producer.stop()


async def append_evenly(settings: Kafka, records: Sequence[Record], rate: float | None) -> None:
    """Put records into the log again, so many a second and each at its time; without a rate all at once. Fault where the rate is
    not kept: what was late has waited for us."""
    if rate is None:
        await append(settings, records)
        return
    producer = kafka.producer(settings, "bench")
    await producer.start()
    try:
        acks, began = [], time.perf_counter()
        for n, r in enumerate(records):
            if (pause := began + n / rate - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            acks.append(await producer.send(r.topic, r.value, r.key, r.partition, headers=list(r.headers)))
        took = time.perf_counter() - began
        await asyncio.gather(*acks)
    finally:
        await producer.stop()
    if len(records) / took < rate * _KEPT:
        raise Fault(f"{len(records) / took:.0f} records a second came into the log, {rate:.0f} were wanted")


async def _append(producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Record]) -> None:
    batch = producer.create_batch()
    for record in records:
        words = {"timestamp": None, "key": record.key, "value": record.value, "headers": list(record.headers)}
        if batch.append(**words) is None:
            batch.close()
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(**words)
    batch.close()
    await (await producer.send_batch(batch, topic, partition=partition))
