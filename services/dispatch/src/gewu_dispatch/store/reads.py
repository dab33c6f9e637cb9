"""What the API reads; never inside a batch's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
from msgspec import Struct

from gewu import topics
from gewu.runtime.postgres import Connection, Reader
from gewu_dispatch.domain.case import State

_CASE = """case_id, incarnation, version, state, lane, category, lon, lat, grid_id, grid_path, home_area,
    department, routed_because, rule_id, object_id, signals, exercise, package_version, opened_at, changed_at,
    complete_by, follows"""


async def case(reader: Reader, case_id: str) -> asyncpg.Record | None:
    """One case, or None."""
    return await reader.fetchrow(f"SELECT {_CASE} FROM cases WHERE case_id = $1", case_id)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which cases a page shall hold. names: departments and areas that the asker may read; None is all."""

    names: Sequence[str] | None = None
    department: str | None = None
    area: str | None = None
    states: Sequence[State] = ()  # none is all
    after: tuple[datetime, str] | None = (
        None  # the last row of the page before, so that cases opened meanwhile shift nothing
    )
    limit: int = 50


def listing(wanted: Wanted) -> tuple[str, list[Any]]:
    """The question for a page, newest first, and its words.

    Only what is wanted stands in it, and states as plain numbers: PostgreSQL uses an index where it can see that it serves.
    """
    words: list[Any] = []
    filters: list[str] = []

    def only(condition: str, *own: Any) -> None:
        filters.append(condition.format(*(f"${len(words) + n}" for n in range(1, len(own) + 1))))
        words.extend(own)

    if wanted.names is not None:
        only("(department = ANY({0}::text[]) OR grid_path && {0}::text[])", wanted.names)
    if wanted.department is not None:
        only("department = {}", wanted.department)
    if wanted.area is not None:
        only("grid_path && ARRAY[{}]", wanted.area)
    if wanted.states:
        only(f"state IN ({', '.join(str(s.value) for s in sorted(set(wanted.states)))})")
    if wanted.after:
        only("(opened_at, case_id) < ({}::timestamptz, {}::uuid)", *wanted.after)
    where = f"WHERE {' AND '.join(filters)} " if filters else ""
    order = f"ORDER BY opened_at DESC, case_id DESC LIMIT ${len(words) + 1}"
    return f"SELECT {_CASE} FROM cases {where}{order}", [*words, wanted.limit]


async def cases(reader: Reader, wanted: Wanted) -> list[asyncpg.Record]:
    """A page of cases, newest first."""
    question, words = listing(wanted)
    return await reader.fetch(question, *words)


async def timeline(reader: Reader, case_id: str) -> list[asyncpg.Record]:
    """The case's versions, oldest first."""
    return await reader.fetch(
        """SELECT incarnation, version, at, change, state, lane, department, because, rule_id, signals, action_id,
                  said_by, note FROM history WHERE case_id = $1 ORDER BY incarnation, version""",
        case_id,
    )


async def shown(reader: Reader, case_id: str) -> list[asyncpg.Record]:
    """The pictures that departments' moves on this case brought."""
    return await reader.fetch(
        """SELECT p.action_id, p.sha256, p.bytes, p.type, p.masked_by FROM history h JOIN action_pictures p USING (action_id)
           WHERE h.case_id = $1 ORDER BY h.incarnation, h.version, p.sha256""",
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


async def said_of(reader: Reader, case_id: str, action_ids: Sequence[str], content: bytes) -> asyncpg.Record | None:
    """Of these actions one that was judged and was about this case: of this content, if any is; else the first."""
    return await reader.fetchrow(
        """SELECT action_id, refusal, content FROM actions WHERE action_id = ANY($1::uuid[]) AND case_id = $2
           ORDER BY content <> $3, at, action_id LIMIT 1""",
        action_ids, case_id, content,
    )  # fmt: skip


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
