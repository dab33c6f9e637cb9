"""Who owns a partition changes: a frozen owner that comes back, owners that come and go."""

import asyncio
from random import Random

from gewu.lane import Lane
from tests.support.waiting import until
from tests.trouble.families.guest import Guest
from tests.trouble.play import Seen
from tests.trouble.world import SECOND, World, clock

_TAKEN = 6  # partitions that another must have moved on before the frozen one may come back


async def owner_frozen(world: World, random: Random) -> Seen:
    """SIGSTOP to dispatch until its session is over and another has its partitions; then CONT: it wakes with records in
    its hands that are not its own any more, and must not write them."""
    first = world.stack.services["dispatch"]
    async with world.load(random):
        await asyncio.sleep(random.uniform(0.5, 1.5))
        refused = await _refused(world, "dispatch")
        first.pause()
        try:
            stood = await world.positions()
            await world.second_dispatch(ready=False)
            moved = await until(lambda: _moved(world, stood), 60.0, "another owner")
            await asyncio.sleep(random.uniform(0.0, 1.0))
        finally:
            first.resume()
        await asyncio.sleep(2.0)
        refused = await _refused(world, "dispatch") - refused
    await world.stack.end(SECOND)
    return Seen(
        moved >= _TAKEN, f"{moved} partitions moved on without it, {refused:.0f} of its batches refused as raced"
    )


async def owners_come_and_go(world: World, random: Random) -> Seen:
    """A second dispatch joins a lane's group or leaves it again, about every 2 s."""
    had, visits = [], random.randint(4, 5)
    begun = clock()
    async with world.load(random), Guest(world) as guest:
        before = await world.counted("dispatch", "gewu_delivery_records_total")
        for _ in range(visits):
            had.append(await guest.visit(random.choice((Lane.P1, Lane.P2)), random.uniform(0.2, 1.2)))
        own = await world.counted("dispatch", "gewu_delivery_records_total") - before
    got = sum(n > 0 for n in had)
    words = f"{visits} visits in {clock() - begun:.0f} s, given {had} partitions; the first settled {own:.0f} meanwhile"
    return Seen(got >= 2 and own > 0, words)


async def _moved(world: World, stood: dict[tuple[str, int], int]) -> int:
    """How many partitions have moved on, once they are enough."""
    moved = sum(now > stood.get(place, 0) for place, now in (await world.positions()).items())
    return moved if moved >= _TAKEN else 0


async def _refused(world: World, service: str) -> float:
    return await world.counted(service, "gewu_delivery_retries_total", why="raced")
