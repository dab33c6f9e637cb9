"""The relay: says what waits in the outbox, case by case in order, and forgets it after the broker's ack.

A shard is held by one relay at a time, through a session's advisory lock: three relays on one queue inverted the order
of 325 of 9,822 events, one a shard none. Killed between the ack and the delete it says an event again under the same
event_id; readers drop versions they have passed.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from gewu.codec import Envelope
from gewu.lane import Lane
from gewu.runtime import outbox
from gewu.runtime.failpoint import Failpoints
from gewu.runtime.groupcommit import Done, Fault, Producer
from gewu.runtime.health import Health
from gewu.runtime.metrics import RelayMetrics
from gewu.runtime.postgres import is_later
from gewu.runtime.settings import Postgres

log = logging.getLogger(__name__)

_LOCK_SPACE = 0x6777  # first key of the advisory locks, so that shards never meet another use of them
_ROWS = 1000
_POLL_S = 0.2
_SHARDS_AGAIN_S = 2.0


class Relay:
    """Holds as many shards as it can get and empties them."""

    def __init__(
        self, postgres: Postgres, schema: str, producer: Producer, source: str, metrics: RelayMetrics, health: Health,
        failpoints: Failpoints,
    ) -> None:  # fmt: skip
        self._postgres, self._schema, self._producer = postgres, schema, producer
        self._source, self._metrics, self._health, self._failpoints = source, metrics, health, failpoints
        self._envelopes: dict[str, Envelope] = {}
        self._wake = asyncio.Event()
        self._held: list[int] = []

    def wake(self) -> None:
        """Something was committed in this process: look now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled; a lost connection is a lost lock, so everything starts again from there."""
        pause = 0.1
        while True:
            try:
                await self._hold()
                pause = 0.1
            except Exception as fault:
                if not is_later(fault):
                    log.exception("the relay met a bug")
                self._health.bad("relay", repr(fault), 10.0)
                self._held = []
                self._metrics.shards.set(0)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _hold(self) -> None:
        connection = await asyncpg.connect(
            command_timeout=15.0, timeout=5.0,
            server_settings={"search_path": self._schema, "role": f"gewu_{self._schema}", "application_name": "gewu relay", "timezone": "UTC"},
            **self._postgres.connection(),
        )  # fmt: skip
        try:
            looked = -_SHARDS_AGAIN_S
            while True:
                now = asyncio.get_running_loop().time()
                if now - looked >= _SHARDS_AGAIN_S:
                    looked = now
                    await self._take_shards(connection)
                self._wake.clear()
                if not (self._held and await self._round(connection)):
                    await self._sleep()
                self._health.good("relay")
        finally:
            connection.terminate()  # an unlock by hand could come after another's lock; the session's end cannot

    async def _take_shards(self, connection: asyncpg.Connection) -> None:
        missing = [s for s in range(outbox.SHARDS) if s not in self._held]
        if missing:
            rows = await connection.fetch(
                "SELECT s FROM unnest($2::int[]) s WHERE pg_try_advisory_lock($1, s)", _LOCK_SPACE, missing
            )
            self._held += [r["s"] for r in rows]
        self._metrics.shards.set(len(self._held))

    async def _round(self, connection: asyncpg.Connection) -> int:
        """Say one helping; returns how many events the broker took."""
        rows = await outbox.take(connection, self._held, _ROWS)
        if not rows:
            self._metrics.waiting.set(0)
            return 0
        acked = await self._say(rows)
        await self._failpoints.reach("relay.before_delete")
        if acked:
            await outbox.delete(connection, [r.seq for r in acked])
        self._count(acked)
        if len(acked) < len(rows):
            await asyncio.sleep(_POLL_S)  # the producer is being rebuilt; the rest goes again, in order
        return len(acked)

    async def _say(self, rows: Sequence[outbox.Waiting]) -> list[outbox.Waiting]:
        acked: list[outbox.Waiting] = []

        def answer(row: outbox.Waiting) -> Done:
            return lambda fault: None if fault else acked.append(row)

        for row in rows:
            envelope = self._envelopes.get(row.type)
            if envelope is None:
                envelope = self._envelopes[row.type] = Envelope(row.type, self._source)
            try:
                self._producer.append(
                    row.topic, row.partition, str(row.subject).encode(), row.value, envelope.headers(str(row.event_id)),
                    answer(row),
                )  # fmt: skip
            except Fault as fault:
                self._health.bad("relay", f"{row.topic}: {fault!r}", 10.0)
                break
        await self._producer.flush()
        return acked

    def _count(self, acked: Sequence[outbox.Waiting]) -> None:
        now = datetime.now(UTC)
        by_topic: dict[str, int] = {}
        for row in acked:
            by_topic[row.topic] = by_topic.get(row.topic, 0) + 1
            if row.received_at:
                self._metrics.age.labels(Lane(row.lane).label).observe((now - row.received_at).total_seconds())
        for topic, count in by_topic.items():
            self._metrics.sent.labels(topic).inc(count)
        oldest = min((r.received_at for r in acked if r.received_at), default=None)
        if oldest:
            self._metrics.waiting.set((now - oldest).total_seconds())
        log.debug(
            "relayed", extra={"events": [str(r.event_id) for r in acked], "cases": [str(r.subject) for r in acked]}
        )

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return
