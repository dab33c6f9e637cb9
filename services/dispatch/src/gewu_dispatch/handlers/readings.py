"""What happens with the readings of a batch: most only move their sensor's row; a crossing goes on as a signal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from gewu.city import City
from gewu.clock import Clock, micros
from gewu.lane import Lane
from gewu.runtime import outbox
from gewu.runtime.postgres import Connection
from gewu.v1 import assignment_pb2, case_pb2, signal_pb2
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
        # Asked of those only that are beyond their limits, and not locked: what is handled this moment is seen by the next.
        handled = await cases.handled(transaction, {s.case_id for s in before.values() if s.said and s.case_id})
        sensed = sensing.sense(before, self._city.sensors, readings, handled)
        for because, count in Counter(because for _, because in sensed.judged).items():
            self._metrics.readings[because].inc(count)
        return sensed

    def crossing(self, reading: Reading, after: str) -> Signal:
        """A reading that is a crossing, as triage takes it: what it means, its lane and its place are the package's.

        after: the case that was handled while the sensor stayed beyond its limit, "" for a new crossing.
        """
        sensor = self._city.sensors[reading.sensor_id]
        lane = Lane.named(self._city.categories[sensor.category_key].lane)
        text = f"{sensor.label_zh} {sensor.label_en}: {reading.value:g} {reading.unit}"
        return Signal(
            reading.signal_id, Source.READING, lane, reading.source, reading.client_id, reading.observed_at, reading.received_at,
            sensor.lon, sensor.lat, None, "", reading.home_area, reading.package_version, False, reading.content,
            sensor.category_key, f"{text}, after case {after} was handled" if after else text, sensor.object_id, None,
            after=after,
        )  # fmt: skip

    async def settle(
        self, transaction: Connection, sensed: Sensed, batch: Batch, ending: Mapping[str, Case], incarnation: int
    ) -> None:
        """Write the sensors' rows, the ends of crossings, and what is to be said of both; after all else of the batch.

        ending: the cases of `sensed.ends` that this batch does not join, which are locked as those are.
        """
        home = {d.located.signal.signal_id: d.case.case_id for d in batch.decisions}
        by_sensor = {r.sensor_id: case_id for r in sensed.raised if (case_id := home.get(r.signal_id))}
        over = {
            case_id: reading.signal_id
            for reading, raised in sensed.cleared
            if (case_id := home.get(raised.signal_id) if raised else sensed.held.get(reading.sensor_id))
        }
        states = [
            replace(s, case_id=by_sensor.get(id_, s.case_id) if s.said else None) for id_, s in sensed.states.items()
        ]
        await sensors.save(transaction, states)
        for case_id in await sensors.beyond(transaction, over.keys()):
            del over[case_id]  # by another of its sensors, or again within this batch
        at_hand = {**ending, **batch.joined, **batch.opened}
        said = await self._end(transaction, [c for i in over if (c := at_hand.get(i)) and c.is_open], over, incarnation)
        await outbox.write(transaction, [*said, *self._faults(sensed.flapping)])

    async def _end(
        self, transaction: Connection, found: Sequence[Case], over: Mapping[str, str], incarnation: int
    ) -> list[outbox.Event]:
        """One new version of each of these open cases; `over`: by the case, the reading that says so."""
        if not found:
            return []
        now = micros(self._clock.now())
        for case in found:
            case.version, case.incarnation, case.changed_at = case.version + 1, incarnation, now
        await cases.update(transaction, found)
        change = case_pb2.CASE_CHANGE_CLEARED
        await history.write(transaction, [history.Entry(c, change, Because.CLEARED) for c in found])
        return [event for case in found for event in self._said(case, over[case.case_id])]

    def _said(self, case: Case, signal_id: str) -> Iterable[outbox.Event]:
        """To everybody, and to the department that has the case: whoever is on the way there should know."""
        told, kind = wire.Told(case), assignment_pb2.ASSIGNMENT_KIND_CLEARED
        yield self._events.changed(told, case_pb2.CASE_CHANGE_CLEARED, signal_ids=[signal_id])
        yield self._events.assignment(told, kind, case.department, signal_id)

    def _faults(self, flapping: Iterable[tuple[str, int]]) -> list[outbox.Event]:
        now = micros(self._clock.now())
        trouble = signal_pb2.DEVICE_TROUBLE_FLAPPING
        return [self._events.fault(self._city, f"sensor:{id_}", trouble, since, now) for id_, since in flapping]
