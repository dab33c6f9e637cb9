"""Reads dispatch.<department> by positions of the department's own consumer group; nothing is skipped and nothing guessed.

A partition without a position is *late*: reading begins at the end that was noted when it was assigned, and the open cases
are to be had elsewhere first.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from gewu import topics
from gewu_department.settings import Settings

log = logging.getLogger(__name__)

Record = ConsumerRecord[Any, Any]
_RECORDS = 500  # of one poll
_WAIT_MS, _MOMENT_S = 500, 0.05


class PositionLost(Exception):
    """The log does not hold any more what was to be read next, or is another log. A person decides."""


class Reader(ConsumerRebalanceListener):
    """One member of the group. `late`: partitions whose open cases must be had first, each with the end noted for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.dispatch(settings.department)
        self._consumer: AIOKafkaConsumer | None = None
        self._fault: Exception | None = None
        self._started_over: set[TopicPartition] = set()
        self._following: dict[TopicPartition, int] = {}  # where the next poll goes on
        self.late: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Join the group; raises KafkaError when no broker answers."""
        self._consumer = AIOKafkaConsumer(
            group_id=self._settings.group, client_id=f"department-{self._settings.department}", enable_auto_commit=False,
            auto_offset_reset="none", isolation_level="read_committed", max_poll_records=_RECORDS,
            session_timeout_ms=10_000, heartbeat_interval_ms=3_000, **self._settings.kafka.connection(),
        )  # fmt: skip
        self._consumer.subscribe([self._topic], listener=self)
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise

    async def stop(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        if consumer:
            await consumer.stop()

    @property
    def partitions(self) -> int:
        """How many the topic has."""
        return len(self._known().partitions_for_topic(self._topic) or ())

    def is_ours(self, place: TopicPartition) -> bool:
        """Whether this member has the partition now."""
        return place in self._known().assignment()

    async def poll(self) -> Mapping[TopicPartition, Sequence[Record]]:
        """What came, perhaps nothing. Nothing at all while a partition is late. Raises PositionLost."""
        if self._fault:
            raise self._fault
        if self.late:
            return {}
        if not self._known().assignment() <= self._following.keys():
            # Just assigned: the library goes by what is committed, and is wrong where we start over.
            await asyncio.sleep(_MOMENT_S)
            return {}
        try:
            found = await self._known().getmany(timeout_ms=_WAIT_MS, max_records=_RECORDS)
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as fault:
            self._judge(fault)
            found = {}
        if self._fault:
            raise self._fault
        for place in found.keys() & self.late.keys():  # assigned while we waited: its open cases come first
            self._known().seek(place, self.late[place])
        ready = {place: records for place, records in found.items() if place not in self.late}
        self._following |= {place: records[-1].offset + 1 for place, records in ready.items()}
        return ready

    def caught_up(self, ends: Mapping[TopicPartition, int]) -> None:
        """The open cases of these partitions are known: what follows these ends may be read.

        One that went and came back meanwhile has another end, and stays late: what was said in between is on neither.
        """
        for place, end in ends.items():
            if self.late.get(place) == end:
                del self.late[place]
                self._started_over.add(place)

    async def go_back(self) -> None:
        """Read on from the positions that were kept."""
        if assigned := self._known().assignment():
            await self.on_partitions_assigned(assigned)

    async def commit(self, positions: Mapping[TopicPartition, int]) -> bool:
        """Keep where to read on; False where it did not work this time, and then it comes again."""
        ours = {place: offset for place, offset in positions.items() if self.is_ours(place)}
        if not ours:
            return True
        try:
            await self._known().commit(ours)
        except (CommitFailedError, IllegalStateError) as fault:  # others have the partitions now, and do it again
            log.info("the positions were not kept: %r", fault)
        except KafkaError as fault:
            log.warning("the positions could not be kept, later: %r", fault)
            return False
        return True

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """See ConsumerRebalanceListener."""
        for place in revoked:
            self.late.pop(place, None)
            self._following.pop(place, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """See ConsumerRebalanceListener: each partition gets its position before anything is fetched of it."""
        try:
            await self._place([*assigned])
        except PositionLost as fault:
            self._fault = fault
        except KafkaError as fault:
            self._fault = fault
            log.warning("no position for %s: %r", self._topic, fault)

    async def _place(self, assigned: list[TopicPartition]) -> None:
        if not assigned:
            return
        consumer = self._known()
        first, end = await consumer.beginning_offsets(assigned), await consumer.end_offsets(assigned)
        for place in assigned:
            stands = await consumer.committed(place)
            if self._settings.start_over and place not in self._started_over:
                stands = None
            if stands is None:
                stands = end[place] if self._settings.from_list else first[place]
                if self._settings.from_list:
                    self.late[place] = stands
                else:
                    self._started_over.add(place)
            elif not first[place] <= stands <= end[place]:
                raise self._lost(place, stands)
            consumer.seek(place, stands)
            self._following[place] = stands

    def _judge(self, fault: Exception) -> None:
        """Raise PositionLost where the log does not hold what is to be read next; else the assignment changed meanwhile.

        What was fetched of the other partitions went with the error.
        """
        if isinstance(fault, OffsetOutOfRangeError):
            for place, stands in fault.args[0].items():
                if self._following.get(place) == stands:
                    raise self._lost(place, stands) from None
        for place in self._following.keys() & self._known().assignment():
            self._known().seek(place, self._following[place])

    def _lost(self, place: TopicPartition, stands: int) -> PositionLost:
        return PositionLost(
            f"{place.topic}[{place.partition}] is to be read from {stands} on, which the log does not hold: it was cut, or is "
            "another one. Records may have been missed: start once with GEWU_START_OVER=yes, which takes the open cases from "
            "dispatch's list and reads on from now"
        )

    def _known(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("the reader is not started: use `async with Department(...)`")
        return self._consumer
