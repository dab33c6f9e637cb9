"""Kafka and PostgreSQL that go away and come back."""

import asyncio
from random import Random

from tests.trouble.play import Family, Seen
from tests.trouble.world import World


def kafka_away(how: str) -> Family:
    """The broker is stopped in order, or killed, and started again."""

    async def family(world: World, random: Random) -> Seen:
        """The broker is away for some seconds."""
        kafka = world.stack.kafka
        async with world.load(random) as load:
            await asyncio.sleep(random.uniform(0.8, 1.8))
            await (kafka.stop() if how == "stop" else kafka.kill())
            await asyncio.sleep(random.uniform(0.0, 2.0))
            await kafka.start()
            await asyncio.sleep(1.5)
        felt = load.without_ack > 0 or load.slowest > 1.0
        return Seen(felt, f"slowest answer {load.slowest:.1f} s, {load.without_ack} without ack")

    return family


def postgres_away(how: str) -> Family:
    """The database is stopped in order, or killed, and started again; intake must not notice."""

    async def family(world: World, random: Random) -> Seen:
        """The database is away for some seconds; intake must not notice."""
        postgres = world.stack.postgres
        before = await _stalls(world)
        async with world.load(random) as load:
            await asyncio.sleep(random.uniform(0.8, 1.8))
            await (postgres.stop() if how == "stop" else postgres.kill())
            await asyncio.sleep(random.uniform(0.5, 2.5))
            await postgres.start()
            await asyncio.sleep(1.5)
            stalls = await _stalls(world) - before
        assert load.without_ack == 0, f"intake needs no database, and {load.without_ack} answers were missing"
        return Seen(stalls > 0, f"{stalls:.0f} stalls of partitions, no answer missing")

    return family


async def _stalls(world: World) -> float:
    return await world.counted("dispatch", "gewu_delivery_retries_total", why="database_away")
