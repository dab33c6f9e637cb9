"""The demo city is in order, and it is what its generator draws."""

import runpy
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import shapely

from gewu.city import City, load
from gewu.city.check import survey
from tests.support.shared import shared

CITIES = Path(__file__).parents[2] / "cities"


@pytest.fixture(scope="module")
def gelin() -> City:
    return load(CITIES / "demo")


def test_the_demo_city_has_no_fault_gap_or_overlap(gelin: City) -> None:
    assert survey(gelin) == []


def test_the_committed_files_are_what_the_generator_draws() -> None:
    drawn = runpy.run_path(str(CITIES / "draw_demo.py"))["draw"]()
    assert sorted(drawn) == ["grids.geojson", "objects.csv", "places.geojson", "sensors.csv"]
    for name, text in drawn.items():
        assert (CITIES / "demo" / name).read_bytes() == text.encode(), name


def test_the_demo_city_has_three_levels_and_national_ids(gelin: City) -> None:
    widths = {level: {len(grid.id) for grid in gelin.grids if grid.level == level} for level in (1, 2, 3)}
    assert widths == {1: {6}, 2: {12}, 3: {15}}
    assert sum(grid.level == 3 for grid in gelin.grids) == 204
    for grid in gelin.grids:
        assert grid.parent is None or grid.id.startswith(grid.parent)
        assert grid.path[-1] == grid.id and len(grid.path) == grid.level


def test_the_demo_city_has_a_plate_rule_that_two_persons_approved_and_that_ends(gelin: City) -> None:
    (rule,) = gelin.scenes.plates
    assert len(set(rule.approved_by)) == 2 and all(
        gelin.cameras[camera].purpose == "public_security" for camera in rule.cameras
    )
    days = (date(2026, 11, 19), date(2026, 11, 20), date(2027, 2, 17), date(2027, 2, 18))
    assert [rule.in_force(day) for day in days] == [False, True, True, False]


def test_unit_grids_are_numbered_west_to_east_and_then_north_to_south(gelin: City) -> None:
    shapes = dict(zip(gelin.owners.indices.tolist(), gelin.owners.shapes, strict=False))
    middle = {gelin.grids[index].id: shapely.centroid(shape) for index, shape in shapes.items()}
    first, second, fifth = (middle[f"990101001001{n:03d}"] for n in (1, 2, 5))
    assert first.x < second.x and fifth.y < first.y and abs(fifth.x - first.x) < abs(second.x - first.x)


def test_objects_lie_in_the_district_that_their_id_names(gelin: City) -> None:
    things = list(gelin.objects.values())
    index = gelin.locate([thing.lon for thing in things], [thing.lat for thing in things])
    assert len(things) == 300
    for thing, at in zip(things, index, strict=True):
        assert len(thing.id) == 17
        assert gelin.grids[at].path[0] == thing.id[:6]
        assert f"component:{thing.id[6:11]}" == thing.category_key


def test_everyday_words_of_both_tongues_are_understood(gelin: City) -> None:
    said = {
        "井盖": "component:01023",
        "Manhole": "component:01023",
        "pothole": "matter:06013",
        "违停": "matter:09009",
        "smell of gas": "matter:10999",
        "着火": "matter:10998",
        "堵消防通道": "matter:09012",
        "06042": "matter:06042",
        "垃圾站(箱)满溢": "matter:06042",
    }
    for word, key in said.items():
        found = gelin.category(word)
        assert found and found.key == key, word


def test_danger_to_life_is_in_the_first_lane_and_every_class_has_a_limit(gelin: City) -> None:
    first = {category.label_en for category in gelin.categories.values() if category.lane == "p0"}
    assert first == {"Gas leak", "Fire or smoke", "Collapsed road"}
    assert gelin.categories["matter:09012"].lane == "p1"
    assert {category.lane for category in gelin.categories.values()} == {"p0", "p1", "p2", "p3"}
    assert all(category.limit for category in gelin.categories.values())


def test_an_estate_that_lost_its_property_firm_is_another_kind_from_that_day(gelin: City) -> None:
    estate = next(place for place in gelin.standing.places if place.id == "estate-unmanaged-09")
    spot = shapely.point_on_surface(gelin.standing.shapes[gelin.standing.places.index(estate)])
    kinds = [
        gelin.places_at([spot.x], [spot.y], datetime(2025, month, day, 4, tzinfo=UTC))[0]
        for month, day in ((6, 30), (7, 1))
    ]
    assert [(place.kind, bool(place.property_firm)) for place in kinds if place] == [
        ("estate-managed", True),
        ("estate-unmanaged", False),
    ]


def test_the_whole_code_book_of_the_third_generation_is_there(gelin: City) -> None:
    domain = shared("DOMAIN.md").read_text()
    components, matters = (_table(domain, f"### b.{n} ") for n in (4, 5))
    assert (len(components), len(matters)) == (153, 97)
    ours = {(c.kind, c.code): c.label_zh for c in gelin.categories.values()}
    assert {code: name for (kind, code), name in ours.items() if kind == "component"} == components
    own = {code: name for (kind, code), name in ours.items() if kind == "matter"}
    assert {code: own.get(code) for code in matters} == matters
    assert {code: own.get(code) for code in components} == {code: f"{name}异常" for code, name in components.items()}
    assert all(code.startswith("1099") for code in own.keys() - matters.keys() - components.keys()), "a city's own"


def _table(text: str, head: str) -> dict[str, str]:
    """Names by code of the table below a heading."""
    rows = text.partition(head)[2].partition("```csv\n")[2].partition("```")[0].splitlines()[1:]
    return {code: name for _, _, code, name in (row.split(",", 3) for row in rows)}
