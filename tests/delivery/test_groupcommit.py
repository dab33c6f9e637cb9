"""Group commit on the real broker: every record gets exactly one answer, and a failed batch costs a producer, not the service."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.producer import Failed, Fault, Overloaded, Record, TooLarge, Unknown
from gewu.runtime.settings import Kafka
from gewu.runtime.upkeep import watch_producers
from gewu.topics import SIGNAL_BYTES, Topic
from tests.support import log
from tests.support.waiting import until


class Answers:
    """Collects what each record was answered, in the order of the answers."""

    def __init__(self) -> None:
        self.given: list[tuple[int, Fault | None]] = []

    def of(self, *numbers: int) -> Any:
        """For the records of one call."""
        return lambda first, end, fault: self.given.extend((n, fault) for n in numbers[first:end])

    async def until(self, count: int, seconds: float = 15.0) -> list[tuple[int, Fault | None]]:
        async def there() -> bool:
            return len(self.given) >= count

        await until(there, seconds, f"{count} answers")
        return self.given


@pytest.fixture
async def commit(kafka: Kafka) -> AsyncIterator[Any]:
    """Start group commits; all are stopped at the end."""
    started: list[GroupCommit] = []

    async def start(**options: Any) -> GroupCommit:
        made = GroupCommit(
            lambda: kafka_runtime.producer(kafka, "test"), options.pop("limits", lambda _: SIGNAL_BYTES), **options
        )
        await made.start()
        started.append(made)
        return made

    yield start
    for made in started:
        await made.stop(2.0)


def _record(n: int, size: int = 300) -> Record:
    return b"k", b"%06d" % n + b"x" * size, [("ce_id", b"%d" % n)]


def _append(commit: GroupCommit, topic: str, n: int, answers: Answers, size: int = 300) -> None:
    commit.append(topic, 0, [_record(n, size)], answers.of(n))


async def test_answers_come_in_order_after_the_ack_and_records_share_batches(
    kafka: Kafka, topic: Topic, commit: Any
) -> None:
    writer, answers = await commit(), Answers()
    for n in range(5000):
        _append(writer, topic.name, n, answers)
    await writer.flush()
    assert answers.given == [(n, None) for n in range(5000)]
    records = await log.read(kafka, topic.name)
    assert [int(r.value[:6]) for r in records] == list(range(5000)) and writer.pending_bytes == 0


async def test_records_of_one_call_go_on_in_the_next_batch_where_one_is_full(
    kafka: Kafka, topic: Topic, commit: Any
) -> None:
    writer, answers, told = await commit(), Answers(), []
    _append(writer, topic.name, 0, answers)
    done = answers.of(*range(1, 5000))
    writer.append(
        topic.name, 0, [_record(n) for n in range(1, 5000)],
        lambda first, end, fault: (told.append((first, end)), done(first, end, fault)),
    )  # fmt: skip
    await writer.flush()
    assert answers.given == [(n, None) for n in range(5000)] and writer.pending_bytes == 0
    assert 5 < len(told) < 20, "an answer a batch"
    assert [first for first, _ in told] == [0, *(end for _, end in told[:-1])] and told[-1][1] == 4999
    assert [int(r.value[:6]) for r in await log.read(kafka, topic.name)] == list(range(5000))


async def test_a_record_over_its_limit_is_refused_before_it_can_spoil_a_batch(topic: Topic, commit: Any) -> None:
    writer, answers = await commit(), Answers()
    records = [_record(0), _record(1), _record(2, SIGNAL_BYTES), _record(3), _record(4, SIGNAL_BYTES)]
    writer.append(topic.name, 0, records, answers.of(*range(5)))
    assert [(n, type(fault)) for n, fault in answers.given] == [(2, TooLarge), (4, TooLarge)], "told at once"
    await writer.flush()
    assert answers.given[2:] == [(0, None), (1, None), (3, None)] and writer.rebuilds == 0


@pytest.mark.parametrize(
    "no_record", [("k", b"v", []), (b"k", "v", []), (b"k", b"v", [("h", "v")]), (b"k", b"v", [(1, b"")])]
)
async def test_of_records_one_of_which_is_none_nothing_is_taken(
    kafka: Kafka, topic: Topic, commit: Any, no_record: Any
) -> None:
    writer, answers = await commit(), Answers()
    with pytest.raises((TypeError, AttributeError)):
        writer.append(topic.name, 0, [_record(0), no_record, _record(2)], answers.of(0, 1, 2))
    assert writer.pending_bytes == 0
    _append(writer, topic.name, 3, answers)
    await writer.flush()
    assert answers.given == [(3, None)]
    assert [int(r.value[:6]) for r in await log.read(kafka, topic.name)] == [3]


async def test_a_waiter_that_fails_hurts_no_other(topic: Topic, commit: Any) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    writer, answers = await commit(), Answers()
    _append(writer, topic.name, 0, answers)
    writer.append(topic.name, 0, [_record(1), _record(2, SIGNAL_BYTES), _record(3)], broken)
    _append(writer, topic.name, 4, answers)
    await writer.flush()
    assert answers.given == [(0, None), (4, None)] and writer.pending_bytes == 0


async def test_nothing_is_taken_for_a_topic_that_nobody_knows(topic: Topic, commit: Any) -> None:
    writer, answers = await commit(limits={topic.name: SIGNAL_BYTES}.__getitem__), Answers()
    with pytest.raises(KeyError):
        writer.append("unknown", 0, [_record(0)], answers.of(0))
    assert answers.given == [] and writer.pending_bytes == 0


async def test_header_names_are_measured_in_bytes(topic: Topic, commit: Any) -> None:
    writer, answers = await commit(limits=lambda _: 1000), Answers()
    long, short = ((b"k", b"v", [(letter * 100, b"") for _ in range(4)]) for letter in ("\u9053", "d"))
    writer.append(topic.name, 0, [long, short], answers.of(0, 1))
    await writer.flush()
    assert [(n, type(fault)) for n, fault in answers.given] == [(0, TooLarge), (1, type(None))]


async def test_a_thrown_away_producer_leaves_no_task_behind() -> None:
    make: Any = Producing
    writer, answers = GroupCommit(make, lambda _: SIGNAL_BYTES), Answers()
    await writer.start()
    for n in range(4):
        for partition in range(3):
            writer.append("t", partition, [(b"k", b"v", [])], answers.of(n * 3 + partition))
        await answers.until(n * 3 + 3)
        await until(lambda: _is_up(writer), what="the next producer")
    assert len(writer._tasks) <= 2, "the sweeper, and a rebuild that is ending"
    await writer.stop(0.1)


class Producing:
    """As much of aiokafka's producer as group commit uses; the batch of partition 0 fails, the others hang."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""

    async def send_batch(self, builder: Any, topic: str, *, partition: int) -> Any:
        """Hang or fail."""
        sent = asyncio.get_running_loop().create_future()
        if partition == 0:
            asyncio.get_running_loop().call_later(0.05, sent.set_exception, ValueError("refused"))
        return sent


async def test_a_broker_that_is_gone_is_missed_without_a_record(tmp_path: Path) -> None:
    server = KafkaServer(tmp_path / "kafka", settings=QUICK_RETURN)
    await server.start()
    try:
        settings = Kafka(server.bootstrap, None, None, None, 1, 1, "")
        writer = GroupCommit(lambda: kafka_runtime.producer(settings, "test"), lambda _: SIGNAL_BYTES)
        health = Health()
        await writer.start()
        assert await writer.reaches_a_broker(2.0)
        watching = asyncio.create_task(watch_producers({"p0": writer}, health))
        server.pause()
        await until(lambda: _says(health, "no broker"), 20.0, "red for a frozen broker")
        server.resume()
        await until(lambda: _says(health, ""), 20.0, "green again")
        await server.kill()
        assert not await writer.reaches_a_broker(2.0)
        await until(lambda: _says(health, "no broker"), 20.0, "red for a dead broker")
        await server.start()
        await until(lambda: _says(health, ""), 40.0, "green again")
        watching.cancel()
        await writer.stop(0.1)
    finally:
        await server.stop()


async def _says(health: Health, fault: str) -> bool:
    return fault in "".join(health.red().values()) if fault else not health.red()


async def _is_up(writer: GroupCommit) -> bool:
    return writer.is_up


async def test_a_full_buffer_refuses_at_once_and_takes_again_when_it_is_empty(topic: Topic, commit: Any) -> None:
    writer, answers = await commit(bound=10_000), Answers()
    records = [_record(n) for n in range(1000)]
    records[-1] = (b"", b"", [])
    writer.append(topic.name, 0, records, answers.of(*range(1000)))
    taken = answers.given[0][0]
    assert 20 < taken < 40 and 10_000 - 500 < writer.pending_bytes <= 10_000
    assert [n for n, fault in answers.given if isinstance(fault, Overloaded)] == list(range(taken, 1000)), (
        "what stands behind the first that has no room is not taken either, however small, or they would change places"
    )
    await writer.flush()
    assert answers.given[1000 - taken :] == [(n, None) for n in range(taken)] and writer.pending_bytes == 0
    _append(writer, topic.name, 1000, answers)
    await writer.flush()
    assert answers.given[-1] == (1000, None)


async def test_a_failed_batch_is_unknown_its_producer_is_rebuilt_and_waiting_records_move_to_the_next(
    kafka: Kafka, topic: Topic, commit: Any
) -> None:
    writer, answers = await commit(limits=lambda _: 10_000_000), Answers()
    _append(writer, topic.name, 0, answers, topic.batch_bytes + 100_000)  # the broker refuses a batch like that
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for n in range(1, 1000):
        _append(writer, topic.name, n, answers)
    writer.append(topic.name, 0, [_record(n) for n in range(1000, 2000)], answers.of(*range(1000, 2000)))
    given = dict(await answers.until(2000))
    assert isinstance(given[0], Unknown) and [n for n, f in given.items() if f] == [0]
    assert writer.rebuilds == 1
    assert [int(r.value[:6]) for r in await log.read(kafka, topic.name)] == list(range(1, 2000))


async def test_a_run_may_be_acknowledged_in_part(kafka: Kafka, topic: Topic, commit: Any) -> None:
    writer, answers = await commit(limits=lambda _: 10_000_000), Answers()
    refused = 50  # the broker refuses it, so it stands in a batch of its own between those of the others
    records = [_record(n, topic.batch_bytes + 100_000 if n == refused else 300) for n in range(100)]
    writer.append(topic.name, 0, records, answers.of(*range(100)))
    given = await answers.until(100)
    assert [n for n, _ in given] == list(range(100)) and [n for n, fault in given if fault] == [refused]
    assert isinstance(given[refused][1], Failed) and writer.rebuilds == 1
    said = [int(r.value[:6]) for r in await log.read(kafka, topic.name)]
    assert said == [n for n in range(100) if n != refused] and writer.pending_bytes == 0


async def test_where_order_matters_what_was_not_sent_is_given_back_instead(
    kafka: Kafka, topic: Topic, commit: Any
) -> None:
    writer, answers = await commit(limits=lambda _: 10_000_000, keeps_order=True), Answers()
    _append(writer, topic.name, 0, answers, topic.batch_bytes + 100_000)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for n in range(1, 1000):
        _append(writer, topic.name, n, answers)
    writer.append(topic.name, 0, [_record(n) for n in range(1000, 2000)], answers.of(*range(1000, 2000)))
    given = dict(await answers.until(2000))
    assert isinstance(given[0], Unknown) and all(isinstance(given[n], Overloaded) for n in range(1, 2000))
    assert await log.read(kafka, topic.name) == []


async def test_stopping_answers_everybody(topic: Topic, commit: Any) -> None:
    writer, answers = await commit(), Answers()
    writer.append(topic.name, 0, [_record(n) for n in range(99)], answers.of(*range(99)))
    _append(writer, topic.name, 99, answers)
    await writer.stop(5.0)
    assert len(answers.given) == 100 and writer.pending_bytes == 0
