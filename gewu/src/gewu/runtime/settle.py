"""A partition's batches become transactions: decode, park what never can be read, commit, bisect what is refused."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import asyncpg
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from gewu.errors import Never, NotNow, Why
from gewu.runtime import parking, positions
from gewu.runtime.effects import Effects, Means, Record
from gewu.runtime.postgres import is_later, is_refused, is_taken

log = logging.getLogger(__name__)
T = TypeVar("T")

_TRIES = 3  # of a batch that meets a bug or a taken id, before it is bisected and its culprit parked


class OwnershipLost(Exception):
    """The position in PostgreSQL is not where this process left it: another owner was faster."""


class Entry(Struct, Generic[T], frozen=True):
    """A record and what it holds, or why it never will."""

    record: Record
    item: T | None = None
    never: Never | None = None


class Settler(Generic[T]):
    """Settles one partition's records in order. `position`: where it stands, as last known.

    in_a_row: parked in a row by (topic, stage), shared by a topic's partitions.
    """

    def __init__(
        self, place: TopicPartition, effects: Effects[T], means: Means, in_a_row: dict[tuple[str, str], int]
    ) -> None:
        self._place, self._effects, self._means, self._in_a_row = place, effects, means, in_a_row
        self._counted = {"decode": -1, "refused": -1}  # offset up to which this partition's parked are counted
        self._parked: set[int] = set()  # offsets behind the position that are parked already
        self._bugs = self._races = (-1, 0)  # offset, times
        self.name = f"{place.topic}[{place.partition}]"
        self.position: int | None = None
        self.moved_at = time.monotonic()
        self.ended = False

    async def deliver(self, records: Sequence[Record]) -> None:
        """Everything of these records in order; stops before the first that must wait, and raises its NotNow."""
        entries: list[Entry[T]] = []
        wait: NotNow | None = None
        for record in records:
            try:
                entries.append(self._decode(record))
            except NotNow as fault:
                wait = fault
                break
        if entries:
            await self._settle(entries)
        if wait:
            raise wait

    async def look(self) -> int:
        """The position that PostgreSQL holds."""
        async with Acquired(self._means.pool) as connection:
            return await positions.read(connection, *self._place)

    def _decode(self, record: Record) -> Entry[T]:
        try:
            entry = Entry(record, self._effects.decode(record))
        except Never as reason:
            entry = Entry(record, never=reason)
        except NotNow:
            raise
        except Exception as fault:  # noqa: BLE001  a bug in the decoder: after some tries it is this record's fault
            if not self._is_culprit(record.offset):
                raise NotNow(Why.UNEXPECTED, repr(fault)) from None
            entry = Entry(record, never=Never(Why.UNEXPECTED, repr(fault)))
        if entry.never:
            self._count_parked("decode", record, entry.never)
        else:
            self._in_a_row[self._place.topic, "decode"] = 0
        return entry

    async def _settle(self, entries: Sequence[Entry[T]]) -> None:
        """Commit in transactions of at most as many items as the effects take at once."""
        most = self._effects.at_most
        for start in range(0, len(entries), most):
            part = entries[start : start + most]
            await asyncio.gather(*(self._park(e.record, e.never) for e in part if e.never))
            try:
                await self._commit(part)
            except Exception as fault:
                if not self._is_one_records_fault(fault):
                    raise
                await self._bisect(part, fault)

    async def _bisect(self, entries: Sequence[Entry[T]], fault: Exception) -> None:
        if len(entries) > 1:
            middle = len(entries) // 2
            for half in (entries[:middle], entries[middle:]):
                try:
                    await self._commit(half)
                except Exception as again:
                    if isinstance(again, NotNow | OwnershipLost | KafkaError) or is_later(again):
                        raise
                    await self._bisect(half, again)
            return
        self._come_again_if_raced(fault)
        record, why = entries[0].record, Why.REFUSED_BY_DATABASE if is_refused(fault) else Why.UNEXPECTED
        never = Never(why, repr(fault))
        log.error("a record is parked", extra={"partition": self.name, "offset": record.offset, "fault": repr(fault)})
        self._count_parked("refused", record, never)
        await self._park(record, never)
        await self._commit([Entry(record, never=never)])

    def _is_one_records_fault(self, fault: Exception) -> bool:
        """Whether to look for a culprit: the database refused data, or the same bug came back _TRIES times."""
        if isinstance(fault, NotNow | OwnershipLost | KafkaError) or is_later(fault):
            return False
        self._come_again_if_raced(fault)
        return is_refused(fault) or self._is_culprit(self.position or 0)

    def _come_again_if_raced(self, fault: Exception) -> None:
        """NotNow for an id that is taken, until it was so _TRIES times at this position: then it is a record's fault.

        Another consumer may have written the same id since we looked; next time we see its row.
        """
        if is_taken(fault):
            self._races = _counted(self._races, self.position or 0)
            if self._races[1] < _TRIES:
                raise NotNow(Why.RACED, repr(fault))

    def _is_culprit(self, offset: int) -> bool:
        """Count a bug at this offset; True once it has come _TRIES times."""
        self._bugs = _counted(self._bugs, offset)
        return self._bugs[1] >= _TRIES

    def _count_parked(self, stage: str, record: Record, never: Never) -> None:
        """Count a record that is given up, once however often it comes; NotNow at the topic's limit in a row.

        What is merely not served yet is nobody's fault and does not count.
        """
        if record.offset <= self._counted[stage] or never.why is Why.NOT_SERVED:
            return
        so_far = self._in_a_row.get((self._place.topic, stage), 0)
        if so_far >= self._means.parking_limit:
            text = f"{self._means.parking_limit} parked in a row: the fault is ours; mend it and restart"
            raise NotNow(Why.PARKING_LIMIT, text)
        self._in_a_row[self._place.topic, stage] = so_far + 1
        self._counted[stage] = record.offset

    async def _park(self, record: Record, never: Never) -> None:
        if record.offset in self._parked:
            return  # the commit that should have followed failed; its topic is not cut, so once is enough
        await parking.park(self._means.parking, self._means.reader, record, never)
        self._parked.add(record.offset)
        self._means.metrics.parked(never.why)
        said = next((v for k, v in record.headers if k == "ce_id" and v), b"")
        log.warning(
            "parked",
            extra={
                "partition": self.name, "offset": record.offset, "why": str(never.why), "detail": never.detail,
                "signal": said.decode("utf-8", "replace"),
            },
        )  # fmt: skip

    async def _commit(self, entries: Sequence[Entry[T]]) -> None:
        """Effects, position and books, all or nothing."""
        items: list[Any] = [e.item for e in entries if e.never is None]
        following, position = entries[-1].record.offset + 1, self.position
        assert position is not None
        async with Acquired(self._means.pool) as connection:
            async with connection.transaction():
                # The position's row first: who is not its owner any more does nothing at all.
                if not await positions.hold(connection, *self._place, position):
                    raise OwnershipLost
                outcomes = dict(await self._effects.apply(connection, items)) if items else {}
                if sum(outcomes.values()) != len(items):
                    raise AssertionError(f"{outcomes} for {len(items)} records")
                outcomes["parked"] = len(entries) - len(items)
                await positions.advance(connection, *self._place, position, following, outcomes, len(entries))
                await self._means.failpoints.reach("delivery.before_commit")
            await self._means.failpoints.reach("delivery.after_commit")
        if self.ended:
            return
        self.position, self.moved_at = following, time.monotonic()
        self._parked = {offset for offset in self._parked if offset >= following}
        if items:
            self._in_a_row[self._place.topic, "refused"] = 0
        self._means.health.good(self.name)
        self._means.committed()
        self._means.metrics.committed(outcomes, [e.record.timestamp for e in entries])


def _counted(before: tuple[int, int], offset: int) -> tuple[int, int]:
    """Offset and how many times in a row it was this one."""
    return offset, before[1] + 1 if before[0] == offset else 1


class Acquired:
    """A pool's connection; whatever keeps it from being had is the database's absence, never a record's fault."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._context = pool.acquire(timeout=5.0)

    async def __aenter__(self) -> Any:
        try:
            return await self._context.__aenter__()
        except Exception as fault:  # noqa: BLE001  see above
            raise NotNow(Why.DATABASE_AWAY, repr(fault)) from None

    async def __aexit__(self, *fault: Any) -> None:
        await self._context.__aexit__(*fault)
