"""Pages of cases: what is asked for comes, newest first, and no page reads or sorts the whole table."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from gewu.runtime import postgres
from gewu.runtime.settings import Postgres
from gewu_dispatch.domain.case import State
from gewu_dispatch.store import reads
from gewu_dispatch.store.reads import Wanted

ROWS = 20_000
# 1 in 50 is open; six departments; ten areas of ten areas; four cases of one moment, so that ties have to be broken.
_FILL = """
INSERT INTO dispatch.cases
SELECT gen_random_uuid(), 1, 1, CASE WHEN n % 50 = 0 THEN 4 + n / 50 % 2 ELSE 6 END, 3, 'component:01023', 83, 39,
    area || '-' || part, ARRAY[area::text, area || '-' || part], area::text, 'department-' || n % 6, 'rule', 'r', '', 1,
    false, '7-abc', timestamptz '2026-03-04' + n / 4 * interval '1 minute', now(), now(), now(), n
FROM (SELECT n, abs(hashint4(n)) % 10 AS area, abs(hashint4(-n)) % 10 AS part FROM generate_series(1, $1) n) AS numbered"""

MIDDLE = (datetime(2026, 3, 6, tzinfo=UTC), "80000000-0000-8000-8000-000000000000")
OPEN = (State.HANDLING, State.ASSIGNED)
PAGES = {
    "no filter": Wanted(),
    "a later page": Wanted(after=MIDDLE),
    "a department": Wanted(department="department-3"),
    "an area": Wanted(area="4"),
    "a part of an area": Wanted(area="4-2"),
    "a department's key": Wanted(names=["department-3"]),
    "an area's key": Wanted(names=["4"]),
    "a key of several": Wanted(names=["department-1", "4-2"], department="department-1"),
    "handled ones": Wanted(states=[State.HANDLED]),
    "open ones": Wanted(states=OPEN),
    "open ones, a later page": Wanted(states=OPEN, after=MIDDLE),
    "a department's open ones": Wanted(states=OPEN, department="department-2"),
    "an area's open ones": Wanted(states=[State.ASSIGNED], area="4-2"),
    "open ones of who has none": Wanted(states=OPEN, department="nobody"),
    "all at once": Wanted(
        names=["department-2", "4"], department="department-2", area="4", states=OPEN, after=MIDDLE, limit=3
    ),
}


@dataclass
class Table:
    """A table of cases, a connection that may do anything, and a reader as the service has it."""

    connection: asyncpg.Connection
    reader: postgres.Reader

    async def plan(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The steps by which PostgreSQL would make this page, the last first."""
        question, words = reads.listing(wanted)
        found = json.loads(await self.connection.fetchval(f"EXPLAIN (FORMAT JSON) {question}", *words))
        return _steps(found[0]["Plan"])


def _steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(s for below in plan.get("Plans", ()) for s in _steps(below))]


@pytest.fixture
async def table(database: Postgres) -> AsyncIterator[Table]:
    """Many cases."""
    connection = await asyncpg.connect(database.dsn, server_settings={"search_path": "dispatch"})
    await connection.execute(_FILL.replace("$1", str(ROWS)))
    await connection.execute("VACUUM ANALYZE cases")
    pool = await postgres.pool(database, schema="dispatch", size=1, name="t")
    yield Table(connection, postgres.Reader(pool))
    await pool.close()
    await connection.close()


async def test_no_page_reads_or_sorts_the_whole_table(table: Table) -> None:
    """Sorted is at most what is open: the day's work, found by the index that holds nothing else."""
    for name, wanted in PAGES.items():
        for seqscan in ("on", "off"):
            await table.connection.execute(f"SET enable_seqscan = {seqscan}")
            steps = await table.plan(wanted)
            kinds, by = [s["Node Type"] for s in steps], {s["Index Name"] for s in steps if "Index Name" in s}
            assert "Seq Scan" not in kinds, (name, kinds)
            assert by in ({"cases_opened"}, {"cases_near"}), (name, kinds, by)
            assert by == {"cases_near"} or not any("Sort" in k for k in kinds), (name, kinds)


async def test_pages_asked_for_again_and_again_go_on_using_an_index(table: Table) -> None:
    """After some repeats PostgreSQL may plan without looking at the words: then too."""
    await table.connection.execute("SELECT pg_stat_reset()")
    for wanted in PAGES.values():
        for _ in range(8):
            await reads.cases(table.reader, wanted)
    await table.reader.fetch("SELECT pg_stat_force_next_flush()")
    await table.reader.fetch("SELECT 1")
    scans = await table.connection.fetchval("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'cases'")
    assert scans == 0


async def test_a_page_holds_what_is_asked_for_newest_first(table: Table) -> None:
    rows = [dict(r) for r in await table.connection.fetch("SELECT * FROM cases ORDER BY opened_at DESC, case_id DESC")]
    for name, wanted in PAGES.items():
        found = [r["case_id"] for r in await reads.cases(table.reader, wanted)]
        assert found == [r["case_id"] for r in rows if _fits(r, wanted)][: wanted.limit], name
        assert bool(found) is (wanted.department != "nobody"), name


def _fits(row: dict[str, Any], wanted: Wanted) -> bool:
    own = {row["department"], *row["grid_path"]}
    return (
        (wanted.names is None or bool(own & set(wanted.names)))
        and wanted.department in (None, row["department"])
        and (wanted.area is None or wanted.area in row["grid_path"])
        and (not wanted.states or row["state"] in wanted.states)
        and (wanted.after is None or (row["opened_at"], str(row["case_id"])) < wanted.after)
    )
