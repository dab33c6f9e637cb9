"""Deadlines (处置时限): when a case is due, from its class's limit, in the five units of time."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache

from gewu.city import Calendar, Limit
from gewu.clock import HOUR, from_micros, micros

_NIGHT_AND_DAY = timedelta(days=1)
# Offices open and close, and clocks are changed, on a quarter of an hour of UTC: between two of them a deadline runs with
# its start, or stands. Where a zone once did it at another minute, the deadline jumps in that quarter, and is counted each time.
_QUARTER = HOUR // 4


def due(limit: Limit, start: int, calendar: Calendar) -> int:
    """When `limit` counted from `start` is used up; both in microseconds since 1970.

    uh, ud: clock hours (紧急工作时) and days, nights and holidays included; nd: calendar days, so the same local time on that
    day; wh, wd: working hours (工作时) and days (工作日) of the calendar, one of which is as long as its offices are open.
    """
    if limit.unit == "uh":
        return start + limit.amount * HOUR
    if limit.unit == "ud":
        return start + limit.amount * 24 * HOUR
    begun, past = divmod(start, _QUARTER)
    if past:
        at_end, runs = _of_quarter(limit.amount, limit.unit, begun, calendar)
        if runs is not None:
            return at_end - (_QUARTER - past) if runs else at_end
    return _counted(limit.amount, limit.unit, start, calendar)


def counted(unit: str, start: int, end: int, calendar: Calendar) -> int:
    """How much time that counts in this unit lies between two instants, in microseconds; none where the end is the earlier."""
    if unit not in ("wh", "wd"):
        return max(end - start, 0)
    first, last = (from_micros(at).astimezone(calendar.timezone) for at in (start, end))
    total, day = timedelta(), first.date()
    while day <= last.date():
        if calendar.works(day):
            midnight = datetime.combine(day, time(), calendar.timezone)
            for opens, closes in calendar.spans:
                total += max(min(last, midnight + closes) - max(first, midnight + opens), timedelta())
        day += _NIGHT_AND_DAY
    return total // timedelta.resolution


@lru_cache(1 << 12)
def _of_quarter(amount: int, unit: str, begun: int, calendar: Calendar) -> tuple[int, bool | None]:
    """For a start in that quarter of an hour since 1970: when it is due at its end, and whether it runs; None: it jumps.

    A start at the quarter's very beginning belongs to the one before: at 10:00 a wait of two working hours is over at 12:00, a
    moment later it is over after 14:00.
    """
    first, last = begun * _QUARTER + 1, (begun + 1) * _QUARTER
    at_first, at_last = _counted(amount, unit, first, calendar), _counted(amount, unit, last, calendar)
    return at_last, {last - first: True, 0: False}.get(at_last - at_first)


def _counted(amount: int, unit: str, start: int, calendar: Calendar) -> int:
    local = from_micros(start).astimezone(calendar.timezone)
    if unit == "nd":
        return micros(local + timedelta(days=amount))
    left = timedelta(hours=amount) if unit == "wh" else amount * calendar.day
    return micros(_worked(local, left, calendar))


def _worked(local: datetime, left: timedelta, calendar: Calendar) -> datetime:
    whole, spans, day = calendar.day, calendar.spans, local.date()
    if calendar.works(day):
        # Sums and differences of times of one zone ignore a clock change: hours that span one are as long as on other days.
        begun = datetime.combine(day, time(), calendar.timezone)
        for opens, closes in spans:
            begin, end = max(local, begun + opens), begun + closes
            if begin < end:
                if left <= end - begin:
                    return begin + left
                left -= end - begin
    day = _next(day, calendar)
    while left > whole:
        day, left = _next(day, calendar), left - whole
    begun = datetime.combine(day, time(), calendar.timezone)
    for opens, closes in spans:
        if left <= closes - opens:
            return begun + opens + left
        left -= closes - opens
    raise AssertionError("a day's hours are as long as the day")


def _next(day: date, calendar: Calendar) -> date:
    day += _NIGHT_AND_DAY
    while not calendar.works(day):
        day += _NIGHT_AND_DAY
    return day
