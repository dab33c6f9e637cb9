"""Rows of cases: read under lock, insert, update."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from gewu.lane import Lane
from gewu.runtime.postgres import Connection
from gewu_dispatch.domain.case import Case, State
from gewu_dispatch.store.columns import columns

_COLUMNS = """case_id, incarnation, version, state, lane, category, lon, lat, grid_id, grid_path, home_area,
    department, routed_because, rule_id, object_id, signals, exercise, package_version, opened_at, changed_at,
    last_signal_at, complete_by, near"""

_CANDIDATES = (
    f"SELECT {_COLUMNS} FROM cases WHERE near = ANY($1::bigint[]) AND state IN (4, 5) AND last_signal_at >= $2"
)
# In the order of case_id: actions lock cases too, without any cell lock, and two orders would deadlock.
_LOCK = "SELECT case_id, incarnation, version FROM cases WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE"
_BY_ID = f"SELECT {_COLUMNS} FROM cases WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE"

# A path's ids are joined for the way: unnest would flatten an array of arrays.
_INSERT = f"""
INSERT INTO cases ({_COLUMNS})
SELECT case_id, incarnation, version, state, lane, category, lon, lat, grid_id, string_to_array(path, E'\\x1f'),
    home_area, department, routed_because, rule_id, object_id, signals, exercise, package_version, opened_at, changed_at,
    last_signal_at, complete_by, near
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::smallint[], $5::smallint[], $6::text[], $7::float8[], $8::float8[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::int[], $17::boolean[],
    $18::text[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[], $23::bigint[])
AS u (case_id, incarnation, version, state, lane, category, lon, lat, grid_id, path, home_area, department,
    routed_because, rule_id, object_id, signals, exercise, package_version, opened_at, changed_at, last_signal_at,
    complete_by, near)"""

_UPDATE = """
UPDATE cases c SET incarnation = u.incarnation, version = u.version, state = u.state, lane = u.lane, department = u.department,
    routed_because = u.routed_because, rule_id = u.rule_id, object_id = u.object_id, signals = u.signals,
    changed_at = u.changed_at, last_signal_at = u.last_signal_at, complete_by = u.complete_by
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::smallint[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::int[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[])
AS u (case_id, incarnation, version, state, lane, department, routed_because, rule_id, object_id, signals, changed_at,
    last_signal_at, complete_by)
WHERE c.case_id = u.case_id"""


async def lock_cells(transaction: Connection, keys: Sequence[int]) -> None:
    """Take the advisory locks of these cells, in ascending order so that two batches cannot wait for each other.

    The candidates must be read in a later statement: locked and read in one, eight batches opened eight cases for one
    manhole, because each had taken its snapshot before the lock was free.
    """
    if keys:
        await transaction.execute(
            "SELECT pg_advisory_xact_lock($1, k) FROM unnest($2::int[]) k", _LOCK_SPACE, sorted(set(keys))
        )


_LOCK_SPACE = 0x6A6F


async def candidates(transaction: Connection, near: Sequence[int], since: datetime | None) -> list[Case]:
    """Open cases in these fine cells with a signal since then.

    They are not locked: a lock on a row is a write, and what is near is not always joined.
    """
    return [_case(r) for r in await transaction.fetch(_CANDIDATES, list(set(near)), since)] if near else []


async def lock(transaction: Connection, seen: Mapping[str, tuple[int, int]]) -> bool:
    """Lock these cases until the transaction ends; whether each has still the incarnation and version that was seen."""
    if not seen:
        return True
    rows = await transaction.fetch(_LOCK, list(seen))
    return {str(r["case_id"]): (r["incarnation"], r["version"]) for r in rows} == dict(seen)


async def by_id(transaction: Connection, case_ids: Sequence[str]) -> dict[str, Case]:
    """These cases, locked until the transaction ends; ids that name none are left out."""
    return {str(r["case_id"]): _case(r) for r in await transaction.fetch(_BY_ID, list(case_ids))}


async def insert(transaction: Connection, cases: Sequence[Case]) -> None:
    """Write new cases."""
    if not cases:
        return
    rows = sorted(cases, key=lambda c: c.case_id)
    await transaction.execute(_INSERT, *columns([_row(c) for c in rows]))


async def update(transaction: Connection, cases: Sequence[Case]) -> None:
    """Write what may change of cases that are locked already."""
    if not cases:
        return
    rows = [
        (c.case_id, c.incarnation, c.version, int(c.state), int(c.lane), c.department, c.routed_because, c.rule_id, c.object_id,
         c.signals, c.changed_at, c.last_signal_at, c.complete_by)
        for c in sorted(cases, key=lambda c: c.case_id)
    ]  # fmt: skip
    await transaction.execute(_UPDATE, *columns(rows))


def _row(c: Case) -> tuple[object, ...]:
    return (
        c.case_id, c.incarnation, c.version, int(c.state), int(c.lane), c.category, c.lon, c.lat, c.grid_id,
        "\x1f".join(c.grid_path), c.home_area, c.department, c.routed_because, c.rule_id, c.object_id, c.signals,
        c.exercise, c.package_version, c.opened_at, c.changed_at, c.last_signal_at, c.complete_by, c.near,
    )  # fmt: skip


def _case(row: asyncpg.Record) -> Case:
    # _COLUMNS stand in the order of a Case's fields.
    case_id, incarnation, version, state, lane, category, lon, lat, grid_id, grid_path, *rest = row.values()
    return Case(
        str(case_id),
        incarnation,
        version,
        State(state),
        Lane(lane),
        category,
        lon,
        lat,
        grid_id,
        tuple(grid_path),
        *rest,
    )
