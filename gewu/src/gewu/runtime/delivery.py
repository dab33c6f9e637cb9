"""Delivery: each batch of a partition is one PostgreSQL transaction that holds its effects, its position and its books.

FastStream's batch subscriber feeds `Delivery.on_batch`; the consumer group only assigns partitions. What goes wrong is
one of two words: NotNow stalls this one partition (pause, wait, read the position again, seek) and Never parks the
record. What PostgreSQL refuses as data is bisected down to the one record. The library's own acknowledgement is never
used: it commits the fetch position of every partition, skipped records included.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from gewu.runtime.failpoint import Failpoints
from gewu.runtime.groupcommit import Producer
from gewu.runtime.health import Health
from gewu.runtime.metrics import DeliveryMetrics
from gewu.runtime.partition import Worker
from gewu.runtime.postgres import Connection

log = logging.getLogger(__name__)
T = TypeVar("T")
Record = ConsumerRecord[Any, Any]


class Effects(Protocol, Generic[T]):
    """What a service does with a batch."""

    def decode(self, record: Record) -> T:
        """One record's content; raises Never or NotNow. Pure: it is called again after a bisection."""

    async def apply(self, transaction: Connection, items: Sequence[T]) -> Mapping[str, int]:
        """Write all effects of these items and say how many had which outcome; the sum equals their number."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a delivery works with."""

    pool: asyncpg.Pool
    parking: Producer
    health: Health
    metrics: DeliveryMetrics
    failpoints: Failpoints
    committed: Callable[[], None] = lambda: None  # called after each commit, to wake who sends what it wrote
    parking_limit: int = 100  # parked in a row on one topic: then the fault is ours, and that topic stops


class Delivery(ConsumerRebalanceListener, Generic[T]):
    """The partitions that this process owns of one subscription."""

    def __init__(self, effects: Effects[T], means: Means) -> None:
        self.effects, self.means = effects, means
        self.parked_in_a_row: dict[tuple[str, str], int] = {}  # by topic and stage
        self._workers: dict[TopicPartition, Worker] = {}
        self.consumer_of: Callable[[], AIOKafkaConsumer | None] = lambda: None

    async def on_batch(self, records: Sequence[Record]) -> None:
        """Hand a poll's records to their partitions; returns when each has taken its own, which bounds memory."""
        by_partition: dict[TopicPartition, list[Record]] = {}
        for record in records:
            by_partition.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
        for place, own in by_partition.items():
            worker = self._workers.get(place)
            if worker is not None:
                await worker.submit(own)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Hold each partition still until its position is read from PostgreSQL."""
        consumer = self.consumer_of()
        assert consumer is not None, "subscribe() names the consumer before the group assigns"
        for place in assigned:
            # A position, any position, before the fetcher asks the group for one that it does not have.
            consumer.pause(place)
            consumer.seek(place, 0)
            self._workers[place] = Worker(place, consumer, self)
        for place in assigned:
            self._workers[place].begin()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let running batches end; one that is slower than that loses the compare and set, which is as safe."""
        workers = [w for place in revoked if (w := self._workers.pop(place, None)) is not None]
        await asyncio.gather(*(w.end() for w in workers))

    async def stop(self) -> None:
        """End every partition's work."""
        await self.on_partitions_revoked(set(self._workers))

    async def tell_lag(self, every: float = 5.0) -> None:
        """For lag tools only: export how far behind each topic is, and commit our positions to the group."""
        while True:
            await asyncio.sleep(every)
            consumer = self.consumer_of()
            if consumer is None:
                continue
            stands = {place: w.expected for place, w in self._workers.items() if w.expected is not None}
            lag: dict[str, int] = {}
            for place, position in stands.items():
                high = consumer.highwater(place) if place in consumer.assignment() else None
                lag[place.topic] = lag.get(place.topic, 0) + max((high or 0) - position, 0)
            for topic, records in lag.items():
                self.means.metrics.lag.labels(topic).set(records)
            try:
                if stands:
                    await consumer.commit(stands)
            except KafkaError as fault:
                log.info("the group did not take our positions, which only lag tools read: %r", fault)
