"""Says moves on actions.<department>. Any failed record ends its producer: after one, aiokafka's later ones fail for ever."""

import asyncio
import logging
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from gewu import codec, ids, topics
from gewu.clock import SystemClock
from gewu_department.asking import NotAllowed
from gewu_department.moves import Move
from gewu_department.settings import Settings

log = logging.getLogger(__name__)

ACK_S = 10.0


class Unsaid(Exception):
    """No ack: the move may stand in the log or not. Say it again under the same id, which is harmless."""


class Voice:
    """A producer that is made anew when it failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.actions(settings.department)
        self._envelope = codec.Envelope(codec.ACTION, f"gewu/department/{settings.department}")
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._clock = SystemClock()

    async def say(self, move: Move) -> None:
        """Return after the broker's ack; raises Unsaid, and NotAllowed where this login may not speak for the department."""
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(ACK_S):
                producer = await self._ready()
                places = await producer.partitions_for(self._topic)
                place = topics.partition(move.case_id, len(places))
                own = ids.action_id(self._settings.department, move.id)
                await producer.send_and_wait(
                    self._topic, move.message(self._clock.now()).SerializeToString(), move.case_id.encode(), place,
                    headers=self._envelope.headers(own),
                )  # fmt: skip
        except TopicAuthorizationFailedError:
            await self._give_up(producer)
            raise NotAllowed(
                f"this login may not write to {self._topic}: see `gewu topics grants`, and GEWU_KAFKA_USER_FILE"
            ) from None
        except (KafkaError, OSError, TimeoutError) as fault:
            await self._give_up(producer)
            raise Unsaid(f"{move.kind} {move.case_id}: {fault!r}") from fault

    async def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer:
            await _closed(producer)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                made = AIOKafkaProducer(
                    client_id=f"department-{self._settings.department}", enable_idempotence=True, acks="all",
                    request_timeout_ms=int(ACK_S * 1000), **self._settings.kafka.connection(),
                )  # fmt: skip
                try:
                    await made.start()
                except BaseException:
                    await _closed(made)
                    raise
                self._producer = made
            return self._producer

    async def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        if producer is not None and producer is self._producer:
            self._producer = None
            await _closed(producer)


async def _closed(producer: AIOKafkaProducer) -> None:
    """Stop it even when its broker does not answer; stop() alone would wait for its last record for ever."""
    with suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(2.0):
            await producer.stop()
            return
    log.info("a producer did not stop in time")
    if producer._sender is not None:
        await producer._sender.close()
    await producer.client.close()
