"""`gewu seed`: so many open cases, whole behind each, in an empty database and in no other."""

import json
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from gewu.city import load
from gewu.clock import SystemClock, micros
from gewu.runtime.settings import Postgres
from gewu_dispatch.domain.resting import rests
from gewu_dispatch.handlers.resting import Resting
from gewu_dispatch.store.resting import LATE_US
from tests.cli.running import Gewu, env_file


@pytest.fixture
def seed(capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Postgres, demo: Path) -> Gewu:
    """`gewu seed` for the demo city and this test's database."""
    return Gewu(capsys, ("--env-file", str(env_file(tmp_path, postgres=database, CITY=demo)), "seed"))


async def test_every_case_is_open_inside_its_grid_and_whole(seed: Gewu, database: Postgres, demo: Path) -> None:
    ended = await seed.there("--cases", 700, "--json")
    assert ended.code == 0 and json.loads(ended.out)["cases"] == 700, ended
    assert "700 of 700 cases" in ended.err
    city = load(demo)
    pool = await asyncpg.create_pool(database.dsn, ssl=False, server_settings={"search_path": "dispatch"}, min_size=1)
    connection = await pool.acquire()
    try:
        rows = await connection.fetch(
            "SELECT category, lon, lat, grid_id, near, last_signal_at FROM cases WHERE complete_by IS NOT NULL"
        )
        counts = [
            await connection.fetchval(f"SELECT count(*) FROM {t}") for t in ("signals", "history", "clock_ledger")
        ]
        assert await Resting(city, SystemClock()).look(pool) <= 2, "what dispatch would let rest rests already"
    finally:
        await connection.close()
        await pool.close()
    assert counts == [700, 700, 700] and len(rows) == 700
    now = micros(datetime.now(UTC))
    laid = [r for r in rows if rests(city.categories[r["category"]], micros(r["last_signal_at"]), now, LATE_US)]
    assert 400 < len(laid) < 600 and sum(r["near"] is None for r in rows) == pytest.approx(len(laid), abs=2)
    assert len({r["near"] for r in rows}) == sum(r["near"] is not None for r in rows) + 1, "places of their own"
    for row in rows:
        grid = city.grid_at(row["lon"], row["lat"])
        assert grid is not None and grid.id == row["grid_id"] and row["category"] in city.categories


async def test_a_database_with_cases_is_left_alone(seed: Gewu, database: Postgres) -> None:
    assert (await seed.there("--cases", 10)).code == 0
    ended = await seed.there("--cases", 10)
    assert ended.code == 1 and "holds cases already" in ended.err and "gewu migrate" in ended.err
    connection = await asyncpg.connect(database.dsn, ssl=False, server_settings={"search_path": "dispatch"})
    assert await connection.fetchval("SELECT count(*) FROM cases") == 10
    await connection.close()


@pytest.mark.parametrize("count", ["0", "-1", "many", "99999999"])
def test_a_count_that_is_none_is_refused(seed: Gewu, count: str) -> None:
    assert seed("--cases", count).code == 2
