"""The library's subscriber as dispatch uses it, with metrics, and the decoder in the place of a delivery."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from prometheus_client import CollectorRegistry

from bench.processes import decoding
from bench.processes.words import Words, answer
from gewu.runtime import settings, subscribe
from gewu.runtime.env import Env
from gewu.runtime.metrics import DeliveryMetrics
from gewu.runtime.record import Polled, Record, whole


class Reader(ConsumerRebalanceListener):
    """What subscribe() asks of a delivery: it takes batches, and stands at the start of what it is assigned."""

    def __init__(self, records: int, decode: Callable[[Record], object]) -> None:
        self._decode = decode
        self._left, self.started, self.done, self._handed = records, 0.0, asyncio.Event(), False
        self._metrics = DeliveryMetrics(CollectorRegistry()).of("p2")
        self.consumer_of: Callable[[], AIOKafkaConsumer | None] = lambda: None

    async def on_batch(self, polled: Sequence[Polled]) -> None:
        """Decode, and observe what a delivery observes of each batch of a partition."""
        decode = self._decode
        for of_one in polled:
            arrived = time.perf_counter()
            self.started = self.started or arrived
            records = of_one.take()
            for record in records:
                decode(record)
            self._metrics.committed({"opened": len(records)}, [r.timestamp for r in records])
            self._metrics.batch(len(records), time.perf_counter() - arrived)
            self._left -= len(records)
        if self._left <= 0:
            self.done.set()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """From the start."""
        consumer = self.consumer_of()
        assert consumer is not None
        if not self._handed:
            consumer.getmany, self._handed = whole(consumer.getmany), True
        for place in assigned:
            consumer.seek(place, 0)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing is under way."""


async def work(words: Words) -> Words:
    """Records a second, from the first batch."""
    where = settings.kafka(Env({"GEWU_KAFKA_BOOTSTRAP": words["kafka"]}))
    broker = subscribe.broker(where, "bench-hosted")
    reader = Reader(words["records"], decoding.chosen(words["decoder"]))
    delivery: Any = reader
    group = f"bench-{time.time_ns()}"
    subscribe.subscribe(broker, where, delivery, group=group, topics=[words["topic"]], max_records=words["batch"])
    await subscribe.start(broker)
    await asyncio.wait_for(reader.done.wait(), 120.0)
    took = time.perf_counter() - reader.started
    await broker.stop()
    return {"rate": words["records"] / took}


if __name__ == "__main__":
    raise SystemExit(answer(work))
