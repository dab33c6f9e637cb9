"""The contracts bind: their style, their promises, the code made from them. Each guard has been seen to fail."""

import re
from pathlib import Path

import pytest

from tests.contracts import buf
from tests.contracts.world import ROOT

BREAKS = {
    "a field's type changed": ("common.proto", "  double lon = 1;", "  float lon = 1;"),
    "a field removed": ("case.proto", "  string department = 11;\n", ""),
    "a field renumbered": ("signal.proto", "  string home_area = 8;", "  string home_area = 14;"),
    "a field renamed": ("signal.proto", "  string home_area = 8;", "  string home = 8;"),
    "an enum value removed": ("action.proto", "  ACTION_KIND_DONE = 3;\n", ""),
    "an enum value renumbered": ("common.proto", "  LANE_P3 = 4;", "  LANE_P3 = 5;"),
    "a message removed": ("common.proto", "message Contact {", "message ContactCard {"),
    "presence lost": ("signal.proto", "  optional double value = 5;", "  double value = 5;"),
}


def test_the_contracts_have_their_style() -> None:
    done = buf.lint(ROOT / "proto")
    assert done.returncode == 0, done.stdout


def test_a_contract_without_its_style_is_found(tmp_path: Path) -> None:
    proto = buf.copy(tmp_path)
    buf.plant(proto, "action.proto", "  string said_by = 6;", "  string saidBy = 6;")
    done = buf.lint(proto)
    assert done.returncode != 0 and "saidBy" in done.stdout


def test_the_contracts_keep_what_they_promised() -> None:
    done = buf.breaking(ROOT / "proto")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("change", BREAKS)
def test_a_broken_promise_is_found(tmp_path: Path, change: str) -> None:
    proto = buf.copy(tmp_path)
    buf.plant(proto, *BREAKS[change])
    done = buf.breaking(proto)
    assert done.returncode != 0 and BREAKS[change][0] in done.stdout, done.stdout + done.stderr


def test_a_contract_may_grow(tmp_path: Path) -> None:
    proto = buf.copy(tmp_path)
    buf.plant(proto, "case.proto", "  string superseded_by = 19;", "  string superseded_by = 19;\n  bool added = 30;")
    buf.plant(proto, "action.proto", "  ACTION_KIND_DONE = 3;", "  ACTION_KIND_DONE = 3;\n  ACTION_KIND_ADDED = 99;")
    assert buf.breaking(proto).returncode == 0 and buf.lint(proto).returncode == 0


def test_the_baseline_knows_every_message_and_is_made_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.binpb", "two.binpb"):
        done = buf.baseline(ROOT / "proto", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.binpb").read_bytes() == (tmp_path / "two.binpb").read_bytes()
    committed = buf.BASELINE.read_bytes()
    assert len(committed) < 64 * 1024
    for path in (ROOT / "proto/gewu/v1").glob("*.proto"):
        assert f"gewu/v1/{path.name}".encode() in committed, f"{path.name} came later: it binds nobody yet"


def test_the_generated_code_is_current(tmp_path: Path) -> None:
    committed = buf.generated(ROOT / "gewu/src")
    assert len(committed) == 2 * len(list((ROOT / "proto/gewu/v1").glob("*.proto")))
    assert buf.generate(ROOT / "proto", tmp_path / "out") == committed, "run `make proto`"


def test_generated_code_that_is_not_current_is_found(tmp_path: Path) -> None:
    proto = buf.copy(tmp_path)
    buf.plant(proto, "action.proto", "  string said_by = 6;", "  string said_by = 6;\n  string added = 99;")
    fresh, committed = buf.generate(proto, tmp_path / "out"), buf.generated(ROOT / "gewu/src")
    assert {n for n in fresh if fresh[n] != committed[n]} == {"action_pb2.py", "action_pb2.pyi"}


def test_the_makefile_generates_as_these_tests_do() -> None:
    recipe = re.search(r"^proto:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert recipe
    for word in ("grpc_tools.protoc", "-Iproto ", "--python_out=", "--mypy_out=quiet:", "proto/gewu/v1/*.proto"):
        assert word in recipe[1], word
