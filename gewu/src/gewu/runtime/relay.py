"""The relay: says what waits in the outbox, case by case in order, and forgets it after the broker's ack.

A shard is held by one relay at a time, through a session's advisory lock: three relays on one queue inverted the order
of 325 of 9,822 events, one a shard none. Killed between the ack and the delete it says an event again under the same
event_id; readers drop versions they have passed.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from gewu.codec import Envelope
from gewu.lane import Lane
from gewu.runtime import outbox
from gewu.runtime.failpoint import Failpoints
from gewu.runtime.health import Health
from gewu.runtime.metrics import RelayMetrics
from gewu.runtime.postgres import KEEPALIVE, is_later
from gewu.runtime.producer import Fault, Overloaded, Producer
from gewu.runtime.settings import Postgres

log = logging.getLogger(__name__)

_LOCK_SPACE = 0x6777  # first key of the advisory locks, so that shards never meet another use of them
_ROWS = 1000
_POLL_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0  # after a failure, doubling until a connection works again
_AROUND_S = 2.0  # how often shards are asked for and the queue's age is looked at
_APART_S, _APART_MOST_S = 1.0, 30.0  # how long a topic that refuses its events is left out, doubling
_OLD_S = 30.0  # an event that has waited so long turns readiness red


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
        self._apart: dict[str, tuple[float, float]] = {}  # topic → until when, how long the last time
        self._pause = _FIRST_PAUSE_S

    def wake(self) -> None:
        """Something was committed in this process: look now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled; a lost connection is a lost lock, so everything starts again from there."""
        while True:
            try:
                await self._hold()
            except Exception as fault:
                if not is_later(fault):
                    log.exception("the relay met a bug")
                self._health.bad("relay", repr(fault), 10.0)
            self._held = []
            self._metrics.shards.set(0)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_S)

    async def _hold(self) -> None:
        connection = await asyncpg.connect(
            command_timeout=15.0, timeout=5.0,
            server_settings={
                "search_path": self._schema, "role": f"gewu_{self._schema}", "application_name": "gewu relay",
                "timezone": "UTC", **KEEPALIVE,
                # This session holds the shards: when its process is frozen or gone, they must not stay with it.
                "idle_session_timeout": "60s",
            },
            **self._postgres.connection(),
        )  # fmt: skip
        try:
            clock, around = asyncio.get_running_loop(), -_AROUND_S
            while True:
                if clock.time() - around >= _AROUND_S:
                    around = clock.time()
                    await self._look_around(connection)
                self._wake.clear()
                if not (self._held and await self._round(connection)):
                    await self._sleep()
                self._pause = _FIRST_PAUSE_S
        finally:
            connection.terminate()  # an unlock by hand could come after another's lock; the session's end cannot

    async def _look_around(self, connection: asyncpg.Connection) -> None:
        """Ask for shards that nobody holds, and see how long the oldest event has waited, whoever's it is."""
        missing = [s for s in range(outbox.SHARDS) if s not in self._held]
        if missing:
            rows = await connection.fetch(
                "SELECT s FROM unnest($2::int[]) s WHERE pg_try_advisory_lock($1, s)", _LOCK_SPACE, missing
            )
            self._held += [r["s"] for r in rows]
        self._metrics.shards.set(len(self._held))
        oldest = await outbox.oldest(connection)
        waited = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
        self._metrics.waiting.set(waited)
        if waited > _OLD_S:
            self._health.bad(
                "relay", f"an event has waited {waited:.0f} s; left out for now: {', '.join(self._apart) or 'none'}"
            )
        else:
            self._health.good("relay")

    async def _round(self, connection: asyncpg.Connection) -> int:
        """Say one helping; returns how many events the broker took."""
        now = asyncio.get_running_loop().time()
        apart = [topic for topic, (until, _) in self._apart.items() if until > now]
        rows = await outbox.take(connection, self._held, _ROWS, apart)
        if not rows:
            return 0
        acked = await self._say(rows)
        await self._failpoints.reach("relay.before_delete")
        if acked:
            await outbox.delete(connection, acked)
        self._count(acked)
        return len(acked)

    async def _say(self, rows: Sequence[outbox.Waiting]) -> list[outbox.Waiting]:
        """Those that were acknowledged; a topic that failed is left out for a while, so that others go on."""
        acked: list[outbox.Waiting] = []
        left = len(rows)
        answered = asyncio.Event()

        def settle(row: outbox.Waiting, fault: Fault | None) -> None:
            nonlocal left
            left -= 1
            if fault is None:
                acked.append(row)
            elif not isinstance(fault, Overloaded):
                self._leave_out(row.topic, fault)
            if not left:
                answered.set()

        for row in rows:
            envelope = self._envelopes.get(row.type)
            if envelope is None:
                envelope = self._envelopes[row.type] = Envelope(row.type, self._source)
            headers = envelope.headers(str(row.event_id))
            try:
                self._producer.append(
                    row.topic, row.partition, row.key.encode(), row.value, headers, lambda f, row=row: settle(row, f)
                )
            except Exception as fault:  # noqa: BLE001  also a topic that the registry does not have any more
                settle(row, fault if isinstance(fault, Fault) else Fault(repr(fault)))
        await answered.wait()  # the producer answers every record within its deadline
        for topic in {row.topic for row in acked}:
            self._apart.pop(topic, None)
        return acked

    def _leave_out(self, topic: str, fault: Fault) -> None:
        now = asyncio.get_running_loop().time()
        until, last = self._apart.get(topic, (0.0, _APART_S / 2))
        if until <= now:
            log.error("a topic is left out for now", extra={"topic": topic, "fault": repr(fault)})
            self._apart[topic] = (now + min(last * 2, _APART_MOST_S), min(last * 2, _APART_MOST_S))

    def _count(self, acked: Sequence[outbox.Waiting]) -> None:
        now = datetime.now(UTC)
        for row in acked:
            if row.received_at:
                self._metrics.age.labels(Lane(row.lane).label).observe((now - row.received_at).total_seconds())
        for topic, count in Counter(row.topic for row in acked).items():
            self._metrics.sent.labels(topic).inc(count)
        if acked and log.isEnabledFor(logging.DEBUG):
            log.debug(
                "relayed", extra={"events": [str(r.event_id) for r in acked], "causes": [str(r.cause) for r in acked]}
            )

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return
