"""The extra pass with a profiler: intake under single reports, batches and at half load, dispatch on a backlog."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from bench import profiling
from bench.measures import dispatch, intake
from bench.variant import Figures
from bench.world import World
from gewu.dev.services import Service

_ROOM_S = 2.0  # the load lasts longer than the look at it


async def of(world: World, parts: Collection[str], seconds: int, reports: int, say: Callable[[str], None]) -> list[str]:
    """What the services of these parts do under full load, and intake at half; of when and what stands above it."""
    shown: list[str] = []
    if intake.GROUP in parts:
        say("profiling intake …")
        shown += await _intake(world, seconds)
    if dispatch.GROUP in parts:
        say("profiling dispatch …")
        shown += await _dispatch(world, reports)
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
