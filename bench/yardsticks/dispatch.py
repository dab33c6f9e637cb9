"""Dispatch as most people would write it first: FastStream, a pydantic model a message, an INSERT, a publish.

It finds grid and department and writes one row a report. It joins nothing, sets no deadline, keeps no history and no
books, and a crash between the two writes loses or repeats one of them.
"""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import asyncpg
from faststream.kafka import KafkaBroker
from pydantic import BaseModel, Field

from bench.processes.words import Words, answer
from gewu.city import City, load

_WARM = 300  # messages that do not count: what it is held against is warm as well
_TABLE = """
CREATE TABLE public.plain_cases (id text PRIMARY KEY, category text, lon float8, lat float8, grid_id text, department text,
    said text, object_id text, observed_at timestamptz, opened_at timestamptz);
CREATE INDEX ON public.plain_cases (department, opened_at);
CREATE INDEX ON public.plain_cases (grid_id)
"""
_INSERT = "INSERT INTO public.plain_cases VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"


class Place(BaseModel):
    """Where."""

    lon: Annotated[float, Field(ge=-180, le=180)]
    lat: Annotated[float, Field(ge=-90, le=90)]


class Report(BaseModel):
    """What a client sent."""

    id: Annotated[str, Field(max_length=64)]
    category: Annotated[str, Field(max_length=100)]
    text: Annotated[str, Field(max_length=2000)] = ""
    object_id: str | None = None
    place: Place | None = None
    observed_at: datetime


async def work(words: Words) -> Words:
    """Reports a second, from the first message that counts to the last event's ack."""
    city, database = load(Path(words["city"])), await asyncpg.connect(words["dsn"], ssl=False)
    await database.execute(_TABLE)
    broker = KafkaBroker(words["kafka"], acks="all", enable_idempotence=True, logger=None)
    times: list[float] = []
    done = asyncio.Event()

    @broker.subscriber(words["topic"], group_id=f"bench-{time.time_ns()}", auto_offset_reset="earliest")
    async def report(said: Report) -> None:
        times.append(time.perf_counter())
        place = said.place
        grid = _grid(city, place) if place else ""
        category = city.category(said.category)
        department = _department(city, category.key) if category else city.fallback.id
        key, now = category.key if category else "", datetime.now(UTC)
        lon, lat = (place.lon, place.lat) if place else (None, None)
        await database.execute(
            _INSERT, said.id, key, lon, lat, grid, department, said.text, said.object_id, said.observed_at, now
        )
        event = {"case": said.id, "category": key, "grid": grid, "department": department, "opened_at": now.isoformat()}
        await broker.publish(event, words["events"])
        if len(times) == words["reports"]:
            times.append(time.perf_counter())
            done.set()

    await broker.start()
    await asyncio.wait_for(done.wait(), 120.0)
    assert await database.fetchval("SELECT count(*) FROM public.plain_cases") == words["reports"]
    await broker.stop()
    return {"rate": (words["reports"] - _WARM) / (times[-1] - times[_WARM])}


def _grid(city: City, place: Place) -> str:
    found = int(city.locate([place.lon], [place.lat])[0])
    return city.grids[found].id if found >= 0 else ""


def _department(city: City, category: str) -> str:
    rule = next((r for r in city.rules if r.takes_category(category)), None)
    return rule.department if rule else city.fallback.id


if __name__ == "__main__":
    raise SystemExit(answer(work))
