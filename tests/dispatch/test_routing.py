"""Routing: the first rule that matches names the department, and what no rule takes is said to be the fallback's."""

import pytest

from gewu.city import Rule
from gewu_dispatch.domain.routing import Because, Route
from tests.support.building import FALLBACK, a_category, a_router, a_rule

COVER = a_category("component:01023")
PATH = ("city", "street", "cell")


def test_the_first_rule_that_matches_wins() -> None:
    router = a_router(
        a_rule("bins", category="component:03*", department="fire"),
        a_rule("covers", category="component:01023", department="power"),
        a_rule("rest", department="water"),
    )
    assert router.route(COVER, "", PATH, "") == Route("power", Because.RULE, "covers")
    assert router.route(a_category("matter:06010"), "", PATH, "") == Route("water", Because.RULE, "rest")


@pytest.mark.parametrize(
    ("pattern", "takes"),
    [("*", True), ("component:*", True), ("component:01*", True), ("component:01023", True), ("component:0102", False),
     ("component:02*", False), ("matter:*", False), ("matter:01023", False)],
)  # fmt: skip
def test_a_rule_names_a_class_a_family_or_a_beginning(pattern: str, takes: bool) -> None:
    found = a_router(a_rule(category=pattern)).route(COVER, "", PATH, "")
    assert found.because is (Because.RULE if takes else Because.FALLBACK_NO_RULE)


def test_a_registered_owner_answers_for_the_own_thing() -> None:
    router = a_router(a_rule("own", department="@owner"), a_rule("rest", department="water"))
    assert router.route(COVER, "", PATH, "power") == Route("power", Because.OWNER, "own")


@pytest.mark.parametrize("owner", ["", "a-firm-of-another-city"])
def test_where_the_owner_is_not_known_the_next_rule_decides(owner: str) -> None:
    router = a_router(a_rule("own", department="@owner"), a_rule("rest", department="water"))
    assert router.route(COVER, "", PATH, owner) == Route("water", Because.RULE, "rest")
    alone = a_router(a_rule("own", department="@owner"))
    assert alone.route(COVER, "", PATH, owner) == Route(FALLBACK, Because.FALLBACK_NO_RULE)


def test_a_rule_may_ask_for_one_owner() -> None:
    router = a_router(a_rule("cable", owner="power", department="fire"), a_rule("rest", department="water"))
    assert router.route(COVER, "", PATH, "power").rule_id == "cable"
    assert router.route(COVER, "", PATH, "water").rule_id == "rest"
    assert router.route(COVER, "", PATH, "").rule_id == "rest"


def test_a_class_that_the_code_book_does_not_have_goes_to_the_fallback() -> None:
    assert a_router(a_rule()).route(None, "", PATH, "water") == Route(FALLBACK, Because.FALLBACK_UNKNOWN_CLASS)


def test_a_class_without_a_rule_goes_to_the_fallback() -> None:
    assert a_router().route(COVER, "", PATH, "") == Route(FALLBACK, Because.FALLBACK_NO_RULE)


def test_a_point_without_a_grid_goes_to_the_fallback_even_where_a_rule_holds_everywhere() -> None:
    assert a_router(a_rule()).route(COVER, "", (), "water") == Route(FALLBACK, Because.FALLBACK_NO_GRID)


def test_a_class_unknown_outside_every_grid_is_said_to_be_unknown() -> None:
    assert a_router(a_rule()).route(None, "", (), "").because is Because.FALLBACK_UNKNOWN_CLASS


def test_a_case_given_back_goes_to_the_fallback() -> None:
    assert a_router(a_rule()).returned() == Route(FALLBACK, Because.FALLBACK_RETURNED)


@pytest.mark.parametrize("grid", PATH)
def test_a_rule_for_a_grid_holds_in_every_grid_below_it(grid: str) -> None:
    router = a_router(a_rule("local", grid=grid, department="fire"), a_rule("rest", department="water"))
    assert router.route(COVER, "", PATH, "").rule_id == "local"
    assert router.route(COVER, "", ("other", "street2", "cell2"), "").rule_id == "rest"


def test_a_rule_for_a_cell_does_not_hold_in_the_street_above_it() -> None:
    router = a_router(a_rule("local", grid="cell"), a_rule("rest", department="power"))
    assert router.route(COVER, "", ("city", "street"), "").rule_id == "rest"


def test_a_kind_of_place_must_be_the_one_that_the_rule_names() -> None:
    router = a_router(
        a_rule("school", kind_of_place="school", department="fire"),
        a_rule("anywhere", department="water"),
    )
    assert router.route(COVER, "school", PATH, "").rule_id == "school"
    assert router.route(COVER, "market", PATH, "").rule_id == "anywhere"
    assert router.route(COVER, "", PATH, "").rule_id == "anywhere"


def _told_apart() -> tuple[Rule, ...]:
    return (
        a_rule("owned", owner="power", department="@owner"),
        a_rule("school", kind_of_place="school", department="fire"),
        a_rule("street", grid="street", category="matter:*", department="power"),
        a_rule("covers", category="component:*", department="water"),
    )


def test_what_is_remembered_of_one_decision_never_answers_another() -> None:
    questions = [
        (category, kind, path, owner)
        for category in (None, COVER, a_category("matter:06010"))
        for kind in ("", "school")
        for path in ((), ("city", "street"), ("city", "lane"))
        for owner in ("", "power", "water")
    ]
    alone = [a_router(*_told_apart()).route(*q) for q in questions]  # a fresh router each: nothing remembered
    together = a_router(*_told_apart())
    assert [together.route(*q) for q in questions] == alone
    assert [together.route(*q) for q in reversed(questions)] == alone[::-1]
    assert len({r.rule_id for r in alone}) == 5


def test_what_is_remembered_for_one_grid_holds_for_no_grid_that_a_rule_names() -> None:
    router = a_router(a_rule("market", grid="market", department="power"), a_rule("rest", department="water"))
    cells = [("city", street, cell) for street in ("street", "market") for cell in ("a", "b")]
    for _ in range(2):
        assert [router.route(COVER, "", path, "").department for path in cells] == ["water"] * 2 + ["power"] * 2
        assert router.route(COVER, "", (), "").because is Because.FALLBACK_NO_GRID


def test_each_rule_says_what_of_it_does_not_hold() -> None:
    router = a_router(
        a_rule("bins", category="component:03*"), a_rule("own", department="@owner"),
        a_rule("mains", grid="street", owner="power", kind_of_place="market"), a_rule("rest"),
    )  # fmt: skip
    tried = list(router.tried(COVER, "", PATH, ""))
    assert [(t.rule.id, t.department, t.fails) for t in tried] == [
        ("bins", "water", ("category",)), ("own", "", ("department",)),
        ("mains", "water", ("kind_of_place", "owner")), ("rest", "water", ()),
    ]  # fmt: skip
    assert [t.department for t in router.tried(COVER, "", PATH, "power") if t.rule.id == "own"] == ["power"]


def test_the_first_rule_of_which_nothing_fails_is_the_one_that_decides() -> None:
    names = ("*", "component:*", "component:01023", "matter:*")
    rules = [
        a_rule(f"{n}", category=names[n % 4], grid=("*", "cell", "elsewhere")[n % 3], department=("fire", "@owner")[n % 2])
        for n in range(12)
    ]  # fmt: skip
    for n in range(len(rules)):
        for owner in ("", "power"):
            router = a_router(*rules[n:])
            holding = [t for t in router.tried(COVER, "", PATH, owner) if not t.fails]
            route = router.route(COVER, "", PATH, owner)
            decided = (holding[0].rule.id, holding[0].department) if holding else ("", FALLBACK)
            assert (route.rule_id, route.department) == decided


def test_who_answers_for_the_ground_gets_what_a_rule_says_is_the_areas() -> None:
    router = a_router(a_rule("ground", department="@area"), a_rule("rest", department="water"))
    assert router.route(COVER, "", PATH, "", "fire") == Route("fire", Because.AREA, "ground")
    for nobody in ("", "a-firm-of-another-city"):
        assert router.route(COVER, "", PATH, "", nobody) == Route("water", Because.RULE, "rest")


def test_a_component_asks_its_owner_first_and_a_matter_the_area() -> None:
    router = a_router(
        a_rule("thing", category="component:*", department="@owner"),
        a_rule("ground", department="@area"),
        a_rule("whose", department="@owner"),
    )
    assert router.route(COVER, "", PATH, "power", "fire") == Route("power", Because.OWNER, "thing")
    assert router.route(COVER, "", PATH, "", "fire") == Route("fire", Because.AREA, "ground")
    matter = a_category("matter:06010")
    assert router.route(matter, "", PATH, "power", "fire") == Route("fire", Because.AREA, "ground")
    assert router.route(matter, "", PATH, "power", "") == Route("power", Because.OWNER, "whose")
    assert router.route(matter, "", PATH, "", "") == Route(FALLBACK, Because.FALLBACK_NO_RULE)
