"""The demo cameras' clips: drawn as long as the day thinks they are, and shown at their hour, whole, once."""

import asyncio
from pathlib import Path

import pytest

from gewu.city import load
from gewu.dev import clips
from gewu_video.clips import CLIPS


def test_the_day_has_an_hour_for_each_clip_that_is_drawn_and_each_is_some_cameras(demo: Path) -> None:
    assert {name: lasts for name, (_, lasts) in clips.HOURS.items()} == {
        n: seconds for n, (seconds, *_) in CLIPS.items()
    }
    assert clips.HOURS.keys() == {camera.source for camera in load(demo).cameras.values()}


@pytest.mark.parametrize(
    ("seconds", "planned"),
    [
        (86_400, [(8 * 3600, "street-corner.mp4"), (12.25 * 3600, "fire-lane.mp4")]),
        (900, [(300, "street-corner.mp4"), (459.375, "fire-lane.mp4")]),
        (120, [(30, "street-corner.mp4"), (60, "fire-lane.mp4")]),
        (20, [(0, "fire-lane.mp4"), (0, "street-corner.mp4")]),
    ],
)
def test_a_clip_begins_at_its_hour_or_so_early_that_it_ends_within_the_day(
    seconds: float, planned: list[tuple[float, str]]
) -> None:
    assert [(round(at, 6), name) for at, name in clips.plan(seconds)] == planned


async def test_a_clip_is_before_its_camera_from_its_hour_on_and_an_earlier_days_is_not(tmp_path: Path) -> None:
    drawn, folder, said = tmp_path / "drawn", tmp_path / "folder", list[str]()
    for path in (drawn, folder):
        path.mkdir()
        (path / "fire-lane.mp4").write_bytes(path.name.encode() * 100_000)
    (folder / "somebody's own.mp4").touch()
    clips.take_away(folder)
    assert [path.name for path in folder.iterdir()] == ["somebody's own.mp4"]
    showing = asyncio.create_task(clips.show(drawn, folder, 2.0, said.append))
    assert not (folder / "fire-lane.mp4").exists()
    await showing
    assert (folder / "fire-lane.mp4").read_bytes() == (drawn / "fire-lane.mp4").read_bytes()
    assert said == ["00:00: a camera shows fire-lane.mp4 (摄像机画面)"], "what was not drawn is not shown"
    assert len(list(folder.iterdir())) == 2


async def test_clips_are_drawn_once(tmp_path: Path) -> None:
    said = list[str]()
    await clips.draw(tmp_path / "reel", tmp_path, said.append)
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "reel").iterdir()}
    await clips.draw(tmp_path / "reel", tmp_path, said.append)
    assert first.keys() == clips.HOURS.keys() and not said
    assert first == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "reel").iterdir()}
