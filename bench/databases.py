"""Databases for one run each: copied from a template, standing where the log ends now, and watched until all is done."""

import asyncio
import time
from collections.abc import Iterable, Sequence

import asyncpg

from bench import log
from bench.world import Fault, World

_LOOK_S = 0.01


async def fresh(world: World, name: str, template: str = "") -> str:
    """The address of a database that is a copy of a template, an earlier one of this name is gone. On disk, no WAL due."""
    server = await asyncpg.connect(world.stack.postgres.dsn(), ssl=False)
    try:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {template or world.template} STRATEGY FILE_COPY")
        await server.execute("CHECKPOINT")
    finally:
        await server.close()
    return world.stack.postgres.dsn(name)


async def connect(dsn: str) -> asyncpg.Connection:
    """A session that sees dispatch's tables."""
    return await asyncpg.connect(dsn, ssl=False, server_settings={"search_path": "dispatch"})


async def read_open_cases(dsn: str) -> None:
    """Have the server read the index that finds open cases: a city that runs has it in memory, a fresh copy has not."""
    connection = await connect(dsn)
    try:
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        await connection.fetchval("SELECT count(*) FROM cases WHERE near IS NOT NULL AND state IN (4, 5)")
    finally:
        await connection.close()


async def stand_at_the_end(world: World, dsn: str) -> None:
    """Have dispatch read on from where the lanes end now, as after a day's work."""
    ends = await log.ends(world.kafka, log.SIGNALS)
    connection = await connect(dsn)
    try:
        await connection.execute("DELETE FROM position")
        await connection.executemany(
            "INSERT INTO position (topic, partition, first_offset, next_offset) VALUES ($1, $2, $3, $3)",
            [(place.topic, place.partition, end) for place, end in ends.items()],
        )
    finally:
        await connection.close()


async def calm(connection: asyncpg.Connection, tables: Sequence[str]) -> None:
    """Vacuumed and on disk: what was written until now is due for autovacuum, which would come in one run and not in the next."""
    await connection.execute(f"VACUUM {', '.join(tables)}", timeout=60.0)
    await connection.execute("CHECKPOINT")


async def settled(connection: asyncpg.Connection) -> int:
    """How many signals have their outcome."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(next_offset - first_offset), 0) FROM position WHERE topic = ANY($1)", list(log.SIGNALS)
        )
    )


async def until_said(connection: asyncpg.Connection, signals: int, timeout: float) -> float:
    """When so many signals were settled and the outbox was empty, as a monotonic time. Fault after `timeout`."""
    end = time.monotonic() + timeout
    done = 0
    while time.monotonic() < end:
        done = await settled(connection)
        if done >= signals and not await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
            return time.monotonic()
        # Each look takes PostgreSQL's time from what is measured: often only when it cannot be long any more.
        await asyncio.sleep(_LOOK_S if done > signals * 0.8 else 10 * _LOOK_S)
    raise Fault(f"dispatch settled {done} of {signals} signals within {timeout:.0f} s, or its events were not said")


async def count(connection: asyncpg.Connection, tables: Iterable[str]) -> dict[str, int]:
    """Rows of these tables."""
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
