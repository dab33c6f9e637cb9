"""What stands in a topic, and putting records there by hand."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from google.protobuf.message import DecodeError, Message

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
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **kafka.connection())
    await consumer.start()
    try:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        await consumer.seek_to_beginning(place)
        found: list[ConsumerRecord[Any, Any]] = []
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
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
