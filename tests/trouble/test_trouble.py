"""Kills and outages under load on the real servers; each test shows that its fault hit, then the judge speaks."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import shapely

from gewu import topics
from gewu.city import load as load_city
from gewu.dev.stack import Stack
from gewu.lane import Lane
from tests.support.load import Load, judge
from tests.support.waiting import until

CLEAN = ("lost", "doubled", "misrouted", "out_of_order", "unbalanced", "phantom")


async def _clean(stack: Stack, ledgers: list[Path], load: Load) -> dict[str, Any]:
    ledgers.append(load.ledger)
    verdict = await judge(stack, ledgers)
    assert {name: verdict[name] for name in CLEAN} == dict.fromkeys(CLEAN, 0) and verdict["exit"] == 0, verdict
    assert load.accepted > 300 and verdict["accepted"] >= load.accepted
    return verdict


async def test_intake_killed_under_load_loses_nothing_that_it_accepted(
    stack: Stack, ledgers: list[Path], books: Path
) -> None:
    async with Load(stack, books) as load:
        for _ in range(2):
            await asyncio.sleep(1.5)
            await stack.kill("intake")
            await stack.launch("intake")
        await asyncio.sleep(1.0)
    assert load.without_ack > 0, "the kill was felt"
    await _clean(stack, ledgers, load)


@pytest.mark.parametrize("window", ["delivery.before_commit", "delivery.after_commit", "relay.before_delete"])
async def test_dispatch_killed_inside_its_window_neither_loses_nor_doubles(
    stack: Stack, ledgers: list[Path], books: Path, window: str
) -> None:
    reached = books / f"reached-{window}-{len(ledgers)}"
    async with Load(stack, books) as load:
        await asyncio.sleep(1.0)
        await stack.kill("dispatch")
        await stack.launch("dispatch", {"FAILPOINTS": f"{window}={reached}"}, ready=False)

        async def hit() -> bool:
            return reached.exists()

        await until(hit, 30.0, f"the window {window}")
        await stack.kill("dispatch")
        await stack.launch("dispatch")
        await asyncio.sleep(1.5)
    verdict = await _clean(stack, ledgers, load)
    if window == "relay.before_delete":
        assert verdict["repeats"] > 0, "acknowledged and not yet deleted: said again under the same event id"


async def test_kafka_stopped_and_started_loses_nothing(stack: Stack, ledgers: list[Path], books: Path) -> None:
    async with Load(stack, books) as load:
        await asyncio.sleep(1.5)
        await stack.kafka.stop()
        await asyncio.sleep(2.0)
        await stack.kafka.start()
        await asyncio.sleep(2.0)
    assert load.without_ack or load.slowest > 1.0, "the outage was felt: clients waited, or got no ack"
    await _clean(stack, ledgers, load)


async def test_kafka_killed_and_started_loses_nothing(stack: Stack, ledgers: list[Path], books: Path) -> None:
    async with Load(stack, books) as load:
        await asyncio.sleep(1.5)
        await stack.kafka.kill()
        await stack.kafka.start()
        await asyncio.sleep(2.0)
    assert load.without_ack or load.slowest > 1.0, "the outage was felt: clients waited, or got no ack"
    await _clean(stack, ledgers, load)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_postgres_away_for_a_while_loses_nothing_and_intake_does_not_notice(
    stack: Stack, ledgers: list[Path], books: Path, how: str
) -> None:
    async with Load(stack, books) as load:
        await asyncio.sleep(1.5)
        await (stack.postgres.stop() if how == "stop" else stack.postgres.kill())
        await asyncio.sleep(2.0)
        await stack.postgres.start()
        await asyncio.sleep(1.5)
    assert load.without_ack == 0, "intake needs no database"
    await _clean(stack, ledgers, load)


async def test_two_consumers_that_see_two_reports_of_one_manhole_at_once_open_one_case(
    stack: Stack, ledgers: list[Path], books: Path
) -> None:
    await stack.launch("dispatch", replica="dispatch-2")
    try:
        lane = Lane.P1.label  # that of sewer covers
        for name in ("dispatch", "dispatch-2"):
            await until(
                lambda name=name: _metric(stack, name, f'gewu_delivery_lag_records{{lane="{lane}"}}'),
                40.0,
                f"{name}'s share",
            )
        before = await _taken(stack, lane)
        pairs = _pairs_across_partitions(stack)
        assert len(pairs) >= 40
        load = Load(stack, books, rate=50)
        async with load:
            for first, second in pairs:
                await asyncio.gather(load._ship([first]), load._ship([second]))
            await asyncio.sleep(6.0)
        await _clean(stack, ledgers, load)
        connection = await asyncpg.connect(stack.dsn)
        rows = await connection.fetch(
            "SELECT client_id, case_id FROM dispatch.signals WHERE client_id = ANY($1::text[])",
            [r["id"] for pair in pairs for r in pair],
        )
        await connection.close()
        case = {r["client_id"]: r["case_id"] for r in rows}
        after = await _taken(stack, lane)
        assert all(b > a + 20 for a, b in zip(before, after, strict=True)), "both consumers took part"
        assert all(case[a["id"]] == case[b["id"]] for a, b in pairs), "one manhole, one case"
        assert len(set(case.values())) == len(pairs), "and each manhole its own"
    finally:
        await stack.end("dispatch-2")


async def _metric(stack: Stack, name: str, series: str) -> str | None:
    """The value of one series of a replica's /metrics as text, None while it is not there."""
    async with aiohttp.ClientSession() as session, session.get(f"{stack.services[name].url}/metrics") as found:
        lines = (await found.text()).splitlines()
    return next((line.rpartition(" ")[2] for line in lines if line.startswith(series)), None)


async def _taken(stack: Stack, lane: str) -> list[float]:
    """How many signals of this lane each replica has opened or joined."""
    found = []
    for name in ("dispatch", "dispatch-2"):
        counts = [
            await _metric(stack, name, f'gewu_delivery_records_total{{lane="{lane}",outcome="{outcome}"}}')
            for outcome in ("opened", "joined")
        ]
        found.append(sum(float(c or 0) for c in counts))
    return found


def _pairs_across_partitions(stack: Stack) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Two reports of one thing, some metres apart, on either side of the line by which intake picks partitions."""
    from gewu import ids
    from gewu_intake.domain.report import PlaceSaid, ReportSaid
    from gewu_intake.wire import _cell

    city = load_city(stack.city)
    category = city.categories["component:01002"]  # a class that no other load reports
    assert category and category.join_radius_m >= 5
    west, south, east, north = map(float, shapely.total_bounds(city.owners.shapes))
    found = []
    line = round(west, 2)
    while line < east:
        lat = south
        while lat < north:
            places = [PlaceSaid(line - 0.00001, lat), PlaceSaid(line + 0.00001, lat)]
            cells = {topics.partition(_cell(ReportSaid(category.key, p), "x"), 6) for p in places}
            if len(cells) == 2 and (city.locate([p.lon for p in places], [lat, lat]) >= 0).all():
                found.append(
                    tuple(
                        {"id": ids.new_client_id(), "category": category.key, "place": {"lon": p.lon, "lat": lat}}
                        for p in places
                    )
                )
            lat += 0.0006
        line += 0.01
    return found[:200]
