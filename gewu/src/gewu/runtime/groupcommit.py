"""Group commit: records that arrive while the last batch is in flight leave together in the next one.

One open batch a partition; it is sent as soon as the previous ack is there, so no record waits for a timer. An answer
is released by the ack. Any failed batch ends its producer: after one, aiokafka's later batches of that partition fail
with out-of-order sequences for ever, so the producer is thrown away and rebuilt here.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from gewu.runtime import kafka
from gewu.runtime.batches import Batch, Queue, new_builder, sizes_of, tell
from gewu.runtime.metering import Meter
from gewu.runtime.producer import Done, Failed, Fault, Overloaded, Record, TooLarge, Unknown

log = logging.getLogger(__name__)

_ROTATE_S = 1.0  # an open batch older than this takes no more records, so a deadline is at most this much too early
_SWEEP_S = 0.25


class GroupCommit:
    """The Producer on aiokafka.

    limits: largest record in bytes per topic; deadline: seconds that a record may wait for its ack; bound: bytes that
    may wait in all, above which `append` refuses at once; keeps_order: what was not sent when a producer is given up
    is answered Overloaded instead of moving on, so that a writer whose earlier record failed can say both again in order.
    meter: is told of each batch.
    """

    def __init__(
        self,
        make: Callable[[], AIOKafkaProducer],
        limits: Callable[[str], int],
        *,
        deadline: float = 10.0,
        bound: int = 64 * 1024 * 1024,
        keeps_order: bool = False,
        meter: Meter | None = None,
    ) -> None:
        self._make, self._limits, self._deadline, self._bound = make, limits, deadline, bound
        self._keeps_order, self._meter = keeps_order, meter
        self._partitions: dict[tuple[str, int], Queue] = {}
        self._producer: AIOKafkaProducer | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._stopping = False
        self._sweeper: asyncio.Future[None] | None = None
        self._idle = asyncio.Event()
        self.pending_bytes = 0
        self.received = self.rebuilds = 0

    @property
    def is_up(self) -> bool:
        """Whether there is a producer to send with right now, and no batch of it has waited past the deadline.

        The client library repeats a batch for as long as the broker refuses or does not answer; it never fails it.
        """
        if self._producer is None:
            return False
        oldest = self._loop.time() - self._deadline
        return all(p.in_flight is None or p.in_flight.born >= oldest for p in self._partitions.values())

    async def reaches_a_broker(self, within: float) -> bool:
        """Whether any broker answers a small question in so many seconds."""
        return self._producer is not None and await kafka.answers(self._producer.client, within)

    def oldest_s(self) -> float:
        """Age of the oldest batch without an ack; 0 when nothing waits."""
        born = [b.born for p in self._partitions.values() for b in p.batches()]
        return self._loop.time() - min(born) if born else 0.0

    async def start(self) -> None:
        """Connect; raises KafkaError when no broker answers."""
        self._loop = asyncio.get_running_loop()
        producer = self._make()
        await producer.start()
        self._producer = producer
        self._sweeper = self._spawn(self._sweep())

    async def stop(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most `timeout` seconds, then disconnect; what is left is answered as a fault."""
        try:
            async with asyncio.timeout(timeout):
                await self.flush()
        except TimeoutError:
            log.warning("stopped with %d bytes unsent", self.pending_bytes)
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for p in self._partitions.values():
            for batch in p.batches():
                self._answer(batch, Unknown("stopped"))
        producer, self._producer = self._producer, None
        if producer:
            await _discard(producer)

    def append(self, topic: str, partition: int, records: Sequence[Record], done: Done) -> None:
        """See Producer. Never awaits, so a caller may append a whole request's records in one go."""
        if not records:
            return
        limit, sizes = self._limits(topic), sizes_of(records)
        self.received += len(records)
        p = self._partitions.get((topic, partition))
        if p is None:
            p = self._partitions[topic, partition] = Queue(topic, partition)
        if max(sizes) <= limit and self.pending_bytes + sum(sizes) <= self._bound:
            self._take(p, records, sizes, 0, len(records), done)
            return
        for n, size in enumerate(sizes):
            if size > limit:
                self._refuse(done, n, n + 1, TooLarge(f"{size} bytes, {topic} takes {limit}"))
            elif self.pending_bytes + size > self._bound:
                self._refuse(done, n, len(records), Overloaded(f"{self.pending_bytes} bytes wait for the broker"))
                return
            else:
                self._take(p, records, sizes, n, n + 1, done)

    async def flush(self) -> None:
        """See Producer."""
        if self.pending_bytes:
            await self._idle.wait()

    def _take(
        self, p: Queue, records: Sequence[Record], sizes: Sequence[int], first: int, end: int, done: Done
    ) -> None:
        """Put records[first:end] behind what waits for their partition; what has no room in a batch begins the next."""
        now, batch = self._loop.time(), p.open
        if batch is None or now - batch.born >= _ROTATE_S:
            batch = self._another(p, now)
        if not self.pending_bytes:
            self._idle.clear()
        while True:
            before = batch.size
            first = batch.take(records, sizes, first, end, now, done)
            self.pending_bytes += batch.size - before
            if first == end:
                break
            batch = self._another(p, now)
        if not p.scheduled and p.in_flight is None:
            p.scheduled = True
            self._loop.call_soon(self._kick, p)

    def _another(self, p: Queue, now: float) -> Batch:
        """A new batch in the place of the open one, which is full or too old."""
        if p.open is not None:
            p.full.append(p.open)
        p.open = Batch(new_builder(), now)
        return p.open

    def _kick(self, p: Queue) -> None:
        p.scheduled = False
        if p.in_flight is not None or self._producer is None or self._stopping:
            return
        if p.full:
            p.in_flight = p.full.popleft()
        elif p.open is not None:
            p.in_flight, p.open = p.open, None
        else:
            return
        p.in_flight.sending = self._spawn(self._send(p, p.in_flight, self._producer))

    async def _send(self, p: Queue, batch: Batch, producer: AIOKafkaProducer) -> None:
        batch.builder.close()  # an open builder would still be held back by linger_ms
        batch.sent_at = self._loop.time()
        try:
            batch.sent = await producer.send_batch(batch.builder, p.place[0], partition=p.place[1])
            await batch.sent
        except Exception as fault:  # noqa: BLE001  whatever it is, this producer's sequences can no longer be trusted
            self._give_up(producer, batch, fault)
            return
        if p.in_flight is batch:
            p.in_flight = None
            self._forget(batch)
            self._answer(batch, None)
            self._kick(p)

    def _give_up(self, producer: AIOKafkaProducer, culprit: Batch, fault: Exception) -> None:
        """Throw this producer away: what is in flight on it is unknown, what was not sent moves to the next one."""
        if producer is not self._producer:
            return
        self._producer = None
        self.rebuilds += 1
        log.error("a batch failed, the producer is rebuilt", extra={"fault": repr(fault)})
        left: list[Batch] = []
        for p in self._partitions.values():
            if p.in_flight is not None:
                batch, p.in_flight = p.in_flight, None
                self._forget(batch)
                left.append(batch)
                kind = Failed if batch is culprit else Unknown
                self._answer(batch, None if batch.has_ack() else kind(repr(fault)))
            if self._keeps_order:
                self._drop_unsent(p, "an earlier batch failed")
        self._spawn(self._rebuild(producer, [b.sending for b in left if b is not culprit and b.sending]))

    async def _rebuild(self, old: AIOKafkaProducer, sending: list[asyncio.Future[None]]) -> None:
        await _discard(old)
        for task in sending:
            task.cancel()  # what a thrown away producer never answers would keep its batch for ever
        pause = 0.1
        while True:
            fresh: AIOKafkaProducer | None = None
            try:
                fresh = self._make()
                await fresh.start()
                break
            except Exception as fault:  # noqa: BLE001  without a producer nothing goes out: try again, whatever it was
                log.warning("no producer yet: %r", fault)
                if fresh is not None:
                    await _discard(fresh)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        self._producer = fresh
        for p in self._partitions.values():
            self._kick(p)

    async def _sweep(self) -> None:
        """Answer what has waited past the deadline. A sent batch may still land; an unsent one is dropped for good."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            oldest = self._loop.time() - self._deadline
            for p in self._partitions.values():
                if p.in_flight is not None and p.in_flight.born < oldest:
                    self._answer(p.in_flight, Unknown("no ack before the deadline"))
                if self._keeps_order and any(b.born < oldest for b in p.batches()):
                    self._drop_unsent(p, "not sent before the deadline")
                else:
                    self._drop_unsent(p, "not sent before the deadline", oldest)

    def _drop_unsent(self, p: Queue, why: str, born_before: float = float("inf")) -> None:
        kept = deque(b for b in p.full if b.born >= born_before)
        dropped = [b for b in p.full if b.born < born_before]
        p.full = kept
        if p.open is not None and p.open.born < born_before:
            dropped.append(p.open)
            p.open = None
        for batch in dropped:
            self._forget(batch)
            self._answer(batch, Overloaded(why))

    def _refuse(self, done: Done, first: int, end: int, fault: Fault) -> None:
        if self._meter:
            self._meter.refused(fault, end - first)
        tell(done, first, end, fault)

    def _answer(self, batch: Batch, fault: Fault | None) -> None:
        """Answer those who still wait; who was told unknown before and has the ack now counts as both."""
        if self._meter and fault is None:
            self._meter.acked(batch.taken, batch.sent_at, self._loop.time())
        elif self._meter and fault and batch.waiters:
            self._meter.answered(fault, sum(end - first for _, first, end in batch.waiters))
        batch.answer(fault)

    def _forget(self, batch: Batch) -> None:
        self.pending_bytes -= batch.size
        if not self.pending_bytes:
            self._idle.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            log.error("a part of the producer ended with a bug", exc_info=fault)
            if task is self._sweeper and not self._stopping:
                self._sweeper = self._spawn(self._sweep())  # without it a waiter could wait for ever


async def _discard(producer: AIOKafkaProducer) -> None:
    """Close a producer even when its broker does not answer; stop() alone would wait for its last batch for ever."""
    for close in (producer.stop, lambda: _hang_up(producer)):
        try:
            async with asyncio.timeout(2.0):
                await close()
                return
        except Exception as fault:  # noqa: BLE001  it is thrown away in any case
            log.info("a producer did not close: %r", fault)


async def _hang_up(producer: AIOKafkaProducer) -> None:
    sender = producer._sender
    if sender is not None:
        await sender.close()
    await producer.client.close()
