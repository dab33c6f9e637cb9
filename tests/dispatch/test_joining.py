"""Joining: two reports of one manhole are one case, and two manholes side by side never are."""

from math import asin, cos, radians, sin, sqrt

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gewu import geo
from gewu.city import Category
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.case import State
from gewu_dispatch.domain.joining import Because, best
from tests.support.building import HERE, NOW_US, a_case, a_category, a_signal, moved, span

COVER = a_category()  # 15 m, 72 h


def test_a_report_near_an_open_case_joins_it_and_says_how_far_away_it_was() -> None:
    case = a_case()
    match = best(COVER, a_signal(moved(*HERE, 6, 8)), [case])
    assert match and match.case is case and match.because is Because.NEAR
    assert match.distance_m == pytest.approx(10, rel=1e-3)


@pytest.mark.parametrize(("metres", "joined"), [(0, True), (14.9, True), (15.1, False), (400, False)])
def test_only_what_lies_within_the_class_radius_joins(metres: float, joined: bool) -> None:
    for far in (moved(*HERE, metres, 0), moved(*HERE, 0, -metres)):
        assert (best(COVER, a_signal(far), [a_case()]) is not None) is joined


@pytest.mark.parametrize(("hours", "joined"), [(-5, True), (0, True), (72, True), (72.001, False)])
def test_only_what_comes_within_the_class_time_joins(hours: float, joined: bool) -> None:
    late = a_signal(received_at=NOW_US + span(hours=hours))
    assert (best(COVER, late, [a_case(last_signal_at=NOW_US)]) is not None) is joined


def test_the_time_counts_from_the_last_report_and_not_from_the_first() -> None:
    case = a_case(opened_at=NOW_US - span(days=30), last_signal_at=NOW_US - span(hours=71))
    assert best(COVER, a_signal(), [case])


def test_another_class_never_joins() -> None:
    assert best(COVER, a_signal(), [a_case(category="component:01001")]) is None


def test_the_nearest_case_is_joined() -> None:
    near, far = a_case(moved(*HERE, 3)), a_case(moved(*HERE, 9))
    for candidates in ([near, far], [far, near]):
        match = best(COVER, a_signal(), candidates)
        assert match and match.case is near


def test_the_case_of_the_same_object_beats_a_nearer_one() -> None:
    near, same = a_case(moved(*HERE, 1)), a_case(moved(*HERE, 12), object_id="T1")
    for candidates in ([near, same], [same, near]):
        match = best(COVER, a_signal(object_id="T1"), candidates)
        assert match and match.case is same and match.because is Because.SAME_OBJECT


def test_two_objects_side_by_side_never_join() -> None:
    assert best(COVER, a_signal(object_id="T1"), [a_case(object_id="T2")]) is None


@pytest.mark.parametrize(("signals", "cases"), [("", "T1"), ("T1", ""), ("", "")])
def test_a_report_or_a_case_that_names_no_object_joins_by_nearness(signals: str, cases: str) -> None:
    match = best(COVER, a_signal(object_id=signals), [a_case(object_id=cases)])
    assert match and match.because is Because.NEAR


@pytest.mark.parametrize("drill", [True, False])
def test_a_drill_never_joins_a_real_case_nor_a_real_report_a_drill(drill: bool) -> None:
    signal, case = a_signal(exercise=drill), a_case(exercise=not drill)
    assert best(COVER, signal, [case]) is None
    assert best(COVER, signal, [a_case(exercise=drill)])
    assert joining.near_key(case) not in set(joining.reach(COVER, signal).near)


@pytest.mark.parametrize("state", State)
def test_only_an_open_case_is_joined(state: State) -> None:
    found = best(COVER, a_signal(), [a_case(state=state)])
    assert (found is not None) is (state in (State.ASSIGNED, State.HANDLING))


def test_ties_go_to_the_older_case_and_then_to_the_smaller_id() -> None:
    older, newer = a_case(opened_at=NOW_US - span(hours=2)), a_case(opened_at=NOW_US - span(hours=1))
    assert best(COVER, a_signal(), [newer, older]).case is older  # type: ignore[union-attr]
    twins = [a_case(), a_case()]
    least = min(twins, key=lambda c: c.case_id)
    assert best(COVER, a_signal(), twins).case is best(COVER, a_signal(), twins[::-1]).case is least  # type: ignore[union-attr]


def test_a_few_centimetres_do_not_decide_against_the_older_case() -> None:
    older, newer = a_case(moved(*HERE, 5.02), opened_at=NOW_US - span(hours=2)), a_case(moved(*HERE, 5.0))
    assert best(COVER, a_signal(), [newer, older]).case is older  # type: ignore[union-attr]


def test_what_has_no_class_no_radius_or_no_position_looks_for_no_case() -> None:
    assert joining.joins(COVER, a_signal())
    assert not joining.joins(None, a_signal())
    assert not joining.joins(a_category(join_radius_m=0), a_signal())
    assert not joining.joins(COVER, a_signal(None))
    assert joining.near_key(a_case(None)) is None


# Places: up to 85° to either side, the date line left out; dense around the borders of cells, where mistakes live.
_LON = st.one_of(st.floats(-179.5, 179.5), st.sampled_from([0.0, 83.0, -0.0, 121.5]))
_BAND = joining.LOCK_CELLS_M[0] / geo.METRES_PER_DEGREE
_EDGE = st.builds(
    lambda row, off: row * _BAND - 90 + off,
    st.integers(int(5 / _BAND) + 1, int(175 / _BAND) - 1),
    st.floats(-1e-4, 1e-4),
)
_LAT = st.one_of(st.floats(-85, 85), _EDGE)
_BOUNDS = [15.0, 48.8, 48.9, 100.0, joining.LARGEST_RADIUS_M]
_RADIUS = st.one_of(st.floats(0.5, joining.LARGEST_RADIUS_M), st.sampled_from(_BOUNDS))


@st.composite
def _neighbours(draw: st.DrawFn) -> tuple[Category, tuple[float, float], tuple[float, float]]:
    """A class and two points within its radius of each other."""
    radius, a = draw(_RADIUS), (draw(_LON), draw(_LAT))
    share = draw(st.one_of(st.just(1.0), st.floats(0, 1)))
    turn = draw(st.one_of(st.sampled_from([0.0, 90.0, 180.0, 270.0]), st.floats(0, 360)))
    b = moved(*a, radius * share * cos(radians(turn)), radius * share * sin(radians(turn)))
    assume(abs(b[1]) <= 85 and geo.metres(*a, *b) <= radius)
    return a_category(join_radius_m=radius), a, b


@settings(max_examples=600, deadline=None)
@given(_neighbours())
@example((a_category(join_radius_m=500.0), (83.0, 84.9), (83.05, 84.9)))
def test_two_points_within_the_radius_share_a_lock(
    neighbours: tuple[Category, tuple[float, float], tuple[float, float]],
) -> None:
    category, a, b = neighbours
    one, other = (set(joining.reach(category, a_signal(p)).locks) for p in (a, b))
    assert one & other, (geo.metres(*a, *b), a, b)
    assert all(-(2**31) <= k < 2**31 for k in one | other), "PostgreSQL takes a signed 32-bit integer"


@settings(max_examples=600, deadline=None)
@given(_neighbours())
def test_a_case_stands_where_a_report_within_the_radius_looks_for_it(
    neighbours: tuple[Category, tuple[float, float], tuple[float, float]],
) -> None:
    category, a, b = neighbours
    for here, there in ((a, b), (b, a)):
        assert joining.near_key(a_case(here)) in set(joining.reach(category, a_signal(there)).near)


@settings(max_examples=600, deadline=None)
@given(_LON, _LAT, _RADIUS)
@example(83.0, 84.99, 48.8)
@example(83.0, 84.99, 500.0)
def test_no_signal_takes_more_locks_than_a_batch_reckons_with(lon: float, lat: float, radius: float) -> None:
    category = a_category(join_radius_m=radius)
    assert 1 <= len(joining.reach(category, a_signal((lon, lat))).locks) <= joining.LOCKS_PER_SIGNAL


@settings(max_examples=500, deadline=None)
@given(st.floats(-180, 180), st.floats(-90, 90), st.text(max_size=20), st.booleans())
def test_every_case_on_earth_has_a_number_that_a_bigint_holds(
    lon: float, lat: float, category: str, drill: bool
) -> None:
    key = joining.near_key(a_case((lon, lat), category=category, exercise=drill))
    assert key is not None and 0 <= key < 2**63


def _haversine(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    """On a sphere of the Earth's mean radius."""
    a, b, half = radians(lat_a), radians(lat_b), radians(lon_b - lon_a) / 2
    return 2 * 6_371_008.8 * asin(sqrt(sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(half) ** 2))


@settings(max_examples=500, deadline=None)
@given(_LON, st.floats(-85, 85), st.floats(1, 1000), st.floats(0, 360))
def test_distances_below_a_kilometre_are_those_of_the_sphere(lon: float, lat: float, far: float, turn: float) -> None:
    there = moved(lon, lat, far * cos(radians(turn)), far * sin(radians(turn)))
    assert geo.metres(lon, lat, *there) == pytest.approx(_haversine(lon, lat, *there), rel=0.005)
    assert geo.metres(lon, lat, *there) == geo.metres(*there, lon, lat)
