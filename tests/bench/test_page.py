"""What a run leaves on the page: only what it measured, a reason for each ratio that is not met, and no floor that is missed."""

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
    return re.sub("<!-- (figures|standing|verdict) -->.*?<!-- end", "", text, flags=re.S)


def test_a_run_of_a_part_adds_its_row_and_leaves_the_rest_to_the_last_whole_run() -> None:
    text, grids = page.PAGE.read_text(), {"grid": results()["grid"]}
    after = _written(text, grids)
    own = [line for line in after.splitlines(keepends=True) if line.startswith(f"| {WHEN} |")]
    assert len(own) == 1 and "| 6 (6–6) |" in own[0] and after.replace(own[0], "") == text
    assert after.splitlines()[after.splitlines().index(own[0].strip()) + 1] == "", "under all the others"
    assert page.last_whole_row(after) == page.last_whole_row(text)
    assert page.last_whole_row(_written(after, results()))["run"] == WHEN


def test_a_page_without_its_places_is_refused() -> None:
    with pytest.raises(ValueError):
        page.with_block("<!-- figures --> and no end", page.FIGURES, ["x"])


# Reasons


def test_where_the_last_whole_run_stands_is_what_its_row_says() -> None:
    text = page.PAGE.read_text()
    row, said = page.last_whole_row(text), standing.said(text)
    assert {key: value for key, (value, _) in said.items()} == {key: row[key] for key in ratios.KEYS}
    assert f"Run of {row['run']} UTC at commit {row['commit']}.\n\n| {' | '.join(standing.HEAD)} |" in text
    for ratio in ratios.RATIOS:
        median, stands = row[ratio.key].split()[0], said[ratio.key][1]
        bounds = [bound for bound in (ratio.floor, ratio.goal) if bound is not None]
        if float(median) not in bounds:  # or three digits do not tell on which side of it the run was
            missed = not all(ratio.is_met(float(median), bound) for bound in bounds)
            assert missed == (stands in standing.MISSED), ratio.key


def test_a_floor_that_is_missed_is_named_at_the_top_whatever_reason_is_given() -> None:
    text = _stands("- `growth` 1.3 of 1.2: the moon.", large_city__us_per_report=130)
    assert standing.verdict(text) == "**The last whole run missed floors: `growth` 1.3 (1.3–1.3).**"
    assert standing.verdict(_stands("")) == "Every floor held in the last whole run."
    told = page.PAGE.read_text()
    assert f"<!-- {page.VERDICT} -->\n{standing.verdict(told)}\n" in told.partition("\n## ")[0]


def test_each_ratio_that_is_not_met_has_its_reason_and_no_other() -> None:
    assert standing.faults(page.PAGE.read_text()) == []


def _stands(reasons: str, after: str = f"Written after the run of {WHEN}: so.\n", **changed: float) -> str:
    """The part of a page that is about a run which met all but what is changed, and these reasons."""
    found = results(
        single__producer_rate=60_000, ndjson__producer_rate=60_000, yardstick__rate=1000, copy__rate=9000, **changed
    )
    found |= {
        "dispatch yardstick": {"rate": [100.0], "own_rate": [6000.0]},
        "consumer": {"rate": [99.0], "getmany_rate": [100.0]},
    }
    found |= {"intake metrics": {"on_rate": [1.0], "off_rate": [1.0]}}
    table = "\n".join(standing.lines(found, WHEN, COMMIT))
    return f"\n{standing.SECTION}\n\n{table}\n\n{after}\n{reasons}\n\n## After\n"


def test_a_reason_that_is_missing_or_too_much_is_named() -> None:
    assert standing.faults(_stands("")) == []
    assert standing.faults(_stands("", grid__rate=300)) == ["grid_vs_strtree: goal open, and no reason is given"]
    assert standing.faults(_stands("- `grid_vs_strtree`: x")) == ["grid_vs_strtree: goal met, and a reason is given"]
    wrong = _stands("- `grid_vs_strtree` again\n- `groth` so\n- `grid_vs_strtree`", grid__rate=300)
    assert standing.faults(wrong) == ["grid_vs_strtree: two reasons are given", "groth: no such ratio"]


def test_figures_of_another_run_behind_a_ratios_name_are_named() -> None:
    def faults(quoted: str) -> list[str]:
        return standing.faults(
            _stands(f"- `grid_vs_strtree` {quoted}: see above, in earlier runs 9.9.", grid__rate=291.6)
        )

    for right in ("2.92", "2.9", "2.92 of 5", "2.9\n  of 5 (2.9 to 2.92)", "2.92 (2.92 to 2.92)"):
        assert faults(right) == [], right
    for wrong in ("2.98", "3", "3.0", "2.92 of 4", "2.92 of 5 (2.5 to 2.92)", "2.92 (2.9 to 3.1)"):
        assert faults(wrong) == [f"grid_vs_strtree: {wrong} is said, the run has 2.92 (2.92–2.92)"]


def test_reasons_that_were_written_after_another_run_are_named() -> None:
    earlier = _stands("", "Written after the run of 2026-11-22 08:00: so.\n")
    assert standing.faults(earlier) == [
        f"the reasons were written after the run of 2026-11-22 08:00, the table is of {WHEN}"
    ]
    assert standing.faults(_stands("", "")) == [
        f"the reasons were written after nobody says which run, the table is of {WHEN}"
    ]
