"""How cases were routed when they were opened, for dry runs."""

from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg

from gewu.clock import micros
from gewu_dispatch.domain.rerouting import Past

_BATCH = 2000
_OPENED = """
SELECT s.case_id, s.said, s.lon, s.lat, s.object_id, s.received_at, h.department, h.because, h.rule_id
FROM signals s JOIN history h ON h.case_id = s.case_id AND h.version = 1
WHERE s.outcome = 'opened' AND NOT s.exercise AND s.received_at >= $1
ORDER BY s.received_at"""


async def opened(connection: asyncpg.Connection, since: datetime) -> AsyncIterator[list[Past]]:
    """Cases that were opened by what came since then, drills left out, by time, some thousands at once."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cursor = await connection.cursor(_OPENED, since)
        while rows := await cursor.fetch(_BATCH):
            yield [_past(row) for row in rows]


def _past(row: asyncpg.Record) -> Past:
    case_id, said, lon, lat, object_id, received_at, *routed = row.values()
    return Past(str(case_id), said, lon, lat, object_id, micros(received_at), *routed)
