"""Cameras that hang are seen again and leave nothing; and the round that says so says otherwise of code that is wrong."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.support import patched
from tests.video import hangs, hangs_page
from tests.video.hangs_page import Found, Row
from tests.video.proxy import Manner

_BUGS = Path(__file__).parent / "bugs"
# One camera each: what ends a stream without a time-out, and the least time that shows whether it is seen again.
_ONCE = "--hangs", "1", "--cameras", "1", "--short", "--manner", "blind", "--give-up", "15"


async def test_ten_hangs_of_five_cameras_are_survived_and_two_bugs_are_caught(rtsp_there: None, tmp_path: Path) -> None:
    """Side by side, because each waits more than it works."""
    planted = ("no-frame-age", "was not seen again after: blind"), ("not-reaped", "descriptors are left")
    found, *verdicts = await asyncio.gather(
        hangs.run(10, 5, only_short=True), *(_planted(tmp_path, name) for name, _ in planted)
    )
    # Not the 99th percentile: of ten, on a machine that does the rest of the tests as well, that is the slowest.
    assert hangs_page.wrong(found, share=0.5) == [] and len(found.rows) == 10
    assert {row.manner for row in found.rows} == set(Manner) - {Manner.PASS}
    for (name, finding), (code, wrong) in zip(planted, verdicts, strict=True):
        assert code == 1 and any(finding in fault for fault in wrong), (name, code, wrong)


async def _planted(folder: Path, bug: str) -> tuple[int | None, list[str]]:
    """Exit code and findings of the same round with a copy of the source that has this bug."""
    there = patched.copy(hangs.ROOT, folder / bug, _BUGS / f"{bug}.patch")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.video.hangs", *_ONCE, cwd=hangs.ROOT, env={**os.environ, **there},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode, json.loads(out.splitlines()[-1])["wrong"]


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
    text = hangs_page.text(found, 100, 1, 7, "abc1234")
    assert "| all |  | 100 | 100 | 5 to 5 | 3.0 s | 3.0 s | 11.0 s |" in text and "nothing is wrong" in text
