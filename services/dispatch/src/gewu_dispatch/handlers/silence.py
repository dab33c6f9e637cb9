"""Who looks for sensors that have fallen silent, and says so on the log: the case is opened when that comes back."""

import asyncio

import asyncpg

from gewu.city import City
from gewu.clock import SECOND, Clock, micros
from gewu.runtime import outbox, postgres
from gewu.runtime.relay import Relay
from gewu.v1 import signal_pb2
from gewu_dispatch import wire
from gewu_dispatch.domain.silence import Because, Due, Look, Road, look
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.store import cases, sensors

EVERY_S = 5.0
AT_ONCE = 500  # sensors of one look
_SAID = (Because.SILENT, Because.STILL_SILENT)


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
            told = await cases.told(connection, {d.said for d in found if d.said})
            looks = [(d, look(d, self._silent_after_s(d), told.get(d.said or ""), until)) for d in found]
            said = {d.sensor_id: self._fault(d, seen, now) for d, seen in looks if seen.because in _SAID}
            ids = {sensor_id: event.event_id for sensor_id, event in said.items()}
            await sensors.looked(connection, [(d.sensor_id, seen.next_at, ids.get(d.sensor_id)) for d, seen in looks])
            await outbox.write(connection, list(said.values()))
        self._metrics.silent.inc(len(said))
        return len(found)

    def _silent_after_s(self, due: Due) -> int:
        sensor = self._city.sensors.get(due.sensor_id)
        return sensor.silent_after_s if sensor else 0

    def _fault(self, due: Due, seen: Look, now: int) -> outbox.Event:
        after = (seen.after.case_id, seen.after.handled_at or 0) if seen.after else None
        return self._events.fault(
            self._city, f"sensor:{due.sensor_id}", signal_pb2.DEVICE_TROUBLE_SILENT, due.received_at, now, after
        )
