"""Batches on their way to one partition."""

import asyncio
import logging
from collections import deque

from aiokafka.producer.message_accumulator import BatchBuilder

from gewu.runtime.producer import Done, Fault
from gewu.topics import BATCH_BYTES

log = logging.getLogger(__name__)


class Batch:
    """Records that leave together, and who waits for their ack.

    size: bytes as they are counted against the bound; taken_at: when each record came, sent_at: when they left, on the
    loop's clock.
    """

    __slots__ = ("born", "builder", "sending", "sent", "sent_at", "size", "taken_at", "waiters")

    def __init__(self, builder: BatchBuilder, born: float) -> None:
        self.builder, self.born, self.sent_at, self.size = builder, born, born, 0
        self.sending: asyncio.Future[None] | None = None  # the task that sends it
        self.sent: asyncio.Future[object] | None = None  # what the client library will say of it
        self.waiters: list[Done] = []
        self.taken_at: list[float] = []

    def has_ack(self) -> bool:
        """Whether the broker has it, though the one who waits for that was not told yet."""
        sent = self.sent
        return sent is not None and sent.done() and not sent.cancelled() and sent.exception() is None

    def answer(self, fault: Fault | None) -> None:
        waiters, self.waiters = self.waiters, []
        for done in waiters:
            try:
                done(fault)
            except Exception:
                log.exception("a waiter failed")


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


def new_builder() -> BatchBuilder:
    """An empty batch of no producer in particular."""
    # Made without a producer, so that a batch not yet sent can move to the next producer. No compression: it would run
    # inside the event loop, and single reports in small batches gain little.
    return BatchBuilder(BATCH_BYTES, 0)
