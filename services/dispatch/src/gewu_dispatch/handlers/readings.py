"""What happens with the readings of a batch: most only move their sensor's row; a crossing goes on as a signal."""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from gewu.city import City
from gewu.clock import Clock, micros
from gewu.lane import Lane
from gewu.runtime import outbox
from gewu.runtime.postgres import Connection
from gewu.v1 import case_pb2, signal_pb2
from gewu_dispatch import wire
from gewu_dispatch.domain import sensing
from gewu_dispatch.domain.case import Case, Signal, Source
from gewu_dispatch.domain.sensing import Because, Reading, Sensed
from gewu_dispatch.domain.triage import Batch
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.store import cases, history, sensors


class Readings:
    """The sensors of one city."""

    def __init__(self, city: City, events: wire.Events, clock: Clock, metrics: Metrics) -> None:
        self._city, self._events, self._clock, self._metrics = city, events, clock, metrics

    async def sense(self, transaction: Connection, readings: Sequence[Reading]) -> Sensed:
        """Judge them; their sensors are locked until the transaction ends."""
        before = await sensors.lock(transaction, [r.sensor_id for r in readings])
        sensed = sensing.sense(before, self._city.sensors, readings)
        for because, count in Counter(because for _, because in sensed.judged).items():
            self._metrics.readings[because].inc(count)
        return sensed

    def crossing(self, reading: Reading) -> Signal:
        """A reading that is a crossing, as triage takes it: what it means, its lane and its place are the package's."""
        sensor = self._city.sensors[reading.sensor_id]
        lane = Lane.named(self._city.categories[sensor.category_key].lane)
        return Signal(
            reading.signal_id, Source.READING, lane, reading.source, reading.client_id, reading.observed_at, reading.received_at,
            sensor.lon, sensor.lat, None, "", reading.home_area, reading.package_version, False, reading.content,
            sensor.category_key, f"{sensor.label_zh} {sensor.label_en}: {reading.value:g} {reading.unit}", sensor.object_id, None,
        )  # fmt: skip

    async def settle(self, transaction: Connection, sensed: Sensed, batch: Batch, incarnation: int) -> None:
        """Write the sensors' rows, the ends of crossings, and what is to be said of both; after all else of the batch."""
        home = {d.located.signal.signal_id: d.case.case_id for d in batch.decisions}
        by_sensor = {r.sensor_id: case_id for r in sensed.raised if (case_id := home.get(r.signal_id))}
        ended = {
            case_id: reading.signal_id
            for reading, raised in sensed.cleared
            if (case_id := home.get(raised.signal_id) if raised else sensed.held.get(reading.sensor_id))
        }
        states = [
            replace(s, case_id=by_sensor.get(id_, s.case_id) if s.said else None) for id_, s in sensed.states.items()
        ]
        for state in states:
            if state.said and state.case_id:
                ended.pop(state.case_id, None)  # crossed again within this batch
        await sensors.save(transaction, states)
        said = await self._end(transaction, ended, incarnation)
        await outbox.write(transaction, [*said, *self._faults(sensed.flapping)])

    async def _end(self, transaction: Connection, ended: dict[str, str], incarnation: int) -> list[outbox.Event]:
        """One new version of each of these cases that is still open; `ended`: by the case, the reading that says so."""
        if not ended:
            return []
        found = [c for c in (await cases.by_id(transaction, list(ended))).values() if c.is_open]
        now = micros(self._clock.now())
        for case in found:
            case.version, case.incarnation, case.changed_at = case.version + 1, incarnation, now
        await cases.update(transaction, found)
        change = case_pb2.CASE_CHANGE_CLEARED
        await history.write(transaction, [history.Entry(c, change, Because.CLEARED) for c in found])
        return [self._said(case, ended[case.case_id]) for case in found]

    def _said(self, case: Case, signal_id: str) -> outbox.Event:
        return self._events.changed(wire.Told(case), case_pb2.CASE_CHANGE_CLEARED, signal_ids=[signal_id])

    def _faults(self, flapping: Iterable[tuple[str, int]]) -> list[outbox.Event]:
        now = micros(self._clock.now())
        trouble = signal_pb2.DEVICE_TROUBLE_FLAPPING
        return [self._events.fault(self._city, f"sensor:{id_}", trouble, since, now) for id_, since in flapping]
