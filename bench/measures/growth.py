"""What a report costs when the city has grown: from 200 grids and 1,000 open cases to 10,000 and 1,000,000."""

import statistics
from collections.abc import Sequence
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
_TURNS = 3
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

    async def settle(self) -> Figures:
        """Dispatch's time and both servers' CPU time a report."""
        return await dispatch.drain(self._world, self._work, f"bench_{self._folder.name}")

    async def take(self, run: Run) -> Figures:
        """Intake's CPU time a report."""
        return {"intake_cpu_us": (await self._intake.alone(run))["cpu_us"]}


class Turns:
    """Both cities in turns. What dispatch does in one takes a second, and what the machine does meanwhile hits that one alone:
    turns of the same city a minute apart differed by a third. A figure is the middle one of its turns."""

    def __init__(self, small: City, large: City) -> None:
        self._cities = (small, large)
        self._large: Figures = {}

    async def small(self, run: Run) -> Figures:
        """All turns of a round, of which these are the small city's."""
        turns: list[list[Figures]] = [[], []]
        for n in range(_TURNS):
            for which in (0, 1) if n % 2 == 0 else (1, 0):  # neither is always the first
                turns[which].append(await self._cities[which].settle())
        small, self._large = [
            _middle(own) | await city.take(run) for city, own in zip(self._cities, turns, strict=True)
        ]
        return small

    async def large(self, _: Run) -> Figures:
        """What the large city's turns of this round were."""
        return self._large


def _middle(turns: Sequence[Figures]) -> dict[str, float]:
    return {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}


async def variants(world: World, count: int) -> list[Variant]:
    """The small and the large one."""
    large = ground.larger(world.city, world.scratch / "grown", SIDE)
    small_city, large_city = City(world, world.city, SMALL), City(world, large, LARGE)
    for city in (small_city, large_city):
        await city.prepare(count)
    turns = Turns(small_city, large_city)
    return [
        Variant("small city", GROUP, f"204 grids, {SMALL:,} open cases, {_TURNS} turns a round", turns.small),
        Variant(
            "large city",
            GROUP,
            f"{204 * SIDE**2:,} grids, {LARGE:,} open cases of 30 days, a good third young enough to be found",
            turns.large,
            ("small city",),
        ),
    ]
