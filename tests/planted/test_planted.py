"""Every planted bug applies to the source as it is and names its finding; one goes the whole way, the rest in `make planted`."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gewu.audit.findings import Fault
from gewu.dev.kafka import KafkaServer
from gewu.dev.postgres import PostgresServer
from tests.planted import bug, source, trial, verdicts
from tests.planted.bug import Bug, WrongBug
from tests.planted.faults import FAULTS
from tests.planted.page import PAGE, page
from tests.planted.site import Site
from tests.planted.trial import Outcome
from tests.trouble.play import Own

BUGS = bug.bugs()


@pytest.mark.parametrize("planted", BUGS, ids=lambda b: b.name)
def test_the_bug_applies_to_the_source_and_says_when_its_window_is_hit(planted: Bug, tmp_path: Path) -> None:
    source.copied(tmp_path / "copy", planted.patch)
    text = planted.patch.read_text()
    for name in re.findall(r"^\+\+\+ b/(.+\.py)$", text, re.M):
        compile((tmp_path / "copy" / name).read_text(), name, "exec")
    assert re.search(r"^\+.*planted_window\.(hit|stand)\(", text, re.M) and planted.what


def test_every_finding_of_the_judge_and_of_families_has_a_bug_and_every_fault_a_use() -> None:
    assert len(BUGS) >= 10
    assert {b.finding for b in BUGS} == {*Fault, *Own}
    assert {b.fault for b in BUGS} == set(FAULTS)


def test_the_page_is_of_these_bugs() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.planted.page`"


@pytest.mark.parametrize(
    "head", ["What: x\nFault: none\n", "What: x\nFault: none\nFinding: sad\n", "What: x\nFault: rain\nFinding: lost\n"]
)
def test_a_bug_without_a_finding_or_a_fault_that_there_is_is_refused(head: str, tmp_path: Path) -> None:
    (tmp_path / "x.patch").write_text(f"{head}\ndiff --git a/f b/f\n")
    with pytest.raises(WrongBug):
        bug.read(tmp_path / "x.patch")


def _outcome(expected: Fault | Own | None, hits: list[str], *found: str) -> Outcome:
    return Outcome("x", expected, hits, dict.fromkeys(found, 1), "", 9, 1.0)


def test_caught_is_hit_and_named_as_expected_and_a_control_must_be_clean() -> None:
    assert _outcome(Fault.LOST, ["hit"], "lost", "unbalanced").caught
    assert not _outcome(Fault.LOST, [], "lost").caught, "named, and its window was not hit"
    assert not _outcome(Fault.LOST, ["hit"], "unbalanced").caught, "hit, and another finding"
    assert _outcome(Own.P0_WAITS, ["hit"], "p0_waits").caught
    assert not _outcome(Own.P0_WAITS, ["hit"]).caught, "hit, and nothing was found"
    assert _outcome(None, []).caught and not _outcome(None, [], "lost").caught


def test_the_verdicts_page_shows_what_was_caught_by_which_finding_and_what_was_not() -> None:
    lost, unfelt = Bug("x", "says a | b", "none", Fault.LOST, Path()), Bug("y", "forgets", "none", Fault.LOST, Path())
    outcomes = [
        _outcome(Fault.LOST, ["the ack was said", "again"], "unbalanced", "lost"),
        replace(_outcome(Fault.LOST, [], "lost"), name="y"),
        replace(_outcome(None, []), name="control: none"),
        replace(_outcome(None, [], "phantom"), name="control: two-dispatches"),
    ]
    text = verdicts.text(outcomes, [lost, unfelt], "abc1234")
    assert "commit abc1234: 1 of 2 planted bugs were caught, 1 of 2 controls were" in text
    assert "| x | says a / b | none | the ack was said (2 times) | **lost** 1, unbalanced 1 | yes |" in text
    assert "| y | forgets | none | it was not | **lost** 1 | **no** |" in text
    assert "| none | 9 | nothing | yes |" in text and "| two-dispatches | 9 | phantom 1 | **no** |" in text


def test_the_verdicts_page_is_written_of_every_bug_or_not_at_all(tmp_path: Path) -> None:
    trials = [replace(_outcome(b.finding, ["hit"], b.finding), name=b.name) for b in BUGS]
    file = tmp_path / "page.md"
    assert not verdicts.keep(file, trials[1:], "abc1234") and not file.exists()
    assert verdicts.keep(file, trials, "abc1234") and all(b.what in file.read_text() for b in BUGS)


async def test_a_position_that_moves_before_its_effects_is_caught_as_lost(
    native_servers: tuple[KafkaServer, PostgresServer], tmp_path: Path, demo: Path
) -> None:
    (planted,) = (b for b in BUGS if b.name == "position-before-the-effects")
    try:
        outcome = await trial.plant(planted, native_servers, tmp_path)
    finally:
        await Site(tmp_path / "swept", demo, native_servers, {}, planted=False).sweep()
    assert outcome.caught, outcome
