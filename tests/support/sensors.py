"""A sensor as a test has it: a login at the broker, a counter, and what it was told."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Literal, Self

import pytest
import zmqtt

from gewu import topics
from gewu.city import load
from gewu.dev.ledger import OK, Ledger
from gewu.dev.mqtt import MqttServer, mosquitto
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime.settings import Kafka
from gewu.v1.signal_pb2 import Signal
from tests.support import log

ONE = zmqtt.QoS.AT_LEAST_ONCE


class Device:
    """One sensor that is connected; `acked` are the counters for which it has the broker's PUBACK."""

    def __init__(
        self, broker: MqttServer, id_: str, *, version: Literal["3.1.1", "5.0"] = "3.1.1", session: int = 1,
        user: str | None = None, password: str | None = None,
    ) -> None:  # fmt: skip
        self.id, self.session, self.counter = id_, session, 0
        self.acked: list[int] = []
        user = user or id_
        self._client = zmqtt.MQTTClient(
            "127.0.0.1", broker.port, client_id=f"device-{user}", username=user, clean_session=True, version=version,
            password=password or broker.passwords().get(user, "none"), reconnect=zmqtt.ReconnectConfig(enabled=False),
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        await self._client.connect()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with suppress(zmqtt.MQTTError, OSError):
            await self._client.disconnect()

    async def says(self, value: float, **more: Any) -> int:
        """Say a reading with the next counter, and wait for the broker's PUBACK."""
        self.counter += 1
        counter = self.counter
        await self.publishes({"session": self.session, "counter": counter, "value": value, **more})
        self.acked.append(counter)
        return counter

    async def publishes(self, said: Any, topic: str | None = None) -> None:
        """Publish anything at QoS 1; bytes go as they are."""
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        async with asyncio.timeout(20):
            await self._client.publish(topic or f"sensors/{self.id}/readings", payload, qos=ONE)

    def hears(self, filter_: str) -> Any:
        """A subscription, as a context."""
        return self._client.subscribe(filter_, qos=ONE)


def mosquitto_or_skip() -> None:
    """Skip where Mosquitto is not installed; a failure where everything must be there."""
    if mosquitto() is None:
        missing = "Mosquitto is not installed: apt-get install --no-install-recommends mosquitto"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


async def in_the_log(kafka: Kafka, session: int) -> Counter[tuple[str, int]]:
    """How often each (sensor, counter) of this session stands there."""
    said = log.messages(await log.whole(kafka, *map(topics.signals, Lane)), Signal)
    readings = [signal.reading for signal in said]
    return Counter((r.sensor_id, r.counter) for r in readings if r.session == session)


class Town:
    """Sensors that measure to and fro over their limits, as fast as the broker acknowledges; each keeps what it said."""

    def __init__(
        self, stack: Stack, ids: Sequence[str], *, session: int, pause: float = 0.01, ledgers: Path | None = None
    ) -> None:
        self._stack, self._ids, self._session, self._pause = stack, ids, session, pause
        self._city = load(stack.city)
        self._stopped = asyncio.Event()
        # One for each: an answer in a ledger names only the client's id, and counters are all alike.
        self.ledgers = {id_: ledgers / f"ledger-{id_}-{session}.jsonl" for id_ in ids} if ledgers else {}
        self.said: dict[str, list[float]] = {id_: [] for id_ in ids}
        self.acked: dict[str, list[int]] = {id_: [] for id_ in ids}

    async def run(self) -> None:
        """Until `stop`; every sensor that loses its broker comes again with the next counter."""
        await asyncio.gather(*(self._one(id_, n) for n, id_ in enumerate(self._ids)))

    def stop(self) -> None:
        """Let each end with the reading that it is at."""
        self._stopped.set()

    @property
    def readings(self) -> int:
        """How many have the broker's PUBACK."""
        return sum(map(len, self.acked.values()))

    def crossings(self, id_: str) -> list[int]:
        """The counters that are crossings: every value is either beyond the limit or harmless, and none dwells."""
        sensor, before, found = self._city.sensors[id_], False, []
        for counter, value in enumerate(self.said[id_], 1):
            assert sensor.high
            beyond = value >= sensor.high.limit
            found += [counter] if beyond and not before else []
            before = beyond
        return found

    async def _one(self, id_: str, n: int) -> None:
        sensor, random = self._city.sensors[id_], Random(f"{id_} {self._session}")
        assert sensor.high
        async with AsyncExitStack() as stack:
            ledger = stack.enter_context(Ledger(self.ledgers[id_])) if self.ledgers else None
            device = await stack.enter_async_context(Device(self._stack.mqtt, id_, session=self._session))
            device.acked = self.acked[id_]
            while not self._stopped.is_set():
                # Harmless at first, whatever an earlier town left it at, and each turns at a time of its own.
                beyond = (len(self.said[id_]) + 5 * (n % 5)) // 23 % 2
                value = sensor.high.limit + 1 if beyond else sensor.high.clear - 1
                self.said[id_].append(value)
                client_id = f"{self._session}:{len(self.said[id_])}"
                if ledger:
                    ledger.sending([(client_id, "p0")], f"sensor:{id_}")
                await device.says(value)
                if ledger:
                    ledger.outcome(client_id, OK)
                await asyncio.sleep(random.uniform(0, 2 * self._pause))
