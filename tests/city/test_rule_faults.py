"""Rules that point nowhere, match nothing or never get a turn are named with their line."""

from pathlib import Path

import pytest

from gewu.city import load

from .packages import ROUTING, TOML, collection, faults, grid, grids, square, write

HEAD = ROUTING.splitlines()[0]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("matter:06010,*,*,*,watr,", "department 'watr' is not in departments.csv"),
        ("matter:06010,*,*,watr,desk,", "owner 'watr' is not in departments.csv"),
        ("matter:06010,*,west,*,desk,", "grid 'west' is not in grids.geojson"),
        ("matter:07*,*,*,*,desk,", "category 'matter:07*' matches nothing in codebook.csv; write a key, 'kind:*'"),
        ("06010,*,*,*,desk,", "category '06010' matches nothing in codebook.csv"),
        ("matter:06010,market,*,*,desk,", "no place in places.geojson is of kind 'market'; its kinds are: school"),
        ("matter:06010,school,north,*,desk,", "nothing can match: no place of kind 'school' touches grid 'north'"),
        ("matter:06010,*,*,desk,desk,", "nothing can match: 'desk' owns nothing in objects.csv"),
        ("matter:0*10,*,*,*,desk,", "category 'matter:0*10': '*' may only stand alone or at the end"),
        ("matter:06010,*,so*,*,desk,", "grid 'so*': '*' may only stand alone"),
        ("matter:06010,,*,*,desk,", "kind_of_place is empty; write '*' for any"),
    ],
)
def test_a_rule_that_points_nowhere_is_named(tmp_path: Path, rule: str, expected: str) -> None:
    found = faults(tmp_path, routing=f"{HEAD}\nodd,{rule}\n")
    assert found and found[0].startswith(f"routing.csv:2: {expected}"), found


def test_a_rule_for_the_owner_needs_objects(tmp_path: Path) -> None:
    found = faults(tmp_path, objects=None, routing=f"{HEAD}\nown,component:*,*,*,*,@owner,\n")
    assert found == ["routing.csv:2: nothing can match: '@owner' needs an object, and objects.csv has none"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("matter:*,*,*,*,desk,", "matter:06010,*,*,*,water,"),
        ("*,*,*,*,desk,", "component:01*,school,south,water,water,"),
        ("matter:06*,*,top,*,desk,", "matter:06010,*,south,*,water,"),
        ("matter:06010,*,*,*,desk,", "matter:06*,*,*,*,water,"),
        ("component:*,*,*,*,@owner,", "component:01001,*,*,water,water,"),
        ("component:*,*,*,*,@owner,", "component:01001,school,*,*,@owner,"),
    ],
)
def test_a_rule_that_an_earlier_one_covers_is_named_with_both_lines(tmp_path: Path, first: str, second: str) -> None:
    found = faults(tmp_path, routing=f"{HEAD}\none,{first}\ntwo,{second}\n")
    reason = "is never reached: rule 'one' on line 2 takes all that it could take; move it up or remove it"
    assert found == [f"routing.csv:3: {reason}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("matter:06010,*,*,*,desk,", "matter:*,*,*,*,water,"),
        ("matter:06*,school,*,*,desk,", "matter:06*,*,*,*,water,"),
        ("matter:06*,*,south,*,desk,", "matter:06*,*,north,*,water,"),
        ("matter:06*,*,south,*,desk,", "matter:06*,*,top,*,water,"),
        ("matter:06*,*,top,*,desk,", "matter:06*,*,*,*,water,"),
        ("component:*,*,*,*,@owner,", "component:*,*,*,*,desk,"),
        ("component:*,*,*,water,desk,", "component:*,*,*,*,@owner,"),
    ],
)
def test_a_rule_that_still_gets_something_is_no_fault(tmp_path: Path, first: str, second: str) -> None:
    assert faults(tmp_path, routing=f"{HEAD}\none,{first}\ntwo,{second}\n") == []


def test_a_repeated_rule_id_is_named(tmp_path: Path) -> None:
    found = faults(tmp_path, routing=f"{HEAD}\none,matter:06010,*,*,*,desk,\none,component:*,*,*,*,desk,\n")
    assert found == ["routing.csv:3: rule 'one' is already on line 2"]


def test_without_a_fallback_each_category_needs_a_rule_that_holds_everywhere(tmp_path: Path) -> None:
    rules = f"{HEAD}\none,matter:06010,*,*,*,desk,\ntwo,component:*,*,*,*,@owner,\n"
    found = faults(tmp_path, city=TOML.replace('fallback = "desk"', ""), routing=rules)
    reason = "has no rule that holds everywhere, and city.toml names no fallback"
    assert found == [
        "city.toml:12: [routing] fallback is missing: it names who gets what no rule takes",
        f"codebook.csv:2: category 'component:01001' {reason}",
        f"codebook.csv:4: category 'matter:01001' {reason}",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"desk"', '"dsk"', "city.toml:13: fallback 'dsk' is not in departments.csv"),
        ('"desk"', '"water"', "city.toml:13: fallback 'water' has no owner in departments.csv; somebody must answer"),
        ("anonymous = true", 'anonymous = "yes"', "city.toml:10: [intake] anonymous is 'yes'; it must be true or fals"),
        ("anonymous = true", "", "city.toml:9: [intake] anonymous is None; it must be true or false"),
        ("anonymous", 'no_position_grid = "x"\nanonymous', "city.toml:10: no_position_grid 'x' is not in grids.geojso"),
        ("Asia/Shanghai", "Asia/Peking", "city.toml:3: timezone 'Asia/Peking' must be a name of the tz database, such"),
        ("Asia/Shanghai", "../etc", "city.toml:3: timezone '../etc' must be a name of the tz database, such as"),
        ('version = "7"', 'version = "7 b"', "city.toml:2: version '7 b' must be a text of 1 to 64 characters without"),
        ('version = "7"', "version = 7", "city.toml:2: version 7 must be a text of 1 to 64 characters without blanks"),
        ('id = "tiny"', 'id = "Tiny!"', "city.toml:1: id 'Tiny!' must be 1 to 40 of a-z 0-9 -"),
        ('zh = "小城"\n', "", "city.toml:5: name.zh is missing; it is a text"),
        ('zh = "小城"', 'zg = "小城"', "city.toml:6: key 'zg' is unknown here; the keys are en, zh"),
        (
            "[routing]",
            "[roting]",
            "city.toml:12: key 'roting' is unknown here; the keys are calendar, id, intake, lights, name, routing",
        ),
        ("[name]", "[name", "city.toml:5: is no TOML: "),
        ('[name]\nzh = "小城"\nen = "Tiny"', 'name = "Tiny"', "city.toml:5: name must be a table with en, zh"),
    ],
)
def test_a_fault_in_the_manifest_is_named_with_the_line_of_its_key(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in TOML
    found = faults(tmp_path, city=TOML.replace(old, new, 1))
    assert any(fault.startswith(expected) for fault in found), found


def test_a_rule_may_name_a_grid_of_any_level_that_a_place_touches(tmp_path: Path) -> None:
    more = [*grids(), grid("other", None, 1), grid("far", "other", 2, square(84.0, 39.0))]
    rules = f"{HEAD}\none,matter:06010,school,top,*,desk,\ntwo,matter:06010,school,other,*,desk,\n"
    found = faults(tmp_path, grids=collection(more), routing=rules)
    assert found == ["routing.csv:3: nothing can match: no place of kind 'school' touches grid 'other'"]


def test_a_grid_may_not_share_its_id_with_a_department(tmp_path: Path) -> None:
    more = [*grids(), grid("water", None, 1, square(84.0, 39.0))]
    found = faults(tmp_path, grids=collection(more))
    assert any("is a department's id as well" in fault and "(id 'water')" in fault for fault in found), found


def _answered(*departments: str | None) -> str:
    """The tree with these departments for top, south and north."""
    found = grids()
    for feature, department in zip(found, departments, strict=True):
        feature["properties"] |= {"department": department} if department else {}
    return collection(found)


def test_a_grid_is_answered_for_by_its_own_department_or_that_of_the_nearest_above(tmp_path: Path) -> None:
    city = load(write(tmp_path, grids=_answered("desk", None, "water")))
    assert [(grid.id, grid.department) for grid in city.grids] == [
        ("top", "desk"),
        ("south", "desk"),
        ("north", "water"),
    ]


def test_a_grids_department_must_be_one(tmp_path: Path) -> None:
    assert faults(tmp_path, grids=_answered(None, "watr", None)) == [
        "grids.geojson:features[1] (id 'south'): department 'watr' is not in departments.csv"
    ]


def test_a_rule_for_the_area_needs_a_grid_with_a_department(tmp_path: Path) -> None:
    rule = f"{HEAD}\nground,matter:*,*,*,*,@area,\n"
    assert faults(tmp_path, routing=rule) == [
        "routing.csv:2: nothing can match: '@area' needs a grid with a department, and grids.geojson has none"
    ]
    assert faults(tmp_path, routing=rule, grids=_answered(None, "water", None)) == []


def test_a_rule_for_the_area_covers_later_ones_only_where_all_ground_is_answered_for(tmp_path: Path) -> None:
    rules = f"{HEAD}\nground,*,*,*,*,@area,\nrest,matter:06010,*,*,*,water,\n"
    assert faults(tmp_path, routing=rules, grids=_answered(None, "water", None)) == []
    (fault,) = faults(tmp_path, routing=rules, grids=_answered("desk", None, None))
    assert fault.startswith("routing.csv:3: is never reached: rule 'ground' on line 2 takes all")


def test_what_has_no_position_may_lie_in_a_grid_that_nobody_answers_for(tmp_path: Path) -> None:
    rules = f"{HEAD}\nground,*,*,*,*,@area,\nrest,matter:06010,*,*,*,water,\n"
    toml = TOML.replace("anonymous = true", 'anonymous = true\nno_position_grid = "top"')
    assert faults(tmp_path, routing=rules, grids=_answered(None, "water", "water"), city=toml) == []
    (fault,) = faults(tmp_path, routing=rules, grids=_answered(None, "water", "water"))
    assert "is never reached" in fault


def test_a_rule_for_the_area_is_looked_at_within_its_own_grid(tmp_path: Path) -> None:
    only_south = _answered(None, "water", None)
    (fault,) = faults(tmp_path, grids=only_south, routing=f"{HEAD}\nground,matter:*,*,north,*,@area,\n")
    assert fault == (
        "routing.csv:2: nothing can match: '@area' needs a grid with a department, and no case in 'north' lies in one"
    )
    rules = f"{HEAD}\nground,*,*,south,*,@area,\nrest,matter:06010,*,south,*,water,\n"
    (fault,) = faults(tmp_path, grids=only_south, routing=rules)
    assert fault.startswith("routing.csv:3: is never reached: rule 'ground'")
