"""Delivery: each batch of a partition is one PostgreSQL transaction that holds its effects, its position and its books.

FastStream's batch subscriber feeds `Delivery.on_batch`; the consumer group only assigns partitions. What goes wrong is
one of two words: NotNow stalls this one partition (pause, wait, read the position again, seek) and Never parks the
record. What PostgreSQL refuses as data is bisected down to the one record. The library's own acknowledgement is never
used: it commits the fetch position of every partition, skipped records included.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError

from gewu.errors import Why
from gewu.runtime import positions
from gewu.runtime.effects import Effects, Means
from gewu.runtime.partition import Worker
from gewu.runtime.postgres import ACQUIRE_S, is_later
from gewu.runtime.record import Poll, Polled, Record, whole

log = logging.getLogger(__name__)
T = TypeVar("T")
Found = dict[TopicPartition, list[Record]]

_WAIT_S = 0.5  # a poll that finds nothing comes back after this; FastStream then sleeps for a moment and polls again
_TICK_S = 0.005  # while batches are under way: how soon one that is done is asked for its next
_ALONE_MS = 500  # long enough for a fetch, so that an empty answer means that there is nothing
_BEFORE_MOST = 500
_STUCK_S = 30.0  # records wait and the position has not moved for so long: red, whatever the reason


class Delivery(ConsumerRebalanceListener, Generic[T]):
    """The partitions that this process owns of one subscription."""

    def __init__(self, effects: Effects[T], means: Means) -> None:
        self._effects, self._means = effects, means
        self._in_a_row: dict[tuple[str, str], int] = {}  # parked in a row, by topic and stage
        self._workers: dict[TopicPartition, Worker[T]] = {}
        self._guarded: AIOKafkaConsumer | None = None
        self.consumer_of: Callable[[], AIOKafkaConsumer | None] = lambda: None

    async def on_batch(self, polled: Sequence[Polled]) -> None:
        """Hand a poll's records to their partitions, which were asked because they were free: nobody waits for another."""
        for of_one in polled:
            worker = self._workers.get(TopicPartition(of_one.topic, of_one.partition))
            if worker is not None:
                await worker.submit(of_one.take())

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Hold each partition still until its position is read from PostgreSQL."""
        consumer = self.consumer_of()
        assert consumer is not None, "subscribe() names the consumer before the group assigns"
        if self._guarded is not consumer:
            self._guarded = consumer
            consumer.getmany = whole(self._asking(consumer, consumer.getmany))
        for place in assigned:
            # A position, any position, before the fetcher asks the group for one that it does not have.
            consumer.pause(place)
            consumer.seek(place, 0)
            self._workers[place] = Worker(place, consumer, self._effects, self._means, self._in_a_row)
        for place in assigned:
            self._workers[place].begin()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let running batches end; one that is slower than that loses the compare and set, which is as safe."""
        workers = [w for place in revoked if (w := self._workers.pop(place, None)) is not None]
        await asyncio.gather(*(w.end() for w in workers))

    def owned(self) -> int:
        """How many partitions it reads."""
        return len(self._workers)

    def stalled(self) -> list[Why]:
        """The reasons of those that do not move right now, one for each partition."""
        return [w.stalled for w in self._workers.values() if w.stalled]

    async def stop(self) -> None:
        """End every partition's work."""
        await self.on_partitions_revoked(set(self._workers))

    async def watch(self, every: float = 5.0) -> None:
        """Hold each position against the log: red when it lies outside, or stands still although records wait; and against
        PostgreSQL: when a dump came back, records must be read again though no new one comes.

        A consumer may stay alive and receive nothing, for reasons that no handler sees; only progress proves progress.
        """
        while True:
            await asyncio.sleep(every)
            consumer = self.consumer_of()
            places = list(self._workers)
            if consumer is None or not places:
                self._means.metrics.waits(0, 0.0)  # whoever has the partitions now tells of them
                continue
            try:
                # Positions first: taken after the log's ends they may lie behind them, and no record is lost for that.
                stood = {p: w.position for p, w in self._workers.items() if w.position is not None}
                first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
                self._compare(first, end, stood)
                # For lag tools only; where to read on stands in PostgreSQL.
                stands = {p: w.position for p, w in self._workers.items() if w.position is not None}
                await consumer.commit({p: n for p, n in stands.items() if p in consumer.assignment()})
                await self._compare_stored(stood)
            except (KafkaError, ValueError) as fault:
                log.info("no look at the log's ends this time: %r", fault)

    def _compare(
        self, first: dict[TopicPartition, int], end: dict[TopicPartition, int], stood: dict[TopicPartition, int]
    ) -> None:
        lag, oldest = 0, 0.0
        for place, worker in self._workers.items():
            if worker.position is None or place not in end or place not in stood:
                continue
            waiting = end[place] - worker.position
            if waiting > 0:
                lag, oldest = lag + waiting, max(oldest, worker.seconds_behind())
            else:
                worker.empty()
            if worker.position < first[place]:
                worker.halt(Why.LOG_CUT, f"the position is {worker.position} and the log starts at {first[place]}")
            elif end[place] < stood[place]:
                worker.halt(Why.LOG_LOST, f"the position is {worker.position} and the log ends at {end[place]}")
            elif waiting > 0 and worker.seconds_still() > _STUCK_S:
                self._means.health.bad(
                    worker.name, f"{waiting} records wait and the position stands at {worker.position}"
                )
        self._means.metrics.waits(lag, oldest)

    async def _compare_stored(self, stood: dict[TopicPartition, int]) -> None:
        """Stored positions only ever grow: one that lies below where we stood before we asked came from a dump."""
        try:
            async with self._means.pool.acquire(timeout=ACQUIRE_S) as connection:
                stored = {TopicPartition(b.topic, b.partition): b for b in await positions.books(connection)}
        except Exception as fault:
            if not is_later(fault):
                raise
            return
        for place, before in stood.items():
            now = stored[place].next_offset if place in stored else 0
            if now < before and (worker := self._workers.get(place)):
                worker.halt(Why.RACED, f"the position was {before} and is {now}: a dump was restored")

    def _asking(self, consumer: AIOKafkaConsumer, poll: Poll) -> Poll:
        """A poll that asks each partition that is free for its next batch, and never raises for one partition's fault.

        aiokafka gives the records of one partition until what was fetched of it is gone: asked for all of them, it
        would have the others wait behind a backlog of one. FastStream's loop sleeps for seconds after an error, which
        would hold up every partition of the lane; the culprit stalls instead, by itself.
        """

        async def asked(*places: TopicPartition, **words: Any) -> Found:
            most, clock = words["max_records"], asyncio.get_running_loop()
            deadline = clock.time() + _WAIT_S
            while True:
                free = [p for p, w in self._workers.items() if w.is_free() and p in consumer.assignment()]
                found: Found = {}
                for place in free:
                    found |= await self._alone(place, poll, most)
                left = deadline - clock.time()
                if found or left <= 0:
                    return found
                busy = any(w.is_busy() for w in self._workers.values())
                if busy and not free:
                    await asyncio.sleep(_TICK_S)
                elif found := await self._any(free, poll, most, _TICK_S if busy else left):
                    return found

        return asked

    async def _any(self, free: Sequence[TopicPartition], poll: Poll, most: int, seconds: float) -> Found:
        """The first that come of these partitions; nothing when one of them fails, which is then asked alone."""
        try:
            return await poll(*free, timeout_ms=int(seconds * 1000) + 1, max_records=most)
        except ConsumerStoppedError:
            raise
        except Exception as fault:  # noqa: BLE001  it is laid to its partition when that is asked alone
            log.info("a poll failed, its partitions are asked one by one: %r", fault)
            # What it had drained of the others is gone, and their fetch positions stand behind it: all go back to
            # where they stand, or those records would look like a gap in the log.
            for worker in self._workers.values():
                worker.look_back()
            if isinstance(fault, OffsetOutOfRangeError):
                self._halt([p for p in self._workers if p in fault.args[0]], Why.LOG_CUT, fault)
            return {}

    async def _alone(self, place: TopicPartition, poll: Poll, most: int) -> Found:
        """What is at hand of one partition; of a culprit those before what cannot be read, one at a time."""
        try:
            return await poll(place, timeout_ms=0, max_records=most)
        except ConsumerStoppedError:
            raise
        except OffsetOutOfRangeError as fault:
            self._halt([place], Why.LOG_CUT, fault)
            return {}
        except Exception as fault:  # noqa: BLE001  this is the culprit
            log.warning(
                "a partition cannot be read: %r", fault, extra={"partition": f"{place.topic}[{place.partition}]"}
            )
            self._workers[place].look_back()
            before, again = await self._before(place, poll)
            if not before and again is not None:
                self._halt([place], Why.UNREADABLE, again)
            return {place: before} if before else {}

    async def _before(self, place: TopicPartition, poll: Poll) -> tuple[list[Record], Exception | None]:
        """The records before one that cannot be read, and what that one says."""
        before: list[Record] = []
        try:
            while len(before) < _BEFORE_MOST and (one := await poll(place, timeout_ms=_ALONE_MS, max_records=1)):
                before += one[place]
        except ConsumerStoppedError:
            raise
        except Exception as fault:  # noqa: BLE001
            return before, fault
        return before, None

    def _halt(self, places: Sequence[TopicPartition], why: Why, fault: Exception) -> None:
        for place in places:
            self._workers[place].halt(why, repr(fault))
