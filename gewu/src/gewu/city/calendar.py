"""A city's working calendar (工作日历): when its offices are open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
USUAL_HOURS = ((8 * 60, 12 * 60), (14 * 60, 18 * 60))
QUARTER_MIN = 15  # offices open and close on a quarter of an hour, on which the remembering of deadlines rests


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Working days are Monday to Friday, but for the days that are named; hours are those of the city's own clock.

    hours: from and to in minutes since midnight, in order and apart from each other; named: whether that day is worked on, a
    make-up workday (调休) or a holiday (节假日). Compared by identity: deadlines are remembered by it.
    """

    timezone: ZoneInfo
    hours: tuple[tuple[int, int], ...] = USUAL_HOURS
    named: Mapping[date, bool] = field(default_factory=dict)

    def works(self, day: date) -> bool:
        """Say whether the offices open on that day."""
        named = self.named.get(day)
        return day.weekday() < 5 if named is None else named

    @property
    def spans(self) -> tuple[tuple[timedelta, timedelta], ...]:
        """Give the open hours of a working day, since midnight."""
        return tuple((opens * MINUTE, closes * MINUTE) for opens, closes in self.hours)

    @property
    def day(self) -> timedelta:
        """Give how long a working day is."""
        return sum((closes - opens for opens, closes in self.spans), timedelta())
