"""Who is on duty: duties by grid and day, deputies, and what is wrong with a roster, by line."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gewu.city import load
from gewu.city.roster import Absence, Duty, Person, Roster
from tests.city.packages import faults, write

DAY, PATH = date(2026, 11, 24), ("top", "street", "cell")
PEOPLE = "id,label_zh,label_en,department,deputy\nann,甲,Ann,water,bob\nbob,乙,Bob,desk,\n"
DUTIES = "grid,role,person,valid_from,valid_to\nsouth,worker,ann,2026-01-01,\ntop,worker,bob,,\n"
ABSENCES = "person,first,last\nann,2026-11-23,2026-11-25\n"


def person(id_: str, deputy: str = "") -> Person:
    """Somebody of the water company."""
    return Person(id_, id_, id_, "water", deputy)


def duty(grid: str, who: str, first: date | None = None, last: date | None = None) -> Duty:
    """A worker's duty there."""
    return Duty(grid, "worker", who, first, last)


def there(people: list[Person], duties: list[Duty], *away: str, **more: Any) -> list[tuple[str, str, str]]:
    """Who is there in the cell on that day, for which grid, and instead of whom."""
    absences = [Absence(who, DAY, DAY) for who in away]
    roster = Roster({p.id: p for p in people}, duties, absences)
    found = roster.on_duty(PATH, more.get("role", "worker"), more.get("day", DAY))
    return [(x.person.id, x.grid, x.instead_of.id if x.instead_of else "") for x in found]


def test_the_nearest_grid_in_which_somebody_is_there_counts() -> None:
    people = [person("a"), person("b"), person("c")]
    duties = [duty("top", "c"), duty("street", "b"), duty("cell", "a")]
    assert there(people, duties) == [("a", "cell", "")]
    assert there(people, duties, "a") == [("b", "street", "")]
    assert there(people, duties, "a", "b") == [("c", "top", "")]
    assert there(people, duties, "a", "b", "c") == []
    assert there(people, duties, role="chief") == [] == there(people, [duty("elsewhere", "a")])


def test_a_deputy_stands_in_and_so_does_the_deputys_deputy() -> None:
    people = [person("a", "b"), person("b", "c"), person("c", "a"), person("d")]
    duties = [duty("cell", "a"), duty("street", "d")]
    assert there(people, duties) == [("a", "cell", "")]
    assert there(people, duties, "a") == [("b", "cell", "a")]
    assert there(people, duties, "a", "b") == [("c", "cell", "a")]
    assert there(people, duties, "a", "b", "c") == [("d", "street", "")], "round and round they go to nobody"


def test_who_has_two_duties_is_named_once_and_first_in_the_own_right() -> None:
    people, duties = [person("a", "b"), person("b")], [duty("cell", "b"), duty("cell", "a")]
    assert there(people, duties, "a") == there(people, duties[::-1], "a") == [("b", "cell", "")]


@pytest.mark.parametrize(
    ("first", "last", "stands"),
    [(None, None, True), (DAY, DAY, True), (date(2026, 11, 25), None, False), (None, date(2026, 11, 23), False)],
)
def test_a_duty_stands_on_its_days_both_included(first: date | None, last: date | None, stands: bool) -> None:
    assert bool(there([person("a")], [duty("cell", "a", first, last)])) == stands


def test_a_package_says_who_is_there(tmp_path: Path) -> None:
    city = load(write(tmp_path, people=PEOPLE, duties=DUTIES, absences=ABSENCES))
    path = city.grid("south").path
    assert [x.person.id for x in city.roster.on_duty(path, "worker", date(2026, 11, 22))] == ["ann"]
    (stands_in,) = city.roster.on_duty(path, "worker", date(2026, 11, 23))
    assert stands_in.person.id == "bob" and stands_in.instead_of and stands_in.instead_of.id == "ann"
    assert [x.person.id for x in city.roster.on_duty(path, "worker", date(2025, 12, 31))] == ["bob"]
    assert city.roster.roles == ["worker"]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("people", "ann,甲,Ann,water,bob", "ann,甲,Ann,watr,bob", "people.csv:2: department 'watr' is not in departments.csv"),
        ("people", "water,bob", "water,ann", "people.csv:2: 'ann' cannot be their own deputy"),
        ("people", "water,bob", "water,eve", "people.csv:2: deputy 'eve' is not in people.csv"),
        ("people", "bob,乙", "ann,乙", "people.csv:3: person 'ann' is already on line 2"),
        ("people", "ann,甲", "Ann,甲", "people.csv:2: person id 'Ann' must be 1 to 40 of a-z 0-9 -"),
        ("duties", "south,worker", "west,worker", "duties.csv:2: grid 'west' is not in grids.geojson"),
        ("duties", "worker,bob", "worker,eve", "duties.csv:3: person 'eve' is not in people.csv"),
        ("duties", "worker,ann", "Worker 1,ann", "duties.csv:2: role 'Worker 1' must be 1 to 40 of a-z 0-9 -"),
        ("duties", "2026-01-01,", "2026-01-02,2026-01-01", "duties.csv:2: valid_to 2026-01-01 is before valid_from"),
        ("absences", "ann,", "eve,", "absences.csv:2: person 'eve' is not in people.csv"),
        ("absences", ",2026-11-25", ",", "absences.csv:2: first and last must both be given"),
        ("absences", "2026-11-25", "2026-11-22", "absences.csv:2: last 2026-11-22 is before first 2026-11-23"),
    ],
)  # fmt: skip
def test_a_fault_in_a_roster_is_named_with_its_line(
    tmp_path: Path, file: str, old: str, new: str, expected: str
) -> None:
    right = {"people": PEOPLE, "duties": DUTIES, "absences": ABSENCES}
    assert old in right[file]
    found = faults(tmp_path, **{**right, file: right[file].replace(old, new, 1)})
    assert any(fault.startswith(expected) for fault in found), found


def test_who_is_away_makes_no_new_version_of_a_city(tmp_path: Path) -> None:
    before = load(write(tmp_path, people=PEOPLE, duties=DUTIES)).version
    assert load(write(tmp_path, people=PEOPLE, duties=DUTIES, absences=ABSENCES)).version == before
    assert load(write(tmp_path, calendar="day,kind,label_zh,label_en\n")).version != before
