"""Two dispatches that see two reports of one thing at the same moment, in partitions that each of them reads alone."""

import asyncio
from itertools import count
from random import Random
from typing import Any

import shapely

from gewu import ids, topics
from gewu.city import load as load_city
from gewu.lane import Lane
from gewu_intake.domain.report import PlaceSaid, ReportSaid
from gewu_intake.wire import _cell
from tests.support.waiting import until
from tests.trouble.play import Seen
from tests.trouble.world import SECOND, World

_CLASS = "component:01002"  # no other load reports it, and it is p1
_PAIRS = 120
_LEAST = 20  # signals that each of the two must have settled

Pair = tuple[dict[str, Any], dict[str, Any]]
_calls = count()


async def one_manhole_seen_twice(world: World, random: Random) -> Seen:
    """Pairs of reports of one manhole each, on either side of the line by which intake picks partitions."""
    names = ("dispatch", SECOND)
    await world.second_dispatch()
    for name in names:
        await until(lambda name=name: _shares(world, name), 40.0, f"{name}'s share")
    before = [await _settled(world, name) for name in names]
    found = pairs(world)
    random.shuffle(found)
    async with world.load(random, rate=80) as load:
        for first, second in found[:_PAIRS]:
            await asyncio.gather(load.ship([first]), load.ship([second]))
    await world.judge()  # which waits until all is settled
    settled = [await _settled(world, name) - b for name, b in zip(names, before, strict=True)]
    rows = await world.fetch(
        "SELECT client_id, case_id FROM signals WHERE client_id = ANY($1)", [r["id"] for p in found[:_PAIRS] for r in p]
    )
    await world.stack.end(SECOND)
    case = {row["client_id"]: row["case_id"] for row in rows}
    assert all(case[a["id"]] == case[b["id"]] for a, b in found[:_PAIRS]), "one manhole, one case"
    assert len(set(case.values())) == len(found[:_PAIRS]), "and each manhole its own"
    words = f"{len(found[:_PAIRS])} manholes, one case each; the two settled {settled[0]:.0f} and {settled[1]:.0f}"
    return Seen(min(settled) > _LEAST, words)


async def _shares(world: World, name: str) -> bool:
    """Whether this replica reads some partitions of the lane and not all: the other has the rest."""
    own = await world.counted(name, "gewu_delivery_partitions", lane=Lane.P1.label)
    return 0 < own < await world.counted(name, "gewu_delivery_partitions_in_all", lane=Lane.P1.label)


async def _settled(world: World, name: str) -> float:
    """How many signals of the lane it has opened or joined."""
    counts = [
        await world.counted(name, "gewu_delivery_records_total", outcome=outcome, lane=Lane.P1.label)
        for outcome in ("opened", "joined")
    ]
    return sum(counts)


def pairs(world: World) -> list[Pair]:
    """Two reports of one thing, some metres apart, in two partitions. Each call has places of its own: cases stay open."""
    city = load_city(world.stack.city)
    category = city.categories[_CLASS]
    assert category.join_radius_m >= 5
    west, south, east, north = map(float, shapely.total_bounds(city.owners.shapes))
    found: list[Pair] = []
    offset = next(_calls) * 0.0003
    line = round(west, 2)
    while line < east:
        lat = south + offset
        while lat < north:
            places = [PlaceSaid(line - 0.00001, lat), PlaceSaid(line + 0.00001, lat)]
            cells = {topics.partition(_cell(ReportSaid(category.key, p), "x"), 6) for p in places}
            if len(cells) == 2 and (city.locate([p.lon for p in places], [lat, lat]) >= 0).all():
                found.append(tuple(_report(p.lon, lat) for p in places))
            lat += 0.0006
        line += 0.01
    return found


def _report(lon: float, lat: float) -> dict[str, Any]:
    return {"id": ids.new_client_id(), "category": _CLASS, "place": {"lon": lon, "lat": lat}}
