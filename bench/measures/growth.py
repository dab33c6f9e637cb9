"""What a report costs when the city has grown: from 200 grids and 1,000 open cases to 10,000 and 1,000,000."""

from pathlib import Path

from bench import databases, ground
from bench.measures import dispatch
from bench.measures.intake import Intake
from bench.variant import Figures, Run, Variant
from bench.world import World
from gewu.city import load
from gewu.dev import seeding
from gewu_dispatch.store import seeded

GROUP = "growth"
SIDE = 7  # the demo city has 204 unit grids; 49 of it have 9,996
SMALL, LARGE = 1_000, 1_000_000
_BODIES = 9973  # prime, as reports.BODIES is: with few of them most grids would never be asked for


class City:
    """A city of some size with its open cases."""

    def __init__(self, world: World, folder: Path, cases: int) -> None:
        self._world, self._folder, self._cases = world, folder, cases

    async def prepare(self, count: int) -> None:
        """Fill a database to copy from, and word a day's reports of this city."""
        template = f"bench_{self._folder.name}_city"
        self._world.say(f"{self._cases:,} open cases in {self._folder.name} …")
        dsn = await databases.fresh(self._world, template)
        connection = await databases.connect(dsn)
        try:
            points = seeding.points(city := load(self._folder), self._cases)
            async for _ in seeded.open_cases(connection, city, points, self._cases):
                pass
        finally:
            await connection.close()
        self._intake = Intake(self._world, self._folder, _BODIES)
        self._work = await dispatch.backlog(self._world, self._folder, count, template)

    async def run(self, run: Run) -> Figures:
        """Dispatch's time and both services' CPU time a report."""
        settled = await dispatch.drain(self._world, self._work, f"bench_{self._folder.name}")
        taken = await self._intake.one(run)
        return {**settled, "intake_cpu_us": taken["cpu_us"]}


async def variants(world: World, count: int) -> list[Variant]:
    """The small and the large one, beside each other in a round."""
    large = ground.larger(world.city, world.scratch / "grown", SIDE)
    cities = (City(world, world.city, SMALL), City(world, large, LARGE))
    for city in cities:
        await city.prepare(count)
    return [
        Variant("small city", GROUP, f"204 grids, {SMALL:,} open cases", cities[0].run),
        Variant("large city", GROUP, f"{204 * SIDE**2:,} grids, {LARGE:,} open cases", cities[1].run),
    ]
