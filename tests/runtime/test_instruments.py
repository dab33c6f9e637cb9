"""Our counters and histograms show what prometheus_client's would show of the same values."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from gewu.errors import PARKS, STALLS, Why
from gewu.runtime import instruments
from gewu.runtime.instruments import AGE_BUCKETS, Spread, Tally

_VALUE = st.one_of(st.sampled_from(AGE_BUCKETS), st.floats(-1, 700))
VALUES = st.lists(_VALUE, max_size=60) | st.builds(lambda value, times: [value] * times, _VALUE, st.integers(1, 60))


def _shown(registry: CollectorRegistry) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    pairs = (line.rpartition(" ")[::2] for line in lines if not line.startswith("#") and "_created" not in line)
    return {name: float(value) for name, value in pairs}


@given(st.lists(st.tuples(st.sampled_from(["p0", "p1"]), VALUES, st.booleans()), max_size=8))
def test_a_spread_shows_what_a_histogram_shows(batches: Sequence[tuple[str, list[float], bool]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread("x", "text", ["lane"], AGE_BUCKETS, ours)
    histogram = Histogram("x", "text", ["lane"], buckets=AGE_BUCKETS, registry=theirs)
    for lane, values, at_once in batches:
        if at_once:
            spread.labels(lane).observe_all(values)
        elif values and len({*values}) == 1:
            spread.labels(lane).observe_many(values[0], len(values))
        for value in values:
            histogram.labels(lane).observe(value)
            if not at_once and len({*values}) > 1:
                spread.labels(lane).observe(value)
        spread.labels(lane), histogram.labels(lane)
    found, wanted = _shown(ours), _shown(theirs)
    assert found.keys() == wanted.keys()
    assert found == pytest.approx(wanted, abs=1e-6)


def test_values_that_wait_are_sorted_in_before_they_are_many() -> None:
    spread = Spread("x", "text", [], AGE_BUCKETS, CollectorRegistry())
    for _ in range(10 * instruments._AT_ONCE):
        spread.observe(0.02)
        assert len(spread.labels()._new) < instruments._AT_ONCE
    buckets, total = spread.labels().buckets()
    assert dict(buckets)["0.02"] == 10 * instruments._AT_ONCE and total == pytest.approx(0.02 * dict(buckets)["+Inf"])


def test_a_tally_shows_what_a_counter_shows() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally, counter = Tally("x", "text", ["why"], ours), Counter("x", "text", ["why"], registry=theirs)
    plain, other = Tally("y", "text", [], ours), Counter("y", "text", registry=theirs)
    for made in (tally, counter):
        made.labels("one").inc(3)
        made.labels("one").inc()
        made.labels("zero")
    plain.inc(2), other.inc(2)
    assert _shown(ours) == _shown(theirs)
    plain.set_function(lambda: 7)
    assert _shown(ours)["y_total"] == 7


def test_a_series_with_too_few_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="lane"):
        Tally("x", "text", ["lane", "why"], CollectorRegistry()).labels("p0")


def test_a_name_is_taken_once() -> None:
    registry = CollectorRegistry()
    Tally("x", "text", [], registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Spread("x_total", "text", [], AGE_BUCKETS, registry)


def test_every_reason_parks_or_stalls_and_only_a_bug_does_both() -> None:
    assert {*PARKS, *STALLS} == set(Why) and {*PARKS} & {*STALLS} == {Why.UNEXPECTED}
