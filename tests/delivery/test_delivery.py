"""Delivery on the real Kafka and PostgreSQL: every record has one outcome, whatever stands beside it."""

import asyncio
from typing import Any

import asyncpg
import pytest

from gewu import topics
from gewu.errors import Why
from gewu.runtime import parking
from gewu.runtime.settings import Kafka, Postgres
from gewu.topics import Topic
from tests.conftest import make_topics
from tests.support import log
from tests.support.waiting import until


def _numbered(count: int, **instead: bytes | None) -> list[tuple[bytes, bytes | None, list[tuple[str, bytes | None]]]]:
    return [(b"k%d" % n, instead.get(f"n{n}", b"v%04d" % n), []) for n in range(count)]


async def test_every_record_is_written_once_and_the_books_balance(kafka: Kafka, topic: Topic, read: Any) -> None:
    await log.put(kafka, topic.name, _numbered(1234))
    reader = await read([topic.name])
    books = await reader.until_position(1234)
    assert books.outcomes["opened"] == 1234 and books.skipped == 0
    assert await reader.values() == [f"v{n:04}" for n in range(1234)]
    assert max(reader.effects.batches) > 100, "records travel in batches"


async def test_a_position_that_came_back_with_a_dump_is_read_on_from_though_nothing_new_comes(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    await log.put(kafka, topic.name, _numbered(20))
    reader = await read([topic.name])
    await reader.until_position(20)
    await reader.pool.execute("UPDATE position SET next_offset = 12, opened = 12")
    watching = asyncio.create_task(reader.delivery.watch(0.1))
    try:
        await reader.until_position(20)
    finally:
        watching.cancel()
    assert (await reader.values())[20:] == [f"v{n:04}" for n in range(12, 20)]


@pytest.mark.parametrize("place", [0, 1, 249, 498, 499])
@pytest.mark.parametrize("bad", [b"bad bytes", None, b"refused by a constraint", b"a \x00 in it"])
async def test_only_the_bad_record_is_parked_wherever_it_stands_in_a_batch(
    kafka: Kafka, topic: Topic, read: Any, place: int, bad: bytes | None
) -> None:
    value = b"refuse this" if bad and bad.startswith(b"refused") else bad
    await log.put(kafka, topic.name, _numbered(500, **{f"n{place}": value}))
    reader = await read([topic.name])
    books = await reader.until_position(500)
    assert books.outcomes["parked"] == 1 and books.outcomes["opened"] == 499
    assert await reader.values() == [f"v{n:04}" for n in range(500) if n != place]
    entries = parking.latest(await log.read(kafka, topics.parked("dispatch", topic.name)))
    assert [(e.offset, e.value, e.key) for e in entries] == [(place, value, b"k%d" % place)]
    assert reader.health.red() == {}


async def test_foreign_binary_and_null_headers_pass_and_are_parked_whole_with_a_bad_record(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    strange: list[tuple[str, bytes | None]] = [
        ("trace", b"\xff\xfe"),
        ("empty", b""),
        ("nothing", None),
        ("trace", b"twice"),
    ]
    await log.put(kafka, topic.name, [(b"a", b"good", strange), (None, b"bad", strange), (b"c", b"good too", [])])
    reader = await read([topic.name])
    await reader.until_position(3)
    assert await reader.values() == ["good", "good too"]
    (entry,) = parking.latest(await log.read(kafka, topics.parked("dispatch", topic.name)))
    assert entry.headers == tuple(strange) and entry.key is None and entry.why == Why.UNDECODABLE


async def test_a_bad_record_with_long_foreign_header_names_is_parked_and_wedges_nothing(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    # Counted in characters these would fit beside the value; in bytes they do not, and the broker refuses the batch.
    names = [("\u9053" * 8, b"")] * 10_000
    await log.put(kafka, topic.name, [(b"a", b"bad", names), (b"b", b"good", [])])
    reader = await read([topic.name], parking_bytes=topics.BATCH_BYTES + topics.BATCH_MARGIN + topics.PARKING_SLACK)
    books = await reader.until_position(2)
    assert books.outcomes["parked"] == 1 and await reader.values() == ["good"]
    assert reader.parking.rebuilds == 0


async def test_a_record_as_large_as_its_topic_takes_can_be_parked(kafka: Kafka, topic: Topic, read: Any) -> None:
    large = b"bad" + b"x" * (topic.batch_bytes - 200)
    await log.put(kafka, topic.name, [(b"a", large, []), (b"b", b"good", [])])
    reader = await read([topic.name])
    await reader.until_position(2)
    (entry,) = parking.latest(await log.read(kafka, topics.parked("dispatch", topic.name)))
    assert entry.value == large and await reader.values() == ["good"]


async def test_a_hundred_parked_in_a_row_stop_the_topic_and_turn_it_red_while_another_goes_on(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    other = (await make_topics(kafka, 1))[0]
    await log.put(kafka, topic.name, [(b"k", b"bad", [])] * 150)
    reader = await read([topic.name, other.name], limit=100)
    await until(lambda: _red(reader), what="red")
    await log.put(kafka, other.name, [(b"k", b"good", [])])
    await until(reader.values, what="the other topic's record")
    books = {b.topic: b for b in await reader.books()}
    assert books[topic.name].outcomes["parked"] == 100 and books[topic.name].next_offset == 100
    assert "parking_limit" in next(iter(reader.health.red().values()))


async def test_parked_records_apart_from_each_other_never_reach_the_limit(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    await log.put(
        kafka, topic.name, [(b"k", b"bad" if n % 2 else b"refuse" if n % 8 == 0 else b"good", []) for n in range(100)]
    )
    reader = await read([topic.name], limit=5)
    books = await reader.until_position(100)
    assert books.outcomes["parked"] == 63 and books.outcomes["opened"] == 37


async def test_a_newer_contract_waits_and_nothing_overtakes_it(kafka: Kafka, topic: Topic, read: Any) -> None:
    await log.put(kafka, topic.name, _numbered(10))
    reader = await read([topic.name])
    await reader.until_position(10)
    reader.effects.later.add(b"newer")
    await log.put(kafka, topic.name, [(b"k", b"before", []), (b"k", b"newer", []), (b"k", b"after", [])])
    await reader.until_position(11)
    await asyncio.sleep(0.5)
    assert (await reader.values())[-1] == "before", "what stands behind it waits as well"
    reader.effects.later.clear()
    await reader.until_position(13)
    assert (await reader.values())[-3:] == ["before", "newer", "after"]


async def test_a_bug_is_tried_again_then_its_one_record_is_parked_as_unexpected(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    await log.put(kafka, topic.name, _numbered(100))
    reader = await read([topic.name])
    await reader.until_position(100)
    reader.effects.bug.add(b"v0150")
    await log.put(kafka, topic.name, _numbered(200)[100:])
    books = await reader.until_position(200, 30.0)
    assert books.outcomes["parked"] == 1
    (entry,) = parking.latest(await log.read(kafka, topics.parked("dispatch", topic.name)))
    assert entry.value == b"v0150" and entry.why == Why.UNEXPECTED


async def test_a_record_whose_id_was_taken_meanwhile_is_tried_again_before_it_is_held_to_be_at_fault(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    reader = await read([topic.name])
    reader.effects.taken[b"v0000"] = 2  # two other consumers were faster, one after the other
    await log.put(kafka, topic.name, _numbered(1))
    books = await reader.until_position(1)
    assert books.outcomes["opened"] == 1 and books.outcomes["parked"] == 0


async def test_a_race_met_while_a_bad_record_is_looked_for_costs_its_record_nothing(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    reader = await read([topic.name])
    reader.effects.taken[b"v0001"] = 2
    await log.put(kafka, topic.name, _numbered(2, n0=b"refuse this"))
    books = await reader.until_position(2)
    assert books.outcomes["opened"] == 1 and books.outcomes["parked"] == 1
    assert await reader.values() == ["v0001"]


async def test_a_record_whose_id_stays_taken_is_parked_alone(kafka: Kafka, topic: Topic, read: Any) -> None:
    reader = await read([topic.name])
    reader.effects.taken[b"v0005"] = 1000
    await log.put(kafka, topic.name, _numbered(10))
    books = await reader.until_position(10)
    assert books.outcomes["parked"] == 1 and books.outcomes["opened"] == 9
    (entry,) = parking.latest(await log.read(kafka, topics.parked("dispatch", topic.name)))
    assert entry.value == b"v0005" and entry.why == Why.REFUSED_BY_DATABASE


async def test_an_owner_that_was_overtaken_drops_its_batch(
    kafka: Kafka, topic: Topic, read: Any, database: Postgres
) -> None:
    reader = await read([topic.name])
    await log.put(kafka, topic.name, _numbered(10))
    await reader.until_position(10)
    connection = await asyncpg.connect(**database.connection())
    async with connection.transaction():
        # Another owner has the same records under way and is first; ours must wait for it, and then do nothing.
        await connection.execute("INSERT INTO dispatch.rows (value) SELECT 'other' FROM generate_series(1, 10)")
        await connection.execute(
            "UPDATE dispatch.position SET next_offset = 20, opened = opened + 10 WHERE topic = $1", topic.name
        )
        await log.put(kafka, topic.name, _numbered(20)[10:])
        await until(lambda: _waits_for_a_lock(connection), 10.0, "the overtaken owner at the position's row")
    await connection.close()
    await log.put(kafka, topic.name, [(b"k", b"last", [])])
    await reader.until_position(21)
    assert (await reader.values())[10:] == ["other"] * 10 + ["last"]
    assert reader.metric("gewu_delivery_retries_total", why="raced") == 1


async def _waits_for_a_lock(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))


async def test_a_gap_in_the_log_is_taken_after_a_second_look_and_booked(kafka: Kafka, topic: Topic, read: Any) -> None:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(transactional_id=f"x{topic.name}", **kafka.connection())
    await producer.start()
    for n in range(3):  # each commit leaves a marker, an offset without a record
        async with producer.transaction():
            await producer.send_and_wait(topic.name, b"t%d" % n, partition=0)
    await producer.stop()
    await log.put(kafka, topic.name, [(b"k", b"end", [])])
    reader = await read([topic.name])
    books = await reader.until_position(7)
    assert books.skipped == 3 and await reader.values() == ["t0", "t1", "t2", "end"]


async def test_a_position_below_the_logs_start_is_red_and_nothing_is_skipped(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    await log.put(kafka, topic.name, _numbered(10))
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(before_offset=5)})
    await admin.close()
    reader = await read([topic.name])
    red = await until(lambda: _red(reader), what="red")
    assert "log_cut" in next(iter(red.values())) and "5 records are missing" in next(iter(red.values()))
    assert await reader.values() == []


async def test_a_backlog_of_one_partition_holds_up_no_other(kafka: Kafka, read: Any) -> None:
    topic = (await make_topics(kafka, 3))[0]
    await log.put(kafka, topic.name, [(b"k", b"first", []), *_numbered(3000)], 0)
    for p in (1, 2):
        await log.put(kafka, topic.name, [(b"k", b"p%d-%04d" % (p, n), []) for n in range(1500)], p)
    reader = await read([topic.name], held={b"first"})

    async def others() -> bool:
        return {b.partition: b.next_offset for b in await reader.books()} == {0: 0, 1: 1500, 2: 1500}

    await until(others, 20.0, "the other partitions' records")
    reader.effects.gate.set()

    async def all_there() -> bool:
        return sum(b.next_offset for b in await reader.books()) == 6001

    await until(all_there, 20.0)


async def test_a_commit_that_fails_again_and_again_parks_its_bad_record_once(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    await log.put(kafka, topic.name, _numbered(10, n4=b"bad"))
    reader = await read([topic.name], later_database=4)
    books = await reader.until_position(10)
    assert books.outcomes["parked"] == 1 and len(reader.effects.batches) == 5
    assert len(await log.read(kafka, topics.parked("dispatch", topic.name))) == 1


async def test_two_readers_share_partitions_without_loss_or_repeat(kafka: Kafka, read: Any) -> None:
    topic = (await make_topics(kafka, 6))[0]
    first = await read([topic.name], group=f"shared.{topic.name}")
    second = await read([topic.name], group=f"shared.{topic.name}")  # a rebalance while records arrive
    written = 0

    async def second_took_part() -> bool:
        nonlocal written
        for p in range(6):
            await log.put(kafka, topic.name, [(b"k", b"p%d-%05d" % (p, written + n), []) for n in range(100)], p)
        written += 100
        return bool(second.effects.batches)

    await until(second_took_part, 40.0, "a batch of the second reader")

    async def all_there() -> bool:
        return sum(b.next_offset for b in await first.books()) == 6 * written

    await until(all_there, 30.0)
    values = await first.values()
    assert len(values) == 6 * written == len(set(values))
    for p in range(6):
        own = [v for v in values if v.startswith(f"p{p}")]
        assert own == sorted(own), "order within a partition"


async def _red(reader: Any) -> dict[str, str]:
    return dict(reader.health.red())


async def test_a_partition_taken_away_in_the_middle_of_a_batch_goes_on_where_it_stood(
    kafka: Kafka, topic: Topic, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiokafka import TopicPartition

    monkeypatch.setattr("gewu.runtime.partition._END_S", 0.5)
    reader = await read([topic.name], records=10)
    await log.put(kafka, topic.name, _numbered(10))
    await reader.until_position(10)
    reader.effects.gate.clear()
    await log.put(kafka, topic.name, _numbered(60)[10:])
    await asyncio.sleep(0.5)  # one batch is in its transaction, the next poll waits behind it
    place = {TopicPartition(topic.name, 0)}
    await reader.delivery.on_partitions_revoked(place)
    await reader.delivery.on_partitions_assigned(place)
    reader.effects.gate.set()
    await reader.until_position(60)
    assert await reader.values() == [f"v{n:04}" for n in range(60)]


async def test_a_position_behind_the_logs_end_is_red_and_the_new_logs_records_are_not_skipped(
    kafka: Kafka, topic: Topic, read: Any, database: Postgres
) -> None:
    connection = await asyncpg.connect(**database.connection())
    await connection.execute(
        "INSERT INTO dispatch.position (topic, partition, first_offset, next_offset, opened) VALUES ($1, 0, 0, 5, 5)",
        topic.name,
    )
    await connection.close()
    await log.put(kafka, topic.name, _numbered(2))
    reader = await read([topic.name])
    red = await until(lambda: _red(reader), what="red")
    assert "log_lost" in next(iter(red.values())) and await reader.values() == []


async def test_a_fetch_position_outside_the_log_stalls_its_own_partition_only(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    other = (await make_topics(kafka, 1))[0]
    await log.put(kafka, topic.name, _numbered(10))
    reader = await read([topic.name, other.name])

    async def handled() -> bool:
        return len(await reader.values()) == 10

    await until(handled)
    place = TopicPartition(topic.name, 0)
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=10)})
    await admin.close()
    reader.delivery.consumer_of().seek(place, 3)
    await asyncio.sleep(0.5)
    started = asyncio.get_running_loop().time()
    await log.put(kafka, other.name, [(b"k", b"other", [])])
    await log.put(kafka, topic.name, [(b"k", b"again", [])])

    async def both() -> bool:
        return {"other", "again"} <= set(await reader.values())

    await until(both)
    assert asyncio.get_running_loop().time() - started < 4.0, "nobody slept through it"


async def test_a_stall_stays_red_until_the_position_has_moved(
    kafka: Kafka, topic: Topic, read: Any, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gewu.runtime.partition._PATIENCE_S", 0.5)
    reader = await read([topic.name])
    await log.put(kafka, topic.name, _numbered(5))
    await reader.until_position(5)
    connection = await asyncpg.connect(**database.connection())
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("LOCK TABLE dispatch.rows")
    await log.put(kafka, topic.name, _numbered(10)[5:])
    await until(lambda: _red(reader), 20.0, "red")
    for _ in range(20):
        assert reader.health.red(), "it looks again and again, and says so all the time"
        await asyncio.sleep(0.1)
    await transaction.rollback()
    await connection.close()
    await reader.until_position(10)
    assert reader.health.red() == {}
    assert (await reader.books())[0].outcomes["opened"] == 10
