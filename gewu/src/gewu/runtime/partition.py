"""One partition's work: at most one batch in flight, its transaction, and what happens when that fails."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gewu.errors import Never, NotNow, Why
from gewu.runtime import parking, positions
from gewu.runtime.postgres import is_later, is_refused

if TYPE_CHECKING:
    from gewu.runtime.delivery import Delivery, Record

log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_PATIENCE_S = 10.0  # a stall longer than this turns readiness red
_TRIES = 3  # of a batch that meets a bug, before it is bisected and its culprit parked
_END_S = 8.0


class OwnershipLost(Exception):
    """The position in PostgreSQL is not where this process left it: another owner was faster."""


class Worker:
    """Owner of one partition until it is revoked."""

    def __init__(self, place: TopicPartition, consumer: AIOKafkaConsumer, delivery: "Delivery[Any]") -> None:
        self._place, self._consumer, self._delivery = place, consumer, delivery
        self._means = delivery.means
        self._row = delivery.parked_in_a_row
        self._name = f"{place.topic}[{place.partition}]"
        self._task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()  # no transaction is under way; a stall counts as idle, so others are not held up
        self._idle.set()
        self._gap_seen_at = -1
        self._bug_at, self._bugs = -1, 0
        self._pause = _FIRST_PAUSE_S
        self.expected: int | None = None  # None: stalled, the position is not known

    def begin(self) -> None:
        """Read the position and start."""
        self._task = asyncio.create_task(self._resume(0.0))

    async def end(self) -> None:
        """Wait a little for the batch in flight, then give up on it: its transaction rolls back or has committed."""
        if self._task:
            await asyncio.wait([self._task], timeout=_END_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._means.health.good(self._name)

    async def submit(self, records: "list[Record]") -> None:
        """Take the next batch once the one before is done. Never called twice at a time."""
        await self._idle.wait()
        if self.expected is None:
            return  # stalled; these come again after the seek
        records = [r for r in records if r.offset >= self.expected]
        if records and records[0].offset > self.expected and self._gap_seen_at != self.expected:
            # Records fetched before a seek, or a true gap in the log (a transaction marker). Look once more from the
            # position itself: only a gap that is still there is taken as one.
            self._gap_seen_at = self.expected
            self._consumer.seek(self._place, self.expected)
            return
        if records:
            self._idle.clear()
            self._task = asyncio.create_task(self._run(records))

    async def _run(self, records: "list[Record]") -> None:
        started = time.monotonic()
        try:
            await self._deliver(records)
        except OwnershipLost:
            log.warning("another owner was faster", extra={"partition": self._name})
            await self._stall(Why.RACED, "", self._pause)
        except NotNow as fault:
            await self._stall(fault.why, fault.detail, self._pause)
        except Exception as fault:
            if is_later(fault):
                await self._stall(Why.DATABASE_AWAY, repr(fault), self._pause)
            else:
                log.exception("a bug met a batch", extra={"partition": self._name, "offset": self.expected})
                await self._stall(Why.UNEXPECTED, repr(fault), self._pause)
        else:
            self._pause = _FIRST_PAUSE_S
            self._idle.set()
            self._means.health.good(self._name)
            self._means.metrics.batch(self._place.topic, len(records), time.monotonic() - started)

    async def _deliver(self, records: "Sequence[Record]") -> None:
        """Decode, park what can never be read, commit the rest; stops before the first record that must wait."""
        items: list[Any] = []
        bad: list[tuple[Record, Never]] = []
        wait: NotNow | None = None
        taken = 0
        for record in records:
            try:
                items.append(self._delivery.effects.decode(record))
                self._row[self._place.topic, "decode"] = 0
            except Never as reason:
                if not self._may_park("decode"):
                    wait = NotNow(
                        Why.PARKING_LIMIT,
                        f"{self._means.parking_limit} parked in a row: the fault is ours; mend it and restart",
                    )
                    break
                bad.append((record, reason))
            except NotNow as fault:
                wait = fault
                break
            taken += 1
        if taken:
            await self._settle(records[:taken], items, bad)
        if wait:
            raise wait

    async def _settle(self, records: "Sequence[Record]", items: list[Any], bad: "list[tuple[Record, Never]]") -> None:
        if bad:
            await asyncio.gather(*(self._park(record, reason) for record, reason in bad))
        try:
            await self._commit(items, records[-1].offset + 1, len(bad))
        except Exception as fault:
            if not self._is_one_records_fault(fault):
                raise
            await self._bisect(records, fault)

    def _is_one_records_fault(self, fault: Exception) -> bool:
        """Whether to look for a culprit: the database refused data, or the same bug came back _TRIES times."""
        if isinstance(fault, NotNow | OwnershipLost | KafkaError) or is_later(fault):
            return False
        if is_refused(fault):
            return True
        self._bugs = self._bugs + 1 if self._bug_at == self.expected else 1
        self._bug_at = self.expected if self.expected is not None else -1
        return self._bugs >= _TRIES

    async def _bisect(self, records: "Sequence[Record]", fault: Exception) -> None:
        if len(records) > 1:
            middle = len(records) // 2
            for half in (records[:middle], records[middle:]):
                self._bug_at, self._bugs = self.expected or 0, _TRIES  # each half inherits the suspicion
                await self._deliver(half)
            return
        why = Why.REFUSED_BY_DATABASE if is_refused(fault) else Why.UNEXPECTED
        log.error(
            "a record is parked", extra={"partition": self._name, "offset": records[0].offset, "fault": repr(fault)}
        )
        if not self._may_park("refused"):
            raise NotNow(Why.PARKING_LIMIT, repr(fault))
        await self._park(records[0], Never(why, repr(fault)))
        await self._commit([], records[0].offset + 1, 1)

    def _may_park(self, stage: str) -> bool:
        """Count a record that this stage gave up on; False once the topic's limit in a row is reached."""
        so_far = self._row.get((self._place.topic, stage), 0)
        if so_far >= self._means.parking_limit:
            return False
        self._row[self._place.topic, stage] = so_far + 1
        return True

    async def _park(self, record: "Record", reason: Never) -> None:
        await parking.park(self._means.parking, record, reason)
        self._means.metrics.parked(self._place.topic, reason.why)

    async def _commit(self, items: list[Any], following: int, parked: int) -> None:
        """Effects, position and books, all or nothing."""
        expected = self.expected
        assert expected is not None
        async with self._means.pool.acquire(timeout=5.0) as connection:
            async with connection.transaction():
                outcomes: Mapping[str, int] = await self._delivery.effects.apply(connection, items) if items else {}
                counts = {**outcomes, "parked": parked}
                if not await positions.advance(
                    connection, self._place.topic, self._place.partition, expected, following, counts
                ):
                    raise OwnershipLost
                await self._means.failpoints.reach("delivery.before_commit")
            await self._means.failpoints.reach("delivery.after_commit")
        self.expected = following
        if items:
            self._row[self._place.topic, "refused"] = 0
        self._means.committed()
        self._means.metrics.outcomes(self._place.topic, counts)

    async def _stall(self, why: Why, detail: str, pause: float) -> None:
        """Hold this partition still and come back later; others go on."""
        self.expected = None
        self._idle.set()
        patience = 0.0 if why in (Why.PARKING_LIMIT, Why.LOG_CUT) else _PATIENCE_S
        self._means.health.bad(self._name, f"{why} {detail}".strip(), patience)
        self._means.metrics.retry(self._place.topic, why)
        log.warning("stalled", extra={"partition": self._name, "why": str(why), "detail": detail})
        if self._place in self._consumer.assignment():
            self._consumer.pause(self._place)
        self._pause = min(pause * 2, _LONGEST_PAUSE_S)
        await self._resume(pause)
        if why in (Why.DATABASE_AWAY, Why.BROKER_AWAY, Why.RACED):
            self._means.health.good(self._name)  # what was away is back; other faults stay until a batch passes

    async def _resume(self, pause: float) -> None:
        """Read the position and seek there, however long the database is away; the stored position says what happened."""
        away = False
        while True:
            await asyncio.sleep(pause)
            if self._place not in self._consumer.assignment():
                return
            try:
                async with self._means.pool.acquire(timeout=5.0) as connection:
                    found = await positions.read(connection, self._place.topic, self._place.partition)
                first = (await self._consumer.beginning_offsets([self._place]))[self._place]
            except Exception as fault:
                if not (is_later(fault) or isinstance(fault, KafkaError)):
                    raise
                self._means.health.bad(self._name, repr(fault), _PATIENCE_S)
                away = True
            else:
                if found >= first:
                    break
                # Records between the position and the log's start are gone: a person must decide, nothing may skip them.
                detail = f"the position is {found} and the log starts at {first}: {first - found} records are missing"
                self._means.health.bad(self._name, f"{Why.LOG_CUT} {detail}")
                self._means.metrics.retry(self._place.topic, Why.LOG_CUT)
                log.error("the log was cut", extra={"partition": self._name, "detail": detail})
            pause = min(max(pause, _FIRST_PAUSE_S) * 2, _LONGEST_PAUSE_S)
        if away:
            self._means.health.good(self._name)
        self.expected, self._gap_seen_at = found, -1
        self._consumer.seek(self._place, found)
        self._consumer.resume(self._place)
