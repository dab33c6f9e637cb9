"""`gewu load` on a whole Gewu, judged; and what a person meets who says it wrong or stops it."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gewu.dev.stack import Stack
from gewu.runtime import keys
from tests.cli.running import Gewu
from tests.load.doors import Door, listening


async def test_the_judge_accepts_what_a_ramp_brought(gewu: Gewu, stack: Stack, tmp_path: Path) -> None:
    ended = await gewu.there(
        "--env-file", stack.data / "env", "load", "--rate", "60..180", "--over", 4, "--steps", 2, "--seconds", 5,
        "--ndjson", 0.5, "--lines", 10, "--ledger", tmp_path / "ledger.jsonl", "--plot", tmp_path / "load.svg",
        "--audit", "--json",
    )  # fmt: skip
    assert ended.code == 0, ended
    found = json.loads(ended.out)
    assert found["offered"] == found["sent"] == found["accepted"] == 660, found
    assert (found["refused"], found["unknown"], found["errors"]) == ({}, {}, {})
    assert found["audit"]["ok"] and found["audit"]["lost"] == found["audit"]["doubled"] == 0, found["audit"]
    assert [(s["rate"], s["offered"]) for s in found["steps"]] == [(60.0, 120), (180.0, 360), (180.0, 180)]
    assert found["knee_reached"] == (not all(step["good"] for step in found["steps"]))
    latency = found["latency_ms"]
    assert latency["single"]["count"] == 330 == latency["ndjson"]["count"] and latency["refused"]["p50"] is None
    assert 0 < latency["accepted"]["p50"] <= latency["accepted"]["p99"] <= latency["accepted"]["max"]
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert {line["source"] for line in lines if "source" in line} == {found["source"]}
    assert {line["lane"] for line in lines if "lane" in line} <= {"p0", "p1", "p2", "p3"}
    ElementTree.parse(tmp_path / "load.svg")
    own = next(k for k in keys.read(stack.data / "secrets/keys.json") if f"key:{k.id}" == found["source"])
    assert own.scopes == ("report",) and own.revoked_at, "the run's own key is out of force again"
    seconds = [line for line in ended.err.splitlines() if " s  offered" in line]
    assert len(seconds) >= 4 and "p99" in seconds[0]


async def test_the_report_for_people_names_the_numbers(gewu: Gewu, stack: Stack, tmp_path: Path) -> None:
    ended = await gewu.there(
        "--env-file", stack.data / "env", "load", "--rate", 50, "--seconds", 2, "--p99", 5000,
        "--ledger", tmp_path / "ledger.jsonl",
    )  # fmt: skip
    assert (
        ended.code == 0
        and "accepted  1" in ended.out
        and "knee      not reached: every step was good, up to 50 reports/s" in ended.out
    ), ended
    assert "latency from the intended start" in ended.out and "judge" not in ended.out


def _named(tmp_path: Path, url: str, demo: Path) -> list[Any]:
    (tmp_path / "key").write_text("secret\n")
    return ["load", "--url", url, "--key-file", tmp_path / "key", "--key-id", "x", "--city", demo,
            "--ledger", tmp_path / "ledger.jsonl"]  # fmt: skip


async def test_ctrl_c_ends_a_run_with_its_report(demo: Path, tmp_path: Path) -> None:
    async with listening(Door()) as url:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("gewu")), *map(str, _named(tmp_path, url, demo)), "--rate", "50",
            "--seconds", "600", "--json", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr
        while b" s  offered" not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 10.0)
    found = json.loads(out)
    assert process.returncode == 130 and found["cut_short"] and b"Traceback" not in err
    assert found["offered"] == found["accepted"] > 20 and found["steps"][0]["offered"] == found["offered"]


async def test_nothing_accepted_is_exit_1(gewu: Gewu, demo: Path, tmp_path: Path) -> None:
    async with listening(Door(lasts=30.0)) as url:
        words = _named(tmp_path, url, demo)
        ended = await gewu.there(*words, "--rate", 20, "--seconds", 0.5, "--ndjson", 0, "--patience", 0.3)
    assert (
        ended.code == 1 and "unknown   10 (timed out: 10)" in ended.out and "the lowest step was not good" in ended.out
    ), ended


async def test_nobody_there_is_exit_2_and_nothing_is_sent(gewu: Gewu, demo: Path, tmp_path: Path) -> None:
    ended = await gewu.there(*_named(tmp_path, "http://localhost:1", demo), "--rate", 5)
    assert ended.code == 2 and "is intake running" in ended.err and not (tmp_path / "ledger.jsonl").exists()


async def test_a_judge_that_cannot_judge_takes_no_report_with_it(gewu: Gewu, demo: Path, tmp_path: Path) -> None:
    (tmp_path / "settings").write_text(
        "GEWU_KAFKA_BOOTSTRAP=localhost:1\nGEWU_POSTGRES_DSN=postgresql://localhost:1/x\n"
    )
    async with listening(Door()) as url:
        words = ["--env-file", tmp_path / "settings", *_named(tmp_path, url, demo)]
        ended = await gewu.there(*words, "--rate", 20, "--seconds", 1, "--audit", "--json")
    assert ended.code == 2 and "PostgreSQL does not answer" in ended.err, ended
    found = json.loads(ended.out)
    assert found["accepted"] > 0 and found["audit"] is None


async def test_a_key_that_is_not_known_is_named(gewu: Gewu, stack: Stack, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("gewu.load.key._IN_FORCE_S", 0.5)
    ended = await gewu.there(*_named(tmp_path, stack.intake_url, stack.city), "--rate", 5)
    assert ended.code == 2 and "knows no such key" in ended.err, ended


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "0"], "is no number above 0"),
        (["--rate", "1..2..3"], "neither a rate"),
        (["--rate", "nan"], "is no number above 0"),
        (["--rate", "5", "--over", "9"], "--over is the length of a ramp"),
        (["--rate", "5..9", "--over", "9", "--seconds", "3"], "ends before the ramp"),
        (["--rate", "5", "--lanes", "p7=1"], "is no share of a lane"),
        (["--rate", "5", "--lanes", "p1=1,p1=2"], "each lane once"),
        (["--rate", "5", "--ndjson", "1.5"], "no share from 0 to 1"),
        (["--rate", "5", "--url", "localhost"], "no address such as"),
        (["--rate", "5", "--key-id", "x"], "go together"),
        ([], "--rate"),
    ],
)
def test_what_makes_no_sense_is_exit_2(gewu: Gewu, demo: Path, words: list[str], said: str) -> None:
    url = [] if "--url" in words else ["--url", "http://localhost:1"]
    ended = gewu("load", "--city", demo, *url, *words)
    assert ended.code == 2 and said in ended.err, ended


def test_what_is_missing_is_named(gewu: Gewu, demo: Path) -> None:
    assert "where is intake" in gewu("load", "--rate", 5).err
    assert "name the city package" in gewu("load", "--rate", 5, "--url", "http://localhost:1").err
    assert "no key" in gewu("load", "--rate", 5, "--url", "http://localhost:1", "--city", demo).err
