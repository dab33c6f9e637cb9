"""The bridge's promise: an acknowledgement after Kafka's ack, in order, and nothing behind what failed."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gewu import codec, ids
from gewu.city import City, load
from gewu.lane import Lane
from gewu.runtime.health import Health
from gewu.runtime.producer import Done, Record, Unknown
from gewu.v1.signal_pb2 import Signal
from gewu_intake.domain.reading import Refusal
from gewu_intake.metrics import BridgeMetrics, Taken
from gewu_intake.mqtt.bridge import Bridge
from gewu_intake.mqtt.client import Away
from gewu_intake.mqtt.reading import PAYLOAD_BYTES, Refused, parse
from tests.support.building import NOW, StillClock
from tests.support.waiting import until


@dataclass
class Said:
    """A message on the connection."""

    topic: str
    payload: bytes


@dataclass
class Wire:
    """A connection that a test holds: what comes, what was acknowledged, what was answered."""

    coming: "asyncio.Queue[Said]" = field(default_factory=asyncio.Queue)
    acked: list[Said] = field(default_factory=list)
    answers: list[tuple[str, Any]] = field(default_factory=list)
    connections: int = 0

    async def next(self) -> Said:
        return await self.coming.get()

    async def ack(self, message: Said) -> None:
        self.acked.append(message)

    async def answer(self, topic: str, payload: bytes) -> None:
        self.answers.append((topic, json.loads(payload)))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["Wire"]:
        self.connections += 1
        yield self

    def says(self, sensor: str, counter: int, value: float = 1.0, **more: Any) -> Said:
        said = Said(
            f"sensors/{sensor}/readings",
            json.dumps({"session": 1, "counter": counter, "value": value, **more}).encode(),
        )
        self.coming.put_nowait(said)
        return said


@dataclass
class Log:
    """A producer whose acks a test gives."""

    taken: list[tuple[str, int, Record, Done]] = field(default_factory=list)

    def append(self, topic: str, partition: int, records: Sequence[Record], done: Done) -> None:
        (record,) = records
        self.taken.append((topic, partition, record, done))

    async def flush(self) -> None:
        """Nothing is held back."""

    def settle(self, n: int, fault: Any = None) -> None:
        self.taken[n][3](0, 1, fault)


@pytest.fixture(scope="module")
def city(demo: Path) -> City:
    return load(demo)


@dataclass
class Bridged:
    """A bridge that runs between the two."""

    wire: Wire
    log: Log
    metrics: BridgeMetrics
    health: Health

    async def took(self, count: int) -> None:
        async def there() -> bool:
            return len(self.log.taken) == count

        await until(there, 5.0, f"{count} records")

    async def acked(self, count: int) -> None:
        async def there() -> bool:
            return len(self.wire.acked) == count

        await until(there, 5.0, f"{count} acknowledgements")


@pytest.fixture
async def bridged(city: City) -> AsyncIterator[Bridged]:
    wire, log, metrics, health = Wire(), Log(), BridgeMetrics(CollectorRegistry()), Health()
    bridge = Bridge(
        city, dict.fromkeys((Lane.P0, Lane.P1, Lane.P3), log), StillClock(), wire.connected, 3, metrics, health
    )
    running = asyncio.ensure_future(bridge.run())
    yield Bridged(wire, log, metrics, health)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_reading_is_a_signal_of_its_sensor_in_the_lane_of_what_it_warns_of(
    bridged: Bridged, city: City
) -> None:
    bridged.wire.says("smoke-001", 7, 0.0, at="2026-03-04T09:59:58Z")
    bridged.wire.says("fill-001", 7)
    await bridged.took(2)
    (topic, _, (key, value, headers), _), (other, *_) = bridged.log.taken
    signal = Signal.FromString(value)
    assert (topic, other, key) == ("signals.p0", "signals.p3", b"smoke-001")
    assert codec.type_of(headers) == codec.SIGNAL_READING
    assert (signal.source, signal.client_id, signal.signal_id) == (
        "sensor:smoke-001",
        "1:7",
        ids.signal_id("sensor:smoke-001", "1:7"),
    )
    assert signal.reading.HasField("value") and signal.reading.value == 0.0 and signal.reading.unit == "%/m"
    assert NOW - signal.observed_at.ToDatetime(NOW.tzinfo) == timedelta(seconds=2)
    assert signal.point.lon == city.sensors["smoke-001"].lon and signal.home_area and len(signal.content_sha256) == 32


async def test_nothing_is_acknowledged_before_kafka_has_it_and_then_in_the_order_of_receipt(bridged: Bridged) -> None:
    said = [bridged.wire.says("smoke-001", n) for n in (1, 2, 3)]
    await bridged.took(3)
    bridged.log.settle(1)
    bridged.log.settle(2)
    await asyncio.sleep(0.05)
    assert bridged.wire.acked == []
    bridged.log.settle(0)
    await bridged.acked(3)
    assert bridged.wire.acked == said


async def test_no_more_than_the_window_is_on_its_way(bridged: Bridged) -> None:
    for n in range(1, 6):
        bridged.wire.says("smoke-001", n)
    await bridged.took(3)
    await asyncio.sleep(0.05)
    assert len(bridged.log.taken) == 3
    bridged.log.settle(0)
    await bridged.took(4)


async def test_what_kafka_does_not_acknowledge_ends_the_connection_and_nothing_behind_it_is_taken(
    bridged: Bridged,
) -> None:
    for n in (1, 2):
        bridged.wire.says("smoke-001", n)
    await bridged.took(2)
    bridged.log.settle(0, Unknown("no ack"))
    bridged.wire.says("smoke-001", 3)
    bridged.log.settle(1)

    async def again() -> bool:
        return bridged.wire.connections == 2

    await until(again, 5.0, "another connection")
    assert bridged.wire.acked == []
    assert bridged.metrics.taken[Taken.AGAIN]._value == 2


async def test_what_can_never_be_taken_is_acknowledged_in_its_place_and_answered(bridged: Bridged) -> None:
    first = bridged.wire.says("smoke-001", 1)
    wrong = bridged.wire.says("nobody-1", 1)
    await bridged.took(1)
    await asyncio.sleep(0.05)
    assert bridged.wire.acked == [] and bridged.wire.answers == []
    bridged.log.settle(0)
    await bridged.acked(2)
    assert bridged.wire.acked == [first, wrong]
    ((topic, said),) = bridged.wire.answers
    assert topic == "sensors/nobody-1/refused" and said["reason"] == Refusal.UNKNOWN_SENSOR


async def test_a_bug_that_a_reading_meets_each_time_is_not_in_the_way_of_others_for_ever(
    bridged: Bridged, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = bridged.log.append

    def broken(topic: str, partition: int, records: Sequence[Record], done: Done) -> None:
        if b"1:1" in records[0][1]:
            raise RuntimeError("a bug")
        append(topic, partition, records, done)

    monkeypatch.setattr(bridged.log, "append", broken)
    for times in (1, 2):
        bridged.wire.says("smoke-001", 1)  # as the broker says it again

        async def again(times: int = times) -> bool:
            return bridged.wire.connections == times + 1

        await until(again, 5.0, "another connection")
    wrong = bridged.wire.says("smoke-001", 1)
    good = bridged.wire.says("smoke-002", 7)
    await bridged.took(1)
    bridged.log.settle(0)
    await bridged.acked(2)
    assert bridged.wire.acked == [wrong, good] and bridged.wire.connections == 3
    assert bridged.metrics.refused[Refusal.UNEXPECTED]._value == 1


async def test_a_broker_that_is_away_is_tried_again_and_red(city: City) -> None:
    tries, health = [], Health(lambda: float(len(tries) * 60))

    @asynccontextmanager
    async def away() -> AsyncIterator[Wire]:
        tries.append(1)
        raise Away("refused")
        yield Wire()

    metrics = BridgeMetrics(CollectorRegistry())
    bridge = Bridge(city, {}, StillClock(), away, 3, metrics, health)
    running = asyncio.ensure_future(bridge.run())

    async def often() -> bool:
        return len(tries) >= 2 and "mqtt" in health.red()

    await until(often, 5.0, "a second try and a red light")
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


GOOD = b'{"session":1,"counter":2,"value":3}'


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        ("sensors/SMOKE/readings", GOOD, Refusal.BAD_TOPIC),
        ("sensors/a/b/readings", GOOD, Refusal.BAD_TOPIC),
        ("sensors/smoke-999/readings", GOOD, Refusal.UNKNOWN_SENSOR),
        ("sensors/smoke-001/readings", b"x" * (PAYLOAD_BYTES + 1), Refusal.TOO_LARGE),
        ("sensors/smoke-001/readings", b"", Refusal.NOT_A_READING),
        ("sensors/smoke-001/readings", b"[" * 1000, Refusal.NOT_A_READING),
        ("sensors/smoke-001/readings", b"\xff\xfe", Refusal.NOT_A_READING),
        ("sensors/smoke-001/readings", b'{"session":1,"counter":2}', Refusal.NOT_A_READING),
        ("sensors/smoke-001/readings", b'{"session":1,"counter":2,"value":NaN}', Refusal.NOT_A_READING),
        ("sensors/smoke-001/readings", b'{"session":1,"counter":2,"value":"3"}', Refusal.NOT_A_READING),
        ("sensors/smoke-001/readings", b'{"session":-1,"counter":2,"value":3}', Refusal.NOT_A_READING),
        ("sensors/smoke-001/readings", b'{"session":1,"counter":9223372036854775808,"value":3}', Refusal.NOT_A_READING),
        (
            "sensors/smoke-001/readings",
            b'{"session":1,"counter":2,"value":3,"sensor":"gas-001"}',
            Refusal.NOT_A_READING,
        ),
        (
            "sensors/smoke-001/readings",
            b'{"session":1,"counter":2,"value":3,"at":"2026-03-04T09:00:00"}',
            Refusal.NOT_A_READING,
        ),
    ],
)
def test_every_bad_reading_has_its_reason(city: City, topic: str, payload: bytes, why: Refusal) -> None:
    found = parse(topic, payload, city)
    assert isinstance(found, Refused) and found.why is why and found.text


def test_a_number_beyond_all_is_refused_one_way_or_the_other(city: City) -> None:
    found = parse("sensors/smoke-001/readings", b'{"session":1,"counter":2,"value":1e999}', city)
    assert isinstance(found, Refused) and found.why in (Refusal.NOT_A_READING, Refusal.NOT_FINITE)
