"""Rows of cases: read under lock, opened and joined by signals, moved by departments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter

import asyncpg
from msgspec import Struct

from gewu.clock import SECOND
from gewu.lane import Lane
from gewu.runtime.postgres import Connection
from gewu.v1 import case_pb2
from gewu_dispatch.domain.case import Case, State
from gewu_dispatch.domain.silence import Told
from gewu_dispatch.store.columns import columns

# To call an enum takes eight times as long.
_STATES, _LANES = {s.value: s for s in State}, {lane.value: lane for lane in Lane}
_COLUMNS = """case_id, incarnation, version, state, lane, category, lon, lat, grid_id, grid_path, home_area,
    department, routed_because, rule_id, object_id, signals, exercise, package_version, opened_at, changed_at,
    last_signal_at, complete_by, near"""
_ROW = f"{_COLUMNS}, follows"  # few cases follow another one, and it is written where one does

# What joining asks of a case, and what it does not: few candidates are joined, and whole rows took twice as long to read.
_ASKED = """case_id, incarnation, version, state, lane, category, lon, lat, object_id, signals, exercise, opened_at,
    last_signal_at, near"""
_OTHERS = "grid_id, grid_path, home_area, department, routed_because, rule_id, package_version, complete_by, follows"

# By the index, cell by cell, whatever the planner thinks: a hash join would read all cases, while cells are locked.
_CANDIDATES = f"""
SELECT c.* FROM unnest($1::bigint[], $2::float8[]) AS look (cell, since), LATERAL (
    SELECT {_ASKED} FROM cases
    WHERE near = look.cell AND last_signal_at >= to_timestamp(look.since) AND state IN (4, 5) OFFSET 0
) c"""
# In the order of case_id: actions lock cases too, without any cell lock, and two orders would deadlock.
_LOCK = f"""
SELECT case_id, incarnation, version, {_OTHERS} FROM cases WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE"""
_BY_ID = f"SELECT {_ROW} FROM cases WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE"
# When a case was handled is the time of that version: a restore may have said the case again since.
_HANDLED_AT = f"""
(SELECT max(h.at) FROM history h WHERE h.case_id = c.case_id AND h.change = {case_pb2.CASE_CHANGE_HANDLED})"""
_HANDLED = (
    f"SELECT c.case_id, {_HANDLED_AT} FROM cases c WHERE c.case_id = ANY($1::uuid[]) AND c.state = {State.HANDLED}"
)
_TOLD = f"""
SELECT s.signal_id, c.case_id, CASE WHEN c.state = {State.HANDLED} THEN {_HANDLED_AT} END
FROM signals s JOIN cases c USING (case_id) WHERE s.signal_id = ANY($1::uuid[])"""
_FOLLOW = """
UPDATE cases c SET follows = f.follows FROM unnest($1::uuid[], $2::uuid[]) AS f (case_id, follows) WHERE c.case_id = f.case_id"""

# Everything that a batch of signals does to cases, with the versions of their history and the start of their clocks: one
# statement, because cells stay locked meanwhile, and each round trip waits for a core and for the event loop. A path's ids
# are joined for the way: unnest would flatten an array of arrays.
_TOUCH = f"""
WITH new AS MATERIALIZED (
    SELECT * FROM unnest($5::uuid[], $6::smallint[], $7::text[], $8::float8[], $9::float8[], $10::text[], $11::text[],
        $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::int[], $18::boolean[], $19::float8[],
        $20::float8[], $21::bigint[], $22::float8[], $23::text[])
    AS n (case_id, lane, category, lon, lat, grid_id, path, home_area, department, routed_because, rule_id, object_id, signals,
        exercise, last_signal_at, complete_by, near, counted_from, why)
), opened AS (
    INSERT INTO cases ({_COLUMNS})
    SELECT case_id, $1::int, 1, $2::smallint, lane, category, lon, lat, grid_id, string_to_array(path, E'\\x1f'), home_area,
        department, routed_because, rule_id, object_id, signals, exercise, $3::text, $4::timestamptz, $4,
        to_timestamp(last_signal_at), to_timestamp(complete_by), near
    FROM new
), joined AS (
    UPDATE cases c SET incarnation = $1, version = j.version, lane = j.lane, object_id = j.object_id, signals = j.signals,
        changed_at = $4, last_signal_at = to_timestamp(j.last_signal_at), near = j.near
    FROM unnest($24::uuid[], $25::int[], $26::smallint[], $27::text[], $28::int[], $29::float8[], $30::text[], $31::bigint[])
        AS j (case_id, version, lane, object_id, signals, last_signal_at, because, near)
    WHERE c.case_id = j.case_id
    RETURNING c.case_id, c.version, c.state, c.lane, c.department, j.because, c.rule_id, c.signals
), versions AS (
    INSERT INTO history (case_id, incarnation, version, at, change, state, lane, department, because, rule_id, signals)
    SELECT case_id, $1, 1, $4, {case_pb2.CASE_CHANGE_OPENED}, $2, lane, department, routed_because, rule_id, signals FROM new
    UNION ALL
    SELECT case_id, $1, version, $4, {case_pb2.CASE_CHANGE_JOINED}, state, lane, department, because, rule_id, signals FROM joined
)
INSERT INTO clock_ledger (case_id, clock, step, entry, at, due_at, why)
SELECT case_id, 'completion', 1, 'start', to_timestamp(counted_from), to_timestamp(complete_by), why
FROM new WHERE complete_by IS NOT NULL"""
_NEW, _JOINED = 19, 8  # columns

_UPDATE = """
UPDATE cases c SET incarnation = u.incarnation, version = u.version, state = u.state, lane = u.lane, department = u.department,
    routed_because = u.routed_because, rule_id = u.rule_id, object_id = u.object_id, signals = u.signals,
    changed_at = u.changed_at, last_signal_at = u.last_signal_at, complete_by = u.complete_by
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::smallint[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::int[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[])
AS u (case_id, incarnation, version, state, lane, department, routed_because, rule_id, object_id, signals, changed_at,
    last_signal_at, complete_by)
WHERE c.case_id = u.case_id"""


class Opened(Struct, frozen=True, gc=False):
    """A new case; from when its completion clock runs, and the words that say why it is due when it is."""

    case: Case
    counted_from: int
    why: str


class Joined(Struct, frozen=True, gc=False):
    """A case that took in one signal or more, and why the first of them."""

    case: Case
    because: str


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


async def candidates(transaction: Connection, looks: Mapping[int, float]) -> list[Case]:
    """Open cases in these fine cells, each with a signal since then (in Unix time), as far as joining asks: see `lock`.

    They are not locked: a lock on a row is a write, and what is near is not always joined. Cells are looked at in the
    order of the index, which in a city of a million open cases takes an eighth less.
    """
    if not looks:
        return []
    cells = sorted(looks)
    return [_candidate(r) for r in await transaction.fetch(_CANDIDATES, cells, [looks[c] for c in cells])]


async def lock(
    transaction: Connection, joined: Mapping[str, Case], seen: Mapping[str, tuple[int, int]],
    ends: Collection[str] = (),
) -> dict[str, Case] | None:  # fmt: skip
    """Lock these cases until the transaction ends, all in one order, and complete those that are joined.

    Returns those of `ends` that are not joined, as they stand; None where a joined one has not the incarnation and version any
    more that was seen, and then none is completed.
    """
    if ends:
        return await _lock_both(transaction, joined, seen, ends)
    if not joined:
        return {}
    rows = [tuple(r.values()) for r in await transaction.fetch(_LOCK, list(joined))]
    if {str(case_id): (incarnation, version) for case_id, incarnation, version, *_ in rows} != {
        case_id: seen[case_id] for case_id in joined
    }:
        return None
    for case_id, _, _, *others in rows:
        _complete(joined[str(case_id)], *others)
    return {}


async def _lock_both(
    transaction: Connection, joined: Mapping[str, Case], seen: Mapping[str, tuple[int, int]], ends: Collection[str]
) -> dict[str, Case] | None:
    """One statement for both: in two, a batch that joins X and ends Y and one that joins Y and ends X would deadlock."""
    found = await by_id(transaction, [*joined, *(case_id for case_id in ends if case_id not in joined)])
    if any(case_id not in found or _order(found[case_id]) != seen[case_id] for case_id in joined):
        return None
    for case_id, case in joined.items():
        own = found.pop(case_id)
        _complete(
            case, own.grid_id, own.grid_path, own.home_area, own.department, own.routed_because, own.rule_id,
            own.package_version, own.complete_by, own.follows,
        )  # fmt: skip
    return found


def _order(case: Case) -> tuple[int, int]:
    return case.incarnation, case.version


async def handled(transaction: Connection, case_ids: Collection[str]) -> dict[str, int]:
    """Which of these cases their departments have handled, and when; without locks."""
    if not case_ids:
        return {}
    return {str(case_id): at for case_id, at in await transaction.fetch(_HANDLED, list(case_ids)) if at is not None}


async def told(transaction: Connection, signal_ids: Collection[str]) -> dict[str, Told]:
    """The case of each of these signals, and whether it was handled; those that were not read yet are left out."""
    if not signal_ids:
        return {}
    rows = await transaction.fetch(_TOLD, list(signal_ids))
    return {str(signal_id): Told(str(case_id), at) for signal_id, case_id, at in rows}


async def follow(transaction: Connection, opened: Iterable[Case]) -> None:
    """Write which case each of these new ones follows, where one does."""
    if rows := [(c.case_id, c.follows) for c in opened if c.follows]:
        await transaction.execute(_FOLLOW, *columns(sorted(rows)))


async def by_id(transaction: Connection, case_ids: Sequence[str]) -> dict[str, Case]:
    """These cases, locked until the transaction ends; ids that name none are left out."""
    return {str(r["case_id"]): _case(r) for r in await transaction.fetch(_BY_ID, list(case_ids))}


async def touch(transaction: Connection, opened: Sequence[Opened], joined: Sequence[Joined]) -> None:
    """Write what one batch of signals opens and joins: all of it is of one incarnation, package and instant.

    Joining changes how urgent a case is, how many signals it has and when the last one came, and the thing if none was named.
    """
    if not opened and not joined:
        return
    of_all = (opened or joined)[0].case
    new = sorted((_new(o) for o in opened), key=itemgetter(0))
    again = sorted((_again(j) for j in joined), key=itemgetter(0))
    await transaction.execute(
        _TOUCH, of_all.incarnation, State.ASSIGNED, of_all.package_version if opened else "", of_all.changed_at,
        *(columns(new) or [[]] * _NEW), *(columns(again) or [[]] * _JOINED),
    )  # fmt: skip


async def update(transaction: Connection, cases: Sequence[Case]) -> None:
    """Write what may change of cases that are locked already."""
    if not cases:
        return
    rows = [
        (c.case_id, c.incarnation, c.version, c.state, c.lane, c.department, c.routed_because, c.rule_id, c.object_id,
         c.signals, c.changed_at, c.last_signal_at, c.complete_by)
        for c in sorted(cases, key=lambda c: c.case_id)
    ]  # fmt: skip
    await transaction.execute(_UPDATE, *columns(rows))


def _new(opened: Opened) -> tuple[object, ...]:
    c = opened.case
    return (
        c.case_id, c.lane, c.category, c.lon, c.lat, c.grid_id, "\x1f".join(c.grid_path), c.home_area, c.department,
        c.routed_because, c.rule_id, c.object_id, c.signals, c.exercise, c.last_signal_at / SECOND,
        c.complete_by and c.complete_by / SECOND, c.near, opened.counted_from / SECOND, opened.why,
    )  # fmt: skip


def _again(joined: Joined) -> tuple[object, ...]:
    c = joined.case
    return c.case_id, c.version, c.lane, c.object_id, c.signals, c.last_signal_at / SECOND, joined.because, c.near


def _case(row: asyncpg.Record) -> Case:
    # The columns stand in the order of a Case's fields.
    case_id, incarnation, version, state, lane, category, lon, lat, grid_id, grid_path, *rest, follows = row.values()
    return Case(
        str(case_id),
        incarnation,
        version,
        _STATES[state],
        _LANES[lane],
        category,
        lon,
        lat,
        grid_id,
        tuple(grid_path),
        *rest,
        str(follows or ""),
    )


def _candidate(row: asyncpg.Record) -> Case:
    # What is empty here is filled by _complete; changed_at stands for nothing until the join sets it.
    (
        case_id, incarnation, version, state, lane, category, lon, lat, object_id, signals, exercise, opened_at, last_signal_at,
        near,
    ) = row.values()  # fmt: skip
    return Case(
        str(case_id), incarnation, version, _STATES[state], _LANES[lane], category, lon, lat, "", (), "", "", "", "", object_id,
        signals, exercise, "", opened_at, opened_at, last_signal_at, None, near,
    )  # fmt: skip


def _complete(
    case: Case, grid_id: str, grid_path: Sequence[str], home_area: str, department: str, routed_because: str, rule_id: str,
    package_version: str, complete_by: int | None, follows: object,
) -> None:  # fmt: skip
    case.grid_id, case.grid_path, case.home_area, case.department = grid_id, tuple(grid_path), home_area, department
    case.routed_because, case.rule_id, case.package_version = routed_because, rule_id, package_version
    case.complete_by, case.follows = complete_by, str(follows or "")
