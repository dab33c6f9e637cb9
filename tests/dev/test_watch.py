"""The line a second: quantiles, counters over restarts, widths; and whether a run came to rest."""

import math
import re
from dataclasses import replace

import pytest

from gewu.dev import rest, summary
from gewu.dev.books import SIGNALS, Snapshot
from gewu.dev.columns import fitting, right, width
from gewu.dev.metrics import Counters, grown, parse, quantile
from gewu.dev.replay import Tally
from gewu.dev.watch import WIDTH, Watch, between, duration, header
from gewu.runtime.positions import OUTCOMES, Books

PAGE = """\
# HELP gewu_relay_events_total Events acknowledged by the broker.
# TYPE gewu_relay_events_total counter
gewu_relay_events_total{topic="dispatch.water"} 3.0
gewu_relay_events_total{topic="cases.changed"} 5.0
"""


def test_quantile_lies_where_a_straight_line_in_its_bucket_has_it() -> None:
    buckets = {0.1: 50.0, 0.2: 100.0, math.inf: 100.0}
    assert quantile(buckets, 0.5) == pytest.approx(0.1)
    assert quantile(buckets, 0.75) == pytest.approx(0.15)
    assert quantile(buckets, 0.25) == pytest.approx(0.05)
    assert quantile(buckets, 1.0) == pytest.approx(0.2)


def test_quantile_of_nothing_and_beyond_the_last_bound() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({1.0: 0.0, math.inf: 0.0}, 0.5) is None
    assert quantile({1.0: 1.0, math.inf: 10.0}, 0.5) == math.inf
    assert quantile({1.0: 0.0, 2.0: 10.0, math.inf: 10.0}, 0.0) == pytest.approx(1.0)


def test_growth_of_buckets() -> None:
    assert grown({0.1: 5.0}, {0.1: 8.0, math.inf: 9.0}) == {0.1: 3.0, math.inf: 9.0}


def test_counters_go_on_over_a_restart_of_their_process() -> None:
    counters = Counters()
    for value in (3.0, 10.0, 2.0, 2.0):
        counters.take(parse(PAGE.replace("3.0", str(value))))
    assert dict((labels["topic"], value) for labels, value in counters.of("gewu_relay_events_total")) == {
        "dispatch.water": 12.0,
        "cases.changed": 5.0,
    }


def test_durations() -> None:
    shown = [duration(s) for s in (None, 0.0123, 0.9994, 2.26, 250.0, math.inf)]
    assert shown == ["–", "12ms", "999ms", "2.3s", "250s", ">10min"]


def test_chinese_takes_two_places() -> None:
    assert width("在途 in") == 7
    assert right("在途", 6) == "  在途"
    assert fitting(["water 1", "power 2", "gas 3"], 16) == "water 1  power 2"


def snapshot(opened: int, joined: int = 0, waiting: int = 0) -> Snapshot:
    """A look at a system that opened and joined so many on one partition."""
    outcomes = dict.fromkeys(OUTCOMES, 0) | {"opened": opened, "joined": joined}
    settled = opened + joined
    return Snapshot(
        books={(SIGNALS[2], 0): Books(SIGNALS[2], 0, 0, settled, 0, outcomes)},
        ends={(SIGNALS[2], 0): settled + waiting, ("dispatch.sanitation-parks", 1): opened},
        cases={"sanitation-parks": opened},
        relayed={"sanitation-parks": float(opened), "water": 0.0},
        ages={0.1: float(opened), math.inf: float(opened)},
    )


def test_lines_fit_and_count_from_this_start_on() -> None:
    first, last = snapshot(1000, 500), snapshot(101_000, 50_500, waiting=12_345)
    watch = Watch(first)
    lines = watch.lines(1.0, last)
    assert len(lines) == 3 and lines[:2] == header()
    assert max(map(width, lines)) <= WIDTH
    values = lines[2].split()
    assert values[1:4] == ["162345", "100000", "50000"] and values[7:9] == ["12345", "100000"]
    assert lines[2].endswith("sanitation-parks 100000")
    assert len(watch.lines(2.0, last)) == 1
    assert not watch.moved(last) and watch.moved(snapshot(101_001))


def test_departments_stand_on_two_lines_and_the_rest_is_summed() -> None:
    first = replace(snapshot(0), relayed={})
    sent = {f"department-{n:02}": float(100 - n) for n in range(20)} | {"idle": 0.0}
    _, _, line, second = Watch(first).lines(1.0, replace(first, relayed=sent))
    assert max(width(line), width(second)) <= WIDTH
    shown = re.findall(r"(department-\d\d) (\d+)", line + second)
    assert shown == [(name, f"{sent[name]:.0f}") for name in sorted(sent)[: len(shown)]] and 2 < len(shown) < 20
    left = [round(events) for _, events in sorted(sent.items())[len(shown) : 20]]
    assert second.endswith(f"  +{len(left)}: {sum(left)}") and "idle" not in line + second


def test_a_silent_source_is_named() -> None:
    line = Watch(snapshot(0)).lines(1.0, replace(snapshot(5), silent=("PostgreSQL",)))[-1]
    assert "PostgreSQL" in line and line.split()[7] == "?"


def test_summary_names_the_departments() -> None:
    lines = summary.lines(snapshot(0), snapshot(7, 3), Tally(planned=10, sent=10, accepted=10))
    assert any("sanitation-parks" in line and line.split()[1] == "7" for line in lines)


def test_between_two_looks() -> None:
    flow = between(snapshot(2, 1), snapshot(5, 4, waiting=2))
    assert (flow.said, flow.in_flight, flow.dispatched_in_all) == (8, 2, 3)
    assert flow.outcomes["opened"] == 3 and flow.busiest() == [("sanitation-parks", 3)]


AT_REST = snapshot(17, 8)


def test_a_run_at_rest_has_no_fault() -> None:
    assert rest.faults(AT_REST) == []


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (snapshot(17, 8, waiting=1), "1 signals are still in flight"),
        (replace(AT_REST, outbox=2), "2 events still wait"),
        (replace(AT_REST, silent=("Kafka",)), "Kafka did not answer"),
    ],
)
def test_what_moves_or_is_silent_after_the_wait_has_its_line(last: Snapshot, said: str) -> None:
    (fault,) = rest.faults(last)
    assert said in fault
