"""What an operator asks of the ledger, and does to it. On a connection as PostgreSQL's owner, without a pool."""

from collections.abc import Sequence

import asyncpg

from gewu import topics

_LIST = """
SELECT webhook_id::text, receiver, rule, case_id::text, version, lane, state, attempts, planned_at, due_at, ended_at, outcomes
FROM notices
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR receiver = $2)
ORDER BY planned_at DESC, webhook_id LIMIT $3"""
_RETRY = """
UPDATE notices SET state = 'open', attempts = 0, due_at = now(), planned_at = now(), ended_at = NULL, claimed_until = NULL
WHERE state = 'failed' AND ($1::uuid[] IS NULL OR webhook_id = ANY($1)) AND ($2::text IS NULL OR receiver = $2)"""
_DISABLED = "SELECT receiver, url, at FROM disabled ORDER BY receiver"
_SCHEMA = "SELECT to_regclass('notify.position') IS NOT NULL"
_POSITIONS = "SELECT partition, next_offset FROM notify.position WHERE topic = $1"
_ENABLE = "DELETE FROM disabled WHERE receiver = $1"


async def notices(
    connection: asyncpg.Connection, state: str | None, receiver: str | None, most: int
) -> list[asyncpg.Record]:
    """The newest notices of a state, a receiver; None is any."""
    return await connection.fetch(_LIST, state, receiver, most)


async def retry(connection: asyncpg.Connection, webhook_ids: Sequence[str] | None, receiver: str | None) -> int:
    """Have failed notices sent again, under the same ids, with all their attempts before them; how many."""
    return int((await connection.execute(_RETRY, webhook_ids, receiver)).split()[-1])


async def disabled(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """The receivers that said 410."""
    return await connection.fetch(_DISABLED)


async def enable(connection: asyncpg.Connection, receiver: str) -> bool:
    """Let it be told again; whether it was disabled."""
    return await connection.execute(_ENABLE, receiver) == "DELETE 1"


async def positions(connection: asyncpg.Connection) -> dict[int, int]:
    """Where each partition of cases.changed is read on; none where this schema is not there. Any search path."""
    if not await connection.fetchval(_SCHEMA):
        return {}
    return {r["partition"]: r["next_offset"] for r in await connection.fetch(_POSITIONS, topics.CASES)}
