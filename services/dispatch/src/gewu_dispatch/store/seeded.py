"""Made-up open cases by the million, straight into the tables: what a city that has run for a month stands on."""

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg

from gewu import ids
from gewu.city import City
from gewu.clock import micros
from gewu.lane import Lane
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.case import State
from gewu_dispatch.domain.resting import rests
from gewu_dispatch.store.resting import LATE_US

_DAYS = 30
_OPEN = (State.ASSIGNED, State.HANDLING)
_TABLES = ("cases", "signals", "history", "clock_ledger")
_STATEMENT_S = 600

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


class NotEmpty(Exception):
    """There is a case already: made-up cases never stand among a city's own."""


async def open_cases(
    connection: asyncpg.Connection, city: City, points: Iterable[Sequence[tuple[float, float]]], count: int
) -> AsyncIterator[int]:
    """Write `count` open cases at these points, spread over the last month, with a signal, a version and a clock each.

    Yields how many stand after each helping of points. All or nothing; NotEmpty where the tables hold a case.
    """
    rng, done = random.Random(count), 0
    columns = [*_row(city, rng, (0.0, 0.0), 0, 0.0)]
    async with connection.transaction():
        if await connection.fetchval("SELECT EXISTS (SELECT FROM cases) OR EXISTS (SELECT FROM signals)"):
            raise NotEmpty
        for some in points:
            rows = _rows(city, rng, some, done, count)
            await connection.copy_records_to_table("cases", records=rows, columns=columns)
            done += len(some)
            yield done
        for statement in _BEHIND:
            await connection.execute(statement, timeout=_STATEMENT_S)
    for table in _TABLES:
        await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=_STATEMENT_S)


def _rows(
    city: City, rng: random.Random, points: Sequence[tuple[float, float]], done: int, count: int
) -> list[tuple[Any, ...]]:
    grids = city.locate(*zip(*points, strict=True)).tolist()
    # Oldest first, as a city fills: ids begin with their time, and an index that grows at its end stays dense.
    ages = [_DAYS * (1 - (done + n) / count) for n in range(len(points))]
    return [tuple(_row(city, rng, p, g, a).values()) for p, g, a in zip(points, grids, ages, strict=True)]


def _row(city: City, rng: random.Random, point: tuple[float, float], grid: int, days: float) -> dict[str, Any]:
    category = rng.choice(list(city.categories.values()))
    now = datetime.now(UTC)
    opened = now - timedelta(days=days)
    own = f"{int(opened.timestamp() * 1000):012x}7{rng.getrandbits(76):019x}"
    lon, lat = point
    place = SimpleNamespace(lon=lon, lat=lat, category=category.key, exercise=False)
    return {
        "case_id": ids.case_id(f"{own[:8]}-{own[8:12]}-{own[12:16]}-{own[16:20]}-{own[20:]}"), "incarnation": 1,
        "version": 1, "state": int(rng.choice(_OPEN)), "lane": int(Lane.named(category.lane)), "category": category.key,
        "lon": lon, "lat": lat, "grid_id": city.grids[grid].id, "grid_path": list(city.grids[grid].path),
        "home_area": city.grids[grid].path[0], "department": rng.choice(list(city.departments)), "routed_because": "rule",
        "rule_id": "seeded", "object_id": "", "signals": 1, "exercise": False, "package_version": city.version,
        "opened_at": opened, "changed_at": opened, "last_signal_at": opened, "complete_by": opened + timedelta(days=3),
        # As dispatch leaves them that has run for as long.
        "near": None if rests(category, micros(opened), micros(now), LATE_US) else joining.near_key(place),  # type: ignore[arg-type]
    }  # fmt: skip
