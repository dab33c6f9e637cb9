"""The demo sensors' day: each measures at its own pace, and a few of them something that a department must see."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import zmqtt

from gewu.city import City, Sensor
from gewu.dev.metrics import scrape
from gewu.dev.mqtt import MqttServer
from gewu.dev.ports import LOOPBACK

READINGS = 60  # of each sensor in a day, whatever that lasts
_EPISODES = 0.35  # of sensors; each measures once, for a part of its day, what is beyond its limit
_LASTS = 0.15
_AGAIN_S = 1.0
_HEARD_S = 15.0


@dataclass(slots=True)
class Measured:
    """Readings as their sensors have them: planned, and with the broker's PUBACK."""

    planned: int = 0
    acked: int = 0


class Measuring:
    """All sensors of a city through one day; `tally` grows while it runs."""

    def __init__(self, city: City, broker: MqttServer, seed: int, seconds: float) -> None:
        self._city, self._broker, self._seed, self._seconds = city, broker, seed, seconds
        self._session = int(time.time())  # grows with each start, so that counters begin anew
        self.tally = Measured(planned=READINGS * len(city.sensors))

    async def run(self) -> None:
        """Return when every reading has its PUBACK."""
        passwords = self._broker.passwords()
        await asyncio.gather(*(self._one(s, passwords[s.id]) for s in self._city.sensors.values()))

    async def heard(self, intake_url: str) -> None:
        """Return when the bridge has taken them all, or after a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARD_S):
                while True:
                    if await _taken(intake_url) >= self.tally.acked:
                        return
                    await asyncio.sleep(0.2)

    async def _one(self, sensor: Sensor, password: str) -> None:
        clock, begun, waiting = asyncio.get_running_loop().time, asyncio.get_running_loop().time(), None
        said = enumerate(plan(self._city, sensor, self._seed), 1)
        while True:
            try:
                async with _client(self._broker, sensor.id, password) as client:
                    while (waiting := waiting or next(said, None)) is not None:
                        counter, (share, value) = waiting
                        await asyncio.sleep(max(0.0, begun + share * self._seconds - clock()))
                        payload = {"session": self._session, "counter": counter, "value": value}
                        await client.publish(
                            f"sensors/{sensor.id}/readings", json.dumps(payload), qos=zmqtt.QoS.AT_LEAST_ONCE
                        )
                        self.tally.acked, waiting = self.tally.acked + 1, None
                    return
            except (zmqtt.MQTTError, OSError, TimeoutError):
                await asyncio.sleep(_AGAIN_S)  # the same reading again, under its counter


def plan(city: City, sensor: Sensor, seed: int) -> Iterator[tuple[float, float]]:
    """When (as a share of the day) it measures what. The same city, sensor and seed give the same readings."""
    rng = Random(f"{city.id} {seed} {sensor.id}")
    begins = rng.uniform(0.1, 1 - _LASTS) if rng.random() < _EPISODES else 2.0
    offset = rng.random()
    for n in range(READINGS):
        share = (n + offset) / READINGS
        yield share, round(_value(sensor, begins <= share < begins + _LASTS, rng), 3)


def _value(sensor: Sensor, beyond: bool, rng: Random) -> float:
    high, low = sensor.high, sensor.low
    if beyond:
        return high.limit + abs(high.limit) * rng.uniform(0.05, 0.4) if high else _below(sensor, rng)
    if high and low:
        return rng.uniform(low.clear, high.clear)
    if high:
        return high.clear - abs(high.clear) * rng.uniform(0.1, 0.6)
    assert low
    return low.clear + abs(low.clear) * rng.uniform(0.1, 0.6)


def _below(sensor: Sensor, rng: Random) -> float:
    assert sensor.low
    return sensor.low.limit - abs(sensor.low.limit) * rng.uniform(0.05, 0.4)


async def _taken(intake_url: str) -> float:
    """How many readings intake has settled since its start."""
    try:
        samples = await scrape(f"{intake_url}/metrics")
    except OSError:
        return 0.0
    return sum(
        count for (name, labels), count in samples.items()
        if name == "gewu_intake_readings_total" and dict(labels)["answer"] != "again"
    )  # fmt: skip


def _client(broker: MqttServer, id_: str, password: str) -> zmqtt.MQTTClient:
    return zmqtt.MQTTClient(
        LOOPBACK, broker.port, client_id=f"demo-{id_}", username=id_, password=password,
        reconnect=zmqtt.ReconnectConfig(enabled=False),
    )  # fmt: skip
