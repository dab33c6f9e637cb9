"""When requests are due: as many as the rate says, evenly, across steps and however they travel."""

from itertools import pairwise

import pytest

from gewu.load.schedule import arrivals, constant, ramp


def test_one_rate_is_that_many_reports_at_one_distance() -> None:
    found = list(arrivals(constant(100.0, 2.0), 0.0, 50))
    assert len(found) == 200 and {a.reports for a in found} == {1} and {a.step for a in found} == {0}
    assert all(b.due - a.due == pytest.approx(0.01) for a, b in pairwise(found))
    assert found[0].due == pytest.approx(0.005) and found[-1].due == pytest.approx(1.995)


def test_a_ramp_rises_in_equal_steps_and_then_stays() -> None:
    steps = ramp(100.0, 500.0, 10.0, 12.0, 5)
    assert [(s.start, s.seconds, s.rate) for s in steps] == [
        (0.0, 2.0, 100.0), (2.0, 2.0, 200.0), (4.0, 2.0, 300.0), (6.0, 2.0, 400.0), (8.0, 2.0, 500.0), (10.0, 2.0, 500.0)
    ]  # fmt: skip
    found = list(arrivals(steps, 0.0, 50))
    assert [sum(a.step == n for a in found) for n in range(6)] == [200, 400, 600, 800, 1000, 1000]
    assert all(steps[a.step].start <= a.due < steps[a.step].start + 2.0 for a in found)


def test_singles_and_batches_share_the_rate() -> None:
    found = list(arrivals(constant(1000.0, 10.0), 0.4, 20))
    bulk = [a for a in found if a.reports == 20]
    assert len(bulk) == 200 and len(found) - len(bulk) == 6000
    assert [a.due for a in found] == sorted(a.due for a in found)
    assert all(b.due - a.due == pytest.approx(0.05) for a, b in pairwise(bulk))


def test_the_fraction_of_a_request_is_not_lost_at_each_step() -> None:
    # 0.3 batches a step: what is not due in one step is due in a later one.
    steps = ramp(15.0, 15.0, 100.0, 100.0, 100)
    found = list(arrivals(steps, 1.0, 50))
    assert sum(a.reports for a in found) == 1500
    assert all(b.due - a.due == pytest.approx(50 / 15) for a, b in pairwise(found))


def test_a_ramp_may_fall() -> None:
    assert [s.rate for s in ramp(300.0, 100.0, 3.0, 3.0, 3)] == [300.0, 200.0, 100.0]


def test_a_ramp_of_one_step_has_the_lowest_rate() -> None:
    assert [s.rate for s in ramp(300.0, 900.0, 3.0, 3.0, 1)] == [300.0]
