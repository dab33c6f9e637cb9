"""Dispatch's effects on a database of their own, with the demo city and a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from gewu import topics
from gewu.city import City, load
from gewu.errors import NotNow, Why
from gewu.runtime import outbox, postgres
from gewu.runtime.settings import Postgres
from gewu_dispatch.domain.action import Action
from gewu_dispatch.domain.case import Signal
from gewu_dispatch.domain.routing import Router
from gewu_dispatch.domain.triage import Rules
from gewu_dispatch.handlers.actions import Actions
from gewu_dispatch.handlers.signals import Arrived, Signals
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.wire import Events
from tests.support.building import INCARNATION, REFERENCES, StillClock


@dataclass
class Desk:
    """Takes batches, each in a transaction of its own, and shows what stands in the tables."""

    pool: asyncpg.Pool
    signals: Signals
    actions: Actions
    clock: StillClock
    registry: CollectorRegistry
    _offset: int = field(default=0)

    def arrived(self, *signals: Signal, partition: int = 0) -> list[Arrived]:
        """These signals as they stand in the log, one after the other."""
        first, self._offset = self._offset, self._offset + len(signals)
        return [Arrived(s, "signals.p1", partition, first + n) for n, s in enumerate(signals)]

    async def take(self, *signals: Signal) -> Mapping[str, int]:
        """A batch of signals; outcomes that did not come are left out."""
        return await self.take_again(self.arrived(*signals))

    async def take_again(self, batch: list[Arrived]) -> Mapping[str, int]:
        """A batch that has its places in the log already."""
        return await self._apply(self.signals, batch)

    async def insist(self, batch: list[Arrived], seconds: float = 10.0) -> Mapping[str, int]:
        """As delivery does it: who was raced looks again; nothing else may go wrong."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await self.take_again(batch)
                except NotNow as fault:
                    assert fault.why is Why.RACED

    async def act(self, *actions: Action) -> Mapping[str, int]:
        """A batch of departments' actions."""
        return await self._apply(self.actions, list(actions))

    async def _apply(self, effects: Any, items: list[Any]) -> Mapping[str, int]:
        async with self.pool.acquire() as connection, connection.transaction():
            counts = await effects.apply(connection, items)
        assert sum(counts.values()) == len(items)
        return {k: v for k, v in counts.items() if v}

    async def rows(self, table: str, order: str = "1") -> list[dict[str, Any]]:
        """All rows of a table."""
        return [dict(r) for r in await self.pool.fetch(f"SELECT * FROM {table} ORDER BY {order}")]

    async def case(self) -> dict[str, Any]:
        """The only case."""
        (found,) = await self.rows("cases")
        return found

    async def said(self, kind: type[Message], topic: str) -> list[Any]:
        """What waits in the outbox for a topic, oldest first."""
        return [kind.FromString(event.value) for event in await self.events() if event.topic == topic]

    async def events(self) -> list[outbox.Event]:
        """What waits in the outbox, oldest first."""
        rows = await self.pool.fetch("SELECT events FROM outbox ORDER BY seq")
        return [event for row in rows for event in outbox.events_of(row["events"])]

    async def all(self) -> dict[str, list[str]]:
        """Every row of every table, as text."""
        names = await self.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'dispatch' ORDER BY 1")
        own = {r["tablename"]: f"SELECT t::text FROM {r['tablename']} t ORDER BY 1" for r in names}
        readable = {t: q for t, q in own.items() if await self._may_read(t)}
        return {t: [r["t"] for r in await self.pool.fetch(q)] for t, q in readable.items()}

    async def _may_read(self, table: str) -> bool:
        return bool(await self.pool.fetchval("SELECT has_table_privilege($1, 'SELECT')", table))


@pytest.fixture(scope="session")
def city(demo: Path) -> City:
    """The demo city."""
    return load(demo)


@pytest.fixture
async def desk(database: Postgres, city: City) -> AsyncIterator[Desk]:
    """A desk with the test's own database."""
    connections = await postgres.pool(database, schema="dispatch", size=3, name="t", in_micros=True)
    router = Router(city.rules, city.fallback, city.departments)
    rules = Rules(router, city.version, city.calendar)
    await connections.execute("UPDATE deployment SET incarnation = $1", INCARNATION)
    events, clock = Events(topics.registry(city.departments)), StillClock()
    registry = CollectorRegistry()
    signals = Signals(city, rules, events, clock, Metrics(registry))
    yield Desk(connections, signals, Actions(router.returned(), events, clock, REFERENCES), clock, registry)
    await connections.close()
