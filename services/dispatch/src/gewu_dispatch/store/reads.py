"""What the API reads; never inside a batch's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from gewu import topics
from gewu.runtime.postgres import Connection, Reader

_CASE = """case_id, incarnation, version, state, lane, category, lon, lat, grid_id, grid_path, home_area,
    department, routed_because, rule_id, object_id, signals, exercise, package_version, opened_at, changed_at, complete_by"""

# A page starts after the last row of the one before, so that cases opened meanwhile shift nothing.
_LIST = f"""
SELECT {_CASE} FROM cases
WHERE ($1::text[] IS NULL OR department = ANY($1) OR grid_path && $1)
  AND ($2::text IS NULL OR department = $2) AND ($3::text IS NULL OR $3 = ANY(grid_path))
  AND ($4::smallint[] IS NULL OR state = ANY($4))
  AND ($5::timestamptz IS NULL OR (opened_at, case_id) < ($5, $6::uuid))
ORDER BY opened_at DESC, case_id DESC LIMIT $7"""


async def case(reader: Reader, case_id: str) -> asyncpg.Record | None:
    """One case, or None."""
    return await reader.fetchrow(f"SELECT {_CASE} FROM cases WHERE case_id = $1", case_id)


async def cases(
    reader: Reader, *, names: Sequence[str] | None, department: str | None, area: str | None,
    states: Sequence[int] | None, after: tuple[datetime, str] | None, limit: int,
) -> list[asyncpg.Record]:  # fmt: skip
    """A page of cases, newest first. names: departments and areas that the asker may read; None is all."""
    return await reader.fetch(_LIST, names, department, area, states, *(after or (None, None)), limit)


async def timeline(reader: Reader, case_id: str) -> list[asyncpg.Record]:
    """The case's versions, oldest first."""
    return await reader.fetch(
        """SELECT incarnation, version, at, change, state, lane, department, because, rule_id, signals, action_id,
                  said_by, note FROM history WHERE case_id = $1 ORDER BY incarnation, version""",
        case_id,
    )


async def signals(reader: Reader, case_id: str, limit: int = 200) -> list[asyncpg.Record]:
    """What was noticed about it, oldest first; never who noticed."""
    return await reader.fetch(
        """SELECT signal_id, outcome, because, distance_m, observed_at, received_at, lon, lat, accuracy_m, address, said, text,
                  object_id, case_version FROM signals WHERE case_id = $1 ORDER BY received_at, signal_id LIMIT $2""",
        case_id, limit,
    )  # fmt: skip


async def clocks(reader: Reader, case_id: str) -> list[asyncpg.Record]:
    """The clock ledger: why it is due then."""
    return await reader.fetch(
        "SELECT clock, step, entry, at, due_at, why FROM clock_ledger WHERE case_id = $1 ORDER BY clock, step", case_id
    )


async def report(reader: Reader, signal_id: str) -> dict[str, Any] | None:
    """What a reporter may know of the own report: the case's state, no other report, no department's note."""
    row = await reader.fetchrow(
        """SELECT s.signal_id, s.outcome, s.received_at, s.case_id, c.state, c.opened_at, c.changed_at, c.complete_by,
                  (SELECT count(*) FROM conflicts f WHERE f.signal_id = s.signal_id) AS conflicts
           FROM signals s JOIN cases c USING (case_id) WHERE s.signal_id = $1""",
        signal_id,
    )
    return dict(row) if row else None


async def action(reader: Reader, action_id: str) -> asyncpg.Record | None:
    """An action's outcome, or None while it is not judged."""
    return await reader.fetchrow("SELECT action_id, refusal, content FROM actions WHERE action_id = $1", action_id)


async def incarnation(reader: Reader) -> int:
    """This deployment's incarnation."""
    return int(await reader.fetchval("SELECT incarnation FROM deployment"))


async def awaited_topics(connection: Connection) -> list[str]:
    """Topics that open cases and waiting events will still be said on."""
    rows = await connection.fetch(
        "SELECT DISTINCT department FROM cases WHERE state IN (4, 5) ORDER BY 1"
    )  # fmt: skip
    waiting = await connection.fetch("SELECT DISTINCT topic FROM outbox ORDER BY 1")
    return [*(topics.dispatch(r["department"]) for r in rows), *(r["topic"] for r in waiting)]


async def clock(reader: Reader) -> datetime:
    """The database's own time."""
    return await reader.fetchval("SELECT clock_timestamp()")
