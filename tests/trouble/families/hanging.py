"""Cameras that hang and trickle, twenty times a round: docs/video-hangs.md has the same at its whole length."""

import asyncio
import json
import sys
from pathlib import Path
from random import Random

from tests.trouble.play import Seen, Skipped
from tests.trouble.world import World
from tests.video.conftest import why_not

_ROOT = Path(__file__).parents[3]
# Of twenty the 95th percentile is the nineteenth; they are short, so that a round takes half a minute.
_ROUND = "--hangs", "20", "--cameras", "10", "--short", "--percentile", "95"


async def cameras_hang(world: World, random: Random) -> Seen:
    """Ten cameras behind proxies that hang, forget, trickle, blind and drop, twice each: each is seen again within 10 s, and no
    process or descriptor is left."""
    if why := why_not():
        raise Skipped(why)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.video.hangs", *_ROUND, "--seed", str(world.seed), cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate()
    found = json.loads(out.splitlines()[-1])
    assert process.returncode == 0, f"{found['wrong']}"
    words = f"{found['hangs']} hangs, seen again after {found['p50_s']} s in the middle, {found['max_s']} s at most"
    return Seen(found["hangs"] == 20, words, loaded=False)  # that each was felt is asked there
