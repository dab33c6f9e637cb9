"""The extra pass with a profiler: intake under single reports and under batches, dispatch on a backlog."""

import asyncio
from collections.abc import Callable, Collection

from bench import profiling
from bench.measures import dispatch, intake
from bench.world import World

_ROOM_S = 2.0  # the load lasts longer than the look at it


async def of(world: World, parts: Collection[str], seconds: int, reports: int, say: Callable[[str], None]) -> list[str]:
    """What the services of these parts do under full load."""
    shown: list[str] = []
    if intake.GROUP in parts:
        say("profiling intake …")
        shown += await _intake(world, seconds)
    if dispatch.GROUP in parts:
        say("profiling dispatch …")
        shown += await _dispatch(world, reports)
    return shown


async def _intake(world: World, seconds: int) -> list[str]:
    measure, shown = intake.Intake(world, world.city), []
    async with world.service("intake") as service:
        for what, load in (("intake, single reports", measure.singles), ("intake, batches", measure.batches)):
            await load(service, intake.WARM_S)
            watching = asyncio.create_task(profiling.watch(world, what, service.pid or 0, seconds))
            await load(service, round(seconds + _ROOM_S))
            shown += await watching
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
