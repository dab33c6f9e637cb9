"""One stage is slowed on purpose; the alert that names it fires alone, and ends with the cause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from gewu.dev.stack import Stack
from tests.observe.prometheus import Prometheus
from tests.observe.traffic import Traffic
from tests.support.waiting import until

# The alerts that name a slow stage. That of the whole journey may fire with any of them, and so may the one that looks
# at the longest wait of the same stage.
SLOW = {"GewuIntakeAcksSlow": "broker", "GewuDispatchSlow": "dispatch", "GewuRelaySlow": "outbox"}
_SLEEP_S = 3.5


@asynccontextmanager
async def slow_broker(stack: Stack) -> AsyncIterator[None]:
    """Kafka stands still for most of each two seconds."""

    async def halting() -> None:
        while True:
            stack.kafka.pause()
            await asyncio.sleep(1.2)
            stack.kafka.resume()
            await asyncio.sleep(0.8)

    task = asyncio.create_task(halting())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stack.kafka.resume()


@asynccontextmanager
async def slow_statement(stack: Stack, deed: str) -> AsyncIterator[None]:
    """PostgreSQL takes its time for one kind of statement."""
    table = deed.rpartition(" ")[2]
    connection = await asyncpg.connect(stack.dsn)
    await connection.execute(
        f"""CREATE FUNCTION dispatch.dawdle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep({_SLEEP_S}); RETURN NULL; END $$;
            CREATE TRIGGER dawdle BEFORE {deed} FOR EACH STATEMENT EXECUTE FUNCTION dispatch.dawdle()"""
    )
    try:
        yield
    finally:
        await connection.execute(f"DROP TRIGGER dawdle ON {table}; DROP FUNCTION dispatch.dawdle()")
        await connection.close()


SLOWED = {
    "GewuIntakeAcksSlow": slow_broker,
    "GewuDispatchSlow": lambda stack: slow_statement(stack, "INSERT ON dispatch.signals"),
    "GewuRelaySlow": lambda stack: slow_statement(stack, "DELETE ON dispatch.outbox"),
}


@pytest.mark.parametrize("alert", SLOWED)
async def test_a_slow_stage_is_named_by_its_alert_and_by_no_other(
    stack: Stack, prometheus: Prometheus, alert: str
) -> None:
    async def firing() -> dict[str, str]:
        return {name: stage for name, stage in (await prometheus.firing()).items() if name in SLOW}

    async def none() -> bool:
        return not await firing()

    async def alone() -> bool:
        return await firing() == {alert: SLOW[alert]}

    async with Traffic(stack) as traffic:
        await until(none, 60.0, "quiet before")
        async with SLOWED[alert](stack):
            await until(alone, 60.0, f"{alert} alone")
        await until(none, 60.0, "quiet after")
    assert traffic.accepted > 300
