"""The extra pass with a profiler: intake under single reports, batches and at half load, dispatch on a backlog, look-ups."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from bench import profiling
from bench.measures import dispatch, grid, intake
from bench.variant import Figures
from bench.world import World
from gewu.dev.services import Service

_ROOM_S = 2.0  # the load lasts longer than the look at it
_LOOK_UPS, _LOOK_UP = 6000, "OwnerGrid.locate (city/owners.py)"  # batches; enough for some seconds of ours


async def of(world: World, parts: Collection[str], seconds: int, reports: int, say: Callable[[str], None]) -> list[str]:
    """What these parts do under full load, and intake at half as well; of when and what stands above it."""
    shown: list[str] = []
    if intake.GROUP in parts:
        say("profiling intake …")
        shown += await _intake(world, seconds)
    if dispatch.GROUP in parts:
        say("profiling dispatch …")
        shown += await _dispatch(world, reports)
    if grid.GROUP in parts:
        say("profiling look-ups …")
        shown += await profiling.within(world, "look-ups", "processes.locate", grid.words(_LOOK_UPS), _LOOK_UP)
    return [profiling.head(), *shown] if shown else []


async def _intake(world: World, seconds: int) -> list[str]:
    measure = intake.Intake(world, world.city)
    shown: list[str] = []
    async with world.service("intake") as service:

        async def see(what: str, load: Callable[[Service, int], Awaitable[Figures]]) -> None:
            watching = asyncio.create_task(profiling.watch(world, what, service.pid or 0, seconds))
            await load(service, round(seconds + _ROOM_S))
            shown.extend(await watching)

        full = await measure.singles(service, intake.WARM_S)
        await see("intake, single reports", measure.singles)
        await measure.batches(service, intake.WARM_S)
        await see("intake, batches", measure.batches)
        script = await measure.pausing(service, full["rate"] * intake.HALF)
        await see("intake, single reports at half load", lambda at, lasts: measure.load(at, script, lasts))
    return shown


async def _dispatch(world: World, reports: int) -> list[str]:
    work = await dispatch.district(world, reports)
    watching: list[asyncio.Task[list[str]]] = []

    def begin(pid: int) -> None:
        # About as long as a backlog lasts; what py-spy sees after that is idle, which it leaves out.
        seconds = max(len(work.timed) / 20_000, 2.0)
        watching.append(asyncio.create_task(profiling.watch(world, "dispatch", pid, seconds)))

    await dispatch.drain(world, work, "bench_profiled", begun=begin)
    return [line for task in watching for line in await task]
