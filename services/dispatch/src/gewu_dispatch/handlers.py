"""What happens with a batch of signals inside its transaction: sift, locate, lock, decide, record."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiokafka import ConsumerRecord

from gewu import codec
from gewu.city import City
from gewu.clock import Clock
from gewu.errors import NotNow, Why
from gewu.runtime import outbox
from gewu.runtime.postgres import Connection
from gewu.v1.assignment_pb2 import AssignmentKind
from gewu.v1.case_pb2 import CaseChange
from gewu_dispatch import wire
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.case import Signal
from gewu_dispatch.domain.triage import Batch, Located, Outcome, Rules, triage
from gewu_dispatch.store import cases, history, signals

log = logging.getLogger(__name__)
_SIGNAL_TYPES = (codec.SIGNAL_REPORT, codec.SIGNAL_READING, codec.SIGNAL_DETECTION)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A decoded signal and its place in the log."""

    signal: Signal
    topic: str
    partition: int
    offset: int


class Signals:
    """The effects of signals: see gewu.runtime.delivery.Effects."""

    def __init__(self, city: City, rules: Rules, events: wire.Events, clock: Clock) -> None:
        self._city, self._rules, self._events, self._clock = city, rules, events, clock

    def decode(self, record: ConsumerRecord[Any, Any]) -> Arrived:
        """One record's signal; Never or NotNow."""
        type_ = codec.check_type(codec.type_of(record.headers), _SIGNAL_TYPES)
        return Arrived(wire.signal(record.value, type_), record.topic, record.partition, record.offset)

    async def apply(self, transaction: Connection, items: Sequence[Arrived]) -> Mapping[str, int]:
        """Everything that these signals cause; the counts add up to their number."""
        fresh, conflicts = await self._sift(transaction, items)
        located = self._locate(fresh)
        await cases.lock_cells(
            transaction, [k for x in located if _joins(x) for k in joining.lock_keys(x.category, x.signal)]
        )
        near = [k for x in located if _joins(x) for k in joining.near_keys(x.category, x.signal)]
        # A statement of its own after the locks, so that its snapshot sees what the last holder committed.
        open_cases = await cases.candidates(transaction, near)
        batch = triage(located, open_cases, self._rules, self._clock.now())
        await self._record(transaction, batch, conflicts)
        opened = sum(1 for d in batch.decisions if d.outcome is Outcome.OPENED)
        joined = len(batch.decisions) - opened
        duplicates = len(items) - len(batch.decisions) - len(conflicts)
        return {"opened": opened, "joined": joined, "duplicate": duplicates, "conflict": len(conflicts)}

    async def _sift(
        self, transaction: Connection, items: Sequence[Arrived]
    ) -> tuple[list[Signal], list[signals.Conflict]]:
        """What is new; known ids with another content; the rest are repeats."""
        contents = await signals.known(transaction, [a.signal.signal_id for a in items])
        fresh, conflicts = [], []
        for a in items:
            before = contents.setdefault(a.signal.signal_id, a.signal.content)
            if before is a.signal.content:
                fresh.append(a.signal)
            elif before != a.signal.content:
                conflicts.append(signals.Conflict(a.topic, a.partition, a.offset, a.signal))
        return fresh, conflicts

    def _locate(self, fresh: Sequence[Signal]) -> list[Located]:
        """What the package says of each signal's words and place; one look-up for the whole batch."""
        city = self._city
        lons = np.array([np.nan if s.lon is None else s.lon for s in fresh])
        lats = np.array([np.nan if s.lat is None else s.lat for s in fresh])
        grids = city.locate(lons, lats).tolist()
        places = city.places_at(lons, lats, self._clock.now())
        no_position = city.grid(city.no_position_grid) if city.no_position_grid else None
        found = []
        for signal, index, place in zip(fresh, grids, places, strict=True):
            grid = city.grids[index] if index >= 0 else no_position if signal.lon is None else None
            thing = city.objects.get(signal.object_id) if signal.object_id else None
            found.append(
                Located(
                    signal, city.category(signal.said), grid, place.kind if place else "", thing.owner if thing else ""
                )
            )
        return found

    async def _record(self, transaction: Connection, batch: Batch, conflicts: Sequence[signals.Conflict]) -> None:
        if await signals.insert(transaction, batch.decisions) != len(batch.decisions):
            # Another partition took one of these ids between our look and our write.
            raise NotNow(Why.RACED, "a signal id was taken meanwhile")
        opened = list(batch.opened.values())
        await cases.insert(transaction, opened)
        await cases.update(transaction, list(batch.joined.values()))
        await history.write(transaction, _entries(batch))
        await history.start_clocks(transaction, [(c, self._why_due(c.category)) for c in opened if c.due_at])
        await signals.add_contacts(transaction, [d.located.signal for d in batch.decisions])
        await signals.add_conflicts(transaction, conflicts)
        await outbox.write(transaction, self._said(batch))
        if log.isEnabledFor(logging.DEBUG):
            log.debug("recorded", extra={"signals": [d.located.signal.signal_id for d in batch.decisions]})

    def _why_due(self, category: str) -> str:
        limit = self._city.categories[category].limit
        return f"{category} {limit.amount}{limit.unit} by package {self._city.version}" if limit else ""

    def _said(self, batch: Batch) -> list[outbox.Event]:
        """One event a touched case on cases.changed, and on its department's topic where the department must know."""
        first = {d.case.case_id: d.located.signal for d in reversed(batch.decisions)}
        events = []
        for case in batch.opened.values():
            cause = first[case.case_id]
            events.append(self._events.changed(case, CaseChange.CASE_CHANGE_OPENED, signal_id=cause.signal_id))
            events.append(
                self._events.assignment(
                    case, AssignmentKind.ASSIGNMENT_KIND_NEW, case.department, received_at=cause.received_at
                )
            )
        for case in batch.joined.values():
            events.append(
                self._events.changed(case, CaseChange.CASE_CHANGE_JOINED, signal_id=first[case.case_id].signal_id)
            )
            if case.case_id in batch.raised:
                events.append(self._events.assignment(case, AssignmentKind.ASSIGNMENT_KIND_RAISED, case.department))
        return events


def _joins(located: Located) -> bool:
    return joining.joins(located.category, located.signal)


def _entries(batch: Batch) -> list[history.Entry]:
    first = {d.case.case_id: d for d in reversed(batch.decisions)}
    return [
        *(
            history.Entry(c, CaseChange.CASE_CHANGE_OPENED, c.routed_because, first[i].located.signal.signal_id)
            for i, c in batch.opened.items()
        ),
        *(
            history.Entry(c, CaseChange.CASE_CHANGE_JOINED, first[i].because, first[i].located.signal.signal_id)
            for i, c in batch.joined.items()
        ),
    ]
