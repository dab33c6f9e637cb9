"""The judge's own reading of the routing rules: what they mean, and that dispatch reads them the same on the demo city."""

import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely

from gewu.audit.package import Package
from gewu.audit.routes import Asked, Route, Routes
from gewu.city import Rule, load
from gewu_dispatch.domain.routing import Router
from tests.audit.world import opened
from tests.city import packages

_HEAD = "id,category,kind_of_place,grid,owner,department,note\n"
SOUTH, SCHOOL, NORTH, NOWHERE = (83.0001, 39.0001), (83.0003, 39.0003), (83.0005, 39.0015), (84.0, 40.0)


def rule(id_: str, department: str, category: str = "*", kind: str = "*", grid: str = "*", owner: str = "*") -> Rule:
    """A row of routing.csv."""
    return Rule(id_, 1, category, kind, grid, owner, department, "")


def route(*rules: Rule, category: str = "matter:06010", kind: str = "", owner: str = "") -> Route:
    """Who answers by these rules, in south of top."""
    asked = Asked(category, kind, frozenset({"top", "south"}), owner)
    return Routes(rules, {"desk", "water", "fire"}, "desk").route(asked)


def test_the_first_rule_that_fits_decides() -> None:
    rules = rule("things", "fire", "component:*"), rule("a", "water", "matter:06*"), rule("b", "fire", "matter:06010")
    assert route(*rules) == ("water", "a")
    assert route(*rules[::-1]) == ("fire", "b")
    assert route(rules[0]) == ("desk", "")


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("*", True), ("matter:*", True), ("matter:06*", True), ("matter:06010", True), ("matter:0601", False),
     ("component:06010", False), ("matter:060100", False)],
)  # fmt: skip
def test_a_class_is_named_whole_or_by_its_beginning(pattern: str, fits: bool) -> None:
    assert route(rule("a", "water", pattern)) == (("water", "a") if fits else ("desk", ""))


def test_kind_of_place_grid_and_owner_must_all_fit() -> None:
    assert route(rule("a", "water", kind="school"), kind="school").rule == "a"
    assert route(rule("a", "water", kind="school"), kind="market").rule == ""
    assert route(rule("a", "water", grid="top")).rule == "a", "a grid holds for all below it"
    assert route(rule("a", "water", grid="north")).rule == ""
    assert route(rule("a", "water", owner="fire"), owner="fire").rule == "a"
    assert route(rule("a", "water", owner="fire")).rule == ""


def test_who_answers_for_the_ground_gets_what_is_the_areas() -> None:
    rules = rule("ground", "@area"), rule("rest", "water")
    asked = Asked("matter:06010", "", frozenset({"top", "south"}), "water")
    routes = Routes(rules, {"desk", "water", "fire"}, "desk")
    assert routes.route(asked._replace(area="fire")) == ("fire", "ground")
    assert routes.route(asked) == routes.route(asked._replace(area="nobody")) == ("water", "rest")


def test_the_owner_answers_where_one_is_known_and_a_department() -> None:
    rules = rule("own", "@owner"), rule("rest", "water")
    assert route(*rules, owner="fire") == ("fire", "own")
    assert route(*rules, owner="a firm") == route(*rules) == ("water", "rest")


def test_without_a_class_or_a_grid_the_fallback_answers() -> None:
    routes = Routes([rule("a", "water")], {"desk", "water"}, "desk")
    assert routes.route(Asked("", "", frozenset({"top"}), "")) == ("desk", "")
    assert routes.route(Asked("matter:06010", "", frozenset(), "")) == ("desk", "")


@pytest.mark.parametrize(
    ("point", "said", "thing", "wanted"),
    [
        (SCHOOL, "垃圾", "", ("water", "rubbish")),
        (SOUTH, " LITTER ", "", ("desk", "rest")),
        (NORTH, "matter:06010", "", ("desk", "rest")),
        (SOUTH, "manhole", "T1", ("water", "owned")),
        (SOUTH, "manhole", "not there", ("desk", "")),
        (SCHOOL, "no such word", "", ("desk", "")),
        (NOWHERE, "litter", "", ("desk", "")),
        ((None, None), "litter", "", ("desk", "")),
    ],
)  # fmt: skip
def test_a_package_as_a_whole(
    tmp_path: Path, point: tuple[float | None, float | None], said: str, thing: str, wanted: tuple[str, str]
) -> None:
    (found,) = Package(packages.write(tmp_path)).wanted([opened(*point, said, thing=thing)])
    assert found.route == wanted


def test_a_place_counts_on_the_days_of_the_city_on_which_it_stands(tmp_path: Path) -> None:
    large = packages.place("large", "market", packages.square(83.0, 39.0))
    days = {"valid_from": "2025-06-02", "valid_to": "2025-06-03"}
    fair = packages.place("fair", "fair", packages.square(83.0002, 39.0002, 0.0004), **days)
    routing = _HEAD + "f,*,fair,*,*,water,\nm,*,market,*,*,desk,\n"
    package = Package(packages.write(tmp_path, places=packages.collection([large, fair]), routing=routing))
    times = [datetime(2025, 6, 1, 15, 59, tzinfo=UTC), datetime(2025, 6, 1, 16, tzinfo=UTC),  # midnight in Shanghai
             datetime(2025, 6, 3, 15, 59, tzinfo=UTC), datetime(2025, 6, 3, 16, tzinfo=UTC)]  # fmt: skip
    found = package.wanted([opened(*SCHOOL, "litter", at=at) for at in times])
    assert [wanted.route and wanted.route.rule for wanted in found] == ["m", "f", "f", "m"]


def test_what_a_department_gave_back_and_what_no_one_signal_opened_has_a_grid_and_no_route(tmp_path: Path) -> None:
    package = Package(packages.write(tmp_path))
    for found in package.wanted([opened(*SOUTH, "litter", returned=True), opened(*SOUTH)]):
        assert (found.grid, found.route) == ("south", None)


def test_dispatch_reads_the_rules_of_the_demo_city_the_same(demo: Path) -> None:
    city, dice, at = load(demo), random.Random(5), datetime(2025, 6, 1, tzinfo=UTC)
    inside = [(p.x, p.y) for p in shapely.point_on_surface(city.standing.shapes).tolist()]
    anywhere = [(dice.uniform(82.995, 83.05), dice.uniform(38.995, 39.03)) for _ in range(10_000)]
    spots = [*dice.choices(inside, k=40_000), *anywhere]
    things = [*city.objects, *([""] * len(city.objects))]
    words = [*city.words, "no such word"]
    rows = [opened(lon, lat, dice.choice(words), thing=dice.choice(things), at=at) for lon, lat in spots]
    lons, lats = np.array(spots).T
    router, theirs = Router(city.rules, city.fallback, city.departments), []
    for row, index, place in zip(rows, city.locate(lons, lats), city.places_at(lons, lats, at), strict=True):
        owner = city.objects[row.thing].owner if row.thing else ""
        path, area = (city.grids[index].path, city.grids[index].department) if index >= 0 else ((), "")
        found = router.route(city.category(row.said or ""), place.kind if place else "", path, owner, area)
        theirs.append((found.department, found.rule_id))
    ours = [wanted.route for wanted in Package(demo).wanted(rows)]
    assert ours == theirs
    assert {rule_id for _, rule_id in theirs} >= {rule.id for rule in city.rules}, "every rule had its turn"
