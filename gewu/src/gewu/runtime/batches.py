"""Batches on their way to one partition."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from gewu.runtime.producer import Done, Fault, Record
from gewu.topics import BATCH_BYTES

log = logging.getLogger(__name__)

_RECORD_OVERHEAD = 32  # bytes that record format v2 may add to key, value and headers of one record, at most


class Batch:
    """Records that leave together, and who waits for their ack.

    size: bytes as they are counted against the bound; taken: when records came, and how many; sent_at: when they left, on
    the loop's clock; waiters: who waits, and for which of the records that they appended.
    """

    __slots__ = ("born", "builder", "sending", "sent", "sent_at", "size", "taken", "waiters")

    def __init__(self, builder: "Builder", born: float) -> None:
        self.builder, self.born, self.sent_at, self.size = builder, born, born, 0
        self.sending: asyncio.Future[None] | None = None  # the task that sends it
        self.sent: asyncio.Future[object] | None = None  # what the client library will say of it
        self.waiters: list[tuple[Done, int, int]] = []
        self.taken: list[tuple[float, int]] = []

    def take(
        self, records: Sequence[Record], sizes: Sequence[int], first: int, end: int, now: float, done: Done
    ) -> int:
        """Take records[first:end] as far as there is room, an empty batch at least one; returns where it goes on."""
        upto = self.builder.take(records, first, end)
        if upto > first:
            self.size += sum(sizes[first:upto])
            self.taken.append((now, upto - first))
            self.waiters.append((done, first, upto))
        return upto

    def has_ack(self) -> bool:
        """Whether the broker has it, though the one who waits for that was not told yet."""
        sent = self.sent
        return sent is not None and sent.done() and not sent.cancelled() and sent.exception() is None

    def answer(self, fault: Fault | None) -> None:
        waiters, self.waiters = self.waiters, []
        for done, first, end in waiters:
            tell(done, first, end, fault)


class Builder(BatchBuilder):
    """The client library's builder, for many records at once: one by one, its own `append` costs half again as much."""

    def take(self, records: Sequence[Record], first: int, end: int) -> int:
        """Append records[first:end] as far as there is room; returns where it goes on."""
        if self._closed:
            return first
        append, offset, now = self._builder.append, self._relative_offset, int(time.time() * 1000)
        try:
            for key, value, headers in records[first:end]:
                if append(offset, now, key, value, headers) is None:
                    self.close()
                    break
                offset += 1
            return first + offset - self._relative_offset
        finally:
            self._relative_offset = offset


class Queue:
    """One partition's batches: in flight, full, open."""

    __slots__ = ("full", "in_flight", "open", "place", "scheduled")

    def __init__(self, topic: str, partition: int) -> None:
        self.place = (topic, partition)
        self.open: Batch | None = None
        self.full: deque[Batch] = deque()
        self.in_flight: Batch | None = None
        self.scheduled = False

    def batches(self) -> list[Batch]:
        return [b for b in (self.in_flight, *self.full, self.open) if b is not None]


def sizes_of(records: Sequence[Record]) -> list[int]:
    """Bytes of each record in its batch, at most; raises TypeError where one is none, as appending it would."""
    size = DefaultRecordBatchBuilder.size_of
    return [size(key, value, headers) + _RECORD_OVERHEAD for key, value, headers in records]


def tell(done: Done, first: int, end: int, fault: Fault | None) -> None:
    """Answer one who waits; where that fails, it hurts no other."""
    try:
        done(first, end, fault)
    except Exception:
        log.exception("a waiter failed")


def new_builder() -> Builder:
    """An empty batch of no producer in particular."""
    # Made without a producer, so that a batch not yet sent can move to the next producer. No compression: it would run
    # inside the event loop, and single reports in small batches gain little.
    return Builder(BATCH_BYTES, 0)
