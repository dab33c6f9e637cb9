"""Which pictures cases name, and who saw one."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
from msgspec import Struct

from gewu.runtime.postgres import Reader
from gewu_dispatch.store.columns import columns


class Look(Struct, frozen=True, kw_only=True):
    """Somebody wants to see a picture. names: departments and areas that the asker may read, None for all; case_id: for the
    sake of this case, None for any that names it."""

    sha256: bytes
    names: Sequence[str] | None
    case_id: str | None
    key_id: str
    purpose: str
    at: datetime


# Every picture that a case names, whether a signal or a department's move brought it. The cast is for moves that were made: of
# others `case_id` is whatever was said.
_NAMED = """(
    SELECT s.case_id, p.sha256, p.bytes, p.type, p.masked_by, s.received_at, p.signal_id, NULL::uuid AS action_id
    FROM pictures p JOIN signals s USING (signal_id)
    UNION ALL
    SELECT h.case_id, p.sha256, p.bytes, p.type, p.masked_by, h.at, NULL, p.action_id
    FROM action_pictures p JOIN actions a USING (action_id)
    JOIN history h ON h.case_id = CASE WHEN a.refusal IS NULL THEN a.case_id::uuid END AND h.action_id = p.action_id
) AS p"""

# One statement, so that there is no picture without its row; it is committed when the row comes back.
_NOTE = f"""
WITH named AS (
    SELECT c.case_id, p.type FROM {_NAMED} JOIN cases c USING (case_id)
    WHERE p.sha256 = $1 AND ($2::uuid IS NULL OR c.case_id = $2)
        AND ($3::text[] IS NULL OR c.department = ANY($3) OR c.grid_path && $3)
    ORDER BY c.opened_at, c.case_id LIMIT 1
), noted AS (
    INSERT INTO views (at, key_id, case_id, sha256, purpose) SELECT $4, $5, case_id, $1, $6 FROM named RETURNING case_id
)
SELECT named.case_id, named.type FROM named JOIN noted USING (case_id)"""


async def note(reader: Reader, look: Look) -> asyncpg.Record | None:
    """Note that it is seen; the case and the picture's type, or None where no case that the asker may read names it."""
    return await reader.fetchrow(_NOTE, look.sha256, look.case_id, look.names, look.at, look.key_id, look.purpose)


# One snapshot: a database that was restored meanwhile has not read up to the ends, and then nothing is unnamed.
_UNNAMED = """
SELECT
    NOT EXISTS (
        SELECT FROM unnest($2::text[], $3::int[], $4::bigint[]) AS e (topic, partition, until)
        LEFT JOIN position p USING (topic, partition) WHERE coalesce(p.next_offset, 0) < e.until
    ) AS is_read,
    ARRAY(
        SELECT sha256 FROM unnest($1::bytea[]) AS n (sha256)
        WHERE NOT EXISTS (SELECT FROM pictures p WHERE p.sha256 = n.sha256)
            AND NOT EXISTS (SELECT FROM action_pictures a WHERE a.sha256 = n.sha256)
    ) AS unnamed"""


async def unnamed(reader: Reader, digests: Sequence[bytes], ends: Sequence[tuple[str, int, int]]) -> list[bytes] | None:
    """Those of these pictures that no signal and no move names; None while the log was not read up to these ends."""
    found = await reader.fetchrow(_UNNAMED, list(digests), *(columns(ends) or ([], [], [])))
    return list(found["unnamed"]) if found and found["is_read"] else None


async def of_case(reader: Reader, case_id: str, limit: int = 200) -> list[asyncpg.Record]:
    """The pictures of a case, its signals' and its department's, oldest first."""
    return await reader.fetch(
        f"""SELECT encode(sha256, 'hex') AS sha256, bytes, type, masked_by, signal_id, action_id, received_at
            FROM {_NAMED} WHERE case_id = $1 ORDER BY received_at, signal_id, action_id, p.sha256 LIMIT $2""",
        case_id, limit,
    )  # fmt: skip
