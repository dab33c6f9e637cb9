"""Video and the eyes of its cameras killed while they look: what stands is said once by each process, and nothing is left."""

import asyncio
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random

from gewu import topics
from gewu.dev import processes
from gewu.lane import Lane
from gewu.v1.signal_pb2 import Signal
from gewu_video import clips
from tests.support import log
from tests.support.waiting import until
from tests.trouble.play import Found, Own, Seen
from tests.trouble.world import World
from tests.video.left import eyes

_runs = count(1)
# What the demo city's two cameras show: something drives in, stands from the third second on, and stays.
_STANDS_S, _CLIP_S = 3.0, 120.0
_CAMERAS = {
    "99010100001310000001": ("fire-lane.mp4", (210, 120)),
    "99010100001320000002": ("street-corner.mp4", (120, 70)),
}
_FPS, _DWELL_S = 5, 2
_AGAIN = _FPS * 8  # pictures of a new child until what stands has stood for longer than the dwell


async def video_killed(world: World, random: Random) -> Seen:
    """The eyes of two cameras are killed, then video with eyes that look: each process says what stands once, under an id of its
    own, nobody is left looking for a parent that is gone, and its successor goes on."""
    before = await _said(world)
    async with _video(world) as words, world.load(random):
        await world.stack.launch("video", words)
        first = await _detected(world, before, 2)
        await asyncio.sleep(random.uniform(0.0, 1.0))
        killed = eyes(_video_pid(world))
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        looked = await _looked(world)
        await until(lambda: _look_again(world, looked, killed), 60.0, "pictures of new eyes, for longer than a dwell")
        if again := await _said(world) - before - first:
            raise Found(Own.SAID_AGAIN, f"by eyes that were started again, what stood all the time: {sorted(again)}")

        await asyncio.sleep(random.uniform(0.0, 1.0))
        orphans = [p for pid in eyes(_video_pid(world)) if (p := processes.find(pid))]
        await world.stack.kill("video")
        await until(lambda: asyncio.sleep(0, not any(map(processes.is_running, orphans))), 10.0, "the end of its eyes")
        await world.stack.launch("video", words)
        both = await _detected(world, before, 4)
        last = [p for pid in eyes(_video_pid(world)) if (p := processes.find(pid))]
        await world.stack.end("video")
        assert not any(map(processes.is_running, last)), "eyes of a video that was stopped"
    doubled = [n for id, n in (await _in_the_log(world)).items() if n > 1]
    assert not doubled, f"{len(doubled)} signals of cameras stand in the log more than once"
    words_ = (
        f"{len(killed)} eyes killed, and {len(orphans)} with their video; {len(both)} detections under as many ids, "
    )
    return Seen(len(killed) == len(orphans) == 2, f"{words_}{len(first)} before the kills; nobody left")


@asynccontextmanager
async def _video(world: World) -> AsyncIterator[dict[str, str]]:
    """What video must be started with so that it looks at these clips; afterwards the world's own runs again."""
    city = world.folder / f"cameras-{next(_runs)}"
    shutil.copytree(world.stack.city, city)
    for name, was, now in (
        ("cameras.csv", r",[^,]+$(?<!fps)", f",{_FPS}"),
        ("cameras.csv", "city_management", "public_security"),  # without models the other is not looked at
        ("scenes.toml", r"^dwell_s = .*$", f"dwell_s = {_DWELL_S}"),
    ):  # fmt: skip
        (city / name).write_text(re.sub(was, now, (city / name).read_text(), flags=re.M))
    await world.stack.end("video")
    drawn = [(world.stack.clips / name, size) for name, size in _CAMERAS.values()]
    for path, size in drawn:
        await asyncio.to_thread(clips.draw, path, _CLIP_S, size, (_STANDS_S, _CLIP_S + 10))
    try:
        yield {"GEWU_CITY": str(city), "GEWU_CAMERA_LOOP": "no", "GEWU_MODELS": ""}
    finally:
        await world.stack.kill("video")
        for path, _ in drawn:
            path.unlink()
        await world.stack.launch("video")


def _video_pid(world: World) -> int:
    return world.stack.services["video"].pid or 0


async def _said(world: World) -> set[tuple[str, str]]:
    """Detections that dispatch knows: camera, and rule with the beginning."""
    rows = await world.fetch("SELECT source, client_id FROM signals WHERE source LIKE 'camera:%'")
    return {(row["source"], row["client_id"]) for row in rows}


async def _detected(world: World, before: set[tuple[str, str]], many: int) -> set[tuple[str, str]]:
    """So many new ones, and no more than that."""

    async def there() -> set[tuple[str, str]] | None:
        new = await _said(world) - before
        return new if len(new) >= many else None

    found = await until(there, 60.0, f"{many} detections")
    assert len(found) == many, found
    return found


async def _looked(world: World) -> dict[str, float]:
    """Pictures that were looked at, by camera."""
    return {id: await world.counted("video", "gewu_video_pictures_total", camera=id) for id in _CAMERAS}


async def _look_again(world: World, before: dict[str, float], killed: list[int]) -> bool:
    there, now = eyes(_video_pid(world)), await _looked(world)
    fresh = len(there) == len(killed) and not set(there) & set(killed)
    return fresh and all(now[id] - before[id] >= _AGAIN for id in _CAMERAS)


async def _in_the_log(world: World) -> Counter[bytes]:
    """How often each signal of a camera stands there, by id."""
    said = await log.whole(world.kafka, *map(topics.signals, Lane))
    return Counter(s.signal_id for s in log.messages(said, Signal) if s.source.startswith("camera:"))
