"""What producers, deliveries and relays tell about themselves is what happened."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from gewu.lane import Lane
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.metering import ProducerMetrics
from gewu.runtime.metrics import RelayMetrics
from gewu.runtime.positions import Books
from gewu.runtime.producer import Overloaded, TooLarge
from gewu.runtime.settings import Kafka
from gewu.topics import SIGNAL_BYTES, Topic
from gewu_dispatch.metrics import BooksMetrics
from tests.support import log
from tests.support.waiting import until


class Metered:
    """A group commit with a registry of its own."""

    def __init__(self, kafka: Kafka, **words: Any) -> None:
        self.registry = CollectorRegistry()
        metrics = ProducerMetrics(self.registry)
        self.writer = GroupCommit(
            lambda: kafka_runtime.producer(kafka, "test"), lambda _: SIGNAL_BYTES, meter=metrics.of("p2"), **words
        )
        metrics.follow({"p2": self.writer})

    def value(self, name: str, **labels: str) -> float:
        """The value of one series of this producer."""
        found = self.registry.get_sample_value(f"gewu_producer_{name}", {"producer": "p2", **labels})
        assert found is not None, name
        return found


async def test_what_was_received_is_acked_or_refused_by_reason(kafka: Kafka, topic: Topic) -> None:
    metered = Metered(kafka, bound=100_000)
    writer = metered.writer
    await writer.start()
    assert metered.value("up") == 1
    for n in range(200):
        writer.append(topic.name, 0, [(b"k", b"%d" % n, [])], lambda *_: None)
    refused: list[Any] = []
    large, huge = (b"k", b"x" * 50_000, []), (b"k", b"x" * SIGNAL_BYTES, [])
    # One is too large by itself, one has room, for the next and what stands behind it there is none.
    writer.append(topic.name, 0, [huge, large, large, (b"k", b"", [])], lambda *told: refused.append(told))
    assert [(first, end, type(fault)) for first, end, fault in refused] == [(0, 1, TooLarge), (2, 4, Overloaded)]
    assert metered.value("waiting_bytes") > 50_000
    await writer.flush()
    assert metered.value("acked_total") == 201 == metered.value("age_seconds_count")
    assert metered.value("received_total") == 204
    assert (
        metered.value("refused_total", reason="too_large"),
        metered.value("refused_total", reason="overloaded"),
    ) == (
        1,
        2,
    )
    assert 1 <= metered.value("batch_records_count") == metered.value("ack_seconds_count") <= 3
    assert metered.value("batch_records_sum") == 201
    assert metered.value("age_seconds_sum") >= metered.value("ack_seconds_sum")
    assert metered.value("waiting_bytes") == metered.value("oldest_waiting_seconds") == 0
    await writer.stop(1.0)


async def test_a_broker_that_does_not_answer_is_seen_before_it_answers(kafka: Kafka, topic: Topic) -> None:
    metered = Metered(kafka, deadline=0.5)
    writer, given = metered.writer, []
    await writer.start()
    sending, held = AIOKafkaProducer.send_batch, asyncio.Event()

    async def late(*words: Any, **more: Any) -> Any:
        await held.wait()
        return await sending(writer._producer, *words, **more)

    writer._producer.send_batch = late  # type: ignore[union-attr,method-assign]
    writer.append(topic.name, 0, [(b"k", b"sent", [])] * 2, lambda *told: given.append(told))
    await asyncio.sleep(0.05)
    writer.append(topic.name, 0, [(b"k", b"not sent", [])] * 3, lambda *told: given.append(told))

    async def both() -> bool:
        return len(given) == 2

    await until(both, 5.0, "two answers without an ack")
    assert metered.value("oldest_waiting_seconds") > 0.4 and metered.value("acked_total") == 0
    assert (
        metered.value("refused_total", reason="unknown") == 2 and metered.value("refused_total", reason="not_sent") == 3
    )
    assert sorted((first, end) for first, end, _ in given) == [(0, 2), (0, 3)]
    held.set()
    await writer.flush()
    assert metered.value("acked_total") == 2 == metered.value("age_seconds_count"), "unknown it was, and it has landed"
    await writer.stop(1.0)


async def test_a_rebuilt_producer_is_counted(kafka: Kafka, topic: Topic) -> None:
    metered = Metered(kafka)
    metered.writer._limits = lambda _: 10_000_000
    await metered.writer.start()
    answered = asyncio.Event()
    record = (b"k", b"x" * (topic.batch_bytes + 100_000), [])
    metered.writer.append(topic.name, 0, [record], lambda *_: answered.set())
    await asyncio.wait_for(answered.wait(), 10.0)
    assert (metered.value("rebuilds_total"), metered.value("refused_total", reason="unknown")) == (1, 1)
    await metered.writer.stop(1.0)


async def test_lag_and_stalls_are_what_waits_and_why(kafka: Kafka, topic: Topic, read: Any) -> None:
    reader = await read([topic.name])
    watching = asyncio.create_task(reader.delivery.watch(0.1))
    try:
        await log.put(kafka, topic.name, [(b"k", b"%d" % n, ()) for n in range(5)])
        await reader.until_position(5)
        assert reader.metric("gewu_delivery_partitions") == reader.metric("gewu_delivery_partitions_in_all") == 1
        assert reader.metric("gewu_delivery_records_total", outcome="opened") == 5
        assert reader.metric("gewu_delivery_age_seconds_count") == 5
        assert reader.metric("gewu_delivery_age_seconds_sum") < 5 * 10
        await asyncio.sleep(0.5)
        assert reader.metric("gewu_delivery_lag_records") == reader.metric("gewu_delivery_lag_seconds") == 0
        reader.effects.later = {b"wait"}
        await log.put(kafka, topic.name, [(b"k", b"wait", ()), (b"k", b"behind", ())])

        async def behind() -> bool:
            return reader.metric("gewu_delivery_lag_records") == 2 and reader.metric("gewu_delivery_lag_seconds") > 1.5

        await until(behind, 10.0, "a lag")
        assert reader.metric("gewu_delivery_lag_seconds") < 11
        assert reader.metric("gewu_delivery_stalled_partitions", why="newer_contract") == 1
        assert reader.metric("gewu_delivery_retries_total", why="newer_contract") >= 1
        reader.effects.later = set()
        await reader.until_position(7)

        async def level() -> bool:
            stalled = reader.metric("gewu_delivery_stalled_partitions", why="newer_contract")
            return not stalled and not reader.metric("gewu_delivery_lag_records")

        await until(level, 10.0, "no lag and no stall")
        await log.put(kafka, topic.name, [(b"k", b"bad", ())])
        await reader.until_position(8)
        assert reader.metric("gewu_delivery_parked_total", why="undecodable") == 1
        assert reader.metric("gewu_delivery_age_seconds_count") == 8
        assert reader.metric("gewu_delivery_age_seconds_bucket", le="600.0") == 8
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_position_behind_the_logs_end_is_named(kafka: Kafka, topic: Topic, read: Any) -> None:
    await log.put(kafka, topic.name, [(b"k", b"1", ())])
    reader = await read([topic.name])
    await reader.until_position(1)
    await reader.pool.execute("UPDATE position SET next_offset = 9, opened = 9 WHERE topic = $1", topic.name)
    await reader.delivery.stop()
    again = await read([topic.name], group=f"other.{topic.name}")

    async def named() -> bool:
        return again.metric("gewu_delivery_stalled_partitions", why="log_lost") == 1

    await until(named, 20.0, "the position behind the log's end")


async def test_two_looks_that_cross_a_commit_are_no_lost_log(kafka: Kafka, topic: Topic, read: Any) -> None:
    reader = await read([topic.name])
    await log.put(kafka, topic.name, [(b"k", b"1", ())])
    await reader.until_position(1)
    place = next(iter(reader.delivery._workers))
    reader.delivery._compare({place: 0}, {place: 0}, {place: 0})  # the log's end as it was before the position moved
    await asyncio.sleep(0.1)
    assert reader.metric("gewu_delivery_retries_total", why="log_lost") == 0


def test_ages_of_events_are_counted_by_lane() -> None:
    registry = CollectorRegistry()
    metrics = RelayMetrics(registry)
    metrics.said(Lane.P0, [0.1, 0.2], [0.5])
    metrics.oldest({Lane.P2: 4.0})

    def value(name: str, lane: str) -> float | None:
        return registry.get_sample_value(f"gewu_relay_{name}", {"lane": lane})

    assert value("age_seconds_count", "p0") == 2 and value("event_age_seconds_count", "p0") == 1
    assert value("age_seconds_count", "p1") == 0
    assert (value("oldest_unsent_seconds", "p2"), value("oldest_unsent_seconds", "p0")) == (4.0, 0.0)


def test_the_books_are_shown_by_lane_and_what_is_wrong_with_them() -> None:
    def row(topic: str, partition: int, following: int, **outcomes: int) -> Books:
        return Books(topic, partition, 0, following, 1, {"opened": 0, "parked": 0, **outcomes})

    registry = CollectorRegistry()
    BooksMetrics(registry).show([row("signals.p1", 0, 6, opened=5), row("signals.p1", 1, 4, opened=2, parked=1),
                                 row("actions.water", 0, 7, opened=4)])  # fmt: skip

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"gewu_books_{name}", labels)

    assert value("records", lane="p1", outcome="opened") == 7 and value("records", lane="p1", outcome="skipped") == 2
    assert value("records", lane="p0", outcome="opened") == 0
    assert value("unbalanced_records", lane="p1") == 0 and value("unbalanced_records", lane="actions") == 2


async def test_the_outbox_shows_its_oldest_by_lane_and_how_many_wait(database: Any) -> None:
    import asyncpg

    from gewu.runtime import outbox
    from tests.delivery.test_relay import _event

    connection = await asyncpg.connect(**database.connection(), server_settings={"search_path": "dispatch"})
    try:
        assert await outbox.oldest(connection) == {} and await outbox.count(connection, 10) == 0
        async with connection.transaction():
            await outbox.write(connection, [_event("t", lane=lane) for lane in (Lane.P0, Lane.P2, Lane.P2)])
        ages = {lane: datetime.now(UTC) - at for lane, at in (await outbox.oldest(connection)).items()}
        assert ages.keys() == {Lane.P0, Lane.P2} and all(age < timedelta(seconds=10) for age in ages.values())
        assert (await outbox.count(connection, 10), await outbox.count(connection, 2)) == (3, 2)
    finally:
        await connection.close()
