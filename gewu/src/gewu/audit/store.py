"""Dispatch's tables, read as they stand at one moment."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from gewu import topics
from gewu.audit.facts import CaseRow, Landed, Opened, Position, Rows, SignalRow, order_of, plain
from gewu.audit.notices import Notice, Told
from gewu.runtime.settings import Postgres
from gewu.v1.case_pb2 import (
    CASE_CHANGE_HANDLED,
    CASE_CHANGE_REASSIGNED,
    CASE_STATE_ASSIGNED,
    CASE_STATE_HANDLED,
    CASE_STATE_HANDLING,
)

_SCHEMA = "dispatch"
_PREFETCH = 5000
_FIXED = ("topic", "partition", "first_offset", "next_offset", "skipped")

_CASES = "SELECT case_id, incarnation, version, department, signals, lane FROM cases"
# Routed by what the first signal said: a later one may have brought the case its object.
_OPENED = f"""
SELECT c.case_id, c.department, c.rule_id, c.grid_id, c.lon, c.lat, c.package_version, s.said, s.object_id, s.received_at,
    EXISTS (SELECT FROM history h WHERE h.case_id = c.case_id AND h.change = {int(CASE_CHANGE_REASSIGNED)}),
    c.state IN ({int(CASE_STATE_ASSIGNED)}, {int(CASE_STATE_HANDLING)}), c.exercise, c.object_id
FROM cases c LEFT JOIN (
    SELECT case_id, min(said) AS said, min(object_id) AS object_id, min(received_at) AS received_at
    FROM signals WHERE outcome = 'opened' GROUP BY case_id HAVING count(*) = 1) s USING (case_id)"""
# In the order in which one id's rows stand together, so that nobody must remember them all.
_SIGNALS = "SELECT signal_id, case_id, outcome, source, client_id FROM signals ORDER BY source, client_id"
_ROWS = """
SELECT (SELECT count(*) FROM actions WHERE refusal IS NULL) AS applied,
       (SELECT count(*) FROM actions WHERE refusal IS NOT NULL) AS refused,
       (SELECT count(*) FROM conflicts) AS conflicts"""
_WITHOUT_HISTORY = """
SELECT case_id FROM cases c WHERE NOT EXISTS (
    SELECT FROM history h WHERE (h.case_id, h.incarnation, h.version) = (c.case_id, c.incarnation, c.version))"""
# Of an event its id is the fourth word, then comes its type; its key, the case, is the eighth. A refusal holds up no case.
_WAITING = """
SELECT DISTINCT named::uuid FROM outbox, jsonb_array_elements(events::jsonb) AS e, unnest(ARRAY[
    e ->> 3, CASE WHEN e ->> 4 <> 'gewu.v1.action.refused' THEN e ->> 7 END]) AS named
WHERE named ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"""
_CONTENTS = "SELECT signal_id, content FROM signals WHERE signal_id = ANY($1::uuid[])"
_SENSORS = "SELECT sensor_id, session, counter FROM sensors"
# A case is handled at the time of that version; a restore may have said it again since.
_CROSSINGS = f"""
SELECT s.signal_id, s.case_id, s.case_incarnation, s.case_version, CASE WHEN c.state = {int(CASE_STATE_HANDLED)} THEN (
    SELECT (extract(epoch FROM max(h.at)) * 1000000)::bigint FROM history h
    WHERE h.case_id = c.case_id AND h.change = {int(CASE_CHANGE_HANDLED)}) END
FROM signals s JOIN cases c USING (case_id) WHERE s.signal_id = ANY($1::uuid[])"""
_CONFLICTS = "SELECT topic, partition, log_offset FROM conflicts WHERE signal_id = ANY($1::uuid[])"

_NOTIFY = "SELECT to_regclass('notify.directories') IS NOT NULL"
_READ = "SELECT partition, first_offset, next_offset FROM notify.position WHERE topic = $1"
_DIRECTORIES = "SELECT partition, first_offset, package FROM notify.directories ORDER BY partition, first_offset"
_FORGOTTEN = "SELECT (extract(epoch FROM max(until)) * 1000000)::bigint FROM notify.forgotten"
# In the order in which rows of one change and receiver stand together.
_NOTICES = """
SELECT webhook_id, receiver, case_id, incarnation, version, state FROM notify.notices
ORDER BY case_id, incarnation, version, receiver"""


class Store:
    """One connection to the tables."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        """Inside, everything is read as it stood at the first statement; nothing is ever written."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            await self._connection.execute("SELECT 1 FROM position LIMIT 1")
            yield

    async def positions(self) -> list[Position]:
        """Where each partition stands; whatever other columns the table has are outcomes."""
        rows = await self._connection.fetch("SELECT * FROM position ORDER BY topic, partition")
        return [
            Position(*(row[name] for name in _FIXED), {k: v for k, v in row.items() if k not in _FIXED}) for row in rows
        ]

    async def outbox(self) -> int:
        """Events that wait to be said."""
        return int(await self._connection.fetchval("SELECT coalesce(sum(count), 0) FROM outbox"))

    async def waiting(self) -> set[bytes]:
        """Cases (and refused actions) whose events wait."""
        return {row[0].bytes for row in await self._connection.fetch(_WAITING)}

    async def rows(self) -> Rows:
        """Counts that the books must agree with."""
        counts = await self._connection.fetchrow(_ROWS)
        bare = await self._connection.fetch(_WITHOUT_HISTORY)
        return Rows(counts["applied"], counts["refused"], counts["conflicts"], [row[0].bytes for row in bare])

    async def contents(self, signals: Sequence[UUID]) -> dict[UUID, bytes]:
        """With which content each of these signals was taken; those that were not are left out."""
        return {row[0]: row[1] for row in await self._connection.fetch(_CONTENTS, signals)}

    async def crossings(self, signals: Sequence[UUID]) -> dict[UUID, Landed]:
        """The case of each of these signals."""
        rows = await self._connection.fetch(_CROSSINGS, signals) if signals else []
        return {row[0]: Landed(row[1].bytes, order_of(row[2], row[3]), row[4]) for row in rows}

    async def sensors(self) -> dict[str, tuple[int, int]]:
        """Session and counter of the last reading of each sensor that was ever heard."""
        return {row[0]: (row[1], row[2]) for row in await self._connection.fetch(_SENSORS)}

    async def conflicts(self, signals: Sequence[UUID]) -> set[tuple[str, int, int]]:
        """Where records stand that were kept as conflicts with these signals."""
        return {(row[0], row[1], row[2]) for row in await self._connection.fetch(_CONFLICTS, signals)}

    async def told(self) -> Told | None:
        """What notify says of itself; None where its schema is not there, or is older than that."""
        if not await self._connection.fetchval(_NOTIFY):
            return None
        packages: dict[int, list[tuple[int, str]]] = {}
        for partition, first, package in await self._connection.fetch(_DIRECTORIES):
            packages.setdefault(partition, []).append((first, package))
        read = {row[0]: (row[1], row[2]) for row in await self._connection.fetch(_READ, topics.CASES)}
        too_old = dict(await self._connection.fetch("SELECT partition, next_offset FROM notify.too_old"))
        return Told(read, packages, too_old, await self._connection.fetchval(_FORGOTTEN) or 0)

    async def notices(self) -> AsyncIterator[Notice]:
        """The ledger of notices; only inside a snapshot, and where `told` found one."""
        async for row in self._connection.cursor(_NOTICES, prefetch=_PREFETCH):
            yield Notice(row[0].bytes, row[1], row[2].bytes, order_of(row[3], row[4]), row[5])

    async def cases(self) -> AsyncIterator[CaseRow]:
        """Every case; only inside a snapshot."""
        async for row in self._connection.cursor(_CASES, prefetch=_PREFETCH):
            yield CaseRow(row[0].bytes, *row[1:])

    async def opened(self) -> AsyncIterator[Opened]:
        """Every case with what it was routed by; only inside a snapshot."""
        async for row in self._connection.cursor(_OPENED, prefetch=_PREFETCH):
            yield Opened(row[0].bytes, *row[1:])

    async def signals(self) -> AsyncIterator[SignalRow]:
        """Every signal, by source and client id; only inside a snapshot."""
        async for row in self._connection.cursor(_SIGNALS, prefetch=_PREFETCH):
            yield SignalRow(row[0].bytes, row[1].bytes, row[2], plain(row[3]), row[4])


@asynccontextmanager
async def connected(postgres: Postgres) -> AsyncIterator[Store]:
    """The store, closed at the end."""
    settings = {"search_path": _SCHEMA, "application_name": "gewu audit", "timezone": "UTC"}
    connection = await asyncpg.connect(timeout=10.0, server_settings=settings, **postgres.connection())
    try:
        yield Store(connection)
    finally:
        await connection.close()
