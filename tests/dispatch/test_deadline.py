"""Deadlines: five units of time, of which two count only while the offices are open."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu.city import Calendar, Limit, load
from gewu.clock import from_micros, micros
from gewu_dispatch.domain import deadline
from tests.support.building import SHANGHAI

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = ((time(8), time(12)), (time(14), time(18)))


@cache
def of(zone: ZoneInfo) -> Calendar:
    """Usual hours there, and no holiday."""
    return Calendar(zone)


def due(limit: Limit, start: datetime, zone: ZoneInfo) -> datetime:
    """The deadline of a start, both as instants."""
    return from_micros(deadline.due(limit, micros(start), of(zone)))


def counted(amount: int, unit: str, start: datetime, zone: ZoneInfo) -> datetime:
    """The same, with nothing remembered."""
    return from_micros(deadline._counted(amount, unit, micros(start), of(zone)))


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """An instant by its local words, in UTC as dispatch has it."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def by(amount: int, unit: str, start: str, zone: ZoneInfo = SHANGHAI) -> str:
    """The deadline, in the words of the city's own clock."""
    found = due(Limit(amount, unit), at(start, zone), zone)
    return found.astimezone(zone).strftime("%a %m-%d %H:%M")


# 2026-03-04 is a Wednesday.
@pytest.mark.parametrize(
    ("amount", "unit", "start", "expected"),
    [
        (2, "uh", "2026-03-04 10:00", "Wed 03-04 12:00"),
        (2, "uh", "2026-03-07 23:30", "Sun 03-08 01:30"),  # clock hours: nights and weekends count
        (3, "ud", "2026-03-06 17:45", "Mon 03-09 17:45"),
        (3, "nd", "2026-03-06 17:45", "Mon 03-09 17:45"),
        (2, "wh", "2026-03-04 09:00", "Wed 03-04 11:00"),
        (4, "wh", "2026-03-04 10:00", "Wed 03-04 16:00"),  # over lunch
        (4, "wh", "2026-03-04 08:00", "Wed 03-04 12:00"),  # used up when the door closes, not when it opens again
        (8, "wh", "2026-03-04 08:00", "Wed 03-04 18:00"),
        (4, "wh", "2026-03-04 16:00", "Thu 03-05 10:00"),
        (4, "wh", "2026-03-06 16:00", "Mon 03-09 10:00"),  # over the weekend
        (1, "wh", "2026-03-07 11:00", "Mon 03-09 09:00"),  # said on a Saturday
        (1, "wh", "2026-03-04 06:00", "Wed 03-04 09:00"),  # before the offices open
        (1, "wh", "2026-03-04 12:00", "Wed 03-04 15:00"),  # at lunch
        (1, "wh", "2026-03-04 13:59", "Wed 03-04 15:00"),
        (1, "wh", "2026-03-04 18:00", "Thu 03-05 09:00"),  # at closing time
        (1, "wh", "2026-03-04 23:59", "Thu 03-05 09:00"),
        (1, "wd", "2026-03-04 10:00", "Thu 03-05 10:00"),
        (1, "wd", "2026-03-06 10:00", "Mon 03-09 10:00"),
        (1, "wd", "2026-03-07 10:00", "Mon 03-09 18:00"),
        (5, "wd", "2026-03-04 10:00", "Wed 03-11 10:00"),
        (15, "wd", "2026-03-04 15:30", "Wed 03-25 15:30"),
    ],
)
def test_each_unit_counts_as_the_city_rules_say(amount: int, unit: str, start: str, expected: str) -> None:
    assert by(amount, unit, start) == expected


def test_working_hours_are_those_of_the_citys_own_time_zone() -> None:
    start = datetime(2026, 3, 4, 1, 0, tzinfo=UTC)  # nine in Shanghai, two at night in Berlin
    assert due(Limit(2, "wh"), start, SHANGHAI) == datetime(2026, 3, 4, 3, 0, tzinfo=UTC)
    assert due(Limit(2, "wh"), start, BERLIN) == datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


def test_the_weekend_is_the_citys_own_and_not_utcs() -> None:
    # Friday evening in UTC is Saturday morning in Shanghai.
    assert due(Limit(1, "wh"), datetime(2026, 3, 6, 23, 0, tzinfo=UTC), SHANGHAI) == at("2026-03-09 09:00")


def test_a_calendar_day_keeps_the_local_time_where_the_clocks_change_and_a_clock_day_has_24_hours() -> None:
    assert by(1, "nd", "2026-03-28 12:00", BERLIN) == "Sun 03-29 12:00"
    assert by(1, "ud", "2026-03-28 12:00", BERLIN) == "Sun 03-29 13:00"
    assert by(1, "wd", "2026-03-27 15:00", BERLIN) == "Mon 03-30 15:00"


@pytest.mark.parametrize("unit", ["uh", "ud", "wh", "wd", "nd"])
def test_the_largest_limit_that_a_package_may_hold_has_a_deadline(unit: str) -> None:
    start = at("2026-03-04 10:00")
    assert due(Limit(10_000, unit), start, SHANGHAI) > start


# In 2026 the offices were closed from the 1st to the 7th of October; the 20th of September, a Sunday, and the 10th of October, a
# Saturday, were worked on instead.
@pytest.mark.parametrize(
    ("amount", "unit", "start", "expected"),
    [
        (1, "wd", "2026-09-30 15:00", "Thu 10-08 15:00"),  # over the National Day
        (3, "wd", "2026-09-30 15:00", "Sat 10-10 15:00"),  # of which the third is a Saturday that is worked on
        (4, "wd", "2026-09-30 15:00", "Mon 10-12 15:00"),
        (4, "wh", "2026-09-30 16:00", "Thu 10-08 10:00"),
        (4, "wh", "2026-10-03 11:00", "Thu 10-08 12:00"),  # said on a holiday
        (2, "wh", "2026-09-20 09:00", "Sun 09-20 11:00"),  # said on a Sunday that is worked on
        (2, "wh", "2026-09-18 17:00", "Sun 09-20 09:00"),
        (2, "uh", "2026-10-01 23:00", "Fri 10-02 01:00"),  # clock hours know no holiday
        (3, "ud", "2026-09-30 15:00", "Sat 10-03 15:00"),
        (3, "nd", "2026-09-30 15:00", "Sat 10-03 15:00"),
        (5, "wd", "2026-02-13 10:00", "Fri 02-27 10:00"),  # over the Spring Festival, with the Saturday before it
    ],
)
def test_holidays_are_out_and_make_up_workdays_are_in(
    demo: Path, amount: int, unit: str, start: str, expected: str
) -> None:
    calendar = load(demo).calendar
    found = from_micros(deadline.due(Limit(amount, unit), micros(at(start)), calendar))
    assert found.astimezone(calendar.timezone).strftime("%a %m-%d %H:%M") == expected


def test_a_working_day_is_as_long_as_the_offices_are_open() -> None:
    short = Calendar(SHANGHAI, ((9 * 60, 12 * 60), (13 * 60 + 30, 16 * 60 + 30)))

    def after(amount: int, unit: str, start: str) -> str:
        found = deadline.due(Limit(amount, unit), micros(at(start)), short)
        return from_micros(found).astimezone(SHANGHAI).strftime("%a %H:%M")

    assert after(1, "wd", "2026-03-04 14:00") == "Thu 14:00"
    assert after(2, "wd", "2026-03-05 16:30") == "Mon 16:30"
    assert after(6, "wh", "2026-03-04 14:00") == "Thu 14:00"
    assert after(1, "wh", "2026-03-04 12:00") == "Wed 14:30"


_NAMED = st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 3, 31)), st.booleans(), max_size=60)
_SPANS = st.sampled_from([((480, 720), (840, 1080)), ((0, 1440),), ((525, 540), (600, 615), (1425, 1440))])


@settings(max_examples=400, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC)), st.integers(1, 60), _NAMED, _SPANS
)
def test_whatever_days_are_named_the_time_that_was_open_is_that_of_the_limit(
    start: datetime, amount: int, named: dict[date, bool], hours: tuple[tuple[int, int], ...]
) -> None:
    calendar = Calendar(SHANGHAI, hours, named)
    for unit, worth in (("wh", timedelta(hours=amount)), ("wd", amount * calendar.day)):
        found = from_micros(deadline.due(Limit(amount, unit), micros(start), calendar))
        local = found.astimezone(SHANGHAI)
        assert _open(start.astimezone(SHANGHAI), local, calendar) == worth
        # And not a moment later: it ends while the offices are open, or when they close.
        assert _open(local - timedelta.resolution, local, calendar) == timedelta.resolution


_STARTS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
_ZONES = st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/New_York"), UTC])


@settings(max_examples=400, deadline=None)
@given(_STARTS, st.integers(1, 400), st.sampled_from(["wh", "wd"]), st.sampled_from([SHANGHAI, BERLIN]))
def test_working_time_ends_in_working_hours(start: datetime, amount: int, unit: str, zone: ZoneInfo) -> None:
    found = due(Limit(amount, unit), start, zone).astimezone(zone)
    assert found > start and found.weekday() < 5
    assert any(opens < found.time() <= closes for opens, closes in HOURS), found


@settings(max_examples=400, deadline=None)
@given(
    _STARTS, st.integers(1, 400), st.sampled_from(["uh", "ud", "wh", "wd", "nd"]), st.sampled_from([SHANGHAI, BERLIN])
)
def test_more_time_is_never_less(start: datetime, amount: int, unit: str, zone: ZoneInfo) -> None:
    assert due(Limit(amount, unit), start, zone) < due(Limit(amount + 1, unit), start, zone)


@settings(max_examples=400, deadline=None)
@given(_STARTS, st.timedeltas(timedelta(0), timedelta(days=20)), st.integers(1, 100), st.sampled_from(["wh", "wd"]))
def test_who_is_told_later_is_never_due_earlier(start: datetime, later: timedelta, amount: int, unit: str) -> None:
    assert due(Limit(amount, unit), start, SHANGHAI) <= due(Limit(amount, unit), start + later, SHANGHAI)


@settings(max_examples=200, deadline=None)
@given(_STARTS, st.integers(1, 300))
def test_the_minutes_that_were_open_until_the_deadline_are_those_of_the_limit(start: datetime, hours: int) -> None:
    found = due(Limit(hours, "wh"), start, SHANGHAI)
    assert _open(start.astimezone(SHANGHAI), found.astimezone(SHANGHAI)) == timedelta(hours=hours)


def _open(start: datetime, end: datetime, calendar: Calendar | None = None) -> timedelta:
    """How long the offices were open in between, counted day by day."""
    calendar = calendar or of(SHANGHAI)
    total, day = timedelta(0), start.date()
    while day <= end.date():
        midnight = datetime.combine(day, time(), start.tzinfo)
        for opens, closes in calendar.spans if calendar.works(day) else ():
            total += max(min(end, midnight + closes) - max(start, midnight + opens), timedelta(0))
        day += timedelta(days=1)
    return total


# Three quarters of an hour off, and half an hour of summer time.
_ODD = (ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe"))
_QUARTER_HOURS = st.integers(0, 4 * 24 * 366 * 60).map(
    lambda n: datetime(2000, 1, 1, tzinfo=UTC) + n * timedelta(minutes=15)
)
_BESIDE = st.sampled_from([-1, 0, 1]).map(timedelta.resolution.__mul__) | st.timedeltas(
    timedelta(0), timedelta(minutes=15)
)


def sum_of(said: tuple[datetime, timedelta]) -> datetime:
    """The instant beside a quarter of an hour."""
    return said[0] + said[1]


@settings(max_examples=1000, deadline=None)
@given(
    st.tuples(_QUARTER_HOURS, _BESIDE).map(sum_of), st.integers(1, 60),
    st.sampled_from(["wh", "wd", "nd"]), st.sampled_from([SHANGHAI, BERLIN, *_ODD]),
)  # fmt: skip
def test_what_is_remembered_of_a_quarter_of_an_hour_is_what_is_counted(
    start: datetime, amount: int, unit: str, zone: ZoneInfo
) -> None:
    assert due(Limit(amount, unit), start, zone) == counted(amount, unit, start, zone)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04"])
@pytest.mark.parametrize("zone", [BERLIN, *_ODD])
@pytest.mark.parametrize("unit", ["wh", "wd", "nd"])
def test_so_it_is_on_the_days_when_clocks_are_changed(day: str, zone: ZoneInfo, unit: str) -> None:
    noon = datetime.fromisoformat(f"{day} 12:00").replace(tzinfo=UTC)
    for quarter in range(-200, 100):
        for beside in (timedelta(0), timedelta.resolution, timedelta(minutes=7)):
            start = noon + quarter * timedelta(minutes=15) + beside
            assert due(Limit(1, unit), start, zone) == counted(1, unit, start, zone), start
