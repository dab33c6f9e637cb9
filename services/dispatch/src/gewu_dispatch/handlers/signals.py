"""What happens with a batch of signals inside its transaction: sift, locate, lock, decide, record."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache

from msgspec import Struct

from gewu import codec, topics
from gewu.city import City
from gewu.clock import SECOND, Clock, micros
from gewu.errors import NotNow, Why
from gewu.lane import Lane
from gewu.runtime import outbox
from gewu.runtime.effects import Record
from gewu.runtime.postgres import Connection
from gewu.v1 import assignment_pb2, case_pb2
from gewu_dispatch import wire
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.case import Case, Signal
from gewu_dispatch.domain.sensing import Because, Reading, Sensed
from gewu_dispatch.domain.triage import Batch, Located, Outcome, Rules, locate, triage
from gewu_dispatch.domain.whereabouts import whereabouts
from gewu_dispatch.handlers.plates import Plates
from gewu_dispatch.handlers.readings import Readings
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.store import cases, plates, signals

log = logging.getLogger(__name__)
_CROSSINGS = (Because.RAISED, Because.RAISED_AGAIN)
_LANES = {topics.signals(lane): lane for lane in Lane}
_LOOKS = 5  # at the cases of a batch, before it comes again later
_SIGNAL_TYPES = (codec.SIGNAL_REPORT, codec.SIGNAL_READING, codec.SIGNAL_DETECTION, codec.SIGNAL_FAULT)


class Arrived(Struct, frozen=True, gc=False):
    """A decoded signal, or a sensor's reading, and its place in the log."""

    signal: Signal | Reading
    topic: str
    partition: int
    offset: int


class Signals:
    """The effects of signals: see gewu.runtime.effects.Effects."""

    at_most = joining.LOCKS_AT_ONCE // joining.LOCKS_PER_SIGNAL

    def __init__(self, city: City, rules: Rules, events: wire.Events, clock: Clock, metrics: Metrics) -> None:
        self._city, self._rules, self._events, self._clock, self._metrics = city, rules, events, clock, metrics
        self._readings = Readings(city, events, clock, metrics)
        self._plates = Plates(city, metrics)
        self._limit = cache(self._limit_of)

    def decode(self, record: Record) -> Arrived:
        """One record's signal; Never or NotNow."""
        type_ = codec.check_type(codec.type_of(record.headers), _SIGNAL_TYPES)
        signal, is_newer = wire.signal(record.value, type_, _LANES[record.topic])
        if is_newer:
            self._metrics.unknown_fields.inc()
        return Arrived(signal, record.topic, record.partition, record.offset)

    async def apply(self, transaction: Connection, items: Sequence[Arrived]) -> Mapping[str, int]:
        """Everything that these signals cause; the counts add up to their number."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("arrived", extra={"signals": [a.signal.signal_id for a in items]})
        sensed, signals = None, items
        if readings := [a.signal for a in items if type(a.signal) is Reading]:
            sensed = await self._readings.sense(transaction, readings)
            signals = self._crossings(items, sensed)
        incarnation, fresh, conflicts = await self._sift(transaction, signals)
        located = self._locate(fresh)
        asked = time.monotonic()
        await cases.lock_cells(transaction, [key for x in located for key in x.reach.locks])
        self._metrics.lock_wait[items[0].topic].observe(time.monotonic() - asked)
        # A statement of its own after the locks, so that its snapshot sees what the last holder committed.
        batch, ending = await self._decide(
            transaction, located, self._rules.under(incarnation), sensed.ends if sensed else ()
        )
        if log.isEnabledFor(logging.DEBUG):
            decided = {d.located.signal.signal_id: f"{d.outcome} {d.because} {d.case.case_id}" for d in batch.decisions}
            log.debug("decided", extra={"signals": list(decided), "decisions": decided})
        await self._record(transaction, batch, conflicts)
        if sensed:  # after that: what a reading opened, the next one may end
            await self._readings.settle(transaction, sensed, batch, ending, incarnation)
        counts = {"duplicate": len(signals) - len(batch.decisions) - len(conflicts), "conflict": len(conflicts)}
        if sensed:
            repeats = sum(because is Because.DUPLICATE for _, because in sensed.judged)
            counts["duplicate"] += repeats
            counts["measured"] = len(sensed.judged) - repeats - len(sensed.raised)
        counts |= Counter(d.outcome for d in batch.decisions)
        # A drill is no indicator: the canary's class is in no code book, and at night its cases would be most of all.
        real = Counter((d.outcome, d.because) for d in batch.decisions if not d.located.signal.exercise)
        for reason, count in real.items():
            self._metrics.decisions[reason].inc(count)
        return counts

    def _crossings(self, items: Sequence[Arrived], sensed: Sensed) -> list[Arrived]:
        """These without the readings that are no crossing, and those that are as triage takes them."""
        judged = iter(sensed.judged)
        found = []
        for a in items:
            if type(a.signal) is not Reading:
                found.append(a)
            elif next(judged)[1] in _CROSSINGS:
                crossing = self._readings.crossing(a.signal, sensed.after.get(a.signal.signal_id, ""))
                found.append(Arrived(crossing, a.topic, a.partition, a.offset))
        return found

    async def _decide(
        self, transaction: Connection, located: Sequence[Located], rules: Rules, ends: Collection[str]
    ) -> tuple[Batch, Mapping[str, Case]]:
        """What these signals do to cases, of which those that are joined are locked and are as they were looked at; with those of
        `ends` that are not joined.

        A department may move one between our look and our lock. Then it is ours by now, and the next look sees how it is.
        """
        looks, held = _looks(located), set[str]()
        for _ in range(_LOOKS):
            open_cases = await cases.candidates(transaction, looks)
            seen = {c.case_id: (c.incarnation, c.version) for c in open_cases}
            batch = triage(located, open_cases, rules, micros(self._clock.now()))
            if (wanted := {*batch.joined, *ends} - held) and held and min(wanted) < max(held):
                raise NotNow(Why.RACED, "another look wants a case that stands before those that are locked")
            ending = await cases.lock(transaction, batch.joined, seen, ends)
            if ending is not None:
                return batch, ending
            held |= wanted
        raise NotNow(Why.RACED, f"departments moved one case or another before each of {_LOOKS} looks")

    async def _sift(
        self, transaction: Connection, items: Sequence[Arrived]
    ) -> tuple[int, list[Signal], list[signals.Conflict]]:
        """The incarnation; what is new; known ids with another content; the rest are repeats."""
        incarnation, contents = await signals.known(transaction, [a.signal.signal_id for a in items])
        fresh, conflicts = [], []
        for a in items:
            before = contents.get(a.signal.signal_id)
            if before is None:
                contents[a.signal.signal_id] = a.signal.content
                fresh.append(a.signal)
            elif before != a.signal.content:
                conflicts.append(signals.Conflict(a.topic, a.partition, a.offset, a.signal))
        return incarnation, fresh, conflicts

    def _locate(self, fresh: Sequence[Signal]) -> list[Located]:
        """What the package says of each signal's words and place; one look-up for the whole batch."""
        city = self._city
        grids, kinds = whereabouts(city, fresh)
        found = []
        for signal, grid, kind in zip(fresh, grids, kinds, strict=True):
            owner = city.owner(signal.object_id) if signal.object_id else ""
            found.append(locate(signal, city.category(signal.said), grid, kind, owner))
        return found

    async def _record(self, transaction: Connection, batch: Batch, conflicts: Sequence[signals.Conflict]) -> None:
        new = [d.located.signal for d in batch.decisions]
        await signals.insert(transaction, batch.decisions)
        touching = asyncio.ensure_future(cases.touch(transaction, self._opened(batch), _joined(batch)))
        try:
            await asyncio.sleep(0)  # it is on its way: while the server writes, the events are worded
            said = self._said(batch)
        except BaseException:
            # Not left in flight: the rollback would fail on that, and its fault take the place of this one.
            touching.cancel()
            await asyncio.gather(touching, return_exceptions=True)
            raise
        await touching
        await cases.follow(transaction, batch.opened.values())
        if sealed := [s for s in new if s.sealed]:
            await signals.add_contacts(transaction, sealed)
            await plates.add(transaction, self._plates.asked(sealed))
        await signals.add_pictures(transaction, new)
        await signals.add_conflicts(transaction, conflicts)
        await outbox.write(transaction, said)
        for c in conflicts:
            # Like "recorded" before the commit: the line comes again with a batch that was rolled back.
            place = {"partition": f"{c.topic}[{c.partition}]", "offset": c.offset}
            log.info("conflict", extra={"signal": c.signal.signal_id, "source": c.signal.source, **place})
        if log.isEnabledFor(logging.DEBUG):
            log.debug("recorded", extra={"signals": [s.signal_id for s in new]})

    def _opened(self, batch: Batch) -> list[cases.Opened]:
        """Clocks run from the receipt of the opening signal: a backlog moves no deadline."""
        return [
            cases.Opened(d.case, d.located.signal.received_at, self._limit(d.case.category))
            for d in batch.decisions
            if d.outcome is Outcome.OPENED
        ]

    def _limit_of(self, category: str) -> str:
        found = self._city.categories.get(category)
        limit = found.limit if found else None
        return f"{category} {limit.amount}{limit.unit} by package {self._city.version}" if limit else ""

    def _said(self, batch: Batch) -> list[outbox.Event]:
        """One event a touched case on cases.changed, and on its department's topic where the department must know."""
        behind: dict[str, list[Signal]] = {}
        for d in batch.decisions:
            behind.setdefault(d.case.case_id, []).append(d.located.signal)
        events: list[outbox.Event] = []
        for case in (*batch.opened.values(), *batch.joined.values()):
            causes = behind[case.case_id]
            is_new = case.case_id in batch.opened
            told = wire.Told(case)
            change = case_pb2.CASE_CHANGE_OPENED if is_new else case_pb2.CASE_CHANGE_JOINED
            raises = case.case_id in batch.raised
            events.append(self._events.changed(told, change, signal_ids=[s.signal_id for s in causes], raises=raises))
            if is_new or raises:
                kind = assignment_pb2.ASSIGNMENT_KIND_NEW if is_new else assignment_pb2.ASSIGNMENT_KIND_RAISED
                cause, received_at = causes[0].signal_id, None
                if is_new and not case.exercise:  # with it an event has an age of the whole way, which pages somebody
                    received_at = causes[0].received_at
                events.append(self._events.assignment(told, kind, case.department, cause, received_at=received_at))
        return events


def _looks(located: Sequence[Located]) -> dict[int, float]:
    """Fine cells in which one of these may find its case, and since when (in Unix time) that must have had a signal.

    A little more than these ask for, never less: triage looks closely.
    """
    looks: dict[int, float] = {}
    if located:
        begun = min(x.signal.received_at for x in located) / SECOND - 1
        for x in located:
            since = begun - x.category.join_within_h * 3600 if x.category else begun
            for cell in x.reach.near:
                if looks.get(cell, since) >= since:  # of two classes that share a number, the longer window
                    looks[cell] = since
    return looks


def _joined(batch: Batch) -> list[cases.Joined]:
    because = {d.case.case_id: d.because for d in reversed(batch.decisions)}
    return [cases.Joined(case, because[case_id]) for case_id, case in batch.joined.items()]
