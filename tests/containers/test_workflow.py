"""The workflow for machines with an engine: it parses, and what it calls is there. Nobody here has run it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/ci.yml"


def faults(text: str) -> list[str]:
    """Steps that call what is not there, actions that are not pinned, jobs without a limit or with rights."""
    file, found = yaml.safe_load(text), []
    if file.get("permissions") != {"contents": "read"}:
        found.append("permissions: more than reading the source")
    for name, job in file["jobs"].items():
        if "timeout-minutes" not in job:
            found.append(f"{name}: no timeout-minutes")
    for step in _steps(file):
        if (uses := step.get("uses")) and not re.search(r"@[0-9a-f]{40}$", uses):
            found.append(f"{uses}: not pinned by a commit")
        found += _missing(step.get("run", ""))
    return found


def _steps(file: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in file["jobs"].values():
        yield from job["steps"]


def _missing(command: str) -> list[str]:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    found = [
        f"make {target}: no such target" for target in re.findall(r"\bmake ([\w-]+)", command) if target not in targets
    ]
    paths = re.findall(r"(?:^|[\s'=])((?:tests|deploy|\.ci)/[\w./-]+)", command)
    found += [f"{path}: is not there" for path in paths if not (ROOT / path).exists()]
    called = re.findall(r"^(?:sudo )?((?:deploy|\.ci)/\S+)", command, re.M)
    return found + [f"{path}: cannot be executed" for path in called if not os.access(ROOT / path, os.X_OK)]


def _against_schema(path: Path) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", path],
        capture_output=True, text=True,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_workflow_calls_what_is_there() -> None:
    assert faults(WORKFLOW.read_text()) == []


def test_its_schema_has_nothing_against_it_and_finds_a_misspelling(tmp_path: Path) -> None:
    assert _against_schema(WORKFLOW) == ""
    (tmp_path / "ci.yml").write_text(WORKFLOW.read_text().replace("runs-on", "runs_on"))
    assert "runs_on" in _against_schema(tmp_path / "ci.yml")


@pytest.mark.parametrize(
    ("word", "instead", "fault"),
    [
        ("make setup", "make set-up", "make set-up: no such target"),
        ("deploy/compose/try.sh", "deploy/compose/tried.sh", "deploy/compose/tried.sh: is not there"),
        ("deploy/compose/try.sh", "deploy/ready.py", "deploy/ready.py: cannot be executed"),
        ("tests/delivery ", "tests/deliveries ", "tests/deliveries: is not there"),
        ("@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4", "actions/checkout@v4: not pinned by a commit"),
        ("    timeout-minutes: 60\n", "", "containers: no timeout-minutes"),
        ("permissions: {contents: read}\n", "", "permissions: more than reading the source"),
    ],
)
def test_a_fault_of_the_workflow_is_found(word: str, instead: str, fault: str) -> None:
    text = WORKFLOW.read_text()
    assert word in text and fault in faults(text.replace(word, instead))


def test_it_does_with_containers_what_the_issue_asks_for() -> None:
    commands = [step.get("run", "") for step in _steps(yaml.safe_load(WORKFLOW.read_text()))]
    order = [
        "docker compose config",
        "docker compose build",
        "docker compose up",
        "try.sh",
        "docker compose down",
        "make test",
    ]
    places = [next(n for n, command in enumerate(commands) if word in command) for word in order]
    assert places == sorted(places)
    assert {"GEWU_TEST_SERVERS": "containers"} in [s.get("env") for s in _steps(yaml.safe_load(WORKFLOW.read_text()))]


@pytest.mark.parametrize("page", [".github/workflows/ci.yml", "README.md", "deploy/README.md"])
def test_what_was_never_run_is_said(page: str) -> None:
    text = " ".join((ROOT / page).read_text().replace("\n#", " ").split())
    assert "never been run by" in text
