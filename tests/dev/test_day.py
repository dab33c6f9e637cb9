"""The made-up day: the same every time, inside the city, and with everything in it that the books tell apart."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from gewu import city as packages
from gewu import geo, ids
from gewu.dev import day, replay, storm
from gewu.dev.day import Report, Turn

DEMO = Path(__file__).parents[2] / "cities" / "demo"
MIDNIGHT = datetime.fromisoformat("2026-03-02T00:00:00+08:00")


@pytest.fixture(scope="module")
def city() -> packages.City:
    return packages.load(DEMO)


@pytest.fixture(scope="module")
def reports(city: packages.City) -> list[Report]:
    return day.draw(city, MIDNIGHT, 1)


def test_same_seed_same_bytes_and_another_seed_another_day(city: packages.City, reports: list[Report]) -> None:
    again, other = day.draw(packages.load(DEMO), MIDNIGHT, 1), day.draw(city, MIDNIGHT, 2)
    assert msgspec.json.encode(again) == msgspec.json.encode(reports)
    assert not {report.id for report in other} & {report.id for report in reports}


def test_about_twenty_thousand_in_the_order_of_their_times(reports: list[Report]) -> None:
    assert 19_500 <= len(reports) <= 20_500
    times = [report.at for report in reports]
    assert times == sorted(times)
    assert times[0] >= 0 and times[-1] < day.DAY_S
    by_hour = Counter(int(at // 3600) for at in times)
    assert by_hour[9] > 3 * by_hour[3] > 0


def test_every_position_is_in_a_leaf_grid(city: packages.City, reports: list[Report]) -> None:
    places = [report.body["place"] for report in reports if "place" in report.body]
    assert all(city.locate([p["lon"] for p in places], [p["lat"] for p in places]) >= 0)
    assert 0 < len(reports) - len(places) < len(reports) / 100


def test_every_word_is_known_but_for_a_few_and_gives_its_lane(city: packages.City, reports: list[Report]) -> None:
    found = [(city.category(report.body["category"]), report.lane) for report in reports]
    unheard_of = sum(category is None for category, _ in found)
    assert 0 < unheard_of < len(reports) / 100
    assert all(lane == (category.lane if category else "p2") for category, lane in found)
    shares = Counter(report.lane for report in reports)
    assert shares["p2"] > shares["p1"] > shares["p3"] > shares["p0"] > 0
    said = {report.body["category"] for report in reports}
    assert {"井盖", "manhole"} <= said


def test_several_people_see_one_thing(city: packages.City, reports: list[Report]) -> None:
    """Those who report a thing again stand near enough to somebody who did for the two to be one case."""
    firsts, again = ([r for r in reports if r.turn is turn and "place" in r.body] for turn in (Turn.FIRST, Turn.AGAIN))
    assert len(again) > 4000
    by_category: dict[str, list[tuple[float, float]]] = {}
    for report in firsts:
        if category := city.category(report.body["category"]):
            by_category.setdefault(category.key, []).append((report.body["place"]["lon"], report.body["place"]["lat"]))
    near = 0
    for report in again[:500]:
        category = city.category(report.body["category"])
        if category:
            lon, lat = report.body["place"]["lon"], report.body["place"]["lat"]
            others = by_category.get(category.key, [])
            near += any(geo.metres(lon, lat, *other) <= category.join_radius_m for other in others)
    assert near > 480


def test_repeats_are_the_same_bytes_and_changes_are_not(reports: list[Report]) -> None:
    original = {report.id: report for report in reports if report.turn in (Turn.FIRST, Turn.AGAIN)}
    repeats = [report for report in reports if report.turn is Turn.REPEAT]
    changes = [report for report in reports if report.turn is Turn.CHANGED]
    assert len(repeats) > 100 and len(changes) > 20
    assert len(original) + len(repeats) + len(changes) == len(reports)
    assert all(report.body == original[report.id].body and report.at >= original[report.id].at for report in repeats)
    assert all(report.body["text"] != original[report.id].body["text"] and report.keyed for report in changes)


def test_some_have_no_key_and_some_a_contact(reports: list[Report]) -> None:
    anonymous = [report for report in reports if not report.keyed]
    assert len(reports) / 50 < len(anonymous) < len(reports) / 10
    assert not any(report.bulk for report in anonymous)
    assert len(reports) / 50 < sum("contact" in report.body for report in reports) < len(reports) / 5


def test_ids_are_uuids_of_the_time_and_lead_their_signals_ids(reports: list[Report]) -> None:
    for report in reports[:200]:
        assert UUID(report.id).version == 7
        assert ids.signal_id(replay.SOURCE, report.id)[:13] == report.id[:13]
        observed = datetime.fromisoformat(report.body["observed_at"])
        assert abs(observed - MIDNIGHT - timedelta(seconds=report.at)) < timedelta(seconds=301)


def test_a_naive_midnight_is_refused(city: packages.City) -> None:
    with pytest.raises(ValueError, match="time zone"):
        day.draw(city, datetime(2026, 3, 2), 1)


def test_plan_keeps_every_report_and_its_time(reports: list[Report]) -> None:
    shipments = replay.plan(reports, 60.0)
    sent = Counter(id(report) for shipment in shipments for report in shipment.reports)
    assert len(sent) == len(reports) and set(sent.values()) == {1}
    assert [s.due for s in shipments] == sorted(s.due for s in shipments) and shipments[-1].due <= 60.0
    assert any(len(shipment.reports) > 5 for shipment in shipments)
    for shipment in shipments:
        assert len({report.keyed for report in shipment.reports}) == 1
        wait = max(shipment.due - report.at * 60.0 / day.DAY_S for report in shipment.reports)
        assert -1e-9 <= wait <= (0.5 if shipment.reports[0].bulk else 0.0) + 1e-9


def test_a_storm_at_noon_brings_water_and_fallen_trees_and_a_fire_in_its_middle(
    city: packages.City, reports: list[Report]
) -> None:
    def of(word: str) -> list[Report]:
        wanted = city.category(word)
        return [r for r in reports if r.turn is Turn.FIRST and city.category(r.body["category"]) is wanted]

    for word in ("积水", "树倒了"):
        within = [r for r in of(word) if storm.BEGINS_S <= r.at < storm.ENDS_S]
        assert len(within) > 2 * (len(of(word)) - len(within)), "most of a day's come in an hour and a half"
    (fire,) = [r for r in of("着火") if r.at == storm.FIRE_S]
    lon, lat = fire.body["place"]["lon"], fire.body["place"]["lat"]
    seen = [
        r for r in reports
        if r.lane == "p0" and "place" in r.body and storm.FIRE_S <= r.at < storm.FIRE_S + 1800
        and geo.metres(lon, lat, r.body["place"]["lon"], r.body["place"]["lat"]) <= city.category("着火").join_radius_m
    ]  # fmt: skip
    assert len(seen) >= 15, "many people see a fire"


def test_a_city_without_words_for_it_has_no_storm(city: packages.City) -> None:
    without = replace(city, words={})
    assert storm.draw(without, random.Random(1), 1000) == []
