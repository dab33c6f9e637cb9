"""Records and requests that can never be handled, between those that can."""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from gewu import topics
from gewu.lane import Lane
from gewu.load.run import Target
from tests.planted import records
from tests.support import log
from tests.support.flooding import throw
from tests.support.load import SOURCE
from tests.trouble.play import Seen
from tests.trouble.world import World

_ROOT = Path(__file__).parents[3]
_PARTS = 10
_TESTS = "tests/delivery/test_every_place.py", "tests/intake/test_every_place.py"
_RECORDS, _THROWN_S = 20, 5.0


async def bad_input(world: World, random: Random) -> Seen:
    """Records of no kind stand between signals of each lane, and rubbish is sent with the load's own key."""
    return await _between_others(world, random)


async def bad_input_at_each_place(world: World, random: Random) -> Seen:
    """Records of no kind stand between signals of each lane, and rubbish is sent with the load's own key. Beside it every kind of
    bad record stands at every tenth place of a batch, in ten rounds at all."""
    return await _between_others(world, random, _at_each_place)


async def _between_others(
    world: World, random: Random, beside: Callable[[World], Awaitable[str]] = lambda _: asyncio.sleep(0, "")
) -> Seen:
    before, target = await world.outcomes(), Target(world.stack.intake_url, world.stack.report_key, SOURCE)
    async with world.load(random) as load:
        await asyncio.sleep(random.uniform(0.3, 0.8))
        thrown = asyncio.ensure_future(throw(target, _THROWN_S))
        for lane in Lane:
            await log.put(
                world.kafka, topics.signals(lane), records.hostile(_RECORDS), random.randrange(_partitions(lane))
            )
        told, more = await asyncio.gather(thrown, beside(world))
    await world.judge()  # which waits until all is settled
    parked = (await world.outcomes())["parked"] - before["parked"]
    words = f"{parked} records parked, {told.total()} requests refused{more}"
    assert parked == _RECORDS * len(Lane), words
    assert min(told) >= 400 and not load.without_ack, f"rubbish: {told}, others: {load.statuses}"
    return Seen(parked > 0 and told.total() > 0, words)


def _partitions(lane: Lane) -> int:
    return next(t.partitions for t in topics.registry([]) if t.name == topics.signals(lane))


async def _at_each_place(world: World) -> str:
    """Those tests with this seed's part of the places; says how many passed."""
    part = {"GEWU_EVERY_PLACE": f"{world.seed % _PARTS}/{_PARTS}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *_TESTS, cwd=_ROOT, env={**os.environ, **part},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    (world.folder / "bad-input.log").write_bytes(out)
    passed = re.search(r"(\d+) passed", out.decode())
    assert process.returncode == 0 and passed, "\n".join(out.decode().splitlines()[-3:])
    return f", {passed[1]} tests of every {_PARTS}th place"
