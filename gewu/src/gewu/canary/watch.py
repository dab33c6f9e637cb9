"""Hearing of cases as any reader does: from the log's end on, without a group, by the key of the record alone."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gewu import topics
from gewu.runtime import settings

log = logging.getLogger(__name__)
_PAUSE_S = 1.0
REMEMBERED = 100_000  # cases that may be said while intake's answer is on its way


class Watch:
    """Tells how often a case was said on cases.changed."""

    def __init__(self, kafka: settings.Kafka) -> None:
        self._kafka = kafka
        self._case: bytes | None = None  # None: all are remembered, for the one that is meant is not known yet
        self._said: Counter[bytes] = Counter()
        self._more, self._hearing = asyncio.Event(), asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to hear; returns at once, for the broker may come later."""
        self._reading = asyncio.create_task(self._read_on(), name="canary watch")

    async def stop(self) -> None:
        """Hear no more."""
        if self._reading:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    async def begin(self) -> None:
        """Remember from here on what is said; returns when the log is being heard."""
        await self._hearing.wait()
        self._case = None
        self._said.clear()

    def narrow(self, case_id: str) -> None:
        """It is this case."""
        self._case = case_id.encode()
        for other in self._said.keys() - {self._case}:
            del self._said[other]

    async def times(self, versions: int) -> None:
        """Return when the case was said so many times since `begin`."""
        while self._case is None or self._said[self._case] < versions:
            self._more.clear()
            await self._more.wait()

    async def _read_on(self) -> None:
        while True:
            try:
                await self._read()
            except KafkaError as fault:
                log.warning("the log is away: %r", fault)
            self._hearing.clear()
            await asyncio.sleep(_PAUSE_S)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(enable_auto_commit=False, **self._kafka.connection())
        try:
            await consumer.start()
            (topic,) = (t for t in topics.registry([]) if t.name == topics.CASES)
            places = [TopicPartition(topic.name, n) for n in range(topic.partitions)]
            consumer.assign(places)
            for place, end in (await consumer.end_offsets(places)).items():
                consumer.seek(place, end)
            self._hearing.set()
            async for record in consumer:
                self._hear(record)
        finally:
            await consumer.stop()

    def _hear(self, record: Any) -> None:
        if (self._case is None and len(self._said) < REMEMBERED) or record.key == self._case:
            self._said[record.key] += 1
            self._more.set()
