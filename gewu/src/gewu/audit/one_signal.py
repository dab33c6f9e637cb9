"""What dispatch's tables hold of one signal, its case and what departments did with it, all as of one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from gewu.runtime.settings import Postgres

_SCHEMA = "dispatch"
MOST = 200  # versions and actions of a case that are shown

_SIGNAL = """
SELECT s.outcome, s.case_id, s.case_incarnation, s.case_version, s.because, s.distance_m, s.content, s.lane, s.source,
       s.client_id, s.received_at, s.grid_id, s.exercise, c.category, c.department, c.state, c.complete_by,
       (SELECT why FROM clock_ledger k WHERE k.case_id = c.case_id AND entry <> 'asked' ORDER BY step DESC LIMIT 1) AS due_because
FROM signals s JOIN cases c USING (case_id) WHERE s.signal_id = $1"""
# Of the versions after the signal's own, those that only took in further signals are somebody else's story.
_VERSIONS = """
SELECT incarnation, version, at, change, state, department, because, rule_id, action_id FROM history
WHERE case_id = $1 AND ((incarnation, version) = ($2, $3) OR ((incarnation, version) > ($2, $3) AND change <> 2))
ORDER BY incarnation, version LIMIT $4"""
_FURTHER = "SELECT count(*) FROM signals WHERE case_id = $1 AND (case_incarnation, case_version) > ($2, $3)"
_ACTIONS = """
SELECT action_id, client_id, department, kind, said_by, said_at, at, refusal FROM actions
WHERE case_id = $1 AND at >= $2 ORDER BY at, action_id LIMIT $3"""
_CONFLICTS = "SELECT topic, partition, log_offset, received_at FROM conflicts WHERE signal_id = $1 ORDER BY received_at"
# Of an event its type is the fifth word, then come its version, its bytes, its key and its cause.
_WAITING = """
SELECT topic, e ->> 4 AS type, (e ->> 5)::int AS version, created_at FROM outbox, jsonb_array_elements(events::jsonb) AS e
WHERE e ->> 7 = $1 OR e ->> 8 = $2 ORDER BY created_at"""
_POSITIONS = "SELECT topic, partition, next_offset FROM position"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tables:
    """The rows. signal: None where dispatch never took it. versions: the signal's own and later ones; further: how many
    signals joined the case after it; positions: where dispatch reads on, by topic and partition."""

    signal: Row | None
    versions: Sequence[Row]
    further: int
    actions: Sequence[Row]
    conflicts: Sequence[Row]
    waiting: Sequence[Row]
    positions: Mapping[tuple[str, int], int]


async def read(postgres: Postgres, signal_id: UUID) -> Tables:
    """Everything about one signal."""
    settings = {"search_path": _SCHEMA, "application_name": "gewu trace", "timezone": "UTC"}
    connection = await asyncpg.connect(timeout=10.0, server_settings=settings, **postgres.connection())
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection, signal_id)
    finally:
        await connection.close()


async def _read(connection: asyncpg.Connection, signal_id: UUID) -> Tables:
    signal = await connection.fetchrow(_SIGNAL, signal_id)
    positions = {(r["topic"], r["partition"]): r["next_offset"] for r in await connection.fetch(_POSITIONS)}
    conflicts = await connection.fetch(_CONFLICTS, signal_id)
    if signal is None:
        return Tables(None, [], 0, [], conflicts, [], positions)
    case, order = signal["case_id"], (signal["case_incarnation"], signal["case_version"])
    versions = await connection.fetch(_VERSIONS, case, *order, MOST)
    since = versions[0]["at"] if versions else signal["received_at"]
    return Tables(
        signal, versions, await connection.fetchval(_FURTHER, case, *order),
        await connection.fetch(_ACTIONS, str(case), since, MOST), conflicts,
        await connection.fetch(_WAITING, str(case), str(signal_id)), positions,
    )  # fmt: skip
