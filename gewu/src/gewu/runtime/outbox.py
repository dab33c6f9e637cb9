"""The outbox: events wait here, written in the transaction of what they tell, until the relay has the broker's ack."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID
from zlib import crc32

from msgspec import Struct

from gewu.lane import Lane
from gewu.runtime.postgres import Connection

SHARDS = 32


class Event(Struct, frozen=True, gc=False):
    """One record to say. subject: what keeps its events in order; cause: the signal or action behind it."""

    subject: str
    incarnation: int
    version: int
    topic: str
    partition: int
    lane: Lane
    event_id: str
    type: str
    value: bytes
    key: str
    cause: str | None = None
    received_at: datetime | None = None


_WRITE = """
INSERT INTO outbox (created_at, subject, incarnation, version, topic, partition, shard, lane, event_id, type, value, key, cause,
    received_at)
SELECT $1::timestamptz, * FROM unnest($2::uuid[], $3::int[], $4::int[], $5::text[], $6::int[], $7::smallint[], $8::smallint[],
    $9::uuid[], $10::text[], $11::bytea[], $12::text[], $13::uuid[], $14::timestamptz[])"""
_WRITE_ONCE = f"{_WRITE}\nON CONFLICT (subject, incarnation, version, topic) DO NOTHING"

_WAITING = """o.seq, o.subject, o.incarnation, o.version, o.topic, o.partition, o.lane, o.event_id, o.type, o.value, o.key,
    o.created_at, o.cause, o.received_at"""
_NEXT = f"""
SELECT {_WAITING} FROM outbox o
WHERE o.shard = ANY($1::smallint[]) AND o.topic <> ALL($3::text[]) ORDER BY o.lane, o.seq LIMIT $2"""

# A case goes by its most urgent waiting event, and then whole, in the order of its versions: a case that was raised to
# p0 takes its earlier p2 events along, because a reader that saw the later version would drop them.
_TAKE = f"""
WITH urgent AS (
    SELECT subject, min(lane) AS lane, min(seq) AS seq
    FROM (SELECT subject, lane, seq FROM outbox WHERE shard = ANY($1::smallint[])
          AND topic <> ALL($3::text[]) ORDER BY lane, seq LIMIT $2) AS head
    GROUP BY subject
)
SELECT {_WAITING}
FROM outbox o JOIN urgent u USING (subject)
WHERE o.topic <> ALL($3::text[])
ORDER BY u.lane, u.seq, o.incarnation, o.version, o.seq"""


def shard_of(subject: str) -> int:
    """The shard whose one relay says everything of this case, which is what keeps its versions in order."""
    return crc32(subject.encode()) % SHARDS


async def write(transaction: Connection, events: Sequence[Event]) -> None:
    """Write events inside the transaction of their effects, each of a version of its case that this transaction makes.

    None of them can be there already, because a case's history has one row a version; to ask would cost every event a
    fifth of the server's time. An event's age counts from here, the last thing before the commit: what made the transaction
    slow before is not the relay's.
    """
    await _write(transaction, _WRITE, events)


async def write_once(transaction: Connection, events: Sequence[Event]) -> None:
    """Write events of which some may wait from before (a refusal caused again): those are not written twice."""
    await _write(transaction, _WRITE_ONCE, events)


async def _write(transaction: Connection, statement: str, events: Sequence[Event]) -> None:
    if not events:
        return
    rows = [
        (e.subject, e.incarnation, e.version, e.topic, e.partition, shard_of(e.subject), e.lane, e.event_id, e.type,
         e.value, e.key, e.cause, e.received_at)
        for e in events
    ]  # fmt: skip
    await transaction.execute(statement, datetime.now(UTC), *(list(c) for c in zip(*rows, strict=True)))


class Waiting(Struct, frozen=True, gc=False):
    """One row as the relay takes it."""

    seq: int
    subject: UUID
    incarnation: int
    version: int
    topic: str
    partition: int
    lane: int
    event_id: UUID
    type: str
    value: bytes
    key: str
    created_at: datetime
    cause: UUID | None
    received_at: datetime | None


async def take(connection: Connection, shards: Sequence[int], limit: int, apart: Sequence[str]) -> list[Waiting]:
    """The next events of these shards: whole cases, most urgent first, about `limit` rows. Nothing is marked.

    apart: topics that are left out for now. Order matters to the readers of a topic, so a topic may wait by itself.
    """
    words = list(shards), limit, list(apart)
    found = [Waiting(*row.values()) for row in await connection.fetch(_NEXT, *words)]
    if len(found) < limit:
        return _whole(found)
    # More wait than these, and perhaps earlier events of their cases: to ask for those costs 1.6 times as much an event, and
    # here both questions are paid for.
    return [Waiting(*row.values()) for row in await connection.fetch(_TAKE, *words)]


def _whole(rows: list[Waiting]) -> list[Waiting]:
    """All that waits, by lane and age, with each case where its most urgent event stands."""
    last: dict[UUID, tuple[int, int, int]] = {}
    for w in rows:
        own = w.lane, w.incarnation, w.version
        before = last.get(w.subject, own)
        if before[0] != w.lane or before > own:
            break
        last[w.subject] = own
    else:
        return rows  # nearly always: few cases are raised while their events wait
    first = {w.subject: n for n, w in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda w: (first[w.subject], w.incarnation, w.version, w.seq))


async def delete(connection: Connection, said: Sequence[Waiting]) -> None:
    """Forget events that the broker has acknowledged."""
    await connection.execute(
        """DELETE FROM outbox o USING unnest($1::smallint[], $2::bigint[]) AS d (lane, seq)
           WHERE o.lane = d.lane AND o.seq = d.seq""",
        [w.lane for w in said], [w.seq for w in said],
    )  # fmt: skip


async def oldest(connection: Connection) -> dict[Lane, datetime]:
    """When each lane's first waiting event was written; lanes without one are left out. Four looks at an index."""
    rows = await connection.fetch(
        """SELECT lane, (SELECT created_at FROM outbox o WHERE o.lane = l.lane ORDER BY o.seq LIMIT 1) AS created_at
           FROM unnest($1::smallint[]) AS l (lane)""",
        [int(lane) for lane in Lane],
    )
    return {Lane(r["lane"]): r["created_at"] for r in rows if r["created_at"]}


async def count(connection: Connection, most: int) -> int:
    """How many events wait; beyond `most` they are not counted, so that a large outbox does not make the look slow."""
    return int(await connection.fetchval("SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS waiting", most))
