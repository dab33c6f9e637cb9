"""Rows of signals, conflicts and contacts: what was taken in, once for each id."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import asyncpg

from gewu.errors import NotNow, Why
from gewu.runtime.postgres import Connection
from gewu_dispatch.domain.case import Contact, Signal
from gewu_dispatch.domain.triage import Decision
from gewu_dispatch.store.columns import columns

# In the order of _row.
_COLUMNS = (
    "signal_id", "outcome", "case_id", "case_incarnation", "case_version", "because", "distance_m", "kind", "content", "lane",
    "source", "client_id", "observed_at", "received_at", "lon", "lat", "accuracy_m", "address", "grid_id", "home_area",
    "package_version", "said", "text", "object_id", "exercise",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conflict:
    """A known id with another content, and where in the log it stands."""

    topic: str
    partition: int
    offset: int
    signal: Signal


# One question for both: a restore may have raised the incarnation since the last batch.
_KNOWN = """
SELECT d.incarnation, s.signal_id, s.content
FROM deployment d LEFT JOIN signals s ON s.signal_id = ANY($1::uuid[])"""


async def known(transaction: Connection, signal_ids: Sequence[str]) -> tuple[int, dict[str, bytes]]:
    """The deployment's incarnation, and the contents of those of these ids that were taken before."""
    rows = await transaction.fetch(_KNOWN, list(signal_ids))
    return rows[0]["incarnation"], {str(r["signal_id"]): r["content"] for r in rows if r["signal_id"]}


async def insert(transaction: Connection, decisions: Sequence[Decision]) -> None:
    """Write new signals; NotNow where another partition has taken one of these ids since we looked.

    By COPY, the cheapest way in for the server. Sorted by id: two batches that share ids must meet in one order.
    """
    if not decisions:
        return
    rows = sorted((_row(d) for d in decisions), key=itemgetter(0))
    try:
        await transaction.copy_records_to_table("signals", records=rows, columns=_COLUMNS)
    except asyncpg.UniqueViolationError:
        raise NotNow(Why.RACED, "a signal id was taken meanwhile") from None


async def add_contacts(transaction: Connection, signals: Sequence[Signal]) -> None:
    """Keep contacts, still sealed and apart from their signals."""
    rows = [(s.signal_id, x.key_id, x.box) for s in signals if type(x := s.sealed) is Contact]
    if rows:
        await transaction.execute(
            """INSERT INTO contacts (signal_id, key_id, box) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[])
               ON CONFLICT DO NOTHING""",
            *columns(rows),
        )


async def add_conflicts(transaction: Connection, conflicts: Sequence[Conflict]) -> None:
    """Keep what was not taken."""
    if conflicts:
        await transaction.executemany(
            """INSERT INTO conflicts (topic, partition, log_offset, signal_id, content, received_at, said, text)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING""",
            [
                (c.topic, c.partition, c.offset, c.signal.signal_id, c.signal.content, c.signal.received_at, c.signal.said,
                 c.signal.text)
                for c in conflicts
            ],
        )  # fmt: skip


async def add_pictures(transaction: Connection, signals: Sequence[Signal]) -> None:
    """Keep which pictures belong to which signal; one named twice by a signal is one."""
    rows = [(s.signal_id, p.sha256, p.bytes, p.type, p.masked_by) for s in signals for p in s.pictures]
    if rows:
        await transaction.execute(
            """INSERT INTO pictures (signal_id, sha256, bytes, type, masked_by)
               SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bigint[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING""",
            *columns(rows),
        )


def _row(d: Decision) -> tuple[object, ...]:
    s, c = d.located.signal, d.case
    return (
        s.signal_id, d.outcome, c.case_id, c.incarnation, c.version, d.because, d.distance_m, s.kind, s.content,
        s.lane, s.source, s.client_id, s.observed_at, s.received_at, s.lon, s.lat, s.accuracy_m,
        s.address, d.located.grid.id if d.located.grid else "", s.home_area, s.package_version, s.said, s.text, s.object_id,
        s.exercise,
    )  # fmt: skip
