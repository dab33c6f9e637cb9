"""The outbox: events wait here, written in the transaction of what they tell, until the relay has the broker's ack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zlib import crc32

from gewu.lane import Lane
from gewu.runtime.postgres import Connection

SHARDS = 32

DDL = """
CREATE TABLE outbox (
    seq         bigint      GENERATED ALWAYS AS IDENTITY,  -- age only; never a cursor: a younger id may commit first
    subject     uuid        NOT NULL,  -- the case, or the action that was refused
    incarnation int         NOT NULL,
    version     int         NOT NULL,
    topic       text        NOT NULL,
    partition   int         NOT NULL,
    shard       smallint    NOT NULL,
    lane        smallint    NOT NULL,
    event_id    uuid        NOT NULL,
    type        text        NOT NULL,
    value       bytea       NOT NULL,
    received_at timestamptz,           -- of the causing signal, where the event's age is measured
    PRIMARY KEY (subject, incarnation, version, topic)
);
CREATE INDEX outbox_urgent ON outbox (lane, seq);"""


@dataclass(frozen=True, slots=True)
class Event:
    """One record to say."""

    subject: str
    incarnation: int
    version: int
    topic: str
    partition: int
    lane: Lane
    event_id: str
    type: str
    value: bytes
    received_at: datetime | None = None


_WRITE = """
INSERT INTO outbox (subject, incarnation, version, topic, partition, shard, lane, event_id, type, value, received_at)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::int[], $6::smallint[], $7::smallint[],
                     $8::uuid[], $9::text[], $10::bytea[], $11::timestamptz[])"""

# A case goes by its most urgent waiting event, and then whole, in the order of its versions: a case that was raised to
# p0 takes its earlier p2 events along, because a reader that saw the later version would drop them.
_TAKE = """
WITH urgent AS (
    SELECT subject, min(lane) AS lane, min(seq) AS seq
    FROM (SELECT subject, lane, seq FROM outbox WHERE shard = ANY($1::smallint[]) ORDER BY lane, seq LIMIT $2) AS head
    GROUP BY subject
)
SELECT o.seq, o.subject, o.topic, o.partition, o.lane, o.event_id, o.type, o.value, o.received_at
FROM outbox o JOIN urgent u USING (subject)
ORDER BY u.lane, u.seq, o.incarnation, o.version, o.seq"""


def shard_of(subject: str) -> int:
    """The shard whose one relay says everything of this case, which is what keeps its versions in order."""
    return crc32(subject.encode()) % SHARDS


async def write(transaction: Connection, events: Sequence[Event]) -> None:
    """Write events inside the transaction of their effects."""
    if not events:
        return
    await transaction.execute(
        _WRITE, [e.subject for e in events], [e.incarnation for e in events], [e.version for e in events],
        [e.topic for e in events], [e.partition for e in events], [shard_of(e.subject) for e in events],
        [int(e.lane) for e in events], [e.event_id for e in events], [e.type for e in events],
        [e.value for e in events], [e.received_at for e in events],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row as the relay takes it."""

    seq: int
    subject: UUID
    topic: str
    partition: int
    lane: int
    event_id: UUID
    type: str
    value: bytes
    received_at: datetime | None


async def take(connection: Connection, shards: Sequence[int], limit: int) -> list[Waiting]:
    """The next events of these shards: whole cases, most urgent first, about `limit` rows. Nothing is marked."""
    return [Waiting(*row.values()) for row in await connection.fetch(_TAKE, list(shards), limit)]


async def delete(connection: Connection, seqs: Sequence[int]) -> None:
    """Forget events that the broker has acknowledged."""
    await connection.execute("DELETE FROM outbox WHERE seq = ANY($1::bigint[])", list(seqs))


async def oldest(connection: Connection) -> datetime | None:
    """Receipt time of the oldest waiting event that has one."""
    return await connection.fetchval("SELECT received_at FROM outbox ORDER BY lane, seq LIMIT 1")
