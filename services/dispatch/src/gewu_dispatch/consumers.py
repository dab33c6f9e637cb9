"""Dispatch's subscriptions: a consumer, a connection pool and a delivery for each lane, and one for departments' actions."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
from faststream.kafka import KafkaBroker

from gewu import topics
from gewu.city import City
from gewu.clock import Clock
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu.runtime import migrate, positions, postgres, subscribe
from gewu.runtime.delivery import Delivery
from gewu.runtime.effects import Effects, Means
from gewu.runtime.health import Health
from gewu.runtime.metrics import DeliveryMetrics
from gewu.runtime.producer import Producer
from gewu.runtime.relay import Relay
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.routing import Router
from gewu_dispatch.domain.triage import Rules
from gewu_dispatch.handlers.actions import Actions
from gewu_dispatch.handlers.signals import Signals
from gewu_dispatch.metrics import ACTIONS, BooksMetrics, Metrics
from gewu_dispatch.settings import Settings
from gewu_dispatch.store import reads
from gewu_dispatch.wire import Events

SCHEMA = "dispatch"
SCHEMA_VERSIONS = (10, 10)  # of the schema: the lowest that this code needs, the newest that it knows
_SKEW_S = 1.0
_BOOKS_EVERY_S = 5.0
# Small batches: a transaction of its own lane that a p0 signal waits for is short. Behind a backlog it waits for several, and
# in a cell that another lane's transaction has locked for that one, of up to 500 signals.
P0_RECORDS = 50


class Database:
    """Connection pools by use, so that no lane can take another's connections."""

    def __init__(self, settings: Settings, known: Sequence[topics.Topic]) -> None:
        self._settings, self._known = settings, known
        self._pools: dict[str, asyncpg.Pool] = {}

    def pool(self, use: str) -> asyncpg.Pool:
        """The pool of a lane's label, of `actions` or of `http`."""
        return self._pools[use]

    def reader(self) -> postgres.Reader:
        """For the questions of http."""
        return postgres.Reader(self.pool("http"))

    async def start(self) -> None:
        """Open every pool; SchemaFault when the schema or the server's lock table does not fit this code."""
        size = self._settings.connections
        for use in (*(lane.label for lane in Lane), ACTIONS, "http"):
            self._pools[use] = await postgres.pool(
                self._settings.postgres, schema=SCHEMA, size=size, name=f"dispatch {use}", in_micros=use != "http"
            )
        async with self.pool("http").acquire() as connection:
            await migrate.check(connection, SCHEMA, *SCHEMA_VERSIONS)
            locks = len(Lane) * size * joining.LOCKS_AT_ONCE
            if fault := await postgres.check_locks(connection, locks):
                raise migrate.SchemaFault(fault)
            there = {t.name for t in self._known}
            if gone := [t for t in await reads.awaited_topics(connection) if t not in there]:
                # A joined signal or a waiting event would have nowhere to go.
                raise migrate.SchemaFault(
                    f"open cases need {', '.join(gone)}: keep the department in the package until they end"
                )

    async def watch_clock(self, health: Health, every: float = 10.0) -> None:
        """Red while this machine's clock and PostgreSQL's are more than a second apart: deadlines would differ."""
        while True:
            try:
                asked = datetime.now(UTC)
                theirs = await reads.clock(postgres.Reader(self.pool("http")))
                apart = _apart_s(asked, theirs, datetime.now(UTC))
                if apart > _SKEW_S:
                    health.bad("clock", f"{apart:.1f} s apart from PostgreSQL's clock")
                else:
                    health.good("clock")
            except Exception as fault:
                if not postgres.is_later(fault):
                    raise
            await asyncio.sleep(every)

    async def watch_books(self, metrics: BooksMetrics) -> None:
        """Show the books, for as long as this runs."""
        while True:
            try:
                async with self.pool("http").acquire(timeout=postgres.ACQUIRE_S) as connection:
                    metrics.show(await positions.books(connection))
            except Exception as fault:
                if not postgres.is_later(fault):
                    raise
            await asyncio.sleep(_BOOKS_EVERY_S)

    async def stop(self) -> None:
        """Give every connection back."""
        await asyncio.gather(*(p.close() for p in self._pools.values()))


@dataclass(slots=True)
class Consumers:
    """The subscriptions of one process."""

    settings: Settings
    city: City
    clock: Clock
    database: Database
    parking: Producer
    relay: Relay
    health: Health
    metrics: DeliveryMetrics
    decisions: Metrics
    _broker: KafkaBroker | None = None
    _deliveries: list[Delivery[Any]] = field(default_factory=list)

    async def start(self) -> None:
        """Subscribe; positions are read from PostgreSQL as partitions are assigned."""
        known = topics.registry(self.city.departments)
        events = Events(known)
        router = Router(self.city.rules, self.city.fallback, self.city.departments)
        rules = Rules(router, self.city.version, self.city.calendar)
        self._broker = subscribe.broker(self.settings.kafka, "dispatch")
        for lane in Lane:
            records = P0_RECORDS if lane is Lane.P0 else self.settings.batch_records
            self._subscribe(
                Signals(self.city, rules, events, self.clock, self.decisions),
                lane.label,
                [topics.signals(lane)],
                records,
            )
        actions = Actions(router.returned(), events, self.clock, References(self.settings.link_secret))
        self._subscribe(actions, ACTIONS, [topics.actions(d) for d in sorted(self.city.departments)], 200)
        await subscribe.start(self._broker)

    async def stop(self) -> None:
        """Let running batches end, then leave the groups."""
        await asyncio.gather(*(d.stop() for d in self._deliveries))
        if self._broker:
            await self._broker.stop()

    async def watch(self) -> None:
        """Hold positions against the log, for as long as this runs."""
        await asyncio.gather(*(d.watch() for d in self._deliveries))

    def _subscribe(self, effects: Effects[Any], use: str, names: list[str], records: int) -> None:
        metrics = self.metrics.of(use)
        means = Means(
            pool=self.database.pool(use), parking=self.parking, health=self.health, metrics=metrics,
            failpoints=self.settings.failpoints, committed=self.relay.wake, parking_limit=self.settings.parking_limit,
        )  # fmt: skip
        delivery: Delivery[Any] = Delivery(effects, means)
        metrics.reads(
            sum(t.partitions for t in topics.registry(self.city.departments) if t.name in names),
            delivery.owned, delivery.stalled,
        )  # fmt: skip
        self._deliveries.append(delivery)
        assert self._broker is not None
        subscribe.subscribe(
            self._broker, self.settings.kafka, delivery, group=f"{topics.group_prefix('dispatch')}{use}", topics=names,
            max_records=records,
        )  # fmt: skip


def _apart_s(asked: datetime, theirs: datetime, answered: datetime) -> float:
    """By how many seconds their time lies outside the question's: a busy pool makes that long, and no clock wrong."""
    return max((asked - theirs).total_seconds(), (theirs - answered).total_seconds(), 0.0)
