"""Kafka and PostgreSQL that go away and come back."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from random import Random

from gewu.dev import processes
from gewu.runtime.postgres import COMMAND_S
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


async def postgres_frozen(world: World, random: Random) -> Seen:
    """SIGSTOP to every process of the database, for longer than a statement may take; then CONT. Connections stay and answer
    nothing. Intake must not notice; what dispatch had begun is done again, or found done."""
    before, root = await _stalls(world), processes.find(world.stack.postgres.pid or 0)
    assert root is not None
    async with world.load(random) as load:
        await asyncio.sleep(random.uniform(0.8, 1.8))
        _send(signal.SIGSTOP, [root.pid])  # first, so that it makes no more of them
        frozen = [process.pid for process in processes.family(root)]
        try:
            _send(signal.SIGSTOP, frozen)
            seconds = COMMAND_S * random.uniform(1.1, 1.3)
            await asyncio.sleep(seconds)
        finally:
            _send(signal.SIGCONT, frozen)
        await asyncio.sleep(1.5)
        stalls = await _stalls(world) - before
    assert load.without_ack == 0, f"intake needs no database, and {load.without_ack} answers were missing"
    return Seen(
        stalls > 0,
        f"{len(frozen)} processes for {seconds:.0f} s, {stalls:.0f} stalls of partitions, no answer missing",
    )


def _send(what: signal.Signals, pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


async def _stalls(world: World) -> float:
    return await world.counted("dispatch", "gewu_delivery_retries_total", why="database_away")
