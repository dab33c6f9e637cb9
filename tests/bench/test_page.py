"""What a run leaves on the page: only what it measured, and a reason for each ratio that is not met."""

import re

import pytest

from bench import kept, page, ratios, standing
from bench.__main__ import arguments
from bench.order import PARTS, Done, command
from tests.bench.test_bench import results

WHEN, COMMIT = "2026-11-23 08:00", "abc1234"
CELLS = (WHEN, COMMIT, "a machine", "2")


def _done(found: ratios.Results, parts: tuple[str, ...] = tuple(PARTS)) -> Done:
    return Done(found, [], parts, (), ["machine: two cores", "load tool: wrk -t1"], [])


def _written(text: str, found: ratios.Results) -> str:
    cells = (*CELLS, *(standing.cell(ratios.of(ratio, found)) for ratio in ratios.RATIOS))
    return page.written(text, _done(found), cells)


# Figures


def test_the_figures_of_a_run_are_those_that_it_measured() -> None:
    found = {
        "through": {"p99_ms": [12.0, None, 31.0]},
        "half load": {},
        "dispatch": {"postgres_cpu_us": [24.0, 25.0, 23.0]},
    }
    lines = kept.lines(_done(found, ("dispatch", "through")), WHEN, COMMIT)
    assert lines[0] == f"Run of {WHEN} UTC at commit {COMMIT}." and "- load tool: wrk -t1" in lines
    assert "| through | end to end, p99, ms | 2 | 12 | 21.5 | 31 |" in lines
    assert "| dispatch | CPU of PostgreSQL, µs a report | 3 | 23 | 24 | 25 |" in lines
    assert "Not measured, because the run was not asked for it: intake, consumer, growth, grid, notify." in lines
    assert "Not measured, because it failed in every round: half load." in lines
    assert sum(line.startswith("| ") for line in lines) == 3, "a head and two figures"


def test_a_run_of_everything_leaves_nothing_out() -> None:
    assert not any("Not measured" in line for line in kept.lines(_done(results()), WHEN, COMMIT))


def test_every_figure_has_its_unit() -> None:
    assert kept.worded("single", "rate") == "reports/s" and kept.worded("grid", "strtree_rate") == "points/s, STRtree"
    assert kept.worded("through", "p50_ms") == "end to end, p50, ms" and kept.worded("x", "not_known") == "not_known"
    taken = {figure for ratio in ratios.RATIOS for pair in ratio.pairs for figure in pair if figure is not None}
    assert [figure for figure in taken if kept.worded(*figure) == figure[1]] == []


def test_the_command_line_is_that_of_the_same_run_again() -> None:
    words = ["--only", "intake,grid", "--rounds", "2", "--seconds", "3", "--profile", "--json", "elsewhere.json"]
    said = command(arguments().parse_args(words))
    assert said == "python -m bench --only intake,grid --rounds 2 --seconds 3 --reports 15000 --profile"
    assert command(arguments().parse_args(said.split()[3:])) == said


# Blocks


def test_a_run_takes_the_place_of_the_run_before_and_adds_a_row() -> None:
    text = page.PAGE.read_text()
    once = _written(text, results())
    twice = _written(once, results(grid__rate=300))
    assert once.count("\n| single | reports/s |") == twice.count("\n| single | reports/s |") == 1
    assert "No run has written this part" not in once
    assert standing.said(once)["grid_vs_strtree"] == ("6 (6–6)", "goal met")
    assert standing.said(twice)["grid_vs_strtree"] == ("3 (3–3)", "goal open")
    assert [t.count(f"\n| {WHEN} |") for t in (text, once, twice)] == [0, 1, 2]
    own = next(line for line in once.splitlines(keepends=True) if line.startswith(f"| {WHEN} |"))
    assert _outside(once).replace(own, "") == _outside(text), "nothing else was touched"


def _outside(text: str) -> str:
    return re.sub("<!-- (figures|standing) -->.*?<!-- end", "", text, flags=re.S)


def test_a_page_without_its_places_is_refused() -> None:
    with pytest.raises(ValueError):
        page.with_block("<!-- figures --> and no end", page.FIGURES, ["x"])


# Reasons


def test_where_the_last_run_stands_is_what_its_row_says() -> None:
    text = page.PAGE.read_text()
    row, said = page.last_row(text), standing.said(text)
    assert {key: value for key, (value, _) in said.items()} == {key: row[key] for key in ratios.KEYS}
    assert f"Run of {row['run']} UTC at commit {row['commit']}.\n\n| {' | '.join(standing.HEAD)} |" in text
    for ratio in ratios.RATIOS:
        median, stands = row[ratio.key].split()[0], said[ratio.key][1]
        if median == "–":
            assert stands == "not measured"
            continue
        bounds = [bound for bound in (ratio.floor, ratio.goal) if bound is not None]
        if float(median) not in bounds:  # or three digits do not tell on which side of it the run was
            missed = not all(ratio.is_met(float(median), bound) for bound in bounds)
            assert missed == (stands in standing.MISSED), ratio.key


def test_each_ratio_that_is_not_met_has_its_reason_and_no_other() -> None:
    assert standing.faults(page.PAGE.read_text()) == []


def test_a_reason_that_is_missing_or_too_much_is_named() -> None:
    text = page.PAGE.read_text()
    met = _written(text, results())  # every floor and goal but those of the ratios below
    left = {r.key for r in ratios.RATIOS if standing.said(met)[r.key][1] in standing.MISSED}
    given = {fault.split(":")[0] for fault in standing.faults(met)}
    assert "grid_vs_strtree: goal met, and a reason is given" in standing.faults(met) and not given & left
    without = re.sub(r"^- `grid_vs_strtree`.*\n", "", text, flags=re.M)
    assert standing.faults(without) == ["grid_vs_strtree: goal open, and no reason is given"]
    wrong = text.replace("- `grid_vs_strtree`", "- `grid_vs_strtree` again\n- `groth` so\n- `grid_vs_strtree`")
    assert standing.faults(wrong) == ["grid_vs_strtree: two reasons are given", "groth: no such ratio"]


def test_of_what_a_run_did_not_measure_no_reason_is_asked_and_none_refused() -> None:
    text = _written(page.PAGE.read_text(), {})
    assert {stands for _, stands in standing.said(text).values()} == {"not measured"}
    assert standing.faults(text) == []
