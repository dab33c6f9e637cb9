"""A record of the log as deliveries hold it, and how a poll's records are handed over.

Behind a backlog thousands of records are held at a time, so that what one is made of is what consuming costs: aiokafka's
own has eleven fields in a dictionary, of which seven are asked for here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from msgspec import Struct


class Record(Struct, gc=False):  # the collector need not look: bytes, texts and numbers make no cycle
    """One record. timestamp: milliseconds of Unix time; a header's value may be null."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Records(fetcher.PartitionRecords):
    """What was fetched of one partition, taken apart record by record. Deserializers, which nobody here gives, are not called."""

    def _consumer_record(self, place: TopicPartition, record: Any) -> Record:
        topic, partition = place
        return Record(
            topic, partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
        )


class Polled:
    """One partition's records of a poll, to be taken once."""

    __slots__ = ("_records", "partition", "topic")

    def __init__(self, topic: str, partition: int, records: list[Record]) -> None:
        self.topic, self.partition, self._records = topic, partition, records

    def take(self) -> list[Record]:
        """The records; nobody else holds them from now on."""
        records, self._records = self._records, []
        return records


Poll = Callable[..., Awaitable[dict[TopicPartition, list[Any]]]]


def whole(poll: Poll) -> Poll:
    """A poll that gives each partition's records as one Polled.

    FastStream's loop chains what it is given into one tuple and holds that until the next poll has come: record by record,
    two polls' would be in memory at a time, which took a tenth of consuming, and an idle lane would keep its last.
    """

    async def polled(*places: TopicPartition, **words: Any) -> dict[TopicPartition, list[Any]]:
        found = await poll(*places, **words)
        return {place: [Polled(*place, records)] for place, records in found.items()}

    return polled
