"""Parking topics read whole, and their records said again."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from gewu import topics
from gewu.audit import log
from gewu.codec import Header
from gewu.lane import Lane
from gewu.runtime import kafka, parking
from gewu.runtime.parking import Parked
from gewu.runtime.settings import Kafka

_ACK_S = 30.0


class NoParking(Exception):
    """There is no such parking topic; the text names those that there are."""


class NotSaid(Exception):
    """A record was not acknowledged; it may stand in the log all the same."""


async def read(settings: Kafka, topic: str | None) -> tuple[list[Parked], list[str]]:
    """The entries of one source topic or of all, and the places of records that are none."""
    async with log.connected(settings) as logs:
        wanted = _parking_of(topic, logs.partitions)
        records: list[ConsumerRecord[Any, Any]] = []
        strange: list[str] = []
        async for batch in logs.read(await logs.spans(logs.places(wanted))):
            for record in batch:
                if _is_entry(record):
                    records.append(record)
                else:
                    strange.append(f"{record.topic}:{record.partition}:{record.offset}")
    found = parking.latest(records)
    return [e for e in found if topic is None or topic in (e.topic, _parking(e.topic))], strange


async def replay(settings: Kafka, entries: Sequence[Parked], done: Callable[[Parked], None]) -> None:
    """Say each again and mark it; `done` follows each mark. NotSaid for the first that is not acknowledged."""
    producer = kafka.producer(settings, "gewu-parked")
    try:
        await producer.start()
        for entry in entries:
            try:
                if entry.partition not in await producer.partitions_for(entry.topic):
                    raise NotSaid(f"{entry.id}: {entry.topic} has no partition {entry.partition} any more")
                await _say(producer, entry.topic, entry.partition, entry.key, entry.value, entry.headers)
                key, headers = parking.replayed(entry)
                await _say(producer, _parking(entry.topic), 0, key, b"", headers)
            except (KafkaError, TimeoutError) as fault:
                raise NotSaid(f"{entry.id} was not acknowledged: {fault!r}") from None
            done(entry)
    finally:
        await producer.stop()


async def _say(
    producer: AIOKafkaProducer, topic: str, partition: int, key: bytes | None, value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]] | Iterable[Header],
) -> None:  # fmt: skip
    # A batch of one: `send` refuses a record that has neither key nor value, and such a one may be parked as well.
    batch = producer.create_batch()
    batch.append(timestamp=int(time.time() * 1000), key=key, value=value, headers=list(headers))
    batch.close()
    async with asyncio.timeout(_ACK_S):
        await (await producer.send_batch(batch, topic, partition=partition))


def _parking(source: str) -> str:
    """Where the records of a source topic are parked, by the one service that parks them."""
    return topics.parked("notify" if source == topics.CASES else "dispatch", source)


def _parking_of(topic: str | None, there: Iterable[str]) -> list[str]:
    # Parking topics do not depend on which departments a city has: theirs all park on one.
    every = {t.parking for t in topics.registry(["any"]) if t.parking}
    wanted = every if topic is None else {topic if topic in every else _parking(topic)}
    if not wanted <= every:
        lanes = ", ".join(topics.signals(lane) for lane in Lane)
        raise NoParking(
            f"{topic} has no parking topic; source topics are {lanes}, {topics.CASES} and those of departments' actions"
        )
    if missing := wanted - set(there):
        raise NoParking(f"{', '.join(sorted(missing))} is missing: run `gewu topics apply`")
    return sorted(wanted)


def _is_entry(record: ConsumerRecord[Any, Any]) -> bool:
    try:
        parking.read(record)
    except (AttributeError, ValueError):  # no key, or one that is not topic:partition:offset
        return False
    return True
