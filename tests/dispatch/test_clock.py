"""The watch over two clocks: red for a clock that is wrong, never for a pool that is busy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gewu.runtime import postgres
from gewu.runtime.health import Health
from gewu.runtime.settings import Postgres
from gewu_dispatch.consumers import Database
from gewu_dispatch.store import reads
from tests.support.waiting import until


class Remembering(Health):
    """Health that keeps what was ever said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def bad(self, name: str, why: str, patience: float = 0.0) -> None:
        """Keep the fault."""
        self.said.append(why)
        super().bad(name, why, patience)

    def good(self, name: str) -> None:
        """Keep that all is well."""
        self.said.append("good")
        super().good(name)


@asynccontextmanager
async def watching(pool: Any) -> AsyncIterator[Remembering]:
    """A watch over this pool's clock, every 20 ms."""
    unused: Any = None
    database, health = Database(unused, ()), Remembering()
    database._pools["http"] = pool
    watch = asyncio.create_task(database.watch_clock(health, every=0.02))
    try:
        yield health
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def test_a_busy_pool_is_no_wrong_clock(database: Postgres) -> None:
    pool = await postgres.pool(database, schema="dispatch", size=1, name="t")
    held = await pool.acquire()
    async with watching(pool) as health:
        await asyncio.sleep(1.5)
        assert health.said == [], "the question still waits for a connection"
        await pool.release(held)
        await until(lambda: _true(health.said), what="an answer")
        assert set(health.said) == {"good"}
    await pool.close()


@pytest.mark.parametrize("seconds", [-1.3, 1.3])
async def test_a_clock_that_is_wrong_is_red_and_says_by_how_much(
    database: Postgres, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    pool = await postgres.pool(database, schema="dispatch", size=1, name="t")
    monkeypatch.setattr(reads, "clock", _off_by(seconds))
    async with watching(pool) as health:
        await until(lambda: _true(health.said), what="a look at the clock")
        assert health.red()["clock"].startswith("1.3 s apart")
        monkeypatch.setattr(reads, "clock", _off_by(seconds / 2))
        await until(lambda: _true(not health.red()), what="green once the clocks agree")
    await pool.close()


def _off_by(seconds: float) -> Callable[[Any], Awaitable[datetime]]:
    async def clock(_: Any) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=seconds)

    return clock


async def _true(found: Any) -> bool:
    return bool(found)
