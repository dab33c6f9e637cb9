"""Open cases by the million, straight into dispatch's tables: what a city that has run for a month stands on."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg

from gewu import ids
from gewu.city import City, load
from gewu.dev import scatter
from gewu.lane import Lane
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.case import State

_AT_ONCE = 20_000
_DAYS = 30
_OPEN = (State.ASSIGNED, State.HANDLING)

# What stands behind each case; made by the server from the cases, which is several times as fast as sending it.
_BEHIND = (
    """INSERT INTO signals (signal_id, outcome, case_id, case_incarnation, case_version, because, kind, content, lane, source,
        client_id, observed_at, received_at, lon, lat, address, grid_id, home_area, package_version, said, text, object_id,
        exercise)
    SELECT gen_random_uuid(), 'opened', case_id, 1, 1, 'rule', 1, decode(md5(case_id::text), 'hex'), lane, 'key:seed',
        case_id::text, opened_at, opened_at, lon, lat, '', grid_id, home_area, package_version, category,
        'seeded, so that the tables are as large as a city''s', '', false
    FROM cases""",
    """INSERT INTO history (case_id, incarnation, version, at, change, state, lane, department, because, rule_id, signals)
    SELECT case_id, 1, 1, opened_at, 1, state, lane, department, routed_because, rule_id, 1 FROM cases""",
    """INSERT INTO clock_ledger (case_id, clock, step, entry, at, due_at, why)
    SELECT case_id, 'completion', 1, 'start', opened_at, complete_by, category FROM cases""",
)


async def open_cases(dsn: str, city: Path, count: int) -> None:
    """Write so many open cases, spread over the city and its last month, with a signal, a version and a clock each."""
    connection = await asyncpg.connect(dsn, ssl=False, server_settings={"search_path": "dispatch"})
    package = load(city)
    try:
        columns = [*_row(package, random.Random(0), (0.0, 0.0), 0, 0.0)]
        for rows in _slices(package, count):
            await connection.copy_records_to_table("cases", records=rows, columns=columns)
        for statement in _BEHIND:
            await connection.execute(statement, timeout=600)
        for table in ("cases", "signals", "history", "clock_ledger"):
            await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=600)
    finally:
        await connection.close()


def _slices(city: City, count: int) -> Iterator[list[tuple[Any, ...]]]:
    rng = random.Random(count)
    for start in range(0, count, _AT_ONCE):
        points = scatter.inside(city, rng, min(_AT_ONCE, count - start))
        grids = city.locate(*zip(*points, strict=True)).tolist()
        # Oldest first, as a city fills: ids begin with their time, and an index that grows at its end stays dense.
        ages = [_DAYS * (1 - (start + n) / count) for n in range(len(points))]
        yield [tuple(_row(city, rng, p, g, a).values()) for p, g, a in zip(points, grids, ages, strict=True)]


def _row(city: City, rng: random.Random, point: scatter.Point, grid: int, days: float) -> dict[str, Any]:
    category = rng.choice(_categories(city))
    opened = datetime.now(UTC) - timedelta(days=days)
    own = f"{int(opened.timestamp() * 1000):012x}7{rng.getrandbits(76):019x}"
    lon, lat = point
    place = SimpleNamespace(lon=lon, lat=lat, category=category.key, exercise=False)
    return {
        "case_id": ids.case_id(f"{own[:8]}-{own[8:12]}-{own[12:16]}-{own[16:20]}-{own[20:]}"), "incarnation": 1,
        "version": 1, "state": int(rng.choice(_OPEN)), "lane": int(Lane.named(category.lane)), "category": category.key,
        "lon": lon, "lat": lat, "grid_id": city.grids[grid].id, "grid_path": list(city.grids[grid].path),
        "home_area": city.grids[grid].path[0], "department": rng.choice(_departments(city)), "routed_because": "rule",
        "rule_id": "seeded", "object_id": "", "signals": 1, "exercise": False, "package_version": city.version,
        "opened_at": opened, "changed_at": opened, "last_signal_at": opened, "complete_by": opened + timedelta(days=3),
        "near": joining.near_key(place),  # type: ignore[arg-type]
    }  # fmt: skip


def _categories(city: City) -> list[Any]:
    return list(city.categories.values())


def _departments(city: City) -> list[str]:
    return list(city.departments)
