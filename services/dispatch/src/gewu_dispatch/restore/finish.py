"""The end: what was announced before the restore and does not stand is announced away or anew."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import asyncpg

from gewu import topics
from gewu.runtime import outbox, postgres
from gewu.runtime.outbox import Event
from gewu.v1.assignment_pb2 import AssignmentKind
from gewu.v1.case_pb2 import CaseChange
from gewu_dispatch.domain.case import Case
from gewu_dispatch.restore.readers import Held, Log, Order, Readers, departments
from gewu_dispatch.store import cases, history, restored
from gewu_dispatch.wire import Events, Told

Standing = Mapping[str, tuple[Order, str]]
_LOOKS, _LOOK_S = 100, 0.05  # for how long the relay may say what batches wrote before they were held still


class NotYet(Exception):
    """Dispatch has not come as far; the text says what is left."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Cases that were announced as superseded, and those that were said again as they stand."""

    superseded: int
    said_again: int


async def finish(connection: asyncpg.Connection, log: Log) -> Finished:
    """Hold what readers believe against what stands, and say what they must know. NotYet while the log is read again.

    The log is read before batches are held still, and what came meanwhile after it: they wait for a moment only.
    """
    await postgres.in_micros(connection)  # as cases are read and written
    if left := await restored.still_to_read(connection):
        raise NotYet(f"{left} records must be read again first")
    readers, known = Readers(), departments(log)
    heard = log.places([topics.CASES, *(topics.dispatch(d) for d in known)])
    ends = await _hear(readers, log, await log.spans(heard), {})
    async with connection.transaction():
        await restored.hold_still(connection)
        await _until_said(connection)
        await _hear(readers, log, await log.spans(heard), ends)
        standing, incarnation = await restored.standing(connection), await restored.incarnation(connection)
        events, now = Events(topics.registry(known)), time.time_ns() // 1000
        gone = await _supersede(connection, readers, standing, events, incarnation, now)
        astray = {i: held for i, held in readers.cases.items() if i in standing and _is_astray(held, *standing[i])}
        await _say_again(connection, astray, events, incarnation, now)
    return Finished(gone, len(astray))


async def _hear(
    readers: Readers, log: Log, spans: list, ends: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], int]:
    """Take what stands behind these ends; returns the ends now."""
    wanted = [s for s in spans if s.end > ends.get((s.topic, s.partition), -1)]
    async for records in log.read(wanted):
        for record in records:
            readers.hear(record)
    return {(s.topic, s.partition): s.end for s in spans}


async def _until_said(connection: asyncpg.Connection) -> None:
    for _ in range(_LOOKS):
        if not await restored.unsaid(connection):
            return
        await asyncio.sleep(_LOOK_S)
    raise NotYet("events still wait to be said: is a topic left out, or no relay running?")


async def _supersede(
    connection: asyncpg.Connection,
    readers: Readers,
    standing: Standing,
    events: Events,
    incarnation: int,
    now: int,
) -> int:
    """A case that was announced and not opened again: its reports stand behind another one now."""
    gone = {i: held for i, held in readers.cases.items() if i not in standing and held.last and not held.superseded}
    homes = await restored.homes(connection, [held.opener for held in gone.values() if held.opener])
    said: list[Event] = []
    for held in gone.values():
        by = homes.get(held.opener, "")
        said += events.superseded(held.message(), by, incarnation, now, sorted(held.believers))
    await outbox.write(connection, said)
    return len(gone)


def _is_astray(held: Held, order: Order, department: str) -> bool:
    """Whether readers know more than stands, or the wrong department, or one too many, believes to have the case."""
    return held.newest > order or held.believers != {department}


async def _say_again(
    connection: asyncpg.Connection, astray: Mapping[str, Held], events: Events, incarnation: int, now: int
) -> None:
    """A version more, in this incarnation: newer than whatever anybody was told."""
    found = await cases.by_id(connection, sorted(astray))
    for case in found.values():
        case.incarnation, case.version, case.changed_at = incarnation, case.version + 1, now
    await cases.update(connection, list(found.values()))
    change = CaseChange.CASE_CHANGE_RESTORED
    await history.write(connection, [history.Entry(case, change, case.routed_because) for case in found.values()])
    await outbox.write(connection, [e for i, case in found.items() for e in _corrections(case, astray[i], events)])


def _corrections(case: Case, held: Held, events: Events) -> Iterator[Event]:
    told = Told(case)
    others = sorted(held.believers - {case.department})
    yield events.leaving(events.changed(told, CaseChange.CASE_CHANGE_RESTORED), others)
    for other in others:
        yield events.assignment(told, AssignmentKind.ASSIGNMENT_KIND_WITHDRAWN, other, None)
    # Also to a department that has it: what it was told last may no longer be so.
    yield events.assignment(told, AssignmentKind.ASSIGNMENT_KIND_NEW, case.department, None)
