"""What a reading means: nothing yet, a crossing (越限) or its end; and whether the device itself can be relied on.

One state a sensor, changed by its readings in the order of the log. A value at or beyond its limit for the dwell is a crossing;
it is over at the limit's clear, which lies on the harmless side, so that a value on the edge makes one crossing, not many.
A device that crosses too often is flapping: it says nothing until it has been calm for its window, then where it stands.
Whose case was handled while its values stay beyond the limit says so again: at the next one that was received a while after.

Dwell and window run by the readings' own time, unless a device's clock is broken: a time before the last reading's or after the
receipt is not believed, and the receipt counts in its place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gewu.city import Sensor
from gewu.city.model import SAID_AGAIN_S
from gewu.clock import SECOND

GRACE_US = SAID_AGAIN_S * SECOND  # after its case was handled, until what is still beyond the limit is said again


class Level(IntEnum):
    """On which side of its limits a sensor is."""

    NORMAL = 0
    HIGH = 1
    LOW = 2


class Because(StrEnum):
    """Closed list of what becomes of a reading."""

    MEASURED = "measured"
    DWELLING = "dwelling"  # beyond its limit, not for long enough yet
    RAISED = "raised"  # a crossing, or one side of the limits for the other
    RAISED_AGAIN = "raised_again"  # still beyond its limit, a while after its case was handled
    CLEARED = "cleared"
    FLAPPING = "flapping"
    DUPLICATE = "duplicate"  # its counter is not above the last one of its session, or the session is an older one
    UNKNOWN_SENSOR = "unknown_sensor"  # this package does not have it
    OTHER_UNIT = "other_unit"  # this package has it with another quantity or unit


class Reading(Struct, frozen=True, gc=False):
    """What a sensor measured; times in microseconds since 1970. session and counter grow, the counter within its session."""

    signal_id: str
    sensor_id: str
    session: int
    counter: int
    quantity: str
    unit: str
    value: float
    observed_at: int
    received_at: int
    source: str
    client_id: str
    content: bytes
    home_area: str
    package_version: str


class State(Struct, frozen=True):
    """What is kept of a sensor. at: the time of its last reading, by which dwell runs.

    level: by its readings; said: as cases have it, which lags behind while it flaps; beyond: the side on which values lie that
    are not a crossing yet, and since when; raises: when it crossed, within its window; case_id: the case that its crossing
    opened or joined; due_at: when it is looked at for silence, None: not before its next reading.
    """

    sensor_id: str
    session: int
    counter: int
    at: int
    received_at: int
    value: float
    level: Level = Level.NORMAL
    said: Level = Level.NORMAL
    beyond: Level = Level.NORMAL
    beyond_since: int | None = None
    raises: tuple[int, ...] = ()
    is_flapping: bool = False
    case_id: str | None = None
    due_at: int | None = None


@dataclass(slots=True)
class Sensed:
    """What a batch of readings does. raised: readings that are crossings, in order; cleared: a reading that ends one, with the
    reading of this batch that raised it, None where an earlier batch had; flapping: sensors that began to, with since when;
    after: by the signal of a crossing that is said again, the case before."""

    states: dict[str, State] = field(default_factory=dict)
    judged: list[tuple[Reading, Because]] = field(default_factory=list)
    raised: list[Reading] = field(default_factory=list)
    cleared: list[tuple[Reading, Reading | None]] = field(default_factory=list)
    flapping: list[tuple[str, int]] = field(default_factory=list)
    held: dict[str, str | None] = field(default_factory=dict)  # the case of each sensor's crossing before this batch
    after: dict[str, str] = field(default_factory=dict)

    @property
    def ends(self) -> set[str]:
        """Cases of earlier batches that may be over."""
        return {case for reading, by in self.cleared if by is None and (case := self.held.get(reading.sensor_id))}


def sense(
    before: Mapping[str, State], sensors: Mapping[str, Sensor], readings: Iterable[Reading],
    handled: Mapping[str, int] | None = None,
) -> Sensed:  # fmt: skip
    """Judge readings in the order of the log. `before`: the states of those of these sensors that were heard before; `handled`:
    which of their cases were, and when."""
    handled = handled or {}
    sensed, raised_by = Sensed(held={id_: s.case_id for id_, s in before.items()}), dict[str, Reading]()
    for reading in readings:
        id_ = reading.sensor_id
        last = sensed.states.get(id_) or before.get(id_)
        if last and (reading.session, reading.counter) <= (last.session, last.counter):
            sensed.judged.append((reading, Because.DUPLICATE))
            continue
        after, because = read(last, sensors.get(id_), reading)
        was = last.said if last else Level.NORMAL
        at = handled.get(after.case_id or "") if because is Because.MEASURED and id_ not in raised_by else None
        if at is not None and _stands(after, sensors[id_], reading, at):
            because, sensed.after[reading.signal_id] = Because.RAISED_AGAIN, after.case_id or ""
            sensed.raised.append(reading)
            raised_by[id_] = reading
        if after.said != was and was:
            sensed.cleared.append((reading, raised_by.pop(id_, None)))
        if after.said != was and after.said:
            sensed.raised.append(reading)
            raised_by[id_] = reading
        if after.is_flapping and not (last and last.is_flapping):
            sensed.flapping.append((id_, after.at))
        sensed.states[id_] = after
        sensed.judged.append((reading, because))
    return sensed


def read(last: State | None, sensor: Sensor | None, reading: Reading) -> tuple[State, Because]:
    """The state after one more reading, which is none that was read before."""
    at = _time(last, reading)
    after = State(reading.sensor_id, reading.session, reading.counter, at, reading.received_at, reading.value)
    if last:
        after = replace(
            last, session=reading.session, counter=reading.counter, at=at, received_at=reading.received_at, value=reading.value
        )  # fmt: skip
    if sensor is None:
        return after, Because.UNKNOWN_SENSOR
    if after.due_at is None and sensor.silent_after_s:
        after = replace(after, due_at=reading.received_at + sensor.silent_after_s * SECOND)
    if (reading.quantity, reading.unit) != (sensor.quantity, sensor.unit):
        return after, Because.OTHER_UNIT
    return _say(_flaps(_measure(after, sensor), sensor))


def _time(last: State | None, reading: Reading) -> int:
    earliest = last.at if last else 0
    if earliest <= reading.observed_at <= reading.received_at:
        return reading.observed_at
    return max(reading.received_at, earliest)


def _stands(after: State, sensor: Sensor, reading: Reading, handled_at: int) -> bool:
    """Whether the value is at or beyond the limit that its case is of, long enough after that was handled.

    By the receipts alone, so that it does not matter how long either waited in its topic: a case that was handled that long
    before a reading was received is handled for whoever takes the reading.
    """
    is_beyond = after.said is not Level.NORMAL and _side(sensor, reading.value) is after.said
    return is_beyond and reading.received_at >= handled_at + GRACE_US


def _side(sensor: Sensor, value: float) -> Level:
    if sensor.high and value >= sensor.high.limit:
        return Level.HIGH
    return Level.LOW if sensor.low and value <= sensor.low.limit else Level.NORMAL


def _measure(state: State, sensor: Sensor) -> State:
    """Its level after its value: out of a crossing at its clear, into one after the dwell."""
    level, value, high, low = state.level, state.value, sensor.high, sensor.low
    is_high = level is Level.HIGH and high is not None and value > high.clear
    is_low = level is Level.LOW and low is not None and value < low.clear
    if is_high or is_low:
        return state
    side = _side(sensor, value)
    if not side:
        return replace(state, level=Level.NORMAL, beyond=Level.NORMAL, beyond_since=None)
    since = state.beyond_since if side is state.beyond and state.beyond_since is not None else state.at
    if state.at - since < sensor.dwell_s * SECOND:
        return replace(state, level=Level.NORMAL, beyond=side, beyond_since=since)
    raises = (*state.raises, state.at) if sensor.flaps else ()
    return replace(state, level=side, beyond=Level.NORMAL, beyond_since=None, raises=raises)


def _flaps(state: State, sensor: Sensor) -> State:
    """Whether it crossed as often within its window as nothing real does; of more crossings than that none is kept."""
    begun = state.at - sensor.flap_window_s * SECOND
    raises = tuple(at for at in state.raises if at > begun)[-sensor.flaps :] if sensor.flaps else ()
    return replace(state, raises=raises, is_flapping=0 < sensor.flaps <= len(raises))


def _say(state: State) -> tuple[State, Because]:
    """What of its level cases shall know."""
    if state.is_flapping:
        return state, Because.FLAPPING
    if state.level is not state.said:
        return replace(state, said=state.level), Because.RAISED if state.level else Because.CLEARED
    return state, Because.DWELLING if state.beyond else Because.MEASURED
