"""Who looks for sensors that have fallen silent, and says so on the log: the case is opened when that comes back."""

import asyncio

import asyncpg

from gewu.city import City
from gewu.clock import SECOND, Clock, micros
from gewu.runtime import outbox, postgres
from gewu.runtime.relay import Relay
from gewu.v1 import signal_pb2
from gewu_dispatch import wire
from gewu_dispatch.domain.silence import Road
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.store import sensors
from gewu_dispatch.store.sensors import Due

EVERY_S = 5.0
AT_ONCE = 500  # sensors of one look


class Silence:
    """The look-out of one process; several replicas pass each other by, and what two say has one id."""

    def __init__(
        self, city: City, events: wire.Events, clock: Clock, metrics: Metrics, road: Road | None = None
    ) -> None:
        self._city, self._events, self._clock, self._metrics = city, events, clock, metrics
        known = [s.silent_after_s for s in city.sensors.values() if s.silent_after_s]
        self._road = road or Road(min(known, default=0) * SECOND)

    async def run(self, pool: asyncpg.Pool, relay: Relay) -> None:
        """Look again and again, for as long as this runs."""
        while True:
            try:
                while await self.look(pool):
                    relay.wake()
            except Exception as fault:
                if not postgres.is_later(fault):
                    raise
            await asyncio.sleep(EVERY_S)

    async def look(self, pool: asyncpg.Pool) -> int:
        """One look; how many sensors were looked at. State and event are of one transaction."""
        async with pool.acquire(timeout=postgres.ACQUIRE_S) as connection, connection.transaction():
            now = micros(self._clock.now())
            until = self._road.known_until(await sensors.last_heard(connection), now)
            if until is None:
                return 0
            found = await sensors.due(connection, until, AT_ONCE)
            silent, later = self._judge(found, until)
            await sensors.looked(connection, [*((d.sensor_id, None) for d in silent), *later])
            trouble = signal_pb2.DEVICE_TROUBLE_SILENT
            said = [
                self._events.fault(self._city, f"sensor:{d.sensor_id}", trouble, d.received_at, now) for d in silent
            ]
            await outbox.write(connection, said)
        self._metrics.silent.inc(len(silent))
        return len(found)

    def _judge(self, found: list[Due], until: int) -> tuple[list[Due], list[tuple[str, int | None]]]:
        """Those that are silent, and when to look at the others again."""
        silent: list[Due] = []
        later: list[tuple[str, int | None]] = []
        for due in found:
            sensor = self._city.sensors.get(due.sensor_id)
            if sensor is None or not sensor.silent_after_s:
                later.append((due.sensor_id, None))
            elif (at := due.received_at + sensor.silent_after_s * SECOND) <= until:
                silent.append(due)
            else:
                later.append((due.sensor_id, at))
        return silent, later
