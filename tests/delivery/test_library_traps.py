"""The traps of FastStream and aiokafka that were reproduced before the first line was written; each is shut here.

Those that a record can spring are tried in test_delivery.py on the real broker; the rest are ways of calling the
libraries, which the sources must not contain, and settings, which must be what they are.
"""

import ast
import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from gewu.runtime import hangup, subscribe
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime.settings import Kafka
from gewu.topics import Topic
from tests.structure.rules import modules
from tests.support import log

ROOT = Path(__file__).parents[2]

# Trap → calls that spring it.
FORBIDDEN = {
    "publish_batch puts all keys into one partition": {"publish_batch"},
    "a handler's @publisher drops the key": {"publisher"},
    "ack() commits the fetch position of every partition, skipped records included": {"ack", "nack", "reject"},
    "the library's producer is made once and never rebuilt": {"publish"},
    "the in-memory broker has no offsets, partitions or rebalances": {"TestKafkaBroker"},
    "wait_for swallows a cancellation that comes with the answer (Python 3.11)": {"wait_for"},
    "a message id is offset and timestamp, without the partition": {"message_id"},
}


def _used(path: Path) -> set[str]:
    """Every name that a module calls, reads off something, or imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Call):
            names.add(getattr(node.func, "id", ""))
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
    return names


# Where such a word is another thing's: a sensor's broker acknowledges and publishes, and so does the live feed's hub.
OTHERS = {
    "services/intake/src/gewu_intake/mqtt/bridge.py": {"ack"},
    "services/intake/src/gewu_intake/mqtt/client.py": {"ack", "publish"},
    "services/notify/src/gewu_notify/live/feed.py": {"publish"},
    "gewu/src/gewu/dev/measuring.py": {"publish"},
    "tests/notify/test_live.py": {"publish"},
    "tests/sensors/test_brokers.py": {"ack"},
    "tests/support/sensors.py": {"publish"},
}


@pytest.mark.parametrize("trap", FORBIDDEN)
def test_nobody_uses_what_springs_the_trap(trap: str) -> None:
    tests = [p for p in (ROOT / "tests").rglob("*.py") if p != Path(__file__)]
    harmless_in_tests = FORBIDDEN[trap] == {"wait_for"}  # nobody stops them with a signal
    looked_at = (*modules(ROOT), *(() if harmless_in_tests else tests))
    found = [p for p in looked_at if _used(p) & FORBIDDEN[trap] - OTHERS.get(str(p.relative_to(ROOT)), set())]
    assert not found


SPRUNG = [
    "await broker.publish_batch(1)", "@broker.publisher('x')", "await m.ack()", "await m.nack()", "await broker.publish(1)",
    "from faststream.kafka import TestKafkaBroker", "x = m.message_id", "await asyncio.wait_for(x, 1)",
]  # fmt: skip


@pytest.mark.parametrize("planted", SPRUNG)
def test_what_springs_a_trap_is_seen(tmp_path: Path, planted: str) -> None:
    body = planted + "\n    def g(): pass" if planted.startswith("@") else planted
    (tmp_path / "planted.py").write_text(f"async def f(m, broker):\n    {body}\n")
    assert any(_used(tmp_path / "planted.py") & names for names in FORBIDDEN.values())


@pytest.fixture
def subscriber(kafka: Kafka) -> Any:
    """A subscription as every service makes it, not started."""
    made: list[Any] = []
    broker = subscribe.broker(kafka, "traps")

    class Nothing:
        async def on_batch(self, records: Any) -> None:
            made.append(records)

    subscribe.subscribe(broker, kafka, Nothing(), group="traps", topics=["signals.traps"], max_records=5)  # type: ignore[arg-type]
    (found,) = broker.subscribers
    return found


def test_subscriptions_never_commit_by_themselves_never_start_at_the_end_and_have_one_worker(subscriber: Any) -> None:
    words = subscriber._connection_args
    assert words["auto_offset_reset"] == "none", "'latest', the default, skips what was accepted while we were away"
    assert words["enable_auto_commit"] is False, "a timer would commit what is not done"
    assert words["isolation_level"] == "read_committed"
    assert subscriber.batch_timeout_ms <= 20, "an empty poll sleeps this long again"
    assert type(subscriber).__name__ == "BatchSubscriber", "max_workers would split it into consumers of its own"


def test_producers_wait_for_every_replica_and_linger_for_nobody(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(kafka_runtime, "AIOKafkaProducer", lambda **words: given.update(words))
    kafka_runtime.producer(kafka, "traps")
    assert given["acks"] == "all" and given["enable_idempotence"] is True, "the defaults are 1 and no"
    assert given["linger_ms"] == 0, "each awaited record would wait for it"


async def test_a_subscription_makes_no_topic(kafka: Kafka, topic: Topic, read: Any) -> None:
    missing = f"{topic.name}.missing"
    starting = asyncio.create_task(read([missing]))
    await asyncio.sleep(2.0)
    starting.cancel()
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    try:
        names = await admin.list_topics()
        assert topic.name in names and missing not in names, "it would have one partition and one replica"
    finally:
        await admin.close()


async def test_an_empty_value_and_none_are_told_apart_when_they_are_parked(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    from gewu import topics
    from gewu.runtime import parking

    await log.put(kafka, topic.name, [(b"k", b"", []), (b"k", None, []), (None, b"", [])])
    reader = await read([topic.name])
    await reader.until_position(3)
    entries = parking.latest(await log.read(kafka, topics.parked("dispatch", topic.name)))
    assert [(e.key, e.value) for e in entries] == [(b"k", b""), (b"k", None), (None, b"")]


async def test_the_groups_own_offsets_are_explicit_and_only_for_lag_tools(
    kafka: Kafka, topic: Topic, read: Any
) -> None:
    await log.put(kafka, topic.name, [(b"k", b"v%d" % n, []) for n in range(20)])
    reader = await read([topic.name])
    await reader.until_position(20)
    place = TopicPartition(topic.name, 0)
    consumer = reader.delivery.consumer_of()
    assert await consumer.committed(place) in (None, 20), "nothing is committed behind our back"
    await consumer.commit({place: 3})  # whatever stands there, nobody reads on from it
    await reader.stop()
    again = await read([topic.name])
    await log.put(kafka, topic.name, [(b"k", b"last", [])])
    await again.until_position(21)
    assert len(await again.values()) == 21


async def test_a_closed_connection_is_no_bug_that_ends_the_clients_metadata_task(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AIOKafkaConnection, "send", AIOKafkaConnection.send)  # put back afterwards
    with pytest.raises(RuntimeError, match="handler is closed") as sprung:
        await asyncio.to_thread(uvloop.run, _write_after_the_end(kafka.bootstrap))
    assert not isinstance(sprung.value, KafkaError), "the trap, as the library has it"
    hangup.install()
    with pytest.raises(KafkaConnectionError):
        await asyncio.to_thread(uvloop.run, _write_after_the_end(kafka.bootstrap))


async def _write_after_the_end(bootstrap: str) -> None:
    """What a client does whose broker went away in this very turn of the loop: it was not told yet."""
    host, _, port = bootstrap.partition(":")
    connection = await create_conn(host, int(port))
    transport = connection._writer.transport
    connection._writer.transport.set_protocol(asyncio.Protocol())
    transport.abort()
    await asyncio.sleep(0.1)
    try:
        await connection.send(MetadataRequest([]))
    finally:
        connection.close()
