"""Records and requests that can never be handled: they have tests of their own, which a round runs in their long form."""

import asyncio
import os
import re
import sys
from pathlib import Path
from random import Random

from tests.trouble.play import Seen
from tests.trouble.world import World

_ROOT = Path(__file__).parents[3]
_PARTS = 10
_TESTS = ("tests/delivery", "tests/intake/test_every_place.py", "tests/api/test_intake.py",
          "tests/api/test_hostile_records.py")  # fmt: skip


async def bad_input(world: World, random: Random) -> Seen:
    """Every kind of bad record stands at every tenth place of a batch, in ten rounds at all; every bad request is sent."""
    part = {"GEWU_EVERY_PLACE": f"{world.seed % _PARTS}/{_PARTS}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *_TESTS, cwd=_ROOT, env={**os.environ, **part},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    (world.folder / "bad-input.log").write_bytes(out)
    passed = re.search(r"(\d+) passed", out.decode())
    assert process.returncode == 0 and passed, "\n".join(out.decode().splitlines()[-3:])
    return Seen(True, f"{passed[1]} tests", loaded=False)
