"""`gewu city check` says what it found and ends with the code it promises."""

import argparse
import json
from pathlib import Path

import pytest

from gewu.cli import city

from .packages import CODEBOOK, collection, grid, grids, square, write

DEMO = Path(__file__).parents[2] / "cities" / "demo"


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="gewu")
    city.add(parser.add_subparsers(required=True))
    args = parser.parse_args(["city", *words])
    return args.run(args)


def overlapping(folder: Path) -> Path:
    return write(folder, grids=collection([*grids(), grid("over", "top", 2, square(83.0005, 39.0015, 0.0008))]))


def test_a_package_in_order_is_summed_up_with_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", str(DEMO)) == 0
    out, err = capsys.readouterr()
    assert "格林市 / Gelin (gelin), version 1.0-" in out and "level 3 204" in out and "no faults" in out
    assert err == ""


def test_faults_end_with_code_1_and_stand_on_the_error_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", str(write(tmp_path, codebook=CODEBOOK.replace(",p2,", ",p9,")))) == 1
    out, err = capsys.readouterr()
    assert err == "codebook.csv:3: lane 'p9' is none of p0 p1 p2 p3\n"
    assert out == "1 faults (错误)\n"


def test_faults_as_json_carry_file_line_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--json", str(write(tmp_path, codebook=CODEBOOK.replace(",p2,", ",p9,")))) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False and report["holds"] is None
    (fault,) = report["faults"]
    assert (fault["file"], fault["line"], fault["reason"]) == ("codebook.csv", 3, "lane 'p9' is none of p0 p1 p2 p3")


def test_json_says_what_the_package_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--json", str(DEMO)) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True and report["faults"] == [] and report["warnings"] == []
    assert report["holds"]["grids"] == {"1": 3, "2": 12, "3": 204} and report["holds"]["name"]["zh"] == "格林市"
    assert report["holds"]["calendar"] == {"holidays": 33, "workdays": 6, "up_to": "2026-10-10"}
    assert report["holds"]["plate_rules"] == {"stolen-demo": {"valid_from": "2026-11-20", "valid_to": "2027-02-17"}}
    assert run("check", str(DEMO)) == 0
    out = capsys.readouterr().out
    assert "stolen-demo, 2026-11-20 … 2027-02-17" in out and "皖A00000" not in out, (
        "a rule is named, its plates are not"
    )


def test_overlaps_are_warnings_unless_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(overlapping(tmp_path))
    assert run("check", folder) == 0
    out, err = capsys.readouterr()
    assert err.startswith("warning: overlap of 24") and "1 warnings" in out
    assert run("check", folder, "--strict") == 1
    out, err = capsys.readouterr()
    assert err.startswith("fault: overlap of 24") and out.endswith("1 faults (错误)\n")
    assert run("check", folder, "--strict", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False and report["warnings"][0]["between"] == ["north", "over"]


def test_a_path_that_is_no_folder_and_a_wrong_command_end_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", str(tmp_path / "nowhere")) == 2
    assert "is no folder" in capsys.readouterr().err
    for words in (("check",), ("chek", "."), ()):
        with pytest.raises(SystemExit) as ended:
            run(*words)
        assert ended.value.code == 2


def test_help_shows_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("check", "--help")
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "gewu city check cities/demo --strict" in out and "exit codes: 0" in out
