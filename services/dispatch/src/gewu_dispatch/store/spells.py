"""What a case's light asks of the tables: when its clock began, until when, when it was handled, how often it came back."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg

from gewu.clock import micros
from gewu.runtime.postgres import Reader
from gewu.v1 import case_pb2
from gewu_dispatch.domain.case import State
from gewu_dispatch.domain.light import Spell

_BATCH = 2000
_SPELLS = f"""
SELECT c.case_id, c.category, coalesce(l.at, c.opened_at), c.complete_by,
    CASE WHEN c.state = {State.HANDLED}
        THEN (SELECT max(h.at) FROM history h WHERE h.case_id = c.case_id AND h.change = {case_pb2.CASE_CHANGE_HANDLED}) END,
    (SELECT count(*) FROM history h WHERE h.case_id = c.case_id AND h.change = {case_pb2.CASE_CHANGE_REASSIGNED})
FROM cases c LEFT JOIN clock_ledger l ON l.case_id = c.case_id AND l.clock = 'completion' AND l.step = 1"""
_OF = f"{_SPELLS} WHERE c.case_id = ANY($1::uuid[])"
_SINCE = f"{_SPELLS} WHERE c.opened_at >= $1 AND NOT c.exercise ORDER BY c.opened_at"


async def of(reader: Reader, case_ids: Sequence[str]) -> dict[str, Spell]:
    """Of these cases, by id."""
    return dict(map(_spell, await reader.fetch(_OF, list(case_ids)))) if case_ids else {}


async def since(connection: asyncpg.Connection, begun: datetime) -> AsyncIterator[list[tuple[str, Spell]]]:
    """Of every case that was opened since then, drills left out, some thousands at once."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cursor = await connection.cursor(_SINCE, begun)
        while rows := await cursor.fetch(_BATCH):
            yield list(map(_spell, rows))


def _spell(row: asyncpg.Record) -> tuple[str, Spell]:
    case_id, category, begun, due, ended, returns = row.values()
    return str(case_id), Spell(category, micros(begun), due and micros(due), ended and micros(ended), returns)
