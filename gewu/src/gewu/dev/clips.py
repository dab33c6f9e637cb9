"""Clips for the demo city's cameras, drawn where they are missing by a program of the video service."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from gewu.dev.children import CannotStart, Launch, run_to_end

_AT_MOST_S = 60.0


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
