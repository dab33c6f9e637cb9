"""The relay on the real servers: in order, urgent first, each event forgotten only after its ack; a sick topic waits alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from gewu.lane import Lane
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime import outbox
from gewu.runtime.failpoint import Failpoints
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.metrics import RelayMetrics
from gewu.runtime.producer import Overloaded, TooLarge, Unknown
from gewu.runtime.relay import Relay
from gewu.runtime.settings import Kafka, Postgres
from gewu.topics import Topic
from tests.conftest import make_topics
from tests.support import log
from tests.support.waiting import until


def _event(
    topic: str, *, subject: str = "", version: int = 1, lane: Lane = Lane.P2, size: int = 100, raises: bool = False
) -> outbox.Event:
    subject = subject or str(uuid4())
    value = f"{subject} {version} {lane.label}".encode() + b" " * size
    return outbox.Event(topic, 0, lane, str(uuid4()), "gewu.v1.case.changed", version, value, subject, raises=raises)


@pytest.fixture
async def connection(database: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """The outbox, as the service that writes it."""
    found = await asyncpg.connect(**database.connection(), server_settings={"search_path": "dispatch"})
    yield found
    await found.close()


@pytest.fixture
async def relay(kafka: Kafka, database: Postgres) -> AsyncIterator[Any]:
    """Start relays; all are stopped at the end."""
    started: list[tuple[asyncio.Task[None], GroupCommit]] = []

    async def start() -> tuple[asyncio.Task[None], Health]:
        producer = GroupCommit(
            lambda: kafka_runtime.producer(kafka, "relay"), lambda _: 10_000_000, keeps_order=True, deadline=3.0
        )
        await producer.start()
        health = Health()
        made = Relay(database, "dispatch", producer, "test", RelayMetrics(CollectorRegistry()), health, Failpoints({}))
        task = asyncio.create_task(made.run())
        started.append((task, producer))
        return task, health

    yield start
    for task, producer in started:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await producer.stop(1.0)


async def _write(connection: asyncpg.Connection, events: list[outbox.Event]) -> None:
    async with connection.transaction():
        await outbox.write(connection, events)


async def _emptied(connection: asyncpg.Connection, left: int = 0, seconds: float = 20.0) -> None:
    async def empty() -> bool:
        return await connection.fetchval("SELECT coalesce(sum(count), 0) FROM outbox") == left

    await until(empty, seconds, f"{left} events left")


async def test_events_of_a_case_are_said_in_the_order_of_their_versions(
    kafka: Kafka, topic: Topic, connection: asyncpg.Connection, relay: Any
) -> None:
    cases = [str(uuid4()) for _ in range(50)]
    for version in range(1, 21):
        await _write(connection, [_event(topic.name, subject=c, version=version) for c in cases])
        if version == 5:
            await relay()
    await _emptied(connection)
    said = [r.value.split()[:2] for r in await log.read(kafka, topic.name)]
    for case in cases:
        assert [int(v) for c, v in said if c == case.encode()] == list(range(1, 21))


class Heard:
    """A producer that has everything at once, and knows in which order it came."""

    def __init__(self) -> None:
        self.said: list[list[str]] = []

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        self.said += [[topic, *value.decode().split()[:2]] for _, value, _ in records]
        done(0, len(records), None)

    async def flush(self) -> None:
        """Nothing to do."""


async def _heard(connection: asyncpg.Connection, database: Postgres) -> list[list[str]]:
    """What waits, as a relay says it: topic, case and version."""
    heard, metrics = Heard(), RelayMetrics(CollectorRegistry())
    task = asyncio.create_task(Relay(database, "dispatch", heard, "test", metrics, Health(), Failpoints({})).run())
    try:
        await _emptied(connection)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return heard.said


@pytest.mark.parametrize("others", [1, 150])  # less than a helping, and more
async def test_a_case_that_was_raised_takes_along_what_its_partition_said_before_and_no_other(
    connection: asyncpg.Connection, database: Postgres, others: int
) -> None:
    raised, beside = str(uuid4()), str(uuid4())
    for _ in range(others):
        await _write(connection, [_event("far")])
    await _write(connection, [_event("own", subject=beside)])
    await _write(connection, [_event("own", subject=raised, version=1)])
    await _write(connection, [_event("own", subject=raised, version=2, lane=Lane.P0, raises=True)])
    await _write(connection, [_event("own", subject=beside, version=2)])
    said = await _heard(connection, database)
    assert said[:3] == [["own", beside, "1"], ["own", raised, "1"], ["own", raised, "2"]]
    assert said[-1] == ["own", beside, "2"] and len(said) == others + 4


async def test_a_partition_with_a_raised_case_is_as_urgent_as_what_waits_in_it(
    connection: asyncpg.Connection, database: Postgres
) -> None:
    for _ in range(300):
        await _write(connection, [_event("far", lane=Lane.P3)])
    await _write(connection, [_event("far", lane=Lane.P1, raises=True)])
    await _write(connection, [_event("own", lane=Lane.P2, raises=True)])
    await _write(connection, [_event("own", lane=Lane.P0)])
    said = [topic for topic, *_ in await _heard(connection, database)]
    first, second = (n for n, topic in enumerate(said) if topic == "own")
    assert first == 0 and second <= 200 and len(said) == 303


async def test_a_long_wait_behind_a_raised_case_is_not_in_the_way_of_what_is_urgent_elsewhere(
    connection: asyncpg.Connection, database: Postgres
) -> None:
    for _ in range(300):
        await _write(connection, [_event("own")])
    await _write(connection, [_event("own", lane=Lane.P0, raises=True)])
    await _write(connection, [_event("far", lane=Lane.P0)])
    said = [topic for topic, *_ in await _heard(connection, database)]
    assert said.index("far") <= 100 and len(said) == 302


class Meanwhile:
    """A connection on which a case is raised as soon as something was asked."""

    def __init__(self, connection: asyncpg.Connection, raised: outbox.Event) -> None:
        self._connection, self._raised = connection, raised

    async def fetch(self, *words: Any) -> list[asyncpg.Record]:
        """The rows, and then the other transaction."""
        rows = await self._connection.fetch(*words)
        await _write(self._connection, [self._raised])
        return list(rows)


async def test_a_case_that_is_raised_during_the_look_is_not_said_before_its_older_version(
    connection: asyncpg.Connection,
) -> None:
    case = str(uuid4())
    await _write(connection, [_event("own", subject=case)])
    meanwhile = Meanwhile(connection, _event("own", subject=case, version=2, lane=Lane.P0, raises=True))
    taken = await outbox.take(meanwhile, range(outbox.SHARDS), 100, [])  # type: ignore[arg-type]
    assert [event.version for row in taken for event in row.events] in ([1], [1, 2])


async def test_what_had_no_room_is_not_passed_by_a_later_row_of_its_partition(
    connection: asyncpg.Connection, database: Postgres
) -> None:
    case = str(uuid4())
    for version in range(1, 4):
        await _write(connection, [_event("own", subject=case, version=version)])
    heard, metrics = Heard(), RelayMetrics(CollectorRegistry())
    full, append = [True], heard.append

    def crowded(topic: str, partition: int, records: Any, done: Any) -> None:
        if full.pop() if full else False:
            done(0, len(records), Overloaded())
        else:
            append(topic, partition, records, done)

    heard.append = crowded  # type: ignore[method-assign]
    task = asyncio.create_task(Relay(database, "dispatch", heard, "test", metrics, Health(), Failpoints({})).run())
    try:
        await _emptied(connection)
        assert [version for *_, version in heard.said] == ["1", "2", "3"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_most_urgent_goes_first(connection: asyncpg.Connection, database: Postgres) -> None:
    for lane in (Lane.P3, Lane.P2, Lane.P0, Lane.P1, Lane.P0):
        await _write(
            connection, [_event("own", subject=lane.label, lane=lane), _event("own", subject=lane.label, lane=lane)]
        )
    said = [case for _, case, _ in await _heard(connection, database)]
    assert said == ["p0"] * 4 + ["p1", "p1", "p2", "p2", "p3", "p3"]


async def test_more_events_than_a_row_takes_stay_in_order(connection: asyncpg.Connection, database: Postgres) -> None:
    await _write(connection, [_event("own", version=n) for n in range(250)])
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 3
    assert [int(version) for *_, version in await _heard(connection, database)] == list(range(250))


async def test_a_topic_that_is_not_there_waits_alone_and_the_others_are_said_once(
    kafka: Kafka, topic: Topic, connection: asyncpg.Connection, relay: Any
) -> None:
    missing = f"{topic.name}.missing"
    await _write(connection, [_event(missing, lane=Lane.P0)])
    await relay()
    for _ in range(10):
        await _write(connection, [_event(topic.name) for _ in range(20)])
        await asyncio.sleep(0.1)
    await _emptied(connection, left=1)
    assert len(await log.read(kafka, topic.name)) == 200, "said once, whatever stands beside them"
    await make_topics(kafka, 1, missing)
    await _emptied(connection, seconds=40.0)
    assert len({r.value for r in await log.read(kafka, missing)}) == 1


class Sick:
    """A producer that answers nothing of one topic until it is told to."""

    def __init__(self, topic: str) -> None:
        self.topic, self.held, self.said = topic, [], []  # type: tuple[str, list[Any], list[str]]

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        self.said += [topic] * len(records)
        if topic == self.topic:
            self.held += [partial(done, n, n + 1) for n in range(len(records))]
        else:
            done(0, len(records), None)

    async def flush(self) -> None:
        """Nothing to do."""


async def test_a_topic_that_does_not_answer_keeps_no_other_waiting(
    topic: Topic, connection: asyncpg.Connection, database: Postgres
) -> None:
    sick = Sick(f"{topic.name}.sick")
    health, metrics = Health(), RelayMetrics(CollectorRegistry())
    task = asyncio.create_task(Relay(database, "dispatch", sick, "test", metrics, health, Failpoints({})).run())
    try:
        subject = str(uuid4())
        await _write(connection, [_event(sick.topic, subject=subject, lane=Lane.P0)])
        await until(lambda: _holds(sick, 1), 10.0, "the first version")
        for n in range(5):
            await _write(connection, [_event(topic.name) for _ in range(20)])
            await _write(connection, [_event(sick.topic, subject=subject, version=n + 2, lane=Lane.P0)])
            await _emptied(connection, left=n + 2, seconds=3.0)
        assert sick.said.count(sick.topic) == 1, "nothing more of it while an answer is out"
        sick.held.pop()(None)
        await until(lambda: _holds(sick, 5), 3.0, "the later versions together")
        for done in sick.held:
            done(None)
        await _emptied(connection)
        assert sick.said.count(sick.topic) == 6, "each once, though its answer was late"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Half:
    """A producer that acknowledges the first half of a call and not the rest."""

    def __init__(self) -> None:
        self.said: list[int] = []

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        self.said += [int(value.split()[1]) for _, value, _ in records]
        middle = (len(records) + 1) // 2
        done(0, middle, None)
        if middle < len(records):
            done(middle, len(records), Unknown("no ack"))

    async def flush(self) -> None:
        """Nothing to do."""


async def test_a_run_that_is_acknowledged_in_part_is_forgotten_in_part(
    topic: Topic, connection: asyncpg.Connection, database: Postgres
) -> None:
    half, subject = Half(), str(uuid4())
    await _write(connection, [_event(topic.name, subject=subject, version=version) for version in range(1, 7)])
    metrics, health = RelayMetrics(registry := CollectorRegistry()), Health()
    relay = Relay(database, "dispatch", half, "test", metrics, health, Failpoints({}))
    task = asyncio.create_task(relay.run())
    try:
        await _emptied(connection)
        assert half.said == [1, 2, 3, 4, 5, 6, 4, 5, 6, 6]
        assert registry.get_sample_value("gewu_relay_events_total", {"topic": topic.name}) == 6
        assert not relay._under_way and not relay._apart
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Picky:
    """A producer that refuses one version for good."""

    def __init__(self) -> None:
        self.said: list[int] = []

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        version = int(records[0][1].split()[1])
        if version == 1:
            done(0, len(records), TooLarge("never"))
        else:
            self.said.append(version)
            done(0, len(records), None)

    async def flush(self) -> None:
        """Nothing to do."""


async def test_an_event_that_is_refused_for_good_holds_up_no_other_of_its_partition(
    connection: asyncpg.Connection, database: Postgres
) -> None:
    for version in range(1, 4):
        await _write(connection, [_event("own", version=version)])
    picky, metrics = Picky(), RelayMetrics(CollectorRegistry())
    task = asyncio.create_task(Relay(database, "dispatch", picky, "test", metrics, Health(), Failpoints({})).run())
    try:
        await _emptied(connection, left=1)
        assert picky.said == [2, 3]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Late:
    """A producer that answers when it is told to, a topic at a time."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.held: dict[str, Any] = {}

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        self.said += [topic] * len(records)
        self.held[topic] = partial(done, 0, len(records), None)

    async def flush(self) -> None:
        """Nothing to do."""


async def test_an_answer_that_comes_while_others_are_forgotten_has_nothing_said_twice(
    connection: asyncpg.Connection, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, forget = Late(), outbox.forget

    async def meanwhile(*words: Any) -> None:
        if answer := late.held.pop("second", None):
            answer()
        await forget(*words)

    monkeypatch.setattr(outbox, "forget", meanwhile)
    await _write(connection, [_event("first"), _event("second")])
    metrics = RelayMetrics(CollectorRegistry())
    task = asyncio.create_task(Relay(database, "dispatch", late, "test", metrics, Health(), Failpoints({})).run())
    try:

        async def both() -> bool:
            return len(late.held) == 2

        await until(both, 10.0, "both")
        await asyncio.sleep(0.3)  # until the helping waits for them no longer
        late.held.pop("first")()
        await _emptied(connection)
        assert late.said == ["first", "second"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _holds(sick: Sick, count: int) -> bool:
    return len(sick.held) == count


async def test_an_event_that_its_topic_refuses_does_not_make_others_be_said_again(
    kafka: Kafka, topic: Topic, connection: asyncpg.Connection, relay: Any
) -> None:
    sick = (await make_topics(kafka, 1))[0]
    await _write(connection, [_event(sick.name, size=sick.batch_bytes + 1000)])
    await relay()
    for _ in range(20):
        await _write(connection, [_event(topic.name) for _ in range(10)])
        await asyncio.sleep(0.1)
    await _emptied(connection, left=1)
    records = await log.read(kafka, topic.name)
    assert len({r.value for r in records}) == 200 and len(records) <= 230, "a repeat now and then, no flood"


async def test_an_event_that_waits_too_long_turns_readiness_red(
    topic: Topic, connection: asyncpg.Connection, relay: Any
) -> None:
    _, health = await relay()
    await _write(connection, [_event(f"{topic.name}.missing")])
    await connection.execute("UPDATE outbox SET created_at = $1", datetime.now(UTC) - timedelta(minutes=1))

    async def red() -> Any:
        return health.red().get("relay")

    assert "has waited" in await until(red, what="red")


async def test_shards_have_one_relay_and_pass_to_another_when_it_ends(
    kafka: Kafka, topic: Topic, connection: asyncpg.Connection, relay: Any
) -> None:
    first, _ = await relay()
    await _write(connection, [_event(topic.name) for _ in range(100)])
    await _emptied(connection)
    await relay()
    await _write(connection, [_event(topic.name) for _ in range(100)])
    await _emptied(connection)
    assert len(await log.read(kafka, topic.name)) == 200, "the second says nothing while the first holds the shards"
    first.cancel()
    await _write(connection, [_event(topic.name) for _ in range(100)])
    await _emptied(connection)
    assert len(await log.read(kafka, topic.name)) == 300


async def test_connections_lost_now_and_then_do_not_make_the_next_pause_longer(
    connection: asyncpg.Connection, relay: Any
) -> None:
    await relay()

    async def holds() -> int:
        return await connection.fetchval(
            "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND a.datname = current_database() LIMIT 1"
        )

    clock = asyncio.get_running_loop()
    waited = []
    for _ in range(7):
        holder = await until(holds, what="a relay that holds shards")
        await asyncio.sleep(0.3)  # it works for a while
        lost = clock.time()
        await connection.execute("SELECT pg_terminate_backend($1)", holder)
        await until(holds, what="a relay that holds shards again")
        waited.append(clock.time() - lost)
    assert max(waited) < 2.0, waited
