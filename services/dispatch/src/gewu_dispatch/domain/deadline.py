"""Deadlines (处置时限): when a case is due, from its class's limit, in the five units of time."""

from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gewu.city import Limit
from gewu.clock import HOUR, from_micros, micros

# Working hours (工作时) of the older city rules, local time since midnight; eight a day.
_HOURS = tuple((timedelta(hours=opens), timedelta(hours=closes)) for opens, closes in ((8, 12), (14, 18)))
_NIGHT_AND_DAY = timedelta(days=1)
_A_DAY = timedelta(hours=8)
_A_WEEK = 5 * _A_DAY
# Working hours begin and end, and clocks are changed, on a quarter of an hour of UTC: between two of them a deadline runs with
# its start, or stands. Where a zone once did it at another minute, the deadline jumps in that quarter, and is counted each time.
_QUARTER = HOUR // 4


def due(limit: Limit, start: int, zone: ZoneInfo) -> int:
    """When `limit` counted from `start` is used up; both in microseconds since 1970.

    uh, ud: clock hours and days, nights included; nd: calendar days, so the same local time on that day; wh, wd: working
    hours and days of eight of them, Monday to Friday.
    """
    if limit.unit == "uh":
        return start + limit.amount * HOUR
    if limit.unit == "ud":
        return start + limit.amount * 24 * HOUR
    begun, past = divmod(start, _QUARTER)
    if past:
        at_end, runs = _of_quarter(limit.amount, limit.unit, begun, zone)
        if runs is not None:
            return at_end - (_QUARTER - past) if runs else at_end
    return _counted(limit.amount, limit.unit, start, zone)


@lru_cache(1 << 12)
def _of_quarter(amount: int, unit: str, begun: int, zone: ZoneInfo) -> tuple[int, bool | None]:
    """For a start in that quarter of an hour since 1970: when it is due at its end, and whether it runs; None: it jumps.

    A start at the quarter's very beginning belongs to the one before: at 10:00 a wait of two working hours is over at 12:00, a
    moment later it is over after 14:00.
    """
    first, last = begun * _QUARTER + 1, (begun + 1) * _QUARTER
    at_first, at_last = _counted(amount, unit, first, zone), _counted(amount, unit, last, zone)
    return at_last, {last - first: True, 0: False}.get(at_last - at_first)


def _counted(amount: int, unit: str, start: int, zone: ZoneInfo) -> int:
    local = from_micros(start).astimezone(zone)
    if unit == "nd":
        return micros(local + timedelta(days=amount))
    left = timedelta(hours=amount) if unit == "wh" else amount * _A_DAY
    return micros(_worked(local, left, zone))


def _worked(local: datetime, left: timedelta, zone: ZoneInfo) -> datetime:
    # Seven days from any instant on hold one whole working week, so that only the last one is walked through.
    weeks = (left - timedelta.resolution) // _A_WEEK
    local, left = local + timedelta(weeks=weeks), left - weeks * _A_WEEK
    day = datetime.combine(local, time(), zone)
    while True:
        if day.weekday() < 5:
            for opens, closes in _HOURS:
                # Sums and differences of times of one zone ignore a clock change; working hours do not span one.
                begin, end = max(local, day + opens), day + closes
                if begin < end:
                    if left <= end - begin:
                        return begin + left
                    left -= end - begin
        day += _NIGHT_AND_DAY
