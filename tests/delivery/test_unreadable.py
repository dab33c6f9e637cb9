"""Bytes that the client library cannot unpack, beside a busy healthy topic: nothing of anybody is lost for them."""

import asyncio
import struct
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from gewu import topics
from gewu.errors import Why
from gewu.runtime import parking
from gewu.runtime.settings import Kafka
from gewu.topics import Topic
from tests.conftest import make_topics
from tests.support import log
from tests.support.waiting import until

_CRC = slice(17, 21)  # where record format v2 has a batch's checksum; it covers what follows


async def _put_batch(kafka: Kafka, topic: str, values: list[bytes], *, bad_name_at: int) -> None:
    """One batch in which the header name of one record is not UTF-8."""
    producer = AIOKafkaProducer(**kafka.connection())
    await producer.start()
    try:
        batch = producer.create_batch()
        for n, value in enumerate(values):
            batch.append(
                key=b"k", value=value, timestamp=None, headers=[("abqz" if n == bad_name_at else "fine", b"x")]
            )
        data = bytearray(batch._build())
        at = data.index(b"abqz")
        data[at : at + 2] = b"\xff\xfe"
        data[_CRC] = struct.pack(">I", calc_crc32c(bytes(data[21:])))
        batch._buffer = bytes(data)
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()


@pytest.mark.parametrize("place", [0, 1, 250, 499])
async def test_a_header_name_that_is_no_text_costs_nobody_a_record(
    kafka: Kafka, topic: Topic, read: Any, place: int
) -> None:
    other = (await make_topics(kafka, 1))[0]
    reader = await read([topic.name, other.name])
    values = [b"bad" if n == place else b"v%03d" % n for n in range(500)]

    async def busy() -> None:
        for n in range(20):
            await log.put(kafka, other.name, [(b"k", b"o%d" % n, [])])

    writing = asyncio.create_task(busy())
    await _put_batch(kafka, topic.name, values, bad_name_at=place)
    await writing

    async def all_there() -> bool:
        return len(await reader.values()) == 519

    await until(all_there, 20.0, "every good record")
    books = {b.topic: b for b in await reader.books()}
    assert books[topic.name].outcomes["parked"] == 1 and books[topic.name].skipped == books[other.name].skipped == 0
    (entry,) = parking.latest(await log.read(kafka, topics.parked("dispatch", topic.name)))
    assert entry.offset == place and entry.headers == (("\\xff\\xfeqz", b"x"),)


async def test_a_good_record_with_such_a_name_is_handled_like_any_other(kafka: Kafka, topic: Topic, read: Any) -> None:
    reader = await read([topic.name])
    await _put_batch(kafka, topic.name, [b"a", b"b", b"c"], bad_name_at=1)
    await reader.until_position(3)
    assert await reader.values() == ["a", "b", "c"] and reader.health.red() == {}


async def test_what_cannot_be_unpacked_at_all_stops_its_partition_alone_and_loses_nobodys_records(
    kafka: Kafka, topic: Topic, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gewu.runtime.partition._PATIENCE_S", 0.5)
    other = (await make_topics(kafka, 1))[0]
    reader = await read([topic.name, other.name])
    consumer = reader.delivery.consumer_of()
    _spoil(consumer._fetcher, topic.name, 5, monkeypatch)
    await log.put(kafka, topic.name, [(b"k", b"v%d" % n, []) for n in range(10)])
    for n in range(30):
        await log.put(kafka, other.name, [(b"k", b"o%02d" % n, [])])

    async def others() -> bool:
        return len([v for v in await reader.values() if v.startswith("o")]) == 30

    await until(others, 20.0, "every record of the healthy topic")

    async def red() -> Any:
        return next((why for name, why in reader.health.red().items() if name.startswith(topic.name)), None)

    assert Why.UNREADABLE in await until(red, 20.0, "red")
    books = {b.topic: b for b in await reader.books()}
    assert books[topic.name].next_offset == 5 and books[topic.name].skipped == books[other.name].skipped == 0
    assert [v for v in await reader.values() if v.startswith("v")] == [f"v{n}" for n in range(5)]


def _spoil(fetcher: Any, topic: str, offset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have unpacking fail at one offset, as a checksum that does not fit would."""
    from aiokafka.consumer import fetcher as module
    from aiokafka.errors import CorruptRecordException

    strict = module.PartitionRecords._consumer_record

    def unpacked(self: Any, tp: Any, record: Any) -> Any:
        if tp.topic == topic and record.offset == offset:
            raise CorruptRecordException("the checksum does not fit")
        return strict(self, tp, record)

    monkeypatch.setattr(module.PartitionRecords, "_consumer_record", unpacked)
