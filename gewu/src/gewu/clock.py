"""Time comes in from outside, so that a decision about time can be tested without waiting.

Where every report has times they are whole microseconds since 1970: a datetime costs three times as much to make, to compare and
to send to PostgreSQL and back.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol

SECOND, HOUR = 1_000_000, 3_600_000_000  # in microseconds
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(at: int) -> datetime:
    """The time in UTC that lies so many microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=at)


class Clock(Protocol):
    """What tells the time: an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)
