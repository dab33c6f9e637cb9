"""Sensors' readings once more: what the log before the positions says, held against sensors' rows, crossings and books.

The rules are written from the pages on city packages and not from dispatch's code. A reading counts if its session and counter
lie above the last one's; a value at or beyond a limit for the dwell is a crossing, and another comes only after the clear; a
device that crossed so many times within its window says nothing until the window is empty enough. A value at or beyond the limit
that was received ten minutes after the crossing's case was handled is a crossing once more. The time of a reading is its
own unless that lies before the last one's or behind its receipt, which then has its place.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from gewu.audit.facts import Landed, Position
from gewu.audit.findings import Fault, Findings
from gewu.audit.ledger import Ledger
from gewu.city.model import SAID_AGAIN_S, Sensor
from gewu.v1.signal_pb2 import Signal

Number = tuple[int, int]  # session and counter


class Heard(NamedTuple):
    """One reading that counts, and whether it must be a crossing; None: this package cannot say."""

    name: str
    is_crossing: bool | None


class _Device:
    """One sensor as its readings tell it."""

    def __init__(self, sensor: Sensor | None) -> None:
        self.sensor, self.last = sensor, (-1, -1)
        self._at = 0  # microseconds since 1970
        self._side = self._told = ""  # "", "high" or "low": by the values, and as cases know it
        self._waits: tuple[str, int] = ("", 0)  # the side beyond which values are, and since when
        self._crossed: list[int] = []
        self.landed: Landed | None = None  # what its last crossing came to

    def crosses(self, signal: Signal) -> bool | None:
        """Take a reading that counts; whether it is a crossing."""
        sensor, own = self.sensor, signal.reading
        seen, got = _micros(signal.observed_at), _micros(signal.received_at)
        self._at = seen if self._at <= seen <= got else max(self._at, got)
        if sensor is None or (own.quantity, own.unit) != (sensor.quantity, sensor.unit):
            return None
        self._move(sensor, own.value)
        recent = [at for at in self._crossed if at > self._at - sensor.flap_window_s * 1_000_000]
        if sensor.flaps and len(recent) >= sensor.flaps:
            return False
        before, self._told = self._told, self._side
        return self._told not in ("", before) or (self._told == before != "" and self._stands(sensor, own.value, got))

    @property
    def is_beyond(self) -> bool:
        """Whether cases know it beyond its limit."""
        return bool(self._told)

    def _stands(self, sensor: Sensor, value: float, got: int) -> bool:
        """Whether this value says again what was handled long enough before."""
        handled_at = self.landed.handled_at if self.landed else None
        limit = sensor.high if self._told == "high" else sensor.low
        if handled_at is None or limit is None or got - handled_at < SAID_AGAIN_S * 1_000_000:
            return False
        return value >= limit.limit if self._told == "high" else value <= limit.limit

    def _move(self, sensor: Sensor, value: float) -> None:
        over = {
            "high": sensor.high is not None and value > sensor.high.clear,
            "low": sensor.low is not None and value < sensor.low.clear,
        }
        if self._side and over[self._side]:
            return
        beyond = "high" if sensor.high and value >= sensor.high.limit else ""
        beyond = beyond or ("low" if sensor.low and value <= sensor.low.limit else "")
        since = self._waits[1] if beyond == self._waits[0] else self._at
        self._side, self._waits = "", (beyond, since)
        if beyond and self._at - since >= sensor.dwell_s * 1_000_000:
            self._side, self._waits = beyond, ("", 0)
            self._crossed.append(self._at)


class Sensors:
    """Takes readings partition by partition, each in its order. sensors: of the package of that version; None without one.

    A reading of the ledger lands when it stands in the log before the position; one that is a signal as well, with that.
    """

    def __init__(
        self, sensors: Mapping[str, Sensor] | None = None, version: str = "", ledger: Ledger | None = None
    ) -> None:
        self._ledger = ledger
        self._sensors, self._version = sensors, version
        self._devices: dict[str, _Device] = {}
        self._others: set[str] = set()  # with readings of another version of the package
        self.readings = self.repeats = self.crossings = self.judged = 0

    def take(self, signal: Signal, landed: Landed | None = None) -> Heard | None:
        """One reading before the position; None for one that came before. landed: what became of it, where it is a signal."""
        own, known = signal.reading, self._sensors
        device = self._devices.get(own.sensor_id)
        if device is None:
            device = self._devices[own.sensor_id] = _Device(known.get(own.sensor_id) if known is not None else None)
        self.readings += 1
        entry = self._ledger.find(signal.source, signal.client_id) if self._ledger else None
        if entry and not entry.rows:
            entry.rows, entry.landed = 1, True
        if (own.session, own.counter) <= device.last:
            self.repeats += 1
            return None
        device.last = own.session, own.counter
        if known is None or signal.package_version != self._version:
            self._others.add(own.sensor_id)
        crosses = device.crosses(signal)
        device.landed = landed or device.landed
        return Heard(f"{signal.source} {signal.client_id}", None if own.sensor_id in self._others else crosses or False)

    def held_against(self, heard: Heard, has_row: bool, findings: Findings) -> None:
        """Note a crossing without a signal's row, and a row for what is none."""
        self.crossings += has_row
        if heard.is_crossing is None:
            return
        self.judged += 1
        if heard.is_crossing and not has_row:
            findings.note(Fault.UNBALANCED, f"{heard.name} is a crossing, and no case knows of it")
        elif has_row and not heard.is_crossing:
            findings.note(Fault.DOUBLED, f"{heard.name} is no crossing, and a case took it for one")

    def standing(self) -> list[tuple[str, Landed]]:
        """Sensors that are beyond their limits after all that was heard, with what their last crossings came to."""
        known = {id_: d for id_, d in self._devices.items() if id_ not in self._others}
        return [(id_, d.landed) for id_, d in known.items() if d.is_beyond and d.landed]

    def judge(
        self, rows: Mapping[str, Number], positions: Sequence[Position], cut: AbstractSet[str], findings: Findings
    ) -> None:
        """Note where rows of sensors and books differ from what was heard. cut: sensors whose log does not begin at its first
        record are none of ours to count."""
        for id_, device in self._devices.items():
            row = rows.get(id_)
            if row is None:
                findings.note(Fault.UNBALANCED, f"sensor {id_} was heard up to {_worded(device.last)} and has no row")
            elif row != device.last and not (cut and row > device.last):
                words = f"its row says {_worded(row)}, the log before the position ends at {_worded(device.last)}"
                findings.note(Fault.UNBALANCED, f"sensor {id_}: {words}")
        measured = self.readings - self.repeats - self.crossings
        booked = sum(p.outcomes.get("measured", 0) for p in positions)
        if booked != measured and not cut:
            findings.note(Fault.UNBALANCED, f"the books say {booked} measured, {measured} readings are no crossing")


def _micros(stamp: Timestamp) -> int:
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000


def _worded(number: Number) -> str:
    return f"{number[0]}:{number[1]}"
