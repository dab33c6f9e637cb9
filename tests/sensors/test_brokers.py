"""Both brokers hold a sensor to its own topics, and the bridge hears them: Mosquitto by MQTT 5, amqtt by 3.1.1."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zmqtt
from prometheus_client import CollectorRegistry

from gewu.city import City, load
from gewu.dev.mqtt import MqttServer
from gewu.dev.mqtt_files import BRIDGE
from gewu.lane import Lane
from gewu.runtime.health import Health
from gewu.v1.signal_pb2 import Signal
from gewu_intake.metrics import BridgeMetrics
from gewu_intake.mqtt.bridge import Bridge
from gewu_intake.mqtt.client import connected
from gewu_intake.settings import Mqtt
from tests.support.building import StillClock
from tests.support.sensors import Device, mosquitto_or_skip
from tests.support.waiting import until


@dataclass
class Kafka:
    """Acknowledges at once."""

    said: list[Signal] = field(default_factory=list)

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        self.said += [Signal.FromString(value) for _, value, _ in records]
        done(0, len(records), None)

    async def flush(self) -> None:
        """Nothing is held back."""


@pytest.fixture(scope="module")
def city(demo: Path) -> City:
    return load(demo)


@pytest.fixture(params=["mosquitto", "amqtt"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path, city: City) -> AsyncIterator[MqttServer]:
    """Each of the two, with the demo city's sensors."""
    if request.param == "mosquitto":
        mosquitto_or_skip()
    server = MqttServer(tmp_path / "mqtt", tuple(city.sensors), embedded=request.param == "amqtt")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def kafka(broker: MqttServer, city: City) -> AsyncIterator[Kafka]:
    """What the bridge has said, which runs meanwhile."""
    log, health = Kafka(), Health()
    settings = Mqtt(
        "127.0.0.1", broker.port, broker.version, BRIDGE, BRIDGE, broker.passwords()[BRIDGE], None, 3600.0, 100,  # type: ignore[arg-type]
    )  # fmt: skip
    metrics = BridgeMetrics(CollectorRegistry())
    producers = dict.fromkeys((Lane.P0, Lane.P1, Lane.P3), log)
    bridge = Bridge(city, producers, StillClock(), lambda: connected(settings), 100, metrics, health)
    running = asyncio.ensure_future(bridge.run())

    async def up() -> bool:
        return metrics.up._value.get() == 1

    await until(up, 10.0, "the bridge")
    yield log
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_reading_arrives_as_its_sensor_said_it(broker: MqttServer, kafka: Kafka) -> None:
    async with Device(broker, "gas-001") as device:
        for value in (0.25, 0.0):
            await device.says(value)

        async def there() -> bool:
            return len(kafka.said) == 2

        await until(there, 10.0, "both readings")
    assert [(s.source, s.client_id, s.reading.value) for s in kafka.said] == [
        ("sensor:gas-001", "1:1", 0.25), ("sensor:gas-001", "1:2", 0.0),
    ]  # fmt: skip


async def test_a_sensor_hears_why_its_reading_is_refused(broker: MqttServer, kafka: Kafka) -> None:
    async with Device(broker, "gas-001") as device, device.hears("sensors/gas-001/refused") as answers:
        await device.publishes(b"so warm today")
        async with asyncio.timeout(10):
            message = await answers.get_message()
    assert json.loads(message.payload)["reason"] == "not_a_reading" and not kafka.said


async def test_a_sensor_speaks_on_its_own_topic_only(broker: MqttServer, kafka: Kafka) -> None:
    async with Device(broker, "gas-002") as device:
        with suppress(TimeoutError, zmqtt.MQTTError):  # some answer, some hang up
            async with asyncio.timeout(2):
                await device.publishes({"session": 1, "counter": 1, "value": 99.0}, topic="sensors/gas-001/readings")
    async with Device(broker, "gas-001") as device:
        await device.says(1.0)

        async def there() -> bool:
            return bool(kafka.said)

        await until(there, 10.0, "the reading")
    assert [(s.source, s.reading.value) for s in kafka.said] == [("sensor:gas-001", 1.0)]


@pytest.mark.parametrize(("user", "password"), [("gas-001", "wrong"), ("nobody", "none"), (BRIDGE, "wrong")])
async def test_nobody_gets_in_with_another_password(broker: MqttServer, user: str, password: str) -> None:
    with pytest.raises((zmqtt.MQTTError, OSError)):
        async with Device(broker, user, user=user, password=password):
            pass


async def test_what_is_said_while_the_bridge_is_away_waits_for_it(broker: MqttServer, city: City) -> None:
    """The session outlives a clean stop as well: the bridge says goodbye without UNSUBSCRIBE."""
    if broker.program is None:
        pytest.skip("amqtt answers no SUBSCRIBE of a session with messages that wait: it is for seeing that things fit")
    settings = Mqtt(
        "127.0.0.1", broker.port, broker.version, BRIDGE, BRIDGE, broker.passwords()[BRIDGE], None, 3600.0, 100,  # type: ignore[arg-type]
    )  # fmt: skip
    async with connected(settings):
        pass
    async with Device(broker, "gas-001") as device:
        for n in range(120):  # more than the window
            await device.says(float(n))
    found = []
    async with connected(settings) as link, asyncio.timeout(15):
        while len(found) < 120:
            message = await link.next()
            found.append(json.loads(message.payload)["counter"])
            await link.ack(message)
    assert found == list(range(1, 121))
