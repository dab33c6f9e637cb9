"""What video remembers: plate rules that suspended themselves. The log is its memory, and every process hears all of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gewu import codec, topics
from gewu.errors import Never
from gewu.runtime.health import Health
from gewu.runtime.settings import Kafka
from gewu.v1.signal_pb2 import RuleSuspended

log = logging.getLogger(__name__)

_PLACE = TopicPartition(topics.SUSPENDED, 0)
_NAME = "suspended rules"
_BATCH, _WAIT_MS = 500, 500
_PATIENCE_S, _PAUSE_S = 30.0, 1.0
Heard = Callable[[str, int, int], None]


class Memory:
    """Reads rules.suspended from its beginning. `heard`: a rule's id, how many plates it saw, how many of them it named."""

    def __init__(self, kafka: Kafka, heard: Heard, health: Health) -> None:
        self._kafka, self._heard, self._health = kafka, heard, health
        self._next = 0

    async def recall(self) -> None:
        """Return when all that stands in the log has been heard: before that no camera may be watched. Raises KafkaError."""
        async with self._consumer() as consumer:
            end = (await consumer.end_offsets([_PLACE]))[_PLACE]
            while self._next < end:
                await self._hear(consumer)

    async def follow(self) -> None:
        """What is said from then on, by other processes too; until cancelled."""
        while True:
            try:
                async with self._consumer() as consumer:
                    while True:
                        await self._hear(consumer)
                        self._health.good(_NAME)
            except KafkaError as fault:
                self._health.bad(_NAME, f"the log is away: {fault!r}", _PATIENCE_S)
                await asyncio.sleep(_PAUSE_S)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            client_id="video-memory", group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed", fetch_max_wait_ms=_WAIT_MS, **self._kafka.connection(),
        )  # fmt: skip
        try:
            await consumer.start()
            consumer.assign([_PLACE])
            # Time cuts nothing from this topic; where a person deleted records it begins with the first that is left.
            self._next = max(self._next, (await consumer.beginning_offsets([_PLACE]))[_PLACE])
            consumer.seek(_PLACE, self._next)
            yield consumer
        finally:
            await consumer.stop()

    async def _hear(self, consumer: AIOKafkaConsumer) -> None:
        found = await consumer.getmany(_PLACE, timeout_ms=_WAIT_MS, max_records=_BATCH)
        for record in found.get(_PLACE, ()):
            try:
                said = codec.decode(RuleSuspended, record.value)
            except Never as why:
                log.error("a record of %s cannot be read: %s", topics.SUSPENDED, why, extra={"offset": record.offset})
                continue
            self._heard(said.rule_id, said.seen, said.matched)
        self._next = await consumer.position(_PLACE)
