"""What a child makes of pictures: what stands, what is blacked out, and plates that leave a number."""

from pathlib import Path

import numpy as np
import pytest

from gewu.city.scene import PlateRule, Scenes, ZoneRule
from gewu_video import clips
from gewu_video.seeing import motion
from gewu_video.seeing.motion import Scene
from gewu_video.talk import Beat, Ended, Plates, Sees, Up, Zones
from tests.support.waiting import until
from tests.video import plates
from tests.video.cameras import ID, camera, kept

ZONE = ((0.3, 0.45), (0.72, 0.45), (0.8, 0.95), (0.22, 0.95))
EMPTY = clips.background(np.random.default_rng(7))
CAR = clips.with_block(EMPTY, 215, 180, (210, 120))


def grained(picture: np.ndarray, n: int) -> np.ndarray:
    """The same with a camera's noise."""
    noise = np.random.default_rng(n).normal(0, 3, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def covered(*pictures: np.ndarray) -> list[float]:
    """Of each picture the share of the zone."""
    scene = Scene([("z", ZONE, 0.2)])
    return [scene.see(grained(p, n))["z"] for n, p in enumerate(pictures)]


def test_what_stands_covers_its_share_and_never_becomes_background() -> None:
    found = covered(*[EMPTY] * 10, *[CAR] * 200, *[EMPTY] * 3)
    assert max(found[:10]) < 0.05 and min(found[12:210]) > 0.3 and found[-1] < 0.05


def test_what_moves_does_not_cover() -> None:
    moving = [clips.with_block(EMPTY, 60 + n * 60, 180, (60, 40)) for n in range(8)]
    assert max(covered(*[EMPTY] * 10, *moving)) < 0.1


def test_a_privacy_zone_is_black_before_anything_looks() -> None:
    picture = np.full((360, 640, 3), 200, np.uint8)
    motion.black_out(picture, [((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))])
    assert not picture[:180, :320].any() and (picture[200:, 340:] == 200).all()


async def test_a_pattern_inside_a_privacy_zone_is_never_detected(tmp_path: Path) -> None:
    clips.draw(tmp_path / "a.mp4", 8.0, (210, 120), (3.0, 8.0))
    rule = ZoneRule("z", ID, "matter:09012", ZONE, 2.0, 0.2, 83.0, 39.0)
    hidden = Scenes((rule,), (), {ID: (((0.1, 0.3), (0.95, 0.3), (0.95, 1.0), (0.1, 1.0)),)})
    most = {}
    for name, scenes in (("open", Scenes((rule,))), ("hidden", hidden)):
        async with kept(camera("a.mp4"), scenes, files=tmp_path) as (_, heard):
            await until(lambda heard=heard: _played(heard.ends), 40.0, "the clip's end")
        most[name] = max(m.covered["z"] for m in heard.messages if isinstance(m, Zones))
    assert most["open"] > 0.3 and most["hidden"] == 0


async def _played(ends: list[Ended]) -> bool:
    return Ended.PLAYED in ends


async def test_several_cameras_are_watched_at_once(tmp_path: Path) -> None:
    rule = ZoneRule("z", ID, "matter:09012", ZONE, 2.0, 0.2, 83.0, 39.0)
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        clips.draw(tmp_path / name, 5.0, (210, 120), (2.0, 5.0))
    async with (
        kept(camera("a.mp4"), Scenes((rule,)), files=tmp_path) as (_, a),
        kept(camera("b.mp4"), Scenes((rule,)), files=tmp_path) as (_, b),
        kept(camera("c.mp4"), Scenes((rule,)), files=tmp_path) as (_, c),
    ):
        await until(lambda: _played(a.ends), 40.0, "the first clip's end")
        assert b.count()["Zones"] and c.count()["Zones"], "nobody waited for the first one"
        for heard in (b, c):
            await until(lambda heard=heard: _played(heard.ends), 40.0, "the clips' ends")
    assert all(max(m.covered["z"] for m in h.messages if isinstance(m, Zones)) > 0.3 for h in (a, b, c))


@pytest.mark.parametrize("what", ["bytes", "playlist", "link"])
async def test_a_file_that_is_no_video_or_leads_elsewhere_is_not_played(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    clips.draw(tmp_path / "outside.mp4", 1.0, (210, 120), (0.0, 1.0))
    if what == "link":
        (folder / "a.mp4").symlink_to(tmp_path / "outside.mp4")
    else:
        text = f"ffconcat version 1.0\nfile {tmp_path / 'outside.mp4'}\n" if what == "playlist" else "no video\n" * 99
        (folder / "a.mp4").write_text(text)
    async with kept(camera("a.mp4"), files=folder) as (_, heard):

        async def refused() -> bool:
            return bool(heard.missing or heard.ends)

        await until(refused, 15.0, "an end")
    assert not any(isinstance(m, Up) for m in heard.messages)
    assert heard.missing == ["a.mp4 leads out of the folder of files"] if what == "link" else not heard.missing


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
async def test_two_plates_are_read_and_only_the_asked_one_leaves_the_child(tmp_path: Path) -> None:
    plates.draw(tmp_path / "cars.mp4")
    rule = PlateRule("r", (ID,), "matter:09009", "x", (plates.ASKED,), ("a", "b"), None, None)  # type: ignore[arg-type]
    async with kept(camera("cars.mp4", fps=4.0), rules=[rule], files=tmp_path, models=plates.models()) as (_, heard):
        await until(lambda: _played(heard.ends), 60.0, "the clip's end")
    said = [m for m in heard.messages if isinstance(m, Plates)]
    assert sum(m.read for m in said) == 2
    assert [(h.rule, h.plate) for m in said for h in m.hits] == [("r", plates.ASKED)]
    assert plates.CANARY not in repr(heard.messages)


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
async def test_without_a_rule_in_force_no_plate_is_even_looked_for(tmp_path: Path) -> None:
    plates.draw(tmp_path / "cars.mp4")
    async with kept(camera("cars.mp4"), files=tmp_path, models=plates.models()) as (_, heard):

        async def looked() -> bool:
            return any(isinstance(m, Beat) and m.looked > 10 for m in heard.messages)

        await until(looked, 30.0, "pictures")
    (up,) = [m for m in heard.messages if isinstance(m, Up)]
    assert up.sees == [Sees.MOTION] and not any(isinstance(m, Plates) for m in heard.messages)
