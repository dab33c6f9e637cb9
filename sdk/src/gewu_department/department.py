"""A department's side of Gewu: what it hears, in order and once as far as can be known here; and what it says.

    async with Department(settings) as desk:
        async for event in desk:
            match event:
                case Assigned():
                    await desk.say(accept(event.case_id))
                case Refused():
                    ...

An event counts as dealt with when the next one is asked for, and only then its position is kept: after a crash it comes
again. Make its effect once in your own table: by case and `order`, refusals by `event_id`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Self

from aiokafka import TopicPartition

from gewu import topics
from gewu_department.asking import Asker, NotAllowed, Outcome
from gewu_department.events import Drill, Event, Passed, PassedOver, Refused, of_record
from gewu_department.moves import Move
from gewu_department.reading import Reader, Record
from gewu_department.seen import Seen
from gewu_department.settings import Settings
from gewu_department.voice import Voice

log = logging.getLogger(__name__)

_KEEP_EVERY_S = 1.0


class Department:
    """One member of a department's reader. `passed`: how many records were not handed out, and why."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.passed: Counter[Passed] = Counter()
        self._reader, self._voice, self._seen = Reader(settings), Voice(settings), Seen()
        self._asker = Asker(settings) if settings.dispatch_url else None
        self._positions: dict[TopicPartition, int] = {}  # dealt with and not kept yet
        self._kept_at = 0.0
        self._begun = False

    async def __aenter__(self) -> Self:
        await self._reader.start()  # raises KafkaError where no broker answers, or the login may not read
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._keep()
        await self._voice.close()
        await self._reader.stop()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Event after event, for ever. Raises PositionLost, NotAllowed, and NotNow for a contract newer than this.

        Begun again after a break or an error it goes on with the event that was not dealt with.
        """
        await self._go_back()
        while True:
            if late := dict(self._reader.late):
                async for event in self._open_cases(late):
                    yield event
                # Until here there is no position: a crash meanwhile starts late again.
                self._reader.caught_up(late)
                self._positions |= late
            for place, records in (await self._reader.poll()).items():
                for record in records:
                    if not self._reader.is_ours(place):
                        break  # whoever has the partition now reads it again
                    if event := self._read(record):
                        yield event
                    self._positions[place] = record.offset + 1
                    await self._keep(_KEEP_EVERY_S)
            await self._keep()

    async def say(self, move: Move) -> Move:
        """Say a move on actions.<department> and return after the broker's ack; raises Unsaid and NotAllowed.

        Whether it was lawful is judged in the order of the log: a refused one comes back as Refused, with `move.id`.
        """
        await self._voice.say(move)
        return move

    async def outcome(self, move: Move, within: float = 5.0) -> Outcome:
        """What became of a move, asked over HTTP (see Asker.outcome). Raises NotAllowed and OSError."""
        if self._asker is None:
            raise NotAllowed("outcomes are asked over HTTP: set GEWU_DISPATCH_URL and GEWU_KEY_FILE")
        return await self._asker.outcome(move, within)

    async def _go_back(self) -> None:
        """What was handed out before and not dealt with comes again; nothing where nothing was."""
        if self._begun:
            await self._keep()
            self._seen = Seen()
            await self._reader.go_back()
        self._begun = True

    async def _open_cases(self, late: Mapping[TopicPartition, int]) -> AsyncIterator[Event]:
        """The open cases of partitions that have no position. The ends were noted before: versions make the overlap harmless."""
        assert self._asker is not None  # the settings see to that
        log.info("no position yet in %d partitions: the open cases come from dispatch's list first", len(late))
        numbers, count = {place.partition for place in late}, self._reader.partitions
        for event in await self._asker.open_cases():
            told = event.told if isinstance(event, Drill) else event
            if topics.partition(told.case_id, count) in numbers and (wanted := self._wanted(event)):
                yield wanted

    def _read(self, record: Record) -> Event | None:
        try:
            return self._wanted(of_record(record))
        except PassedOver as fault:
            self._pass(fault.why)
            log.warning("%s:%s:%s is passed over: %s", record.topic, record.partition, record.offset, fault)
            return None

    def _wanted(self, event: Event) -> Event | None:
        if isinstance(event, Refused):
            news = self._seen.is_new_event(event.event_id)
        else:
            told = event.told if isinstance(event, Drill) else event
            news = self._seen.is_news(told.case_id, told.order)
        if not news:
            self._pass(Passed.REPEAT)
        elif isinstance(event, Drill) and not self.settings.drills:
            self._pass(Passed.DRILL)
        else:
            return event
        return None

    def _pass(self, why: Passed) -> None:
        self.passed[why] += 1

    async def _keep(self, every_s: float = 0.0) -> None:
        now = asyncio.get_running_loop().time()
        if self._positions and now - self._kept_at >= every_s:
            self._kept_at = now
            if await self._reader.commit(self._positions):
                self._positions.clear()
