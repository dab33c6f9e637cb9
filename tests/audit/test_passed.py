"""Every record before a position must be somewhere; what is booked and forgotten is named."""

from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from gewu import codec
from gewu.audit import passed
from gewu.audit.facts import Landed, Position, Span
from gewu.audit.findings import Fault, Findings
from gewu.v1.signal_pb2 import Signal

LANE, PARKING = "signals.p2", "parked.dispatch.signals.p2"
REPORT = [("ce_type", codec.SIGNAL_REPORT.encode())]


class Tables:
    """The database, as far as it is asked."""

    def __init__(self) -> None:
        self.taken: dict[UUID, bytes] = {}
        self.kept: set[tuple[str, int, int]] = set()

    async def contents(self, signals: Sequence[UUID]) -> dict[UUID, bytes]:
        return {id_: self.taken[id_] for id_ in signals if id_ in self.taken}

    async def crossings(self, signals: Sequence[UUID]) -> dict[UUID, Landed]:
        return {}

    async def sensors(self) -> dict[str, tuple[int, int]]:
        return {}

    async def conflicts(self, signals: Sequence[UUID]) -> AbstractSet[tuple[str, int, int]]:
        return self.kept


class Log:
    """A cluster in a dictionary; `broken` cannot be unpacked."""

    def __init__(self) -> None:
        self.partitions = {LANE: 2, PARKING: 1}
        self.records: dict[tuple[str, int], list[Any]] = {(LANE, 0): [], (LANE, 1): [], (PARKING, 0): []}
        self.broken: tuple[str, int, int] | None = None

    def put(
        self, value: bytes | None, *, topic: str = LANE, partition: int = 0, key: bytes = b"", headers: Any = REPORT
    ) -> int:
        own = self.records[topic, partition]
        fields = {"topic": topic, "partition": partition, "offset": len(own), "key": key, "value": value}
        own.append(SimpleNamespace(**fields, headers=headers))
        return len(own) - 1

    def places(self, topics: Sequence[str]) -> list[tuple[str, int]]:
        return [place for place in self.records if place[0] in topics]

    async def spans(self, places: Sequence[tuple[str, int]]) -> list[Span]:
        return [Span(*place, 0, len(self.records[place]), len(self.records[place])) for place in places]

    async def read(self, spans: Sequence[Span]) -> AsyncIterator[list[Any]]:
        for span in spans:
            for record in self.records[span.topic, span.partition][span.first : span.end]:
                if (record.topic, record.partition, record.offset) == self.broken:
                    raise UnicodeDecodeError("utf-8", b"", 0, 1, "a header's name")
                yield [record]


class World:
    """A log, its tables and what the judge says of them."""

    def __init__(self) -> None:
        self.log, self.tables = Log(), Tables()

    def report(self, content: bytes = b"c", id_: UUID | None = None, *, taken: bool = True, partition: int = 0) -> UUID:
        """A record of a lane, and the row that stands for it."""
        id_ = id_ or uuid4()
        self.log.put(Signal(signal_id=str(id_), content_sha256=content).SerializeToString(), partition=partition)
        if taken:
            self.tables.taken.setdefault(id_, content)
        return id_

    def park(self, offset: int) -> None:
        """An entry for a record of the lane's first partition."""
        self.log.put(b"", topic=PARKING, key=f"{LANE}:0:{offset}".encode())

    async def judged(self, *, parked: int = 0, before: int | None = None) -> tuple[int, passed.Passed]:
        """How much is unbalanced; before: where the first partition stands, its end unless told."""
        spans = await self.log.spans([(LANE, 0), (LANE, 1)])
        ends = {0: spans[0].end if before is None else before, 1: spans[1].end}
        positions = [Position(LANE, n, 0, end, 0, {"parked": parked if n == 0 else 0}) for n, end in ends.items()]
        findings = Findings()
        found = await passed.judge(self.log, self.tables, spans, positions, findings)  # type: ignore[arg-type]
        assert set(findings.counts) <= {Fault.UNBALANCED}
        return findings.counts[Fault.UNBALANCED], found


@pytest.fixture
def world() -> World:
    """Three reports in order, one of them said twice."""
    made = World()
    again = made.report()
    made.report(id_=again)
    made.report(partition=1)
    return made


async def test_rows_repeats_conflicts_and_parked_records_are_in_order(world: World) -> None:
    other = world.report(b"c1")
    world.report(b"c2", other)
    world.tables.kept.add((LANE, 0, 3))
    world.park(world.log.put(b"\xff"))
    world.park(world.log.put(None))
    assert await world.judged(parked=2) == (0, passed.Passed(7, 0))


async def test_a_record_without_a_row_was_passed_over_once_the_position_is_behind_it(world: World) -> None:
    world.report(taken=False)
    assert (await world.judged())[0] == 1
    assert (await world.judged(before=2))[0] == 0


@pytest.mark.parametrize(
    "bad", [{"value": b"\xff"}, {"value": None}, {"value": Signal(signal_id="x").SerializeToString()}, {"headers": []}]
)
async def test_what_nobody_can_read_must_be_parked(world: World, bad: dict[str, Any]) -> None:
    good = Signal(signal_id=str(next(iter(world.tables.taken)))).SerializeToString()
    offset = world.log.put(**{"value": good} | bad)
    assert (await world.judged())[0] == 1
    world.park(offset)
    assert (await world.judged())[0] == 0


async def test_a_conflict_that_was_not_kept_is_named(world: World) -> None:
    world.report(b"other", next(iter(world.tables.taken)))
    assert (await world.judged())[0] == 1
    world.tables.kept.add((LANE, 0, 2))
    assert (await world.judged())[0] == 0


async def test_books_that_say_parked_need_as_many_entries_before_the_position(world: World) -> None:
    offset = world.log.put(b"\xff")
    world.park(offset)
    world.park(offset)  # parked twice, and once replayed: still one record
    assert (await world.judged(parked=1))[0] == 0
    assert (await world.judged(parked=2))[0] == 1
    assert (await world.judged(parked=1, before=2))[0] == 1, "it is not passed yet"


async def test_what_cannot_be_unpacked_ends_its_own_partition_and_is_counted(world: World) -> None:
    world.log.broken = (LANE, 0, 1)
    world.report(taken=False, partition=1)
    assert await world.judged() == (1, passed.Passed(3, 1))
