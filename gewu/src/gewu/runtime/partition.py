"""One partition's work: at most one batch in flight, and what happens between batches when one fails."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from gewu.errors import NotNow, Why
from gewu.runtime.effects import Effects, Means, Record
from gewu.runtime.postgres import is_later
from gewu.runtime.settle import OwnershipLost, Settler

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_PATIENCE_S = 10.0  # a stall longer than this turns readiness red
_AT_ONCE = (Why.PARKING_LIMIT, Why.LOG_CUT, Why.LOG_LOST)  # these are red from the first moment
_END_S = 5.0


class Worker(Generic[T]):
    """Owner of one partition until it is revoked."""

    def __init__(
        self, place: TopicPartition, consumer: AIOKafkaConsumer, effects: Effects[T], means: Means,
        in_a_row: dict[tuple[str, str], int],
    ) -> None:  # fmt: skip
        self._place, self._consumer, self._means = place, consumer, means
        self._settler = Settler(place, effects, means, in_a_row)
        self._open = False  # takes batches: the position is known and the consumer stands there
        self._task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()  # no transaction is under way; a stall counts as idle, so others are not held up
        self._idle.set()
        self._gap_seen_at = self._failed_at = -1
        self._pause = _FIRST_PAUSE_S
        self._not_before = 0.0  # no record that waits here was said earlier than this, in Unix time
        self.stalled: Why | None = None  # why it does not move
        self.name = self._settler.name

    @property
    def position(self) -> int | None:
        """Where it stands, as last known; None before the first look."""
        return self._settler.position

    def begin(self) -> None:
        """Read the position and start."""
        self._task = asyncio.create_task(self._resume(0.0))

    async def end(self) -> None:
        """Wait a little for a batch in flight, then give up on it: its transaction rolls back or has committed."""
        in_flight, self._settler.ended, self._open = not self._idle.is_set(), True, False
        if self._task:
            if in_flight:
                await asyncio.wait([self._task], timeout=_END_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._idle.set()
        self._means.health.good(self.name)

    def is_free(self) -> bool:
        """Whether it would take a batch right now."""
        return self._open and self._idle.is_set()

    def is_busy(self) -> bool:
        """Whether a batch is under way."""
        return not self._idle.is_set()

    def seconds_still(self) -> float:
        """How long the position has not moved."""
        return time.monotonic() - self._settler.moved_at

    def empty(self) -> None:
        """Nothing waits at this moment."""
        self._not_before = time.time()

    def seconds_behind(self) -> float:
        """At most how long the oldest waiting record has waited, provided that one waits."""
        return max(0.0, time.time() - self._not_before) if self._not_before else self.seconds_still()

    def halt(self, why: Why, detail: str) -> None:
        """Stall from outside, where no batch is under way: the log itself is at fault."""
        if self.is_free():
            self._open = False
            self._task = asyncio.create_task(self._stall(why, detail))

    def look_back(self) -> None:
        """Fetch again from where this partition stands; what was fetched behind that and not handed over is lost."""
        if self._open and self.position is not None and self._place in self._consumer.assignment():
            self._gap_seen_at = -1
            self._consumer.seek(self._place, self.position)

    async def submit(self, records: Sequence[Record]) -> None:
        """Take the next batch once the one before is done. Never called twice at a time."""
        await self._idle.wait()
        position = self.position
        if not self._open or position is None:
            return  # stalled or ended; these come again after the seek
        records = [r for r in records if r.offset >= position]
        if records and records[0].offset > position and self._gap_seen_at != position:
            # Records fetched before a seek, or a true gap in the log (a transaction marker). Look once more from the
            # position itself: only a gap that is still there is taken as one.
            self._gap_seen_at = position
            self._consumer.seek(self._place, position)
        elif records:
            self._has_come_to(records[0])
            self._idle.clear()
            self._task = asyncio.create_task(self._run(records))

    async def _run(self, records: Sequence[Record]) -> None:
        started = time.monotonic()
        why, detail = Why.UNEXPECTED, ""
        try:
            await self._settler.deliver(records)
        except OwnershipLost:
            why, detail = Why.RACED, "another owner was faster"
        except NotNow as fault:
            why, detail = fault.why, fault.detail
        except Exception as fault:
            why, detail = (Why.DATABASE_AWAY if is_later(fault) else Why.UNEXPECTED), repr(fault)
            if why is Why.UNEXPECTED:
                log.exception("a bug met a batch", extra={"partition": self.name, "position": self.position})
        else:
            self._pause, self.stalled = _FIRST_PAUSE_S, None
            self._has_come_to(records[-1])
            self._means.metrics.batch(len(records), time.monotonic() - started)
            self._idle.set()
            return
        self._open = False
        self._idle.set()
        await self._stall(why, detail)

    def _has_come_to(self, record: Record) -> None:
        """What waits was said no earlier than this record, which is the oldest or the one before."""
        self._not_before = max(self._not_before, min(record.timestamp / 1000, time.time()))

    async def _stall(self, why: Why, detail: str) -> None:
        """Hold this partition still and come back later; others go on. Red stays until the position has moved."""
        if self._settler.ended:
            return  # a rollback that fails takes the place of the cancel that ended us
        # A log that does not hold the position is judged by the next look at it; everything else only by progress.
        of_the_log = why in (Why.LOG_CUT, Why.LOG_LOST)
        self._failed_at = -1 if of_the_log or self.position is None else self.position
        self._means.health.bad(self.name, f"{why} {detail}".strip(), 0.0 if why in _AT_ONCE else _PATIENCE_S)
        self.stalled = why
        self._means.metrics.retry(why)
        log.warning("stalled", extra={"partition": self.name, "why": str(why), "detail": detail})
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE_S)
        if self._place in self._consumer.assignment():
            self._consumer.pause(self._place)
        await self._resume(pause)

    async def _resume(self, pause: float) -> None:
        """Read the position and seek there, however long that takes; the stored position says what has happened."""
        while not self._settler.ended:
            await asyncio.sleep(pause)
            try:
                if await self._look():
                    return
            except Exception as fault:  # noqa: BLE001  whatever it is, a partition must not stay paused for it unseen
                self._means.health.bad(self.name, f"no position: {fault!r}", _PATIENCE_S)
                log.warning("no position yet", extra={"partition": self.name, "fault": repr(fault)})
            pause = min(max(pause, _FIRST_PAUSE_S) * 2, _LONGEST_PAUSE_S)

    async def _look(self) -> bool:
        """Stand where PostgreSQL says and take batches again; False while the log does not reach there."""
        found = await self._settler.look()
        first = (await self._consumer.beginning_offsets([self._place]))[self._place]
        end = (await self._consumer.end_offsets([self._place]))[self._place]
        if not first <= found <= end:
            # Records are gone, or this is another log: a person must decide, nothing may be skipped.
            self.stalled = Why.LOG_CUT if found < first else Why.LOG_LOST
            cut = f"{Why.LOG_CUT} {first - found} records are missing"
            why = cut if found < first else f"{Why.LOG_LOST} this is another log, or its end was lost"
            self._means.health.bad(self.name, f"{why}: the position is {found}, the log holds {first} to {end}")
            log.error("the log does not hold the position", extra={"partition": self.name, "why": why})
            return False
        if self._failed_at < 0 or found > self._failed_at:
            self._means.health.good(self.name)
            self.stalled = None
        if found != self.position:
            self._settler.moved_at = time.monotonic()
        self._settler.position, self._gap_seen_at = found, -1
        self._consumer.seek(self._place, found)
        self._open = True
        self._consumer.resume(self._place)
        return True
