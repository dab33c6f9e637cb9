"""Who owns a partition changes: a frozen owner that comes back, owners that come and go."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

from gewu.lane import Lane
from tests.support.waiting import until
from tests.trouble.families.guest import Guest
from tests.trouble.play import Seen
from tests.trouble.world import SECOND, World, clock

_TAKEN = 6  # partitions that another must have moved on before the frozen one may come back
_POOLS = [f"dispatch {lane.label}" for lane in Lane]  # as each lane's connections call themselves
_FILLED_S = 0.5  # in which batches come for the connections


async def owner_frozen(world: World, random: Random) -> Seen:
    """SIGSTOP to dispatch while its transactions begin, until its session is over and another has its partitions; then
    CONT: it wakes with records in its hands that are not its own any more, and must not write them."""
    first = world.stack.services["dispatch"]
    async with world.load(random):
        await asyncio.sleep(random.uniform(0.5, 1.5))
        refused = await _refused(world, "dispatch")
        async with _held_at_begin(world) as backends:
            await asyncio.sleep(_FILLED_S)
            first.pause()
            try:
                stood = await world.positions()
                await world.second_dispatch(ready=False)
                moved = await until(lambda: _moved(world, stood), 60.0, "another owner")
                await asyncio.sleep(random.uniform(0.0, 1.0))
                _signal(backends, signal.SIGCONT)
                begun = await until(lambda: _begun(world, backends), 10.0, "a transaction of the frozen owner")
            finally:
                first.resume()
        await asyncio.sleep(2.0)
        refused = await _refused(world, "dispatch") - refused
    await world.stack.end(SECOND)
    words = f"{moved} partitions moved on without it; {begun} of its transactions had begun, "
    return Seen(refused > 0, f"{words}{refused:.0f} of its batches refused as raced")


async def owners_come_and_go(world: World, random: Random) -> Seen:
    """A second dispatch joins a lane's group or leaves it again, about every 2 s, and partitions are shared out anew."""
    had, visits = [], random.randint(4, 5)
    begun = clock()
    async with world.load(random), Guest(world) as guest:
        before = await world.counted("dispatch", "gewu_delivery_records_total")
        for _ in range(visits):
            had.append(await guest.visit(random.choice((Lane.P1, Lane.P2)), random.uniform(0.2, 1.2)))
        own = await world.counted("dispatch", "gewu_delivery_records_total") - before
    got = sum(n > 0 for n in had)
    # Who was given partitions took them from the first owner when it came, and gave them back when it left.
    words = f"{2 * got} rebalances in {clock() - begun:.0f} s: {visits} visits, given {had} partitions; "
    return Seen(got >= visits - 1 and own > 0, f"{words}the first settled {own:.0f} meanwhile")


@asynccontextmanager
async def _held_at_begin(world: World) -> AsyncIterator[list[int]]:
    """Stop the database's processes that serve dispatch while they have no transaction, so that each stands at its next
    BEGIN: that is before it looks at a position and holds it, for which another owner would have to wait."""
    backends: list[int] = []
    try:
        await until(lambda: _all_stopped(world, backends), 10.0, "dispatch's sessions without a transaction")
        yield backends
    finally:
        _signal(backends, signal.SIGCONT)


async def _all_stopped(world: World, backends: list[int]) -> bool:
    """Stop those that are idle now, and add them. All must be: a pool gives the session that came back last, so that one
    that goes on would serve its lane alone, and no transaction would come to those that stand."""
    rows = await world.fetch("SELECT pid, state FROM pg_stat_activity WHERE application_name = ANY($1)", _POOLS)
    idle = [row["pid"] for row in rows if row["state"] == "idle" and row["pid"] not in backends]
    backends += idle  # first: whatever happens from here on, they are let go in the end
    _signal(idle, signal.SIGSTOP)
    for row in await world.fetch("SELECT pid FROM pg_stat_activity WHERE pid = ANY($1) AND state <> 'idle'", idle):
        _signal([row["pid"]], signal.SIGCONT)  # a transaction came in between
        backends.remove(row["pid"])
    return len(backends) == len(rows)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def _begun(world: World, backends: list[int]) -> int:
    """How many of them have begun a transaction and wait for its first question."""
    (row,) = await world.fetch(
        "SELECT count(*) AS n FROM pg_stat_activity "
        "WHERE pid = ANY($1) AND state = 'idle in transaction' AND query LIKE 'BEGIN%'", backends
    )  # fmt: skip
    return int(row["n"])


async def _moved(world: World, stood: dict[tuple[str, int], int]) -> int:
    """How many partitions have moved on, once they are enough."""
    moved = sum(now > stood.get(place, 0) for place, now in (await world.positions()).items())
    return moved if moved >= _TAKEN else 0


async def _refused(world: World, service: str) -> float:
    return await world.counted(service, "gewu_delivery_retries_total", why="raced")
