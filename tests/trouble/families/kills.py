"""Processes of ours that are killed (SIGKILL), dispatch inside marked windows."""

import asyncio
from random import Random

from tests.support.waiting import until
from tests.trouble.play import Family, Seen
from tests.trouble.world import World


async def intake_killed(world: World, random: Random) -> Seen:
    """Intake is killed twice with requests under way."""
    async with world.load(random) as load:
        for _ in range(2):
            await asyncio.sleep(random.uniform(0.8, 1.8))
            await world.stack.kill("intake")
            await world.stack.launch("intake")
        await asyncio.sleep(0.8)
    return Seen(load.without_ack > 0, f"{load.without_ack} answers missing in 2 kills")


def dispatch_killed(window: str) -> Family:
    """Dispatch is killed while it stands inside this window."""

    async def family(world: World, random: Random) -> Seen:
        """Dispatch is killed while it stands in this window, shown by a file that it writes there."""
        reached = world.folder / f"reached-{window}-{random.randrange(2**31)}"
        async with world.load(random):
            await asyncio.sleep(random.uniform(0.5, 1.5))
            await world.stack.kill("dispatch")
            await world.stack.launch("dispatch", {"FAILPOINTS": f"{window}={reached}"}, ready=False)

            async def is_there() -> bool:
                return reached.exists()

            await until(is_there, 30.0, f"the window {window}")
            await world.stack.kill("dispatch")
            await world.stack.launch("dispatch")
            await asyncio.sleep(1.0)
        return Seen(reached.exists(), f"stood in {window} when it was killed")

    return family


async def relay_killed(world: World, random: Random) -> Seen:
    """The relay is killed between the broker's ack and its delete: it says events again, under the same ids."""
    before = world.repeats
    seen = await dispatch_killed("relay.before_delete")(world, random)
    again = (await world.judge())["repeats"] - before
    return Seen(seen.hit and again > 0, f"{seen.words}; {again} events stand in the log a second time")
