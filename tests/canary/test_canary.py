"""Drills through the whole line: timed, closed, never said as real work; and a break of the line named by its station."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import gewu.canary.settings
from gewu import codec, topics
from gewu.canary.app import CategoryFault, build
from gewu.canary.metrics import Station
from gewu.city import load
from gewu.dev.metrics import scrape
from gewu.dev.services import Service
from gewu.dev.stack import Stack
from gewu.runtime.env import SettingsFault
from gewu.runtime.settings import Kafka
from tests.support import log
from tests.support.waiting import until

QUICK = {"GEWU_CANARY_EVERY": "1s", "GEWU_CANARY_PATIENCE": "3s"}


@pytest.fixture
async def canary(stack: Stack) -> AsyncIterator[Service]:
    """One that sends a drill a second."""
    yield await stack.launch("canary", QUICK, replica="canary-quick")
    await stack.end("canary-quick")


async def counted(service: Service, name: str) -> dict[str, float]:
    """A metric's values by station."""
    samples = await scrape(f"{service.url}/metrics")
    return {dict(labels).get("station", ""): value for (found, labels), value in samples.items() if found == name}


async def test_a_drill_passes_every_station_and_is_closed(stack: Stack, canary: Service) -> None:
    async def through() -> bool:
        return (await counted(canary, "gewu_canary_seconds_count"))[Station.TOLD] >= 3

    await until(through, 30.0, "three drills that came through")
    missing = await counted(canary, "gewu_canary_missing_total")
    assert set(missing) == set(Station) and not any(missing.values())
    sums = await counted(canary, "gewu_canary_seconds_sum")
    assert 0 < sums["accepted"] < sums["opened"] < sums["acted"] < sums["handled"] <= sums["told"], (
        "each station lies behind the one before"
    )
    drills = await _cases(stack, "handled")
    assert len(drills) >= 3


async def test_departments_hear_drills_under_a_type_of_their_own_alone(stack: Stack, canary: Service) -> None:
    drills = {case["case_id"].encode() for case in await _cases(stack, "handled")}
    fallback = load(stack.city).fallback.id
    said = [r for n in (0, 1) for r in await log.read(_kafka(stack), topics.dispatch(fallback), n) if r.key in drills]
    assert said and {codec.type_of(r.headers) for r in said} == {codec.ASSIGNMENT_EXERCISE}


async def test_a_break_of_the_line_is_named_by_its_station_and_its_end_is_seen(stack: Stack, canary: Service) -> None:
    await stack.end("dispatch")

    async def missed() -> bool:
        return (await counted(canary, "gewu_canary_missing_total"))[Station.OPENED] > 0

    try:
        await until(missed, 30.0, "a drill that is missed")
        assert "a drill was not opened" in (await _readiness(canary))["red"]["canary"]
    finally:
        await stack.launch("dispatch")

    async def ready() -> bool:
        return (await _readiness(canary))["ready"]

    await until(ready, 60.0, "a drill that comes through again")


async def test_a_drill_is_closed_though_nobody_is_told_of_it(stack: Stack, canary: Service) -> None:
    await stack.end("notify")

    async def missed() -> bool:
        return (await counted(canary, "gewu_canary_missing_total"))[Station.TOLD] > 0

    try:
        await until(missed, 30.0, "a drill of which nobody is told")
        assert "a drill was not told" in (await _readiness(canary))["red"]["canary"]
        found = await counted(canary, "gewu_canary_missing_total")
        assert {station: n for station, n in found.items() if n and station != Station.TOLD} == {}
    finally:
        await stack.launch("notify")

    async def ready() -> bool:
        return (await _readiness(canary))["ready"]

    await until(ready, 60.0, "a drill that is told again")


def test_a_class_whose_reports_join_each_other_is_refused(tmp_path: Path, stack: Stack) -> None:
    with pytest.raises(CategoryFault, match="matter:06013 join"):
        build(gewu.canary.settings.read(_variables(stack, tmp_path) | {"GEWU_CANARY_CATEGORY": "pothole"}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"GEWU_CANARY_EVERY": "500ms"}, "between 1s and 1h"), ({"GEWU_CANARY_PATIENCE": "50ms"}, "at least 100ms"),
        ({"GEWU_CANARY_KEY_FILE": ""}, "gewu keys add"), ({"GEWU_CANARY_KEY": "x"}, "not a setting"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(tmp_path: Path, stack: Stack, wrong: Mapping[str, str], said: str) -> None:
    with pytest.raises(SettingsFault, match=said):
        gewu.canary.settings.read(_variables(stack, tmp_path) | wrong)


def _variables(stack: Stack, folder: Path) -> dict[str, str]:
    (folder / "key").write_text("secret")
    return {
        "GEWU_KAFKA_BOOTSTRAP": stack.kafka.bootstrap, "GEWU_CITY": str(stack.city), "GEWU_INTAKE_URL": stack.intake_url,
        "GEWU_DISPATCH_URL": stack.dispatch_url, "GEWU_CANARY_KEY_FILE": str(folder / "key"),
    }  # fmt: skip


def _kafka(stack: Stack) -> Kafka:
    return Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")


async def _readiness(service: Service) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/readyz") as answer:
        return await answer.json()


async def _cases(stack: Stack, state: str) -> list[dict[str, Any]]:
    headers = {"authorization": f"Bearer {stack.ops_key}"}
    url = f"{stack.dispatch_url}/v1/cases?limit=500&state={state}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        found = await answer.json()
    assert answer.status == 200, found
    return [case for case in found["cases"] if case.get("exercise") and case["category"] == "unknown"]
