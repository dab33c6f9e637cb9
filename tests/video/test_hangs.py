"""Cameras that hang are seen again and leave nothing; and the round that says so says otherwise of code that is wrong."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import patched
from tests.video import hangs, hangs_page
from tests.video.hangs_page import Found, Row
from tests.video.proxy import Manner

_BUGS = Path(__file__).parent / "bugs"
# Not the 99th percentile: of ten, on a machine that does other tests as well, that is the slowest.
_ROUND = "--hangs", "10", "--cameras", "5", "--short", "--percentile", "50"
# Bug, and what must be said of it. One camera; what no time-out ends; the least time that shows whether it is seen again.
_PLANTED = ("no-frame-age", "was not seen again after: blind"), ("not-reaped", "processes are left")
_ONCE = "--hangs", "1", "--cameras", "1", "--short", "--manner", "blind", "--give-up", "15"


async def test_ten_hangs_of_five_cameras_are_survived_and_two_bugs_are_caught(rtsp_there: None, tmp_path: Path) -> None:
    """Side by side, because each waits more than it works."""
    copies = [patched.copy(hangs.ROOT, tmp_path / bug, _BUGS / f"{bug}.patch") for bug, _ in _PLANTED]
    (code, said), *verdicts = await asyncio.gather(_run(_ROUND, {}), *(_run(_ONCE, there) for there in copies))
    assert (code, said["wrong"], said["hangs"]) == (0, [], 10), said
    for (bug, finding), (code, said) in zip(_PLANTED, verdicts, strict=True):
        assert code == 1 and any(finding in fault for fault in said["wrong"]), (bug, code, said)


async def _run(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int | None, dict[str, Any]]:
    """Exit code and last line of a round, with this tree or a copy of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.video.hangs", *words, cwd=hangs.ROOT, env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode, json.loads(out.splitlines()[-1])


def _row(took_s: float | None = 3.0, *, hit: bool = True) -> Row:
    return Row(0, Manner.HANG, 5.0, False, hit, took_s)


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        (Found(9, 0, [_row(None)]), "camera 0 was not seen again"),
        (Found(9, 0, [_row()] * 98 + [_row(11.0)] * 2), "recovery takes 11.0 s"),
        (Found(9, 0, [_row()], most_children=2), "2 children of 1 cameras"),
        (Found(9, 0, [_row()], children_after=1), "1 processes are left"),
        (Found(9, 0, [_row()], descriptors_after=11), "2 descriptors are left"),
        (Found(9, 0, [_row(hit=False)]), "1 were not felt"),
    ],
)
def test_each_thing_that_is_wrong_is_said(found: Found, finding: str) -> None:
    assert [fault for fault in hangs_page.wrong(found) if finding in fault] == hangs_page.wrong(found) != []


def test_what_is_right_is_not_wrong_and_the_page_says_so() -> None:
    found = Found(9, 0, [_row()] * 99 + [_row(11.0)], 1, 9, 0)
    assert hangs_page.wrong(found) == []
    text = hangs_page.text(found, 100, 1, 7, "abc1234", hangs.defaults())
    assert "| all |  | 100 | 100 | 5 to 5 | 3.0 s | 3.0 s | 11.0 s |" in text and "nothing is wrong" in text
