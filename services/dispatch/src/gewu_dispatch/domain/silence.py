"""Silence: until when it is known which sensors said nothing, and what is said of one that is silent.

A sensor is silent only while others are heard: where the broker, the bridge or dispatch itself was away all of them are, and a
case for each would help nobody. After a gap it takes a while until what waited in between has been read. Whose case was handled
while it stays silent is said again, a while after.
"""

from enum import StrEnum

from msgspec import Struct

from gewu.city.model import SAID_AGAIN_S
from gewu.clock import SECOND

GAP_US = 30 * SECOND  # between two readings of any sensors: longer, and something of ours may have been away
GRACE_US = 60 * SECOND  # for what waited meanwhile
AGAIN_US = SAID_AGAIN_S * SECOND  # after its case was handled
LOOK_S = 60  # from one look to the next at whoever is silent and was said to be

LOOK_US = LOOK_S * SECOND


class Because(StrEnum):
    """Closed list of what a look at a sensor comes to."""

    NEVER = "never"  # this package does not have it, or it may be silent for ever
    HEARD = "heard"
    SILENT = "silent"  # which is said
    SAID = "said"  # before, and its case is open, or on its way
    RESTS = "rests"  # its case was handled only now
    STILL_SILENT = "still_silent"  # a while after its case was handled, which is said


class Due(Struct, frozen=True):
    """A sensor that is looked at, when its last reading was received, and the signal by which it was said to be silent since."""

    sensor_id: str
    received_at: int
    said: str | None = None


class Told(Struct, frozen=True):
    """The case of a device's fault, and when it was handled; None: it is open."""

    case_id: str
    handled_at: int | None


class Look(Struct, frozen=True):
    """What a look comes to, and when the next one is; None: after the next reading. after: the case that was handled before."""

    because: Because
    next_at: int | None
    after: Told | None = None


def look(due: Due, silent_after_s: int, told: Told | None, until: int) -> Look:
    """Judge one sensor by what is known up to `until`. silent_after_s: 0 for one that may be silent; told: what became of the
    fault that was said of this silence, None while dispatch has not read it."""
    if not silent_after_s:
        return Look(Because.NEVER, None)
    if (at := due.received_at + silent_after_s * SECOND) > until:
        return Look(Because.HEARD, at)
    if due.said is None:
        return Look(Because.SILENT, until + LOOK_US)
    if told is None or told.handled_at is None:
        return Look(Because.SAID, until + LOOK_US)
    if until < told.handled_at + AGAIN_US:
        return Look(Because.RESTS, told.handled_at + AGAIN_US)
    return Look(Because.STILL_SILENT, until + LOOK_US, told)


class Road:
    """What one process has heard of its sensors. quiet_us: so long without any reading, and nobody is judged."""

    def __init__(self, quiet_us: int, grace_us: int = GRACE_US) -> None:
        self._quiet, self._grace = max(quiet_us, GAP_US), grace_us
        self._heard: int | None = None  # the last receipt of any reading
        self._moved_at = self._open_since = 0  # by our clock

    def known_until(self, heard: int | None, now: int) -> int | None:
        """Until when who was not heard was silent; None while that cannot be told. heard: the last receipt of all readings."""
        if heard is None:
            return None
        if self._heard is None or heard > self._heard:
            if self._heard is None or heard - self._heard > GAP_US:
                self._open_since = now
            self._heard, self._moved_at = heard, now
        if now - self._moved_at > self._quiet or now - self._open_since < self._grace:
            return None
        return min(heard, now)
