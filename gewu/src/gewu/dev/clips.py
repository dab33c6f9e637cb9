"""Clips for the demo city's cameras: drawn once by a program of the video service, shown at their hour of the day.

A file camera whose file is not there is not watched. So a clip is a camera's picture from the moment at which its file is
put into the cameras' folder; video plays it in real time, once.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from gewu.dev.children import CannotStart, Launch, run_to_end

_AT_MOST_S = 60.0
# Hour of the day and seconds that it lasts. The fire lane is blocked in the storm at noon.
HOURS = {"street-corner.mp4": (8.0, 90.0), "fire-lane.mp4": (12.25, 60.0)}


async def draw(folder: Path, data: Path, say: Callable[[str], None]) -> None:
    """A second's work the first time, none later. Without clips the cameras that name them are not watched; no fault."""
    command = (sys.executable, "-m", "gewu_video.clips", str(folder))
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("GEWU_")}
    try:
        await run_to_end(
            Launch(command, data / "logs" / "clips.log", data / "clips.pid", data, surroundings), _AT_MOST_S
        )
    except CannotStart as fault:
        say(f"the demo's cameras have no clips: {fault}")


def plan(seconds: float) -> Iterator[tuple[float, str]]:
    """When each clip begins, in seconds after midnight of a day that is pressed into so many, the first one first.

    Where the hour comes too late for the clip to end within the day it begins so much earlier.
    """
    starts = [(min(hour / 24 * seconds, max(0.0, seconds - lasts)), name) for name, (hour, lasts) in HOURS.items()]
    yield from sorted(starts)


def take_away(folder: Path) -> None:
    """Nothing of an earlier day is left for the cameras to show."""
    for name in HOURS:
        (folder / name).unlink(missing_ok=True)


async def show(drawn: Path, folder: Path, seconds: float, say: Callable[[str], None]) -> None:
    """Put each clip that was drawn before the cameras at its hour of a day that begins now; return after the last."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    for at, name in plan(seconds):
        await asyncio.sleep(max(0.0, begun + at - clock()))
        if (drawn / name).is_file():
            await asyncio.to_thread(_put, drawn / name, folder)
            say(f"{_hour(at / seconds)}: a camera shows {name} (摄像机画面)")


def _put(clip: Path, folder: Path) -> None:
    # Whole or not at all: video looks for it every few seconds.
    fresh = folder / f".{clip.name}.new"
    shutil.copyfile(clip, fresh)
    fresh.replace(folder / clip.name)


def _hour(share: float) -> str:
    minutes = round(share * 24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
