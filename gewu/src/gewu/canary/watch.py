"""Hearing of cases as any reader does: on the log from its end on, without a group; and on notify's live feed."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gewu import topics
from gewu.runtime import settings

log = logging.getLogger(__name__)
_PAUSE_S = 1.0
_SILENT_S = 45.0  # notify's feed beats every 15 s
_LINE, _DATA = 1 << 20, b"data: "
REMEMBERED = 100_000  # cases that may be said while intake's answer is on its way


class Watch(ABC):
    """Tells how often a case was said."""

    def __init__(self) -> None:
        self._case = ""  # "": all are remembered, for the one that is meant is not known yet
        self._said: Counter[str] = Counter()
        self._more, self._hearing = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Hear for as long as this runs; what is away is asked again."""
        while True:
            try:
                await self._read()
            except (KafkaError, aiohttp.ClientError, OSError, TimeoutError) as fault:
                log.warning("%s is away: %r", type(self).__name__, fault)
            self._hearing.clear()
            await asyncio.sleep(_PAUSE_S)

    async def begin(self) -> None:
        """Remember from here on what is said; returns when it is being heard."""
        await self._hearing.wait()
        self._case = ""
        self._said.clear()

    def narrow(self, case_id: str) -> None:
        """It is this case."""
        self._case = case_id
        for other in self._said.keys() - {self._case}:
            del self._said[other]

    async def times(self, versions: int) -> None:
        """Return when the case was said so many times since `begin`."""
        while not self._case or self._said[self._case] < versions:
            self._more.clear()
            await self._more.wait()

    @abstractmethod
    async def _read(self) -> None:
        """Hear until it breaks off."""

    def _hear(self, case_id: str) -> None:
        if (not self._case and len(self._said) < REMEMBERED) or case_id == self._case:
            self._said[case_id] += 1
            self._more.set()


class OfTheLog(Watch):
    """Hears cases.changed, by the keys of its records alone."""

    def __init__(self, kafka: settings.Kafka) -> None:
        super().__init__()
        self._kafka = kafka

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
                self._hear(_text(record.key))
        finally:
            await consumer.stop()


class OfTheFeed(Watch):
    """Hears notify's live feed, as far as the department's cases go to which drills come."""

    def __init__(self, notify: str, department: str, key: str) -> None:
        super().__init__()
        self._url = f"{notify}/v1/live?department={department}"
        self._headers = {"authorization": f"Bearer {key}"}

    async def _read(self) -> None:
        patience = aiohttp.ClientTimeout(total=None, sock_connect=_SILENT_S, sock_read=_SILENT_S)
        async with (
            aiohttp.ClientSession(timeout=patience, headers=self._headers, read_bufsize=_LINE) as session,
            session.get(self._url) as answer,
        ):
            answer.raise_for_status()
            self._hearing.set()
            async for line in answer.content:
                if line.startswith(_DATA):
                    self._hear(msgspec.json.decode(line[len(_DATA) :], type=_Said).data.case_id)


class _Case(msgspec.Struct):
    case_id: str


class _Said(msgspec.Struct):
    data: _Case


def _text(key: Any) -> str:
    return key.decode(errors="replace") if key else ""
