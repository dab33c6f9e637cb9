"""Admission: bounds hold over any stretch of time, shares are kept apart, and what saves lives is never shed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gewu.lane import Lane
from gewu_intake.domain.admission import Admission, Limits, Shed

HERE, THERE = 1, 2


def taken(admission: Admission, times: list[float], lane: Lane = Lane.P1, client: str = "a", grid: int = HERE) -> int:
    """How many reports at these times are taken."""
    return sum(admission.take(client, 0.0, lane, grid, at) is None for at in times)


def steady(rate: float, seconds: float) -> list[float]:
    """Reports at a steady rate."""
    return [n / rate for n in range(int(rate * seconds))]


def test_nothing_is_asked_where_nothing_is_limited() -> None:
    assert not Admission(Limits()).asks(0.0)
    assert Admission(Limits()).asks(5.0) and Admission(Limits(total=1)).asks(0.0)
    assert Admission(Limits()).take("a", 0.0, Lane.P3, HERE, 0.0) is None


@pytest.mark.parametrize("lane", [Lane.P1, Lane.P2, Lane.P3])
def test_ten_times_the_bound_is_cut_to_the_bound(lane: Lane) -> None:
    found = taken(Admission(Limits(total=2000)), steady(20_000, 10), lane)
    assert 0.9 * 20_000 <= found <= 1.1 * 20_000 + 2000, "the bound over ten seconds, and one second's burst"


@given(st.lists(st.floats(0, 30), max_size=400).map(sorted), st.integers(1, 50))
def test_no_stretch_of_time_takes_more_than_its_share_and_one_burst(times: list[float], rate: int) -> None:
    admission = Admission(Limits(total=rate))
    given_at = [at for at in times if admission.take("a", 0.0, Lane.P1, HERE, at) is None]
    for first in range(len(given_at)):
        for last in range(first, len(given_at)):
            assert last - first + 1 <= rate * (given_at[last] - given_at[first]) + rate + 1.001


@given(st.lists(st.sampled_from(Lane), max_size=300))
def test_what_saves_lives_is_never_shed(lanes: list[Lane]) -> None:
    admission = Admission(Limits(total=1, each_key=1, each_grid=1))
    for n, lane in enumerate(lanes):
        found = admission.take("a", 0.0, lane, HERE, n / 100)
        assert lane is not Lane.P0 or found is None


def test_under_pressure_what_is_less_urgent_gives_way_first() -> None:
    admission = Admission(Limits(total=100))
    lanes = [Lane.P1, Lane.P2, Lane.P3]
    count = dict.fromkeys(lanes, 0)
    for n in range(9000):  # each lane alone offers 100 a second
        lane = lanes[n % 3]
        count[lane] += admission.take("a", 0.0, lane, HERE, n / 300) is None
    assert count[Lane.P1] > 0.9 * 3000 and count[Lane.P2] < 0.1 * 3000 and count[Lane.P3] < 100


def test_a_client_uses_up_its_own_share_only() -> None:
    admission = Admission(Limits(each_key=10))
    assert taken(admission, [0.0] * 50) == 10
    assert admission.take("a", 0.0, Lane.P2, HERE, 0.0) is Shed.QUOTA
    assert admission.take("b", 0.0, Lane.P2, HERE, 0.0) is None
    assert sum(admission.take("c", 25.0, Lane.P2, HERE, 0.0) is None for _ in range(50)) == 25, "a rate of its own"
    assert taken(admission, [1.0] * 50) == 10, "a second later there is a second's share"


def test_a_grid_uses_up_its_own_share_only() -> None:
    admission = Admission(Limits(each_grid=10))
    assert taken(admission, [0.0] * 50) == 10
    assert admission.take("b", 0.0, Lane.P2, HERE, 0.0) is Shed.GRID
    assert taken(admission, [0.0] * 50, grid=THERE) == 10
    assert taken(admission, [0.0] * 50, grid=-1) == 50, "without a position it is nobody's grid"


def test_what_is_refused_for_one_reason_uses_up_nothing_else() -> None:
    admission = Admission(Limits(total=100, each_key=5))
    taken(admission, [0.0] * 1000)
    assert taken(admission, [0.0] * 5, client="b") == 5, "a's refused thousand took nothing of the whole"


def test_a_changed_rate_is_in_force_at_once() -> None:
    admission = Admission(Limits())
    assert sum(admission.take("a", 5.0, Lane.P2, HERE, 0.0) is None for _ in range(9)) == 5
    assert sum(admission.take("a", 50.0, Lane.P2, HERE, 0.0) is None for _ in range(99)) == 50
