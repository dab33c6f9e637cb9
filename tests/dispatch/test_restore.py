"""After a restore readers end up with what stands, and the incarnation is above all that were ever announced."""

from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition

from gewu import topics
from gewu.city import City
from gewu.errors import NotNow, Why
from gewu.lane import Lane
from gewu.runtime.settings import Postgres
from gewu.v1.assignment_pb2 import Assignment, AssignmentKind
from gewu.v1.case_pb2 import CaseChange, CaseChanged, CaseState
from gewu_dispatch import restore
from gewu_dispatch.domain.action import Kind
from tests.dispatch.conftest import Desk
from tests.support.building import HERE, INCARNATION, a_signal, an_action, moved


class Log:
    """Kafka in memory: what the outbox held was said, in one partition a topic."""

    def __init__(self, city: City) -> None:
        self.records: dict[str, list[Any]] = {t.name: [] for t in topics.registry(city.departments)}
        self.partitions = dict.fromkeys(self.records, 1)

    async def take(self, desk: Desk) -> None:
        """Say what waits, as the relay does."""
        for e in await desk.events():
            said = SimpleNamespace(topic=e.topic, value=e.value, headers=[("ce_type", e.type.encode())])
            self.records[e.topic].append(said)
        await desk.pool.execute("DELETE FROM outbox")

    def places(self, names: Sequence[str]) -> list[TopicPartition]:
        return [TopicPartition(name, 0) for name in names]

    async def spans(self, places: Sequence[TopicPartition]) -> list[Any]:
        return [SimpleNamespace(topic=p.topic, partition=0, first=0, end=len(self.records[p.topic])) for p in places]

    async def read(self, spans: Sequence[Any]) -> AsyncIterator[list[Any]]:
        for span in spans:
            yield self.records[span.topic]


@pytest.fixture
async def owner(database: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """The database as its owner sees it."""
    connection = await asyncpg.connect(**database.connection(), server_settings={"search_path": "dispatch"})
    yield connection
    await connection.close()


async def test_the_incarnation_rises_above_every_one_that_was_announced(
    desk: Desk, city: City, owner: asyncpg.Connection
) -> None:
    log = Log(city)
    await desk.take(a_signal())
    await log.take(desk)
    await owner.execute("UPDATE deployment SET incarnation = 1")  # as a dump of the first days holds it
    begun = await restore.begin(owner, log)
    assert (begun.before, begun.after, begun.gone) == (1, INCARNATION + 1, [])
    await desk.take(a_signal(moved(*HERE, east_m=400)))
    assert {c["incarnation"] for c in await desk.rows("cases")} == {INCARNATION, INCARNATION + 1}


async def test_a_position_that_the_log_does_not_hold_is_named(
    desk: Desk, city: City, owner: asyncpg.Connection
) -> None:
    topic = topics.signals(Lane.P1)
    await owner.execute(
        "INSERT INTO position (topic, partition, first_offset, next_offset) VALUES ($1, 0, 7, 7)", topic
    )
    assert (await restore.begin(owner, Log(city))).gone == [f"{topic}[0]: position 7, the log holds 0 to 0"]


async def test_a_case_that_is_not_opened_again_is_superseded_and_its_department_loses_it(
    desk: Desk, city: City, owner: asyncpg.Connection
) -> None:
    log, first, second = Log(city), a_signal(), a_signal()
    await desk.take(first, second)
    await log.take(desk)
    gone = await desk.case()
    await _back(owner, city, log)
    await desk.take(second, first)  # the other way round
    await log.take(desk)
    found = await restore.finish(owner, log)
    assert (found.superseded, found.said_again) == (1, 0)
    (said,) = [m for m in await desk.said(CaseChanged, topics.CASES) if m.change == CaseChange.CASE_CHANGE_SUPERSEDED]
    assert (said.case.case_id, said.case.superseded_by) == (str(gone["case_id"]), str((await desk.case())["case_id"]))
    assert (said.case.state, said.case.incarnation) == (CaseState.CASE_STATE_SUPERSEDED, INCARNATION + 1)
    (lost,) = await desk.said(Assignment, topics.dispatch(gone["department"]))
    assert (lost.kind, lost.case.department) == (AssignmentKind.ASSIGNMENT_KIND_WITHDRAWN, "")
    await log.take(desk)
    assert await restore.finish(owner, log) == restore.Finished(0, 0), "once said it is not said again"


async def test_a_case_that_stands_otherwise_than_announced_is_said_again_to_whom_it_concerns(
    desk: Desk, city: City, owner: asyncpg.Connection
) -> None:
    log = Log(city)
    await desk.take(a_signal(said="water manhole"))
    before = await desk.case()
    dumped = await owner.fetch("SELECT * FROM cases")
    back = an_action(str(before["case_id"]), Kind.RETURN, department=before["department"])
    assert await desk.act(back) == {"applied": 1}
    await log.take(desk)
    wrong = (await desk.case())["department"]
    await owner.execute("UPDATE cases SET version = 1, department = $1", dumped[0]["department"])
    await restore.begin(owner, log)
    await owner.execute("DELETE FROM reread")
    assert await restore.finish(owner, log) == restore.Finished(0, 1)
    now = await desk.case()
    assert (now["incarnation"], now["version"], now["department"]) == (INCARNATION + 1, 2, before["department"])
    (changed,) = await desk.said(CaseChanged, topics.CASES)
    assert changed.change == CaseChange.CASE_CHANGE_RESTORED and list(changed.left) == [wrong]
    kinds = {
        d: [a.kind for a in await desk.said(Assignment, topics.dispatch(d))] for d in (before["department"], wrong)
    }
    assert kinds == {before["department"]: [1], wrong: [3]}, "new for the one, withdrawn from the other"
    await log.take(desk)
    assert await restore.finish(owner, log) == restore.Finished(0, 0)


async def test_while_signals_are_read_again_departments_moves_wait_and_nothing_is_finished(
    desk: Desk, city: City, owner: asyncpg.Connection
) -> None:
    log = Log(city)
    await desk.take(a_signal())
    case = await desk.case()
    await owner.execute("INSERT INTO reread VALUES ($1, 0, 5)", topics.signals(Lane.P2))
    with pytest.raises(NotNow) as waits:
        await desk.act(an_action(str(case["case_id"]), department=case["department"]))
    assert waits.value.why is Why.REREADING
    with pytest.raises(restore.NotYet, match="5 records"):
        await restore.finish(owner, log)
    await owner.execute("INSERT INTO position VALUES ($1, 0, 5, 5)", topics.signals(Lane.P2))
    assert await desk.act(an_action(str(case["case_id"]), department=case["department"])) == {"applied": 1}


async def _back(owner: asyncpg.Connection, city: City, log: Log) -> None:
    """The dump of an empty city comes back."""
    for table in ("cases", "signals", "history", "clock_ledger"):
        await owner.execute(f"DELETE FROM {table}")
    await restore.begin(owner, log)
    await owner.execute("DELETE FROM reread")
