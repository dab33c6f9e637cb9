"""The relay: says what waits in the outbox, partition by partition in order, and forgets it after the broker's ack.

A shard is held by one relay at a time, through a session's advisory lock: three relays on one queue inverted the order
of 325 of 9,822 events, one a shard none. Killed between the ack and the delete it says an event again under the same
event_id; readers drop versions they have passed.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import asyncpg

from gewu.clock import SECOND, micros
from gewu.codec import Envelope
from gewu.lane import Lane
from gewu.runtime import outbox
from gewu.runtime.failpoint import Failpoints
from gewu.runtime.health import Health
from gewu.runtime.metrics import RelayMetrics
from gewu.runtime.postgres import KEEPALIVE, is_later
from gewu.runtime.producer import Failed, Fault, Overloaded, Producer, Record, Unknown
from gewu.runtime.settings import Postgres

log = logging.getLogger(__name__)

_ROWS = 100
_POLL_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0  # after a failure, doubling until a connection works again
_AROUND_S = 2.0  # how often shards are asked for and the queue's age is looked at
_APART_S, _APART_MOST_S = 1.0, 30.0  # how long a topic that refuses its events is left out, doubling
_LATE_S = 0.1  # an answer that takes longer keeps its own topic waiting and nothing else
_OLD_S = 30.0  # an event that has waited so long turns readiness red
_COUNTED = 10_000  # waiting events are counted up to here


class _Said:
    """A helping under way: how many of its events are not answered yet, and partitions that take no more of it."""

    def __init__(self, rows: Sequence[outbox.Waiting]) -> None:
        self.left, self.all = sum(len(row.events) for row in rows), asyncio.Event()
        self.shut: set[tuple[str, int]] = set()


class _Saying:
    """A row under way: which of its events the broker does not have."""

    def __init__(self, row: outbox.Waiting, said: _Said) -> None:
        self.row, self.said, self.left = row, said, dict(enumerate(row.events))


Acked = tuple[_Saying, int, int, datetime]  # of a row's events these, in the log since then


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
        self._under_way: Counter[str] = Counter()  # by topic: handed to the producer and not answered yet
        self._acked: list[Acked] = []  # and not yet deleted
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
                "SELECT s FROM unnest($2::int[]) s WHERE pg_try_advisory_lock($1, s)", outbox.LOCK_SPACE, missing
            )
            self._held += [r["s"] for r in rows]
        self._metrics.shards.set(len(self._held))
        oldest, now = await outbox.oldest(connection), datetime.now(UTC)
        ages = {lane: (now - created_at).total_seconds() for lane, created_at in oldest.items()}
        self._metrics.oldest(ages)
        self._metrics.waiting.set(await outbox.count(connection, _COUNTED))
        self._metrics.apart.set(len(self._apart))
        waited = max(ages.values(), default=0.0)
        if waited > _OLD_S:
            self._health.bad(
                "relay",
                f"an event has waited {waited:.0f} s; left out for now: {', '.join(self._apart) or 'none'}; "
                f"no answer yet: {', '.join(self._under_way) or 'none'}",
            )
        else:
            self._health.good("relay")

    async def _round(self, connection: asyncpg.Connection) -> int:
        """Say one helping; returns how many events the broker took."""
        now = asyncio.get_running_loop().time()
        apart = [topic for topic, (until, _) in self._apart.items() if until > now]
        # Asked before anything is awaited: what is answered from here on is not forgotten before the look.
        apart += self._under_way
        late = await self._forget(connection)  # before the look, which would find them again
        rows = await outbox.take(connection, self._held, _ROWS, apart)
        if rows:
            await self._say(rows)
        return late + await self._forget(connection)

    async def _forget(self, connection: asyncpg.Connection) -> int:
        """Delete what the broker has; returns how many."""
        acked = self._acked[:]
        if acked:
            await self._failpoints.reach("relay.before_delete")
            for saying, first, end, _ in acked:
                for n in range(first, end):
                    saying.left.pop(n, None)
            await outbox.forget(connection, {s.row.seq: list(s.left.values()) for s, *_ in acked})
            del self._acked[: len(acked)]
            self._count(acked)
        return sum(end - first for _, first, end, _ in acked)

    async def _say(self, rows: Sequence[outbox.Waiting]) -> None:
        """Hand a helping to the producer and wait for its answers, but not long for the last of them.

        A topic whose answers are late stays under way: it is not taken from until they are here, so its order holds and
        no other topic waits for it.
        """
        said = _Said(rows)
        for row in rows:
            self._under_way[row.topic] += len(row.events)
        for row in rows:
            done = partial(self._settle, _Saying(row, said))
            if (row.topic, row.partition) in said.shut:
                done(0, len(row.events), Overloaded())  # or a later row would be said before one that had no room
                continue
            try:
                self._producer.append(row.topic, row.partition, [self._record(e) for e in row.events], done)
            except Exception as fault:  # noqa: BLE001  also a topic that the registry does not have any more
                done(0, len(row.events), fault if isinstance(fault, Fault) else Fault(repr(fault)))
        try:
            async with asyncio.timeout(_LATE_S):
                await said.all.wait()
        except TimeoutError:
            return

    def _record(self, event: outbox.Event) -> Record:
        envelope = self._envelopes.get(event.type)
        if envelope is None:
            envelope = self._envelopes[event.type] = Envelope(event.type, self._source)
        return event.key.encode(), event.value, envelope.headers(event.event_id)

    def _settle(self, saying: _Saying, first: int, end: int, fault: Fault | None) -> None:
        """The answer to events[first:end] of a row, in time or late."""
        topic, said = saying.row.topic, saying.said
        self._under_way[topic] -= end - first
        if not self._under_way[topic]:
            del self._under_way[topic]
        if isinstance(fault, Overloaded):
            said.shut.add((topic, saying.row.partition))
        if fault is None:
            self._acked.append((saying, first, end, datetime.now(UTC)))
            self._apart.pop(topic, None)
        elif isinstance(fault, Failed) or not isinstance(fault, Overloaded | Unknown):
            self._leave_out(topic, fault)
        said.left -= end - first
        if not said.left:
            said.all.set()
            self._wake.set()

    def _leave_out(self, topic: str, fault: Fault) -> None:
        now = asyncio.get_running_loop().time()
        until, last = self._apart.get(topic, (0.0, _APART_S / 2))
        if until <= now:
            log.error("a topic is left out for now", extra={"topic": topic, "fault": repr(fault)})
            self._apart[topic] = (now + min(last * 2, _APART_MOST_S), min(last * 2, _APART_MOST_S))

    def _count(self, acked: Sequence[Acked]) -> None:
        for saying, first, end, at in acked:
            row, events = saying.row, saying.row.events[first:end]
            self._metrics.sent.labels(row.topic).inc(len(events))
            self._metrics.said(
                Lane(row.lane), [(at - row.created_at).total_seconds()] * len(events),
                [(micros(at) - e.received_at) / SECOND for e in events if e.received_at],
            )  # fmt: skip
        if acked and log.isEnabledFor(logging.DEBUG):
            said = [event for saying, first, end, _ in acked for event in saying.row.events[first:end]]
            log.debug("relayed", extra={"events": [e.event_id for e in said], "causes": [str(e.cause) for e in said]})

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return
