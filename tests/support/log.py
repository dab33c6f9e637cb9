"""What stands in a topic, and putting records there by hand."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from google.protobuf.message import DecodeError, Message

from gewu import topics
from gewu.runtime.settings import Kafka

Headers = Sequence[tuple[str, bytes | None]]
M = TypeVar("M", bound=Message)


async def put(
    kafka: Kafka, topic: str, records: Iterable[tuple[bytes | None, bytes | None, Headers]], partition: int = 0
) -> None:
    """Append (key, value, headers) records, in order."""
    producer = AIOKafkaProducer(enable_idempotence=True, linger_ms=20, **kafka.connection())
    await producer.start()
    try:
        for key, value, headers in records:
            last = await producer.send(topic, value, key, partition=partition, headers=list(headers))
        await last
    finally:
        await producer.stop()


async def read(kafka: Kafka, topic: str, partition: int = 0) -> list[ConsumerRecord[Any, Any]]:
    """Every record of a partition, from its first to the end it had when asked."""
    return await _read(kafka, [TopicPartition(topic, partition)])


async def whole(kafka: Kafka, *names: str) -> list[ConsumerRecord[Any, Any]]:
    """Every record of topics that each city has, all their partitions, each to the end it had when asked."""
    wide = {topic.name: topic.partitions for topic in topics.registry([])}
    return await _read(kafka, [TopicPartition(name, n) for name in names for n in range(wide[name])])


async def _read(kafka: Kafka, places: Sequence[TopicPartition]) -> list[ConsumerRecord[Any, Any]]:
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **kafka.connection())
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        found: list[ConsumerRecord[Any, Any]] = []
        left = list(places)
        while left := [place for place in left if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(*left, timeout_ms=200)).values():
                found += records
        return found
    finally:
        await consumer.stop()


def messages(records: Iterable[ConsumerRecord[Any, Any]], kind: type[M]) -> list[M]:
    """The records that are such a message; what else tests put on a topic that all share is left out."""
    found: list[M] = []
    for record in records:
        try:
            found.append(kind.FromString(record.value or b""))
        except DecodeError:
            continue
    return found
