"""A disk that is full, under Kafka and under PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import asyncpg

from gewu.dev.children import log_end, written_since
from gewu.errors import Why
from tests.support.waiting import until
from tests.trouble.disk import Disk
from tests.trouble.families.broker import PRODUCER, noticed, red
from tests.trouble.play import Seen, Skipped
from tests.trouble.world import BEHIND, World


async def kafka_disk_full(world: World, random: Random) -> Seen:
    """The broker's disk has no byte left: it says so and gives up, clients get 503, and intake turns red for its producers. Then
    there is room again and the broker is started anew, killed first where it lives on; what it had acknowledged is there."""
    disk, kafka = _disk(world, "kafka"), world.stack.kafka
    url = await world.behind_the_link()
    end = log_end(kafka.log)
    async with world.load(random, url=url) as load:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        why = await _full(disk, lambda: red(url, PRODUCER))
        said, refused, gone = _no_space(kafka.log, end), load.unavailable, kafka.pid is None
        await kafka.kill()  # where it lives on, it has a log that it gave up
        await kafka.start()
        await world.stack.services[BEHIND].until_ready(30.0)
    words = f"no room for {said} writes, and the broker {'ended by itself' if gone else 'lived on'}; red: {why}; "
    return Seen(said > 0 and refused > 0, f"{words}{refused} answers 503 before it was started anew; {noticed(load)}")


async def postgres_disk_full(world: World, random: Random) -> Seen:
    """The database's disk has no byte left, first for its tables, then for its log as well: dispatch stalls and turns
    red, intake goes on. With room again all that waits in Kafka is handled."""
    disk, postgres = _disk(world, "postgres"), world.stack.postgres
    end = log_end(postgres.log)
    async with world.load(random, rate=150) as load:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        filling = asyncio.create_task(_fill(disk))
        await until(lambda: _refused(world, end), 60.0, "a table that cannot grow")
        await _use_up_the_log(world)
        why = await _full(disk, lambda: red(world.stack.dispatch_url, Why.DATABASE_AWAY))
        filling.cancel()
        refused, fell = await _refused(world, end), "PANIC" in written_since(postgres.log, end)
        await postgres.kill()  # what is left of it, which may be nothing
        await postgres.start()
        await world.stack.services["dispatch"].until_ready(60.0)
    assert load.without_ack == 0, f"intake needs no database, and {load.without_ack} answers were missing"
    state = "then none for its log, over which it ended" if fell else "all of its tables"
    return Seen(refused > 0, f"no room for {refused} writes, {state}; red: {why[:120]}")


async def _use_up_the_log(world: World) -> None:
    """Begin segments of the write-ahead log until there is no room for another, over which the server gives up."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        for _ in range(20):
            await world.fetch("SELECT pg_switch_wal()")
            await world.fetch(
                "SELECT pg_logical_emit_message(false, 'trouble', 'a segment without a record is not left')"
            )


async def _refused(world: World, end: int) -> int:
    """How often PostgreSQL has said since then that there is no space."""
    return _no_space(world.stack.postgres.log, end)


def _no_space(log: Path, end: int) -> int:
    return written_since(log, end).count("No space left on device")


async def _full(disk: Disk, look: Callable[[], Awaitable[str]]) -> str:
    """Keep the disk full until somebody turns red; returns what is red."""
    filling = asyncio.create_task(_fill(disk))
    try:
        return await until(look, 60.0, "the red light")
    finally:
        filling.cancel()
        disk.relieve()


async def _fill(disk: Disk) -> None:
    while True:
        disk.fill()
        await asyncio.sleep(0.05)


def _disk(world: World, name: str) -> Disk:
    if world.no_disk:
        raise Skipped(world.no_disk)
    return world.disks[name]
