"""The pure parts of the bench: what wrk and Kafka's tool print, ratios and floors, the page. The bench itself is no test."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import page, plot, profiling, ratios, rounds, table, wrk
from bench.__main__ import arguments
from bench.measures.producer import parse as parse_producer
from bench.order import PARTS
from bench.variant import Figures, Run, Variant
from bench.world import ROOT, Fault, World
from gewu.dev import components

KEYS = [
    "single_vs_producer", "ndjson_vs_producer", "single_vs_yardstick", "cpu_us_per_report", "p99_vs_produce",
    "dispatch_vs_copy", "dispatch_vs_yardstick", "consumer_vs_getmany", "metrics_on_vs_off", "grid_vs_strtree", "growth",
    "live_vs_starlette", "live_p99_ms", "webhooks_vs_aiohttp", "notice_p99_ms",
]  # fmt: skip

_SAID = """Running 5s test @ http://127.0.0.1:8080/v1/reports
  1 threads and 256 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    19.88ms    6.24ms  63.41ms   86.00%
    Req/Sec    12.88k     2.88k   16.94k    70.00%
  Latency Distribution
     50%  810.00us
     75%   22.05ms
     90%   26.50ms
     99%    1.04s
  38635 requests in 3.03s, 12.01MB read
Requests/sec:  12738.51
Transfer/sec:      3.96MB
"""


def results(**changed: float) -> ratios.Results:
    """Two rounds in which every floor holds, but for what is changed, `variant__figure=value`."""
    good: dict[tuple[str, str], float] = {
        ("single", "rate"): 20_000, ("single", "producer_rate"): 100_000,
        ("ndjson", "rate"): 60_000, ("ndjson", "producer_rate"): 100_000,
        ("intake yardstick", "rate"): 2000, ("intake yardstick", "single_rate"): 20_000,
        ("single", "cpu_us"): 30, ("half load", "p99_ms"): 4,
        ("bare produce", "p99_ms"): 3, ("dispatch", "rate"): 6000, ("copy", "rate"): 15_000,
        ("dispatch yardstick", "rate"): 300, ("dispatch yardstick", "own_rate"): 6000,
        ("consumer", "rate"): 98, ("consumer", "getmany_rate"): 100,
        ("intake metrics", "on_rate"): 99, ("intake metrics", "off_rate"): 100,
        ("dispatch metrics", "on_rate"): 100, ("dispatch metrics", "off_rate"): 100,
        ("grid", "rate"): 600, ("grid", "strtree_rate"): 100, ("large city", "us_per_report"): 110,
        ("small city", "us_per_report"): 100, ("large city", "intake_cpu_us"): 31, ("small city", "intake_cpu_us"): 30,
        ("live", "rate"): 30, ("live yardstick", "rate"): 1, ("live", "p99_ms"): 40, ("webhooks", "rate"): 5,
        ("webhooks yardstick", "rate"): 1, ("notices at half load", "p99_ms"): 100,
    }  # fmt: skip
    good |= {
        tuple(
            name.replace("_city", " city")
            .replace("_metrics", " metrics")
            .replace("yardstick", "intake yardstick")
            .split("__")
        ): value
        for name, value in changed.items()
    }  # type: ignore[misc]
    found: dict[str, dict[str, list[float | None]]] = {}
    for (variant, figure), value in good.items():
        found.setdefault(variant, {})[figure] = [value, value]
    return found


# wrk


def test_what_wrk_prints_is_read() -> None:
    assert wrk.parse(_SAID) == wrk.Load(38635, 12738.51, 0.81, 1040.0, 0)


def test_answers_that_are_none_count_as_faults() -> None:
    worse = _SAID.replace(
        "Requests/sec",
        "  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 40\nRequests/sec",
    )
    assert wrk.parse(worse).faults == 46


def test_what_is_no_report_of_wrk_is_refused() -> None:
    for said in ("", "unable to connect to 127.0.0.1:1 Connection refused", _SAID.replace("99%", "97%")):
        with pytest.raises(wrk.NoLoad):
            wrk.parse(said)


def test_the_script_holds_every_body_and_header() -> None:
    script = wrk.script([b'{"a": "\xe4\xba\x95\n"}', b"two"], {"authorization": "Bearer x"}, pause_ms=(0, 20))
    assert '"{\\034a\\034: \\034\\228\\186\\149\\010\\034}"' in script and '"two"' in script
    assert '["authorization"]="Bearer x"' in script and "math.random(0, 20)" in script
    assert "delay" not in wrk.script([b"x"], {})


def test_connections_that_pause_send_at_about_the_rate() -> None:
    low, high = wrk.pause_for(rate=6400.0, latency_ms=5.0)
    assert wrk.CONNECTIONS / ((low + high) / 2 + 5.0) * 1000 == pytest.approx(6400.0, rel=0.02)
    assert wrk.pause_for(1e9, 5.0) == (0, 2)


# Kafka's tool


def test_the_producers_summary_is_read() -> None:
    whole = "800000 records sent, 200000.5 records/sec (103.00 MB/sec), 2.1 ms avg latency, 1 ms 50th, 9 ms 99th, 11 ms 99.9th.\n"
    assert parse_producer(whole + "5 records sent, 1.0 records/sec (0.00 MB/sec)\n") == 200000.5
    with pytest.raises(Fault):
        parse_producer("Exception in thread main")


# Ratios


def test_the_last_line_has_exactly_the_agreed_keys() -> None:
    assert list(ratios.medians(results())) == KEYS == list(ratios.KEYS)
    assert list(json.loads(json.dumps(ratios.medians({})))) == KEYS
    assert set(ratios.medians({}).values()) == {None}


def test_a_ratio_is_taken_round_by_round() -> None:
    # Both are three times as slow in the second round: that is the machine, and the ratio does not see it.
    results = {"single": {"rate": [30.0, 10.0, 33.0], "producer_rate": [300.0, 100.0, 300.0]}}
    found = ratios.of(ratios.RATIOS[0], results)
    assert found == ratios.Spread(pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.11))


def test_a_round_that_failed_counts_for_nobody() -> None:
    results = {"single": {"rate": [None, 10.0], "producer_rate": [300.0, 100.0]}}
    assert ratios.of(ratios.RATIOS[0], results) == ratios.Spread(0.1, 0.1, 0.1)
    assert ratios.of(ratios.RATIOS[0], {"single": {"rate": [None], "producer_rate": [1.0]}}) is None


def test_of_several_pairs_the_worst_counts() -> None:
    assert ratios.medians(results(large_city__us_per_report=130))["growth"] == 1.3
    assert ratios.medians(results(large_city__intake_cpu_us=60))["growth"] == 2.0
    assert ratios.medians(results(dispatch_metrics__on_rate=90))["metrics_on_vs_off"] == 0.9


def test_every_missed_floor_is_named_and_no_other() -> None:
    assert ratios.missed(results()) == []
    missed = ratios.missed(results(single__rate=9000, yardstick__rate=3000, large_city__us_per_report=130))
    assert [m.split()[0] for m in missed] == ["single_vs_producer", "single_vs_yardstick", "growth"]
    assert missed[0] == "single_vs_producer is 0.09, must be at least 0.1"
    assert missed[2] == "growth is 1.3, must be at most 1.2"


def test_what_was_wanted_and_not_measured_is_missed() -> None:
    assert ratios.missed({}, ["growth"]) == ["growth was not measured"]
    assert ratios.missed({}, []) == []


def test_every_ratio_belongs_to_a_part_or_to_two() -> None:
    assert {key for keys in PARTS.values() for key in keys} | {"metrics_on_vs_off"} == set(KEYS)


# Rounds


async def test_a_variant_that_fails_leaves_its_round_and_those_that_need_it_out() -> None:
    turns = {"n": 0}

    async def fails_once(run: Run) -> Figures:
        turns["n"] += 1
        if turns["n"] == 1:
            raise Fault("no luck\nand more")
        return {"rate": 2.0}

    async def follows(run: Run) -> Figures:
        return {"rate": run.so_far["first"]["rate"] * 2}

    said: list[str] = []
    variants = [Variant("first", "x", "", fails_once), Variant("second", "x", "", follows, needs=("first",))]
    results, faults = await rounds.play(None, variants, 2, 1, 1, said.append)  # type: ignore[arg-type]
    assert results == {"first": {"rate": [None, 2.0]}, "second": {"rate": [None, 4.0]}}
    assert faults == ["first failed in round 1: no luck"]
    assert len(said) == 4 and "left out, it needs first" in said[1]


def test_numbers_have_three_digits_that_count() -> None:
    assert [rounds.number(n) for n in (0.12345, 12.345, 1234.5, 12345.6, 123456.0, 2345678.0)] == [
        "0.123", "12.3", "1234", "12.3k", "123k", "2346k",
    ]  # fmt: skip


# Words and pictures


def test_the_verdict_tells_floors_from_goals() -> None:
    lines = {line.split()[0]: line for line in table.verdicts(results(dispatch__rate=3000, grid__rate=300))}
    assert "FLOOR MISSED" in lines["dispatch_vs_copy"] and "goal met" in lines["ndjson_vs_producer"].replace(
        "open", "met"
    )
    assert "goal open" in lines["grid_vs_strtree"] and "holds" in lines["growth"]
    assert "not measured" in table.verdicts({})[1]


def test_the_page_has_the_tables_that_the_code_has() -> None:
    text = page.PAGE.read_text()
    for ratio in ratios.RATIOS:
        line = next(line for line in text.splitlines() if line.startswith(f"| `{ratio.key}` |"))
        assert tuple(cell.strip() for cell in line.strip("|").split("|"))[-2:] == table.bounds(ratio), ratio.key
    assert f"| {' | '.join(page.HEAD)} |" in text


def test_a_run_is_one_more_row_under_the_others() -> None:
    cells = page.row(results(), 5)
    head = f"a\n\n| {' | '.join(page.HEAD)} |\n|---|\n"
    once = page.with_row(f"{head}\nafter\n", cells)
    twice = page.with_row(once, ("next",))
    assert twice == f"{head}| {' | '.join(cells)} |\n| next |\n\nafter\n"
    assert len(cells) == len(page.HEAD) and cells[3:5] == ("5", "0.2 (0.2–0.2)")
    with pytest.raises(ValueError):
        page.with_row("no table", cells)


def test_a_profile_takes_the_place_of_the_one_before() -> None:
    text = page.PAGE.read_text()
    once = page.with_profile(text, ["profile 1"])
    assert "```\nprofile 1\n```" in once
    assert page.with_profile(once, ["profile 2"]) == once.replace("profile 1", "profile 2")
    assert page.with_profile(text, []) == text


def test_the_plot_is_a_picture_with_what_was_measured() -> None:
    tree = ElementTree.fromstring(plot.drawn(results(), "now <&>"))
    texts = ["".join(t.itertext()) for t in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "single_vs_producer" in texts and "now <&>" in texts and "cpu_us_per_report" not in texts
    assert "<circle" not in plot.drawn({}, "nothing")


def test_a_profile_adds_up_frames_without_anybodys_folders() -> None:
    stacks = [" 5", "main (/x/y/z/app.py:3);work (/x/y/z/app.py:9) 30", "main (/x/y/z/app.py:3) 10"]
    lines = profiling.summed(stacks)
    assert lines[1:3] == ["    75.0%  work (z/app.py)", "    25.0%  main (z/app.py)"] and lines[-1] == lines[1]
    assert not any("/x/" in line for line in lines)


def test_a_profile_of_one_function_leaves_the_rest_out() -> None:
    stacks = [
        "run (/a/b.py:1);locate (/x/city/owners.py:3);intersects (/y/shapely/p.py:9) 3",
        "run (/a/b.py:1);load (/a/b.py:2) 7",
    ]
    kept = profiling.inside(stacks, "locate (city/owners.py)")
    assert kept == ["locate (/x/city/owners.py:3);intersects (/y/shapely/p.py:9) 3"]
    assert "    100.0%  intersects (shapely/p.py)" in profiling.summed(kept)


def test_a_profile_says_when_and_of_what_it_is() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC, commit \S+, CPython 3\.\S+ of .+", profiling.head())


def test_the_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments().parse_args(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "make bench ONLY=intake" in said and "Exit code" in said and all(part in said for part in PARTS)
    with pytest.raises(SystemExit):
        arguments().parse_args(["--rounds", "0"])


def test_what_the_bench_installs_is_pinned_as_the_tests_have_it() -> None:
    folder = Path(__file__).parents[2] / "requirements"
    bench, dev = (
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (folder / f).read_text(), re.M)) for f in ("bench.txt", "dev.txt")
    )
    assert {"fastapi", "py-spy"} <= set(bench), "run `make locks`"
    assert {name: dev[name] for name in bench if name in dev} == {n: v for n, v in bench.items() if n in dev}
    text = (folder / "bench.txt").read_text()
    assert text.count("--hash=sha256:") > len(bench) and "://" not in text


def test_no_module_of_the_bench_is_too_long_or_silent() -> None:
    import ast

    for path in (Path(__file__).parents[2] / "bench").rglob("*.py"):
        tree = ast.parse(path.read_text())
        named = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef))]
        assert all(ast.get_docstring(n) for n in named if not getattr(n, "name", "module").startswith("_")), path  # type: ignore[arg-type]
        assert path.read_text().count("\n") <= 300
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, (path, node.name)


async def test_every_measured_service_has_all_its_variables(
    servers: tuple[object, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "data", ROOT / "cities" / "demo", print)
    monkeypatch.setattr(world.stack, "kafka", servers[0])
    for name in ("intake", "dispatch", "notify"):
        found = world.environment(components.component(name), 8080, dsn="postgresql://x")
        assert found["GEWU_HTTP_PORT"] == "8080" and not any("{" in value for value in found.values())
        assert not any("_MQTT_" in variable for variable in found)
