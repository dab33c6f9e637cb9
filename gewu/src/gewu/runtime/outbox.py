"""The outbox: events wait here, written in the transaction of what they tell, until the relay has the broker's ack.

What one transaction says to one partition is one row, with its events in order: for each event by itself the server did a third
of all its work here.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import md5

import msgspec
from msgspec import Struct

from gewu.lane import Lane
from gewu.runtime.postgres import Connection

SHARDS = 32
LOCK_SPACE = 0x6777  # first key of the advisory locks of shards, so that they never meet another use of such locks
_MOST, _BYTES = 100, 256 * 1024  # events a row and bytes of their values, so that a helping of rows has a bound


class Event(Struct, frozen=True, array_like=True, gc=False):
    """One record to say. cause: the signal or action behind it; received_at: of the signal, where the
    event's age counts, in microseconds since 1970.

    raises: its case has become more urgent, so what was said of it before must not wait longer than this.
    """

    topic: str
    partition: int
    lane: Lane
    event_id: str
    type: str
    version: int
    value: bytes
    key: str
    cause: str | None = None
    received_text: str | None = None  # where releases before 0020 had it; not read
    raises: bool = False
    received_at: int | None = None


class Waiting(Struct, frozen=True, gc=False):
    """One row as the relay takes it."""

    seq: int
    lane: int
    topic: str
    partition: int
    created_at: datetime
    events: list[Event]


_WRITE = """
INSERT INTO outbox (created_at, shard, lane, topic, partition, raises, count, events)
SELECT to_timestamp($1::float8), *
FROM unnest($2::smallint[], $3::smallint[], $4::text[], $5::int[], $6::boolean[], $7::int[], $8::text[])"""
# One statement, so that all of it sees the same rows: a raise that is committed between two looks would be said before what the
# second look no longer keeps together. What a partition said before its case was raised goes along in its order: by lane
# alone, a later version would come first. Such a partition is as urgent as the most urgent event that waits in it, raised or not.
_TAKE = """
WITH raised AS MATERIALIZED (
    SELECT topic, partition, max(seq) AS seq, (
        SELECT min(lane) FROM outbox o WHERE o.topic = r.topic AND o.partition = r.partition
    ) AS lane FROM outbox r
    WHERE raises AND shard = ANY($1::smallint[]) AND topic <> ALL($2::text[]) GROUP BY topic, partition
), before AS (
    SELECT 1 AS turn, r.lane AS urgency, o.* FROM raised r, LATERAL (
        SELECT * FROM outbox o WHERE o.topic = r.topic AND o.partition = r.partition AND o.seq <= r.seq ORDER BY o.seq LIMIT $3
    ) o ORDER BY r.lane, o.seq LIMIT $3
), others AS (
    SELECT 2 AS turn, o.lane AS urgency, o.* FROM outbox o
    WHERE o.shard = ANY($1::smallint[]) AND o.topic <> ALL($2::text[])
        AND (o.topic, o.partition) NOT IN (SELECT topic, partition FROM raised)
    ORDER BY o.lane, o.seq LIMIT $3
)
SELECT seq, lane, topic, partition, created_at, events FROM (TABLE before UNION ALL TABLE others) AS waiting
ORDER BY turn, urgency, seq"""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Event]).decode


@lru_cache(1 << 12)
def shard_of(topic: str, partition: int) -> int:
    """The shard whose one relay says everything of this partition, which is what keeps a case's versions in order."""
    return (md5(topic.encode(), usedforsecurity=False).digest()[0] + partition) % SHARDS


async def write(transaction: Connection, events: Sequence[Event]) -> None:
    """Write events inside the transaction of their effects, those of a case in the order of their versions.

    That transaction holds the case's row until its end, so of two rows with events of one case the older has the older events. An
    event's age counts from here, the last thing before the commit: what made the transaction slow before is not the relay's.
    """
    if not events:
        return
    by_place: dict[tuple[str, int, Lane], list[Event]] = {}
    for e in events:
        by_place.setdefault((e.topic, e.partition, e.lane), []).append(e)
    rows = [
        (shard_of(topic, partition), lane, topic, partition, any(e.raises for e in some), len(some), text(some))
        for (topic, partition, lane), own in by_place.items()
        for some in _rows(own)
    ]
    await transaction.execute(_WRITE, time.time(), *(list(c) for c in zip(*rows, strict=True)))


def _rows(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Cut where a row has enough: in number, or in bytes."""
    first = size = 0
    for n, e in enumerate(events):
        if n > first and (n - first == _MOST or size + len(e.value) > _BYTES):
            yield events[first:n]
            first, size = n, 0
        size += len(e.value)
    yield events[first:]


def text(events: Sequence[Event]) -> str:
    """Events as a row holds them."""
    return _encode(events).decode()


def events_of(said: str) -> list[Event]:
    """The events that a row holds; ValidationError of msgspec where it is none of ours."""
    return _decode(said)


async def take(connection: Connection, shards: Sequence[int], limit: int, apart: Sequence[str]) -> list[Waiting]:
    """The next rows of these shards, most urgent first, and in partitions with a raised case by age. Nothing is marked.

    At most twice `limit`: of each of the two, so that a long wait of one partition is not in the way of the others.
    apart: topics that are left out for now. Order matters to the readers of a topic, so a topic may wait by itself.
    """
    rows = await connection.fetch(_TAKE, list(shards), list(apart), limit)
    found = []
    for row in rows:
        *place, said = row.values()
        found.append(Waiting(*place, events_of(said)))
    return found


async def forget(connection: Connection, left: Mapping[int, Sequence[Event]]) -> None:
    """Of these rows, by seq, keep only events that the broker has not acknowledged: mostly none, and then the row goes."""
    await connection.execute(
        "DELETE FROM outbox WHERE seq = ANY($1::bigint[])", [seq for seq, own in left.items() if not own]
    )
    if some := [(seq, len(own), text(own), any(e.raises for e in own)) for seq, own in left.items() if own]:
        await connection.executemany("UPDATE outbox SET count = $2, events = $3, raises = $4 WHERE seq = $1", some)


async def oldest(connection: Connection) -> dict[Lane, datetime]:
    """When each lane's first waiting event was written; lanes without one are left out. Four looks at an index."""
    rows = await connection.fetch(
        """SELECT lane, (SELECT created_at FROM outbox o WHERE o.lane = l.lane ORDER BY o.seq LIMIT 1) AS created_at
           FROM unnest($1::smallint[]) AS l (lane)""",
        [int(lane) for lane in Lane],
    )
    return {Lane(r["lane"]): r["created_at"] for r in rows if r["created_at"]}


async def count(connection: Connection, most: int) -> int:
    """How many events wait, at most `most`: more rows than that are not looked at, so that a large outbox makes no look slow."""
    found = await connection.fetchval("SELECT sum(count) FROM (SELECT count FROM outbox LIMIT $1) AS waiting", most)
    return min(int(found or 0), most)
