"""Notify's subscription to cases.changed, its database, and what is done there now and then."""

import asyncio

import asyncpg
from faststream.kafka import KafkaBroker

from gewu import topics
from gewu.clock import SECOND, Clock, micros
from gewu.runtime import migrate, postgres, subscribe
from gewu.runtime.delivery import Delivery
from gewu.runtime.effects import Means
from gewu.runtime.health import Health
from gewu.runtime.metrics import DeliveryMetrics
from gewu.runtime.producer import Producer
from gewu_notify.domain.plan import Fact
from gewu_notify.handlers import Planner
from gewu_notify.metrics import Metrics
from gewu_notify.sending.sender import Sender
from gewu_notify.settings import Settings
from gewu_notify.store import ledger

SCHEMA = "notify"
SCHEMA_VERSIONS = (2, 2)  # of the schema: the lowest that this code needs, the newest that it knows
READER = "notify"  # whose parking topics
CASES = "cases"  # stands in the label `lane`
_LOOK_S = 5.0
_TIDY_EVERY = 12  # looks
_POOLS = {"delivery": 4, "sender": 2, "look": 1}
# Longer than cases.changed is kept: what the log has forgotten cannot come again.
_PASSED_S = 2 * topics.CASE_RETENTION.total_seconds()
# An open notice of a receiver to which nothing may be sent is given up after this; others have their attempts.
WAITS_S = 24 * 3600.0


class Database:
    """Connection pools by use, so that neither can take the other's connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools: dict[str, asyncpg.Pool] = {}

    def pool(self, use: str) -> asyncpg.Pool:
        """The pool of delivery, sender or look."""
        return self._pools[use]

    async def start(self) -> None:
        """Open every pool; SchemaFault when the schema does not fit this code."""
        for use, size in _POOLS.items():
            self._pools[use] = await postgres.pool(
                self._settings.postgres, schema=SCHEMA, size=size, name=f"notify {use}", in_micros=True
            )
        async with self.pool("look").acquire() as connection:
            await migrate.check(connection, SCHEMA, *SCHEMA_VERSIONS)

    async def stop(self) -> None:
        """Give every connection back."""
        await asyncio.gather(*(p.close() for p in self._pools.values()))


class Consumer:
    """The subscription of one process."""

    def __init__(
        self, settings: Settings, planner: Planner, database: Database, parking: Producer, sender: Sender, health: Health,
        metrics: DeliveryMetrics,
    ) -> None:  # fmt: skip
        self._settings, self._planner, self._database = settings, planner, database
        self._parking, self._sender, self._health = parking, sender, health
        self._metrics = metrics.of(CASES)
        self._broker: KafkaBroker | None = None
        self._delivery: Delivery[Fact] | None = None

    async def start(self) -> None:
        """Subscribe; positions are read from PostgreSQL as partitions are assigned."""
        self._broker = subscribe.broker(self._settings.kafka, "notify")
        means = Means(
            pool=self._database.pool("delivery"), parking=self._parking, health=self._health, metrics=self._metrics,
            failpoints=self._settings.failpoints, committed=self._sender.wake, reader=READER,
            parking_limit=self._settings.parking_limit,
        )  # fmt: skip
        self._delivery = Delivery(self._planner, means)
        (topic,) = (t for t in topics.registry([]) if t.name == topics.CASES)
        self._metrics.reads(topic.partitions, self._delivery.owned, self._delivery.stalled)
        subscribe.subscribe(
            self._broker, self._settings.kafka, self._delivery, group="gewu-notify-cases", topics=[topics.CASES],
            max_records=self._settings.batch_records,
        )  # fmt: skip
        await subscribe.start(self._broker)

    async def stop(self) -> None:
        """Let running batches end, then leave the group."""
        if self._delivery:
            await self._delivery.stop()
        if self._broker:
            await self._broker.stop()

    async def watch(self) -> None:
        """Hold positions against the log, for as long as this runs."""
        assert self._delivery is not None
        await self._delivery.watch()


async def look_after(database: Database, sender: Sender, settings: Settings, clock: Clock, metrics: Metrics) -> None:
    """Show what waits in the ledger, and forget what is old, for as long as this runs."""
    looks = 0
    while True:
        now = micros(clock.now())
        try:
            async with database.pool("look").acquire(timeout=postgres.ACQUIRE_S) as connection:
                standing = await ledger.standing(connection, now)
                metrics.stands({s.receiver: (s.open, s.failed, s.oldest) for s in standing}, sender.channels)
                if looks % _TIDY_EVERY == 0:
                    await ledger.tidy(
                        connection, now, now - int(WAITS_S * SECOND), now - int(settings.kept * SECOND),
                        now - int(_PASSED_S * SECOND), sender.told(),
                    )  # fmt: skip
        except Exception as fault:
            if not postgres.is_later(fault):
                raise
        looks += 1
        await asyncio.sleep(_LOOK_S)
