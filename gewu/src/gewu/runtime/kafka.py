"""Kafka as every service uses it: producers with safe settings, topics applied and checked, one ping."""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import ApiVersionRequest

from gewu.runtime.settings import Kafka
from gewu.topics import BATCH_BYTES, Topic

_OF_THE_TOPIC = 1  # DYNAMIC_TOPIC_CONFIG, as Kafka numbers the sources of a setting
_APPLY = "run `gewu topics apply`"
_BY_A_PERSON = {
    "partitions": "records of one key would change their partition and lose their order. Delete the topic while it is "
    f"empty (kafka-topics.sh --delete) and {_APPLY}, or make a new topic and move its writers and readers",
    "replication": "reassign its replicas (kafka-reassign-partitions.sh), or set GEWU_KAFKA_REPLICATION right",
}


def producer(kafka: Kafka, client_id: str) -> AIOKafkaProducer:
    """A producer whose ack means every in-sync replica has the record. aiokafka's own defaults are acks=1, not idempotent."""
    return AIOKafkaProducer(
        client_id=client_id, enable_idempotence=True, acks="all", linger_ms=0, max_batch_size=BATCH_BYTES,
        max_request_size=16 * BATCH_BYTES, request_timeout_ms=10_000, **kafka.connection(),
    )  # fmt: skip


async def answers(client: AIOKafkaClient, within: float) -> bool:
    """Whether any broker answers a small question in so many seconds."""
    try:
        async with asyncio.timeout(within):
            for broker in client.cluster.brokers():
                with suppress(KafkaError):
                    await client.send(broker.nodeId, ApiVersionRequest())
                    return True
    except TimeoutError:
        return False
    return False


async def ends(names: Collection[str], kafka: Kafka) -> list[tuple[str, int, int]]:
    """(topic, partition, offset after its last record) of every partition of these topics, now. KafkaError."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **kafka.connection())
    try:
        await consumer.start()
        await consumer._client.set_topics(names)  # by itself it asks for one unknown topic after another
        places = [TopicPartition(t, p) for t in names for p in consumer.partitions_for_topic(t) or ()]
        found = await consumer.end_offsets(places) if places else {}
        return [(place.topic, place.partition, end) for place, end in found.items()]
    finally:
        await consumer.stop()


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic that is not as the registry says: what is there, what should be."""

    topic: str
    what: str
    found: str
    wanted: str
    fixable: bool  # whether `gewu topics apply` can mend it without losing or reordering records

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, must be {self.wanted}"

    @property
    def remedy(self) -> str:
        """What mends it: the command, or what a person must do."""
        return _APPLY if self.fixable else _BY_A_PERSON[self.what]


def configuration(topic: Topic, kafka: Kafka) -> dict[str, str]:
    """The topic's configuration as Kafka words it."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(-1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)),
        "retention.bytes": "-1",
        # Stored as it is: a compressed batch could hold records far above every limit here, or need a codec we lack.
        "compression.type": "uncompressed",
        "max.message.bytes": str(topic.batch_bytes),
        "min.insync.replicas": str(kafka.min_isr),
        "unclean.leader.election.enable": "false",
        "message.timestamp.type": "CreateTime",
    }


async def compare(topics: Iterable[Topic], kafka: Kafka) -> list[Difference]:
    """What differs between the registry and the brokers; an empty list is the only good answer."""
    admin = await administrator(kafka)
    try:
        return await _compare(admin, list(topics), kafka)
    finally:
        await admin.close()


async def apply(topics: Iterable[Topic], kafka: Kafka) -> list[Difference]:
    """Make what is missing, mend what can be mended; returns the differences that are left."""
    wanted = {t.name: t for t in topics}
    admin = await administrator(kafka)
    try:
        for _ in range(3):
            differences = await _compare(admin, list(wanted.values()), kafka)
            todo = [d for d in differences if d.fixable]
            if not todo:
                return differences
            await _mend(admin, todo, wanted, kafka)
            await asyncio.sleep(0.2)  # a new topic's metadata takes a moment to be everywhere
        return await _compare(admin, list(wanted.values()), kafka)
    finally:
        await admin.close()


async def administrator(kafka: Kafka) -> AIOKafkaAdminClient:
    """A client for the brokers themselves, started; KafkaError when none answers."""
    admin = AIOKafkaAdminClient(request_timeout_ms=15_000, **kafka.connection())
    try:
        await admin.start()
    except (KafkaError, OSError):
        await admin.close()
        raise
    return admin


async def _compare(admin: AIOKafkaAdminClient, topics: list[Topic], kafka: Kafka) -> list[Difference]:
    described = {t["topic"]: t for t in await admin.describe_topics([t.name for t in topics])}
    there = [t for t in topics if not described[t.name]["error_code"]]
    found: list[Difference] = [
        Difference(t.name, "the topic", "missing", "there", fixable=True)
        for t in topics
        if described[t.name]["error_code"]
    ]
    configs = await _configs(admin, [t.name for t in there]) if there else {}
    for t in there:
        partitions = described[t.name]["partitions"]
        if len(partitions) != t.partitions:
            # More partitions move keys to other places: order per key breaks, so a person decides, never a command.
            found.append(Difference(t.name, "partitions", str(len(partitions)), str(t.partitions), fixable=False))
        if (least := min(len(p["replicas"]) for p in partitions)) < kafka.replication:
            found.append(Difference(t.name, "replication", str(least), str(kafka.replication), fixable=False))
        for name, value in configuration(t, kafka).items():
            if (now := configs[t.name].get(name)) != value:
                found.append(Difference(t.name, name, str(now), value, fixable=True))
    return found


async def _configs(admin: AIOKafkaAdminClient, names: list[str], *, own: bool = False) -> dict[str, dict[str, str]]:
    """What is in force for each topic; `own`: only what was set for the topic itself."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, n) for n in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for resource in answer.resources:
            # An entry is name, value, whether it is read-only, where it comes from, and more.
            found[resource[3]] = {e[0]: e[1] for e in resource[4] if not own or e[3] == _OF_THE_TOPIC}
    return found


async def _mend(admin: AIOKafkaAdminClient, todo: list[Difference], wanted: dict[str, Topic], kafka: Kafka) -> None:
    missing = {d.topic for d in todo if d.what == "the topic"}
    if missing:
        new = [
            NewTopic(n, wanted[n].partitions, kafka.replication, topic_configs=configuration(wanted[n], kafka))
            for n in sorted(missing)
        ]
        answer = await admin.create_topics(new)
        for name, code, *_ in answer.topic_errors:
            if code not in (0, 36):  # 36: another apply was faster
                raise for_code(code)(name)
    if changed := sorted({d.topic for d in todo} - missing):
        await _alter(admin, {n: configuration(wanted[n], kafka) for n in changed})


async def _alter(admin: AIOKafkaAdminClient, ours: dict[str, dict[str, str]]) -> None:
    """Set these. The one request that aiokafka has replaces all of a topic's settings, so what an operator set goes along.

    What is set in the moment between the look and the request is lost.
    """
    before = await _configs(admin, list(ours), own=True)
    await admin.alter_configs(
        [ConfigResource(ConfigResourceType.TOPIC, n, configs=before[n] | own) for n, own in ours.items()]
    )


class TopicsFault(Exception):
    """Topics are missing or not as the registry says."""


async def require(topics: Iterable[Topic], kafka: Kafka) -> None:
    """Raise TopicsFault unless every topic is as the registry says: a service on wrong topics loses data quietly."""
    if found := await compare(topics, kafka):
        by_a_person = [f"{d}: {d.remedy}" for d in found if not d.fixable]
        applied = "; ".join(str(d) for d in found if d.fixable)
        raise TopicsFault("; ".join([*by_a_person, f"{_APPLY}: {applied}"] if applied else by_a_person))
