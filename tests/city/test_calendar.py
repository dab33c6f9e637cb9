"""When a city's offices are open: named days and hours, and what is wrong with them, by line."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from gewu.city import load
from tests.city.packages import TOML, faults, write

HEAD = "day,kind,label_zh,label_en\n"


def calendar(*rows: str) -> str:
    """The file with these rows."""
    return HEAD + "".join(f"{row}\n" for row in rows)


def hours(said: str) -> str:
    """city.toml with these working hours."""
    return f"{TOML}\n[calendar]\nworking_hours = {said}\n"


def test_a_package_without_a_calendar_works_from_monday_to_friday_eight_hours(tmp_path: Path) -> None:
    found = load(write(tmp_path)).calendar
    week = [date(2026, 3, 2) + timedelta(days=n) for n in range(7)]
    assert [found.works(day) for day in week] == [True] * 5 + [False] * 2
    assert found.day == timedelta(hours=8) and found.hours == ((480, 720), (840, 1080))


def test_named_days_are_worked_on_or_not_as_they_say(tmp_path: Path) -> None:
    rows = ("2026-10-01,holiday,国庆节,National Day", "2026-10-10,workday,调休,made up")
    found = load(write(tmp_path, calendar=calendar(*rows))).calendar
    assert not found.works(date(2026, 10, 1)) and found.works(date(2026, 10, 10))
    assert found.works(date(2026, 10, 2)) and not found.works(date(2026, 10, 11))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("2026-02-30,holiday,a,b", "calendar.csv:3: day '2026-02-30' must be a date that exists"),
        (",holiday,a,b", "calendar.csv:3: day is empty"),
        ("2026-10-02,day off,a,b", "calendar.csv:3: kind 'day off' is none of holiday workday"),
        ("2026-10-08,workday,a,b", "calendar.csv:3: 2026-10-08 is a Thursday, which is a workday by itself"),
        ("2026-10-01,holiday,a,b", "calendar.csv:3: day '2026-10-01' is already on line 2"),
        ("2026-10-02,holiday,,b", "calendar.csv:3: label_zh is empty"),
    ],
)
def test_a_wrong_day_is_named_with_its_line(tmp_path: Path, row: str, expected: str) -> None:
    found = faults(tmp_path, calendar=calendar("2026-10-01,holiday,国庆节,National Day", row))
    assert any(fault.startswith(expected) for fault in found), found


def test_hours_are_those_that_the_city_says(tmp_path: Path) -> None:
    found = load(write(tmp_path, city=hours('["09:00-12:00", "13:30-24:00"]'))).calendar
    assert found.hours == ((540, 720), (810, 1440)) and found.day == timedelta(hours=13.5)


@pytest.mark.parametrize(
    "said",
    ['"09:00-17:00"', "[]", '["9-17"]', '["17:00-09:00"]', '["09:00-17:01"]', '["09:60-17:00"]', '["09:00-24:15"]',
     '["09:00-12:00", "11:00-17:00"]', '["13:00-17:00", "09:00-12:00"]', '["09:00-12:00", "12:00-17:00"]', "[9]"],
)  # fmt: skip
def test_hours_that_cannot_be_are_named(tmp_path: Path, said: str) -> None:
    (fault,) = faults(tmp_path, city=hours(said))
    assert fault.startswith("city.toml:16: working_hours") and ("must be a list" in fault or "must stand" in fault)
