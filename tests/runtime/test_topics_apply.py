"""The brokers are held to the registry: a service refuses what differs, `apply` mends what loses nothing, the rest is named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaError

from gewu import topics
from gewu.lane import Lane
from gewu.runtime import kafka as runtime
from gewu.runtime.settings import Kafka
from gewu.topics import Topic
from tests.support import log
from tests.support.servers import numbers
from tests.support.waiting import until


@pytest.fixture
def wanted() -> Topic:
    """A signal topic of this test's own."""
    source = next(t for t in topics.registry([]) if t.name == topics.signals(Lane.P2))
    return replace(source, name=f"signals.apply{next(numbers)}", partitions=2)


@asynccontextmanager
async def _admin(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.connection())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _create(kafka: Kafka, made: NewTopic) -> None:
    async with _admin(kafka) as admin:
        answer = await admin.create_topics([made])
    assert all(code == 0 for _, code, *_ in answer.topic_errors), answer
    await until(lambda: _is_there(kafka, made.name), what="the topic's metadata")


async def _is_there(kafka: Kafka, name: str) -> bool:
    async with _admin(kafka) as admin:
        return not (await admin.describe_topics([name]))[0]["error_code"]


async def _configure(kafka: Kafka, topic: str, configs: dict[str, str]) -> None:
    async with _admin(kafka) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])


async def _refusal(kafka: Kafka, *wanted: Topic) -> str:
    with pytest.raises(runtime.TopicsFault) as fault:
        await runtime.require(wanted, kafka)
    return str(fault.value)


async def test_a_service_refuses_a_missing_topic_and_apply_makes_it(kafka: Kafka, wanted: Topic) -> None:
    said = await _refusal(kafka, wanted)
    assert said == f"run `gewu topics apply`: {wanted.name}: the topic is missing, must be there"
    assert await runtime.apply([wanted], kafka) == []
    await runtime.require([wanted], kafka)
    assert await runtime.compare([wanted], kafka) == []


async def test_apply_does_nothing_to_what_is_right(kafka: Kafka, wanted: Topic) -> None:
    assert await runtime.apply([wanted], kafka) == []
    await log.put(kafka, wanted.name, [(b"k", b"v", [])])
    assert await runtime.apply([wanted], kafka) == []
    assert [r.value for r in await log.read(kafka, wanted.name)] == [b"v"]


async def test_a_service_refuses_another_number_of_partitions_and_apply_only_names_it(
    kafka: Kafka, wanted: Topic
) -> None:
    await _create(kafka, NewTopic(wanted.name, 1, 1, topic_configs=runtime.configuration(wanted, kafka)))
    said = await _refusal(kafka, wanted)
    assert said.startswith(f"{wanted.name}: partitions is 1, must be 2: records of one key would change"), said
    assert "`gewu topics apply`: " not in said, "it cannot mend that"
    left = await runtime.apply([wanted], kafka)
    assert [(d.what, d.found, d.wanted, d.fixable) for d in left] == [("partitions", "1", "2", False)]
    assert "partitions is 1, must be 2" in await _refusal(kafka, wanted), "nothing was moved"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention.ms", "3600000"), ("retention.bytes", "1048576"), ("cleanup.policy", "compact"),
        ("max.message.bytes", "1024"), ("compression.type", "zstd"), ("min.insync.replicas", "2"),
        ("unclean.leader.election.enable", "true"), ("message.timestamp.type", "LogAppendTime"),
    ],
)  # fmt: skip
async def test_a_service_refuses_a_wrong_setting_and_apply_mends_it(
    kafka: Kafka, wanted: Topic, name: str, value: str
) -> None:
    await _create(
        kafka, NewTopic(wanted.name, 2, 1, topic_configs={**runtime.configuration(wanted, kafka), name: value})
    )
    right = runtime.configuration(wanted, kafka)[name]
    assert f"{wanted.name}: {name} is {value}, must be {right}" in await _refusal(kafka, wanted)
    assert await runtime.apply([wanted], kafka) == []
    await runtime.require([wanted], kafka)


async def test_what_an_operator_set_besides_survives_the_mending(kafka: Kafka, wanted: Topic) -> None:
    own = {"segment.ms": "3600000", "min.cleanable.dirty.ratio": "0.25"}
    await _create(
        kafka,
        NewTopic(wanted.name, 2, 1, topic_configs={**runtime.configuration(wanted, kafka), **own, "retention.ms": "1"}),
    )
    assert await runtime.apply([wanted], kafka) == []
    assert await _settings(kafka, wanted.name) == {**runtime.configuration(wanted, kafka), **own}


async def _settings(kafka: Kafka, topic: str) -> dict[str, str]:
    """What was set for this topic itself; the broker's own defaults are not among it."""
    async with _admin(kafka) as admin:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: value for name, value, _, source, *_ in answer.resources[0][4] if source == 1}


async def test_a_topic_made_by_hand_without_any_setting_is_refused_for_each_and_mended(
    kafka: Kafka, wanted: Topic
) -> None:
    await _create(kafka, NewTopic(wanted.name, 2, 1))
    said = await _refusal(kafka, wanted)
    assert "retention.ms is" in said and "max.message.bytes is" in said
    assert await runtime.apply([wanted], kafka) == []


async def test_parking_is_never_cut_by_time(kafka: Kafka, wanted: Topic) -> None:
    parking = replace(wanted, retention=None)
    assert await runtime.apply([parking], kafka) == []
    assert "retention.ms is -1, must be 691200000" in await _refusal(kafka, wanted)
    await _configure(kafka, wanted.name, {**runtime.configuration(parking, kafka), "retention.ms": "604800000"})
    assert "retention.ms is 604800000, must be -1" in await _refusal(kafka, parking)


async def test_every_difference_of_every_topic_is_named_at_once(kafka: Kafka, wanted: Topic) -> None:
    short = replace(wanted, retention=timedelta(hours=1), partitions=3)
    missing = replace(wanted, name=f"{wanted.name}-other")
    assert await runtime.apply([short], kafka) == []
    found = {(d.topic, d.what) for d in await runtime.compare([wanted, missing], kafka)}
    assert found == {(wanted.name, "partitions"), (wanted.name, "retention.ms"), (missing.name, "the topic")}
    left = await runtime.apply([wanted, missing], kafka)
    assert {(d.topic, d.what) for d in left} == {(wanted.name, "partitions")}, "the rest was mended all the same"


async def test_too_few_replicas_are_named_and_not_mended(kafka: Kafka, wanted: Topic) -> None:
    assert await runtime.apply([wanted], kafka) == []
    three = replace(kafka, replication=3)
    left = await runtime.apply([wanted], three)
    assert [(d.what, d.found, d.wanted, d.fixable) for d in left] == [("replication", "1", "3", False)]
    assert "replication is 1, must be 3" in await _refusal(three, wanted)


async def test_a_topic_for_which_there_are_too_few_brokers_is_an_error_not_a_smaller_topic(
    kafka: Kafka, wanted: Topic
) -> None:
    with pytest.raises(InvalidReplicationFactorError):
        await runtime.apply([wanted], replace(kafka, replication=3))
    assert "the topic is missing" in await _refusal(kafka, wanted)


async def test_two_applies_at_once_make_it_once(kafka: Kafka, wanted: Topic) -> None:
    found = await asyncio.gather(*(runtime.apply([wanted], kafka) for _ in range(4)))
    assert found == [[], [], [], []]


async def test_no_broker_is_an_error_within_a_bound(wanted: Topic) -> None:
    from gewu.dev.ports import free_ports

    nowhere = Kafka(f"127.0.0.1:{free_ports(1)[0]}", None, None, None, 1, 1, "")
    with pytest.raises((KafkaError, OSError)):
        await runtime.require([wanted], nowhere)
