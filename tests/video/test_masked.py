"""A camera of city_management: what looks at its pictures is given nobody's face and no plate, or nothing at all."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from gewu.city import load
from gewu.city.scene import Purpose, Scenes, ZoneRule
from gewu.mask.cover import Cover
from gewu.mask.words import Refusal, Unmasked
from gewu_video import app, child, clips, talk
from gewu_video.children import Keeper
from gewu_video.domain.silence import Sight
from gewu_video.handlers import Handlers
from gewu_video.metrics import Metrics
from gewu_video.seeing.motion import Scene
from gewu_video.seeing.veil import Veil
from gewu_video.settings import Children, Settings, Sources
from gewu_video.talk import Beat, Ended, Sees, Up, Zones
from gewu_video.wire import Words
from tests.mask.test_cover import crowd, frame
from tests.support.eyes import Eyes
from tests.support.shared import models, shared
from tests.support.waiting import until
from tests.video import plates
from tests.video.cameras import ID, camera, kept
from tests.video.test_parts import Still

RULE = ZoneRule("z", ID, "matter:06036", ((0.3, 0.45), (0.72, 0.45), (0.8, 0.95), (0.22, 0.95)), 2.0, 0.2, 83.0, 39.0)
SCENES = Scenes((RULE,))
_RATE = 4
# How the eyes call what they see.
FACE, PLATE = "a face", "the plate"


def managed(source: str, fps: float = 5.0) -> Any:
    """A camera that looks after rubbish, not after people."""
    return replace(camera(source, fps=fps), purpose=Purpose.CITY_MANAGEMENT)


def passers_by() -> Iterator[np.ndarray]:
    """A person near, persons far, and cars whose plates can be read, in one street after another."""
    portrait = cv2.imread(str(shared("eval/faces/astronaut.png")))
    near = np.full((plates.SIZE[1], plates.SIZE[0], 3), 90, np.uint8)
    near[200:920] = cv2.resize(portrait, (720, 720))
    yield from (near, crowd(portrait, 60, 80, 120), crowd(portrait, *[30, 40] * 3))
    yield from (frame(n) for n in (1, 2, 3, 4, 6, 9))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of them, a second each."""
    import av

    path = tmp_path_factory.mktemp("street") / "street.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=_RATE)
        stream.width, stream.height, stream.pix_fmt = *plates.SIZE, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20"}
        for picture in passers_by():
            shown = cv2.resize(picture, plates.SIZE)
            for _ in range(_RATE):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def looked_at(clip: Path, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What the analysis is given of this film, by the child's own hand and as its parent orders it for such a camera."""
    given: list[np.ndarray] = []

    def see(self: Scene, picture: np.ndarray) -> dict[str, float]:
        given.append(picture.copy())
        return {}

    monkeypatch.setattr(Scene, "see", see)
    monkeypatch.setenv("GEWU_MODELS", str(models()))
    bounds = child_bounds()
    keeper = Keeper(managed(clip.name, fps=1.0), SCENES, *bounds, lambda _: [], {})
    said = os.open(os.devnull, os.O_WRONLY)
    try:
        assert child.look(keeper._order(f"file:{clip}"), child.Voice(said)) is Ended.PLAYED
    finally:
        os.close(said)
    return given


def child_bounds() -> tuple[Children, Sources]:
    """Of a child, and what it may open."""
    return Children(4.0, 2.0, 3.0, 1.0, 1 << 30), Sources(None, False, (), None)


def test_the_input_of_the_analysis_shows_no_face_and_no_plate(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eyes, given = Eyes(), looked_at(clip, monkeypatch)
    assert len(given) >= 6 and all(picture.max() > 60 for picture in given), "the street is there"
    assert {n: seen for n, picture in enumerate(given) if (seen := eyes.see(picture))} == {}


def test_the_eyes_would_have_seen_both_in_it(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cover, "cover", lambda self, picture: 0)
    eyes, given = Eyes(), looked_at(clip, monkeypatch)
    seen = [what for picture in given for what in eyes.see(picture)]
    assert sum(what.startswith(FACE) for what in seen) >= 3 and sum(what.startswith(PLATE) for what in seen) >= 3, seen


def test_a_look_that_takes_long_leaves_no_age_that_the_parent_would_not_believe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips.draw(tmp_path / "a.mp4", 4.0, (210, 120), (1.0, 4.0))
    monkeypatch.setattr(Scene, "see", lambda self, picture: time.sleep(1.2) or {})
    keeper = Keeper(camera("a.mp4", fps=4.0), SCENES, *child_bounds(), lambda _: [], {})
    with (tmp_path / "said").open("wb") as out:
        assert child.look(keeper._order(f"file:{tmp_path / 'a.mp4'}"), child.Voice(out.fileno())) is Ended.PLAYED
    said, found = (tmp_path / "said").read_bytes(), []
    while said:
        end = 4 + talk.length(said[:4])
        found.append(talk.message(said[4:end]))
        said = said[end:]
    assert sum(isinstance(message, Beat) for message in found) >= 3


async def _played(ends: list[Ended]) -> bool:
    return Ended.PLAYED in ends


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
async def test_what_stands_in_a_zone_is_seen_through_the_mask(tmp_path: Path) -> None:
    clips.draw(tmp_path / "a.mp4", 8.0, (210, 120), (3.0, 8.0))
    async with kept(managed("a.mp4"), SCENES, files=tmp_path, models=plates.models()) as (_, heard):
        await until(lambda: _played(heard.ends), 60.0, "the clip's end")
    assert heard.ends == [Ended.PLAYED] and [m.sees for m in heard.messages if isinstance(m, Up)] == [
        [Sees.MOTION, Sees.MASKED]
    ]
    assert max(m.covered["z"] for m in heard.messages if isinstance(m, Zones)) > 0.3


async def test_without_a_masker_nothing_is_looked_at_and_the_camera_is_not_silent(tmp_path: Path) -> None:
    clips.draw(tmp_path / "a.mp4", 5.0, (210, 120), (1.0, 5.0))
    async with kept(managed("a.mp4"), SCENES, files=tmp_path) as (keeper, heard):
        await until(lambda: _played(heard.ends), 40.0, "the clip's end")
        assert keeper.age() < 10.0
    beats = [m for m in heard.messages if isinstance(m, Beat)]
    assert [m.sees for m in heard.messages if isinstance(m, Up)] == [[]]
    assert beats[-1].looked == 0 and beats[-1].dropped > 5, "they came, and that is all"
    assert not any(isinstance(m, Zones) for m in heard.messages)


def test_a_picture_in_which_something_stays_visible_is_kept_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: object, picture: object) -> int:
        raise Unmasked(Refusal.STILL_VISIBLE)

    monkeypatch.setenv("GEWU_MODELS", str(shared("models")))
    monkeypatch.setattr(Cover, "cover", never)
    veil = Veil([], masked=True)
    assert not veil.over(np.zeros((8, 8, 3), np.uint8)) and veil.kept_back == 1 and not veil.hides_all
    assert Veil([], masked=False).over(np.zeros((8, 8, 3), np.uint8))


def test_only_a_camera_of_public_security_is_ordered_to_be_looked_at_bare() -> None:
    ordered = {
        purpose: Keeper(replace(camera("a.mp4"), purpose=purpose), SCENES, *child_bounds(), lambda _: [], {})._order(
            "x"
        )
        for purpose in Purpose
    }
    assert {p: o.masked for p, o in ordered.items()} == {Purpose.PUBLIC_SECURITY: False, Purpose.CITY_MANAGEMENT: True}
    assert talk.order(talk.ordered(ordered[Purpose.CITY_MANAGEMENT])).masked


def test_a_picture_that_nobody_may_look_at_has_come_all_the_same(demo: Path) -> None:
    city, clock, said = load(demo), Still(), []
    cameras = {id: camera for id, camera in city.cameras.items() if camera.is_masked}
    metrics = Metrics(CollectorRegistry(), cameras)
    handlers = Handlers(city, cameras, Words(city, None), said.append, metrics, clock, can_seal=False)
    ((id, seen),) = cameras.items()
    for n in range(200):
        clock.at += 1
        handlers.heard(seen, Beat(0.1, 0, n + 1))
        handlers.tick()
    assert handlers.sights[id] is Sight.SEEN and said == []
    clock.at += 200
    handlers.tick()
    assert [s.kind for s in said] == ["fault"], "and one that stays away is silent as any other"


def test_where_all_are_of_public_security_nobody_is_told_of_others(
    demo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bare = [camera for camera in load(demo).cameras.values() if not camera.is_masked]
    nowhere = cast(Settings, SimpleNamespace(models=None))
    app._tell_what_it_can(nowhere, bare, Metrics(CollectorRegistry()))
    assert "motion only" in caplog.text and "city_management" not in caplog.text
