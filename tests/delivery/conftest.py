"""A delivery of the simplest effects: a row for each record, in the transaction of its position."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from gewu.errors import Never, NotNow, Why
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime import positions, subscribe
from gewu.runtime.delivery import Delivery
from gewu.runtime.effects import Means
from gewu.runtime.failpoint import Failpoints
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.metrics import DeliveryMetrics
from gewu.runtime.positions import Books
from gewu.runtime.postgres import pool
from gewu.runtime.record import Record
from gewu.runtime.settings import Kafka, Postgres
from tests.support.waiting import until


class Rows:
    """Effects: one row a record; some values are told to fail."""

    at_most = 10_000

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.later: set[bytes] = set()  # NotNow while a value stands in here
        self.bug: set[bytes] = set()
        self.taken: Counter[bytes] = Counter()  # how many more times a value meets a row with its key
        self.gate = asyncio.Event()
        self.gate.set()
        self.held: set[bytes] = set()  # only batches with one of these wait at the gate; all, when it is empty
        self.later_database = 0  # how many more transactions end as if the disk were full

    def decode(self, record: Record) -> bytes:
        if not record.value:
            raise Never(Why.EMPTY, "no value")
        if record.value.startswith(b"bad"):
            raise Never(Why.UNDECODABLE, "cannot be read")
        if record.value in self.later:
            raise NotNow(Why.NEWER_CONTRACT, "a newer one")
        return record.value

    async def apply(self, transaction: Any, items: Sequence[bytes]) -> Mapping[str, int]:
        if not self.held or self.held.intersection(items):
            await self.gate.wait()
        self.batches.append(len(items))
        if self.later_database:
            self.later_database -= 1
            await transaction.execute("DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$")
        if any(i in self.bug for i in items):
            raise ZeroDivisionError("a bug")
        await transaction.execute(
            "INSERT INTO rows (value) SELECT * FROM unnest($1::text[])",
            [i.decode("utf-8", "surrogateescape") for i in items],
        )
        for item in items:
            if self.taken[item]:
                self.taken[item] -= 1
                await transaction.execute("INSERT INTO keys VALUES (1), (1)")
        return {"opened": len(items)}


@dataclass
class Reader:
    """A running delivery."""

    delivery: Delivery[bytes]
    effects: Rows
    health: Health
    database: Postgres
    broker: Any
    parking: GroupCommit
    pool: asyncpg.Pool
    topics: list[str] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def metric(self, name: str, **labels: str) -> float:
        """The value of one series; 0 where it is not there."""
        return self.registry.get_sample_value(name, {"lane": "p1", **labels}) or 0.0

    async def values(self) -> list[str]:
        """The rows, in the order in which they were written."""
        return [r["value"] for r in await self.pool.fetch("SELECT value FROM rows ORDER BY n")]

    async def books(self) -> list[Books]:
        """The positions."""
        async with self.pool.acquire() as c:
            return [b for b in await positions.books(c) if b.topic in self.topics]

    async def until_position(self, following: int, seconds: float = 15.0) -> Books:
        """The books of the only partition once they stand there."""

        async def look() -> Books | None:
            found = await self.books()
            return found[0] if found and found[0].next_offset == following else None

        return await until(look, seconds, f"position {following}")

    async def stop(self) -> None:
        """End it as a service would."""
        await self.delivery.stop()
        await self.broker.stop()
        await self.parking.stop(2.0)
        await self.pool.close()


@pytest.fixture
async def read(kafka: Kafka, database: Postgres) -> AsyncIterator[Any]:
    """Start readers; all are stopped at the end."""
    started: list[Reader] = []
    connection = await asyncpg.connect(**database.connection())
    await connection.execute(
        """CREATE TABLE IF NOT EXISTS dispatch.rows (
               n bigint GENERATED ALWAYS AS IDENTITY, value text NOT NULL CHECK (value NOT LIKE 'refuse%'));
           CREATE TABLE IF NOT EXISTS dispatch.keys (key int PRIMARY KEY);
           GRANT ALL ON dispatch.rows, dispatch.keys TO gewu_dispatch"""
    )
    await connection.close()

    async def start(
        topics: list[str], *, group: str = "", limit: int = 100, records: int = 500, parking_bytes: int = 400_000,
        held: Set[bytes] = frozenset(), later_database: int = 0,
    ) -> Reader:  # fmt: skip
        health, effects = Health(), Rows()
        effects.held, effects.later_database = set(held), later_database
        if held:
            effects.gate.clear()
        parking = GroupCommit(lambda: kafka_runtime.producer(kafka, "test-parking"), lambda _: parking_bytes)
        await parking.start()
        connections = await pool(database, schema="dispatch", size=4, name="test")
        registry = CollectorRegistry()
        metrics = DeliveryMetrics(registry).of("p1")
        means = Means(
            connections,
            parking,
            health,
            metrics,
            Failpoints({}),
            parking_limit=limit,
        )
        delivery: Delivery[bytes] = Delivery(effects, means)
        metrics.reads(len(topics), delivery.owned, delivery.stalled)
        broker = subscribe.broker(kafka, "test")
        subscribe.subscribe(
            broker, kafka, delivery, group=group or f"g.{topics[0]}", topics=topics, max_records=records
        )
        reader = Reader(delivery, effects, health, database, broker, parking, connections, topics, registry)
        started.append(reader)
        await subscribe.start(broker)
        return reader

    yield start
    for reader in started:
        await reader.stop()
