"""Silence: until when it is known which sensors said nothing.

A sensor is silent only while others are heard: where the broker, the bridge or dispatch itself was away all of them are, and a
case for each would help nobody. After a gap it takes a while until what waited in between has been read.
"""

from gewu.clock import SECOND

GAP_US = 30 * SECOND  # between two readings of any sensors: longer, and something of ours may have been away
GRACE_US = 60 * SECOND  # for what waited meanwhile


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
