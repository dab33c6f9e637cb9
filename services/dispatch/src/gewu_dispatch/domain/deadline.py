"""Deadlines (处置时限): when a case is due, from its class's limit, in the five units of time."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from gewu.city import Limit

# Working hours (工作时) of the older city rules, local time since midnight; eight a day.
_HOURS = tuple((timedelta(hours=opens), timedelta(hours=closes)) for opens, closes in ((8, 12), (14, 18)))
_NIGHT_AND_DAY = timedelta(days=1)
_A_DAY = timedelta(hours=8)
_A_WEEK = 5 * _A_DAY


def due(limit: Limit, start: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which `limit` counted from `start` is used up.

    uh, ud: clock hours and days, nights included; nd: calendar days, so the same local time on that day; wh, wd: working
    hours and days of eight of them, Monday to Friday.
    """
    if limit.unit == "uh":
        return start + timedelta(hours=limit.amount)
    if limit.unit == "ud":
        return start + timedelta(days=limit.amount)
    local = start.astimezone(zone)
    if limit.unit == "nd":
        return (local + timedelta(days=limit.amount)).astimezone(start.tzinfo)
    left = timedelta(hours=limit.amount) if limit.unit == "wh" else limit.amount * _A_DAY
    return _worked(local, left, zone).astimezone(start.tzinfo)


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
