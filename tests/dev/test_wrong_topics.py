"""The services' own programs on a broker whose topics are not as registered: they end with 1 and say what mends it."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from gewu import topics
from gewu.city import load
from gewu.dev import access, components, ports
from gewu.dev.children import CannotStart
from gewu.dev.kafka import KafkaServer
from gewu.dev.services import Service
from gewu.lane import Lane
from gewu.runtime import kafka as runtime
from gewu.runtime.settings import Kafka, Postgres
from gewu.topics import Topic
from tests.support.waiting import until

START_S = 60.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What the services are started on, every other setting being right."""

    kafka: Kafka
    folder: Path
    places: dict[str, str]

    async def spawned(self, name: str) -> Service:
        """A service as the program that people install."""
        component = replace(components.component(name), command=(f"gewu-{name}",))
        (port,) = ports.free_ports(1)
        service = Service(component, name, port, self.folder)
        await service.spawn(component.variables({**self.places, "port": str(port), "instance": f"test-{name}"}))
        return service

    async def refusal(self, name: str) -> str:
        """What a service said when it ended instead of starting."""
        service = await self.spawned(name)
        try:
            with pytest.raises(CannotStart, match="ended with code 1"):
                await service.until_ready(START_S)
        finally:
            await service.stop()
        last = (await asyncio.to_thread(service.log.read_text)).splitlines()[-1]
        assert last.startswith(f"gewu-{name}: not started: "), last
        return last


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kafka]:
    """A broker that nobody has told about any topic."""
    async with KafkaServer(tmp_path_factory.mktemp("bare")) as server:
        yield Kafka(server.bootstrap, None, None, None, 1, 1, "")


@pytest.fixture
def ground(broker: Kafka, database: Postgres, demo: Path, tmp_path: Path) -> Ground:
    access.prepare(tmp_path / "secrets")
    access.write_login(tmp_path / "secrets", "mqtt", "gewu-intake", "no broker here")
    places = {
        "kafka": broker.bootstrap, "postgres": database.dsn, "city": str(demo), "secrets": str(tmp_path / "secrets"),
        "host": ports.LOOPBACK, "dispatch_url": f"http://{ports.LOOPBACK}",
        "mqtt": "", "mqtt_version": "5.0", "mqtt_login": str(tmp_path / "secrets" / "mqtt"),
        "pictures": str(tmp_path / "pictures"), "models": "",
    }  # fmt: skip
    return Ground(broker, tmp_path, places)


@pytest.fixture
def registry(demo: Path) -> tuple[Topic, ...]:
    return topics.registry(load(demo).departments)


async def test_without_their_topics_they_name_each_and_the_command_that_mends_it(
    ground: Ground, registry: tuple[Topic, ...], demo: Path
) -> None:
    """First: it makes the topics."""
    intake, dispatch = await asyncio.gather(ground.refusal("intake"), ground.refusal("dispatch"))
    assert _missing(intake) == {topic.name for topic in registry if "intake" in topic.says}
    assert _missing(dispatch) == {t.name for t in registry if "dispatch" in (*t.says, *t.hears)}
    command = _command(intake)
    assert command == _command(dispatch) == ["gewu", "topics", "apply"]

    applied = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name(command[0]), *command[1:], cwd=ground.folder,
        env={"GEWU_KAFKA_BOOTSTRAP": ground.kafka.bootstrap, "GEWU_CITY": str(demo)},
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await applied.wait() == 0
    started = [await ground.spawned(name) for name in ("intake", "dispatch")]
    try:
        await asyncio.gather(*(service.until_ready(START_S) for service in started))
    finally:
        codes = await asyncio.gather(*(service.stop() for service in started))
    assert codes == [0, 0]


async def test_with_another_number_of_partitions_they_name_that_topic_alone(
    ground: Ground, registry: tuple[Topic, ...]
) -> None:
    right = next(topic for topic in registry if topic.name == topics.signals(Lane.P1))
    assert await runtime.apply(registry, ground.kafka) == []
    await _make_anew(right, right.partitions - 1, ground.kafka)
    refusals = await asyncio.gather(ground.refusal("intake"), ground.refusal("dispatch"))
    wrong = f"{right.name}: partitions is {right.partitions - 1}, must be {right.partitions}"
    said = {refusal.partition("not started: ")[2] for refusal in refusals}
    assert len(said) == 1 and said.pop().startswith(f"{wrong}: records of one key would change their partition")
    assert not any("run `gewu topics apply`: " in refusal for refusal in refusals), "it cannot mend that"


async def _make_anew(topic: Topic, partitions: int, kafka: Kafka) -> None:
    async def is_made() -> bool:
        made = NewTopic(topic.name, partitions, 1, topic_configs=runtime.configuration(topic, kafka))
        return (await admin.create_topics([made])).topic_errors[0][1] == 0  # not before the old one is gone

    async def is_known() -> bool:
        found = (await admin.describe_topics([topic.name]))[0]
        return not found["error_code"] and len(found["partitions"]) == partitions

    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    try:
        await admin.delete_topics([topic.name])
        await until(is_made, what="the topic")
        await until(is_known, what="the topic's metadata")
    finally:
        await admin.close()


def _missing(refusal: str) -> set[str]:
    return set(re.findall(r"(\S+): the topic is missing", refusal))


def _command(refusal: str) -> list[str]:
    (said,) = re.findall(r"run `([^`]+)`", refusal)
    return said.split()
