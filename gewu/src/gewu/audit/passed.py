"""What dispatch has read: each record of a lane before its position is a row, a reading, a conflict that was kept, or parked.

The books say how many there are of each, and they are dispatch's own: a record that it booked and forgot balances them
just as well. Here the log itself is asked, record by record.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from google.protobuf.message import DecodeError

from gewu import codec, topics
from gewu.audit.facts import Landed, Position, Span
from gewu.audit.findings import Fault, Findings
from gewu.audit.log import Log
from gewu.audit.readings import Number, Sensors
from gewu.v1.signal_pb2 import Signal

Record = ConsumerRecord[Any, Any]
Place = tuple[str, int, int]  # topic, partition, offset
_READER = "dispatch"
_SIGNALS = (codec.SIGNAL_REPORT, codec.SIGNAL_READING, codec.SIGNAL_DETECTION, codec.SIGNAL_FAULT)


class Tables(Protocol):
    """What is asked of the database, as it stood at the moment of the positions."""

    async def contents(self, signals: Sequence[UUID]) -> Mapping[UUID, bytes]:
        """With which content each of these signals was taken; those that were not are left out."""

    async def conflicts(self, signals: Sequence[UUID]) -> AbstractSet[Place]:
        """Where records stand that were kept as conflicts with these signals."""

    async def crossings(self, signals: Sequence[UUID]) -> Mapping[UUID, Landed]:
        """The case of each of these signals; those that have none are left out."""

    async def sensors(self) -> Mapping[str, Number]:
        """Session and counter of each sensor's row."""


@dataclass(slots=True)
class Passed:
    """records: of the lanes that were looked at; unread: that the client library cannot unpack, or that follow one."""

    records: int = 0
    unread: int = 0
    readings: int = 0
    crossings: int = 0


async def judge(
    logs: Log, tables: Tables, spans: Sequence[Span], positions: Sequence[Position], findings: Findings,
    sensors: Sensors | None = None,
) -> Passed:  # fmt: skip
    """Note every record that was passed over; spans: of the topics that dispatch reads; sensors: what judges readings."""
    sensors = sensors or Sensors()
    passed, kept = Passed(), await _parked(logs, spans)
    judge_parked(positions, kept, findings)
    async for records in _records(logs, _before(spans, positions), passed):
        passed.records += len(records)
        await judge_records(tables, records, kept, findings, sensors)
    cut = {s.topic for s in spans if s.first > 0 and not topics.is_departments(s.topic)}
    if passed.unread:
        cut.add("unread")
    sensors.judge(await tables.sensors(), positions, cut, findings)
    passed.readings, passed.crossings = sensors.readings, sensors.crossings
    return passed


def judge_parked(positions: Sequence[Position], kept: AbstractSet[Place], findings: Findings) -> None:
    """Note a partition that books more records as parked than are kept.

    Fewer may be: between a record's parking and its commit dispatch may be replaced by one that can read it.
    """
    ends = {(p.topic, p.partition): p.next_offset for p in positions}
    there = Counter((topic, number) for topic, number, offset in kept if offset < ends.get((topic, number), 0))
    for p in positions:
        booked, entries = p.outcomes.get("parked", 0), there[p.topic, p.partition]
        if booked > entries:
            words = f"{p.topic}[{p.partition}]: the books say {booked} parked, {entries} are kept"
            findings.note(Fault.UNBALANCED, words)


async def judge_records(
    tables: Tables, records: Sequence[Record], kept: AbstractSet[Place], findings: Findings,
    sensors: Sensors | None = None,
) -> None:  # fmt: skip
    """Note those of these records, all before the position, of which nothing was kept."""
    sensors = sensors or Sensors()
    said = {_place(r): signal for r in records if _place(r) not in kept and (signal := _signal(r))}
    ids = {place: UUID(signal.signal_id) for place, signal in said.items()}
    contents = await tables.contents([*ids.values()])
    readings = {
        place: None for place, signal in said.items() if signal.WhichOneof("kind") == "reading"
    }  # in their order
    landed = await tables.crossings([ids[place] for place in readings if ids[place] in contents])
    for place in readings:
        if heard := sensors.take(said[place], landed.get(ids[place])):
            sensors.held_against(heard, ids[place] in contents, findings)
    differ = {p for p, id_ in ids.items() if id_ in contents and contents[id_] != said[p].content_sha256}
    conflicts = await tables.conflicts([ids[p] for p in differ]) if differ else frozenset()
    for place in map(_place, records):
        name = f"{place[0]}:{place[1]}:{place[2]}"
        if place not in kept and place not in readings and (place not in said or ids[place] not in contents):
            findings.note(Fault.UNBALANCED, f"{name} was passed over: it is neither a row nor parked")
        elif place in differ and place not in conflicts:
            words = f"holds another content than signal {ids[place]} was taken with, and no conflict is kept"
            findings.note(Fault.UNBALANCED, f"{name} {words}")


def _signal(record: Record) -> Signal | None:
    """The signal in a record; None where nobody could have taken one from it."""
    try:
        found = Signal.FromString(record.value)
        return found if codec.type_of(record.headers) in _SIGNALS and UUID(found.signal_id) else None
    except (DecodeError, ValueError, TypeError):
        return None


def _place(record: Record) -> Place:
    return record.topic, record.partition, record.offset


async def _parked(logs: Log, spans: Sequence[Span]) -> set[Place]:
    """Every record that has an entry on a parking topic; a replayed one's stays."""
    names = {name for s in spans if (name := topics.parked(_READER, s.topic)) in logs.partitions}
    found: set[Place] = set()
    async for records in logs.read(await logs.spans(logs.places(sorted(names)))):
        for record in records:
            topic, partition, offset = record.key.decode().rsplit(":", 2)
            found.add((topic, int(partition), int(offset)))
    return found


def _before(spans: Sequence[Span], positions: Sequence[Position]) -> list[Span]:
    """Of the lanes, what lies before the position and is still in the log."""
    ends = {(p.topic, p.partition): p.next_offset for p in positions}
    found = [replace(s, end=min(s.end, ends.get((s.topic, s.partition), 0))) for s in spans]
    return [s for s in found if not topics.is_departments(s.topic) and s.end > s.first]


async def _records(logs: Log, spans: Sequence[Span], passed: Passed) -> AsyncIterator[Sequence[Record]]:
    """The records of these spans; of a partition those before what cannot be unpacked."""
    left = {(s.topic, s.partition): s for s in spans}
    try:
        async for records in logs.read(spans):
            yield _noted(left, records)
        return
    except (UnicodeDecodeError, KafkaError):
        pass  # whose fault it is shows when each partition is read alone
    for place, alone in list(left.items()):
        try:
            async for records in logs.read([alone]):
                yield _noted(left, records)
        except (UnicodeDecodeError, KafkaError):
            passed.unread += left[place].end - left[place].first


def _noted(left: dict[tuple[str, int], Span], records: Sequence[Record]) -> Sequence[Record]:
    """These records, after which their partition is read on."""
    for last in records[-1:]:
        place = last.topic, last.partition
        left[place] = replace(left[place], first=last.offset + 1)
    return records
