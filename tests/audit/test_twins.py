"""Two open cases of one thing are named, and nothing that may rightly stand beside another case is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gewu.audit.facts import Opened
from gewu.audit.findings import Fault, Findings
from gewu.audit.routes import Asked, Wanted
from gewu.audit.twins import Joining, Twins
from tests.audit.world import fresh, opened
from tests.support.building import HERE, moved

AT = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
CLASSES = {"component:01023": Joining(15.0, 72.0), "matter:0": Joining(0.0, 0.0)}


def a_case(east_m: float = 0.0, north_m: float = 0.0, **words: Any) -> Opened:
    """A case of a cover, so far from the usual place."""
    return opened(*moved(*HERE, east_m, north_m), "cover", at=AT, case=fresh())._replace(**words)


def twins(*rows: Opened, category: str = "component:01023") -> int:
    """How many pairs are named."""
    found, findings = Twins(CLASSES), Findings()
    for row in rows:
        found.take(row, Wanted("g1", Asked(category, "", frozenset(), "")))
    found.judge(findings)
    assert set(findings.counts) <= {Fault.DOUBLED}
    return findings.counts[Fault.DOUBLED]


@pytest.mark.parametrize(("east", "north"), [(0, 0), (14, 0), (-14, 0), (0, 14), (0, -14), (10, -10)])
def test_two_cases_within_the_radius_are_one_thing(east: float, north: float) -> None:
    assert twins(a_case(), a_case(east, north)) == 1


@pytest.mark.parametrize(("east", "north"), [(15.5, 0), (0, -15.5), (11, 11), (900, 0)])
def test_two_cases_further_apart_are_two_things(east: float, north: float) -> None:
    assert twins(a_case(), a_case(east, north)) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"exercise": True}),
        ({"is_open": False}, {}),
        ({"object": "a"}, {"object": "b"}),
        ({}, {"received_at": AT + timedelta(hours=73)}),
        ({}, {"lon": None, "lat": None}),
    ],
    ids=["a drill", "ended", "two objects", "later", "without a place"],
)
def test_what_may_not_join_is_no_twin(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert twins(a_case(**one), a_case(**other)) == twins(a_case(**other), a_case(**one)) == 0


def test_classes_that_never_join_or_are_not_known_have_no_twins() -> None:
    assert twins(a_case(), a_case(), category="matter:0") == twins(a_case(), a_case(), category="") == 0


def test_a_case_that_was_given_back_is_left_out() -> None:
    found, findings = Twins(CLASSES), Findings()
    for _ in range(2):
        found.take(a_case(), Wanted("g1"))
    found.judge(findings)
    assert not findings.any
