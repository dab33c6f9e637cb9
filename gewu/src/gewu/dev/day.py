"""A made-up day of a city: what is seen where and when, by how many people, and how they report it.

Nothing here is sent. The same city, day and seed give the same reports, down to the byte.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gewu.city import Category, City, CityObject
from gewu.dev import phrases, scatter
from gewu.dev.scatter import Point

REPORTS = 20_000
DAY_S = 86_400.0

# Reports an hour from midnight on, as shares: a morning peak, a dip at noon, the afternoon, people on their way home.
PROFILE = (4, 3, 2, 2, 3, 6, 14, 32, 52, 58, 50, 42, 28, 34, 48, 54, 52, 46, 38, 30, 24, 18, 12, 7)
# Shares of the lanes; which category within a lane comes often is the city's own, drawn once from its id.
LANES = {"p0": 0.01, "p1": 0.21, "p2": 0.72, "p3": 0.06}

_SEEN_AGAIN = 0.33  # chance of one more reporter; the mean is 1.5 reports a thing
_SEEN_AGAIN_S = 1500.0  # mean time until the next one reports it
_REPEATED, _CHANGED = 0.015, 0.003  # a client sends again: the same, or another text under the same id
_AT_OBJECT = 0.5  # of things of a component class
_ANONYMOUS, _CONTACT, _BULK = 0.05, 0.08, 0.45
_NO_POSITION, _UNHEARD_OF = 0.003, 0.003


class Turn(StrEnum):
    """Why a report is there: the first of its thing, another person's of the same thing, a repeat, a changed repeat."""

    FIRST = "first"
    AGAIN = "again"
    REPEAT = "repeat"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Report:
    """One report as its client sends it `at` seconds after midnight; `bulk` ones travel by a platform's batches.

    `lane` is not said: it is the one in which the city takes it.
    """

    at: float
    id: str
    body: dict[str, Any]
    keyed: bool
    bulk: bool
    turn: Turn
    lane: str


@dataclass(frozen=True, slots=True)
class _Thing:
    at: float
    category: Category
    point: Point
    object_id: str
    reporters: int


def draw(city: City, midnight: datetime, seed: int, count: int = REPORTS) -> list[Report]:
    """About `count` reports of the day that starts at `midnight` (aware), in the order of their times."""
    if midnight.tzinfo is None:
        raise ValueError("midnight needs a time zone")
    rng = random.Random(f"{city.id} {seed}")
    things = _things(city, rng, round(count * (1 - _REPEATED - _CHANGED)))
    reports = [report for thing in things for report in _reports(city, thing, midnight, rng)]
    reports += [again for report in reports for again in _sent_again(report, rng)]
    return sorted(reports, key=lambda report: (report.at, report.id, report.turn))


def _things(city: City, rng: random.Random, reports: int) -> list[_Thing]:
    categories, weights = _popularity(city)
    drawn: list[tuple[Category, int]] = []
    while reports > 0:
        category = rng.choices(categories, weights)[0]
        drawn.append((category, _reporters(rng)))
        reports -= drawn[-1][1]
    objects = _objects_by_category(city, rng)
    places = scatter.inside(city, rng, len(drawn))
    found = []
    for (category, reporters), place in zip(drawn, places, strict=True):
        # Each object is used once: two things at one object would be one case.
        standing = objects.get(category.key)
        thing = standing.pop() if standing and rng.random() < _AT_OBJECT else None
        point = scatter.rounded((thing.lon, thing.lat)) if thing else place
        found.append(_Thing(_time(rng), category, point, thing.id if thing else "", reporters))
    return found


def _popularity(city: City) -> tuple[list[Category], list[float]]:
    """Categories with their shares of a day: what people have everyday words for is what they see every day."""
    taste = random.Random(f"{city.id} categories")
    categories = sorted(city.categories.values(), key=lambda category: category.key)
    raw = [(taste.expovariate(1.0) + 0.1) * (1 + len(c.aliases)) for c in categories]
    of_lane = {lane: sum(r for r, c in zip(raw, categories, strict=True) if c.lane == lane) for lane in LANES}
    return categories, [LANES[c.lane] * r / of_lane[c.lane] for r, c in zip(raw, categories, strict=True)]


def _objects_by_category(city: City, rng: random.Random) -> dict[str, list[CityObject]]:
    """The city's objects in a drawn order, without those that no leaf grid owns."""
    objects = list(city.objects.values())
    owned = scatter.owned_by_a_grid(city, [scatter.rounded((o.lon, o.lat)) for o in objects])
    found: dict[str, list[CityObject]] = {}
    for thing, is_owned in zip(objects, owned, strict=True):
        if is_owned:
            found.setdefault(thing.category_key, []).append(thing)
    for standing in found.values():
        rng.shuffle(standing)
    return found


def _reporters(rng: random.Random) -> int:
    number = 1
    while number < 12 and rng.random() < _SEEN_AGAIN:
        number += 1
    return number


def _time(rng: random.Random) -> float:
    hour = rng.choices(range(24), PROFILE)[0]
    return (hour + rng.random()) * 3600.0


def _reports(city: City, thing: _Thing, midnight: datetime, rng: random.Random) -> Iterator[Report]:
    at = thing.at
    # Two of them may stand on opposite sides: within a third of the radius they are still near enough to each other.
    points = [scatter.near(thing.point, thing.category.join_radius_m / 3, rng) for _ in range(thing.reporters)]
    owned = scatter.owned_by_a_grid(city, points)
    for number, (point, is_owned) in enumerate(zip(points, owned, strict=True)):
        body = _body(city, thing, point if is_owned and number else thing.point, rng)
        observed = midnight + timedelta(seconds=at)
        body = {"id": _client_id(observed, rng), **body, "observed_at": observed.isoformat(timespec="milliseconds")}
        keyed = not (city.anonymous_reports and rng.random() < _ANONYMOUS)
        bulk = keyed and rng.random() < _BULK
        # Of what the reporter says, not of the thing: a word that the city does not know has a lane of its own.
        lane = city.lane(body["category"]).label
        yield Report(at, body["id"], body, keyed, bulk, Turn.AGAIN if number else Turn.FIRST, lane)
        at = min(at + rng.expovariate(1 / _SEEN_AGAIN_S), DAY_S - 1)


def _body(city: City, thing: _Thing, point: Point, rng: random.Random) -> dict[str, Any]:
    said = rng.choice(phrases.words(thing.category))
    chinese = phrases.is_chinese(said)
    body: dict[str, Any] = {"category": said, "text": phrases.text(thing.category, chinese, rng)}
    if rng.random() < _UNHEARD_OF:
        body["category"] = phrases.UNHEARD_OF[0 if chinese else 1]
    if city.no_position_grid is None or rng.random() >= _NO_POSITION:
        accuracy = round(rng.uniform(2, 12), 1)
        body["place"] = {"lon": point[0], "lat": point[1], "accuracy_m": accuracy}
        body["place"]["address"] = phrases.address(chinese, rng)
    if thing.object_id and rng.random() < 0.5:
        body["object_id"] = thing.object_id
    if rng.random() < _CONTACT:
        body["contact"] = phrases.contact(rng)
    return body


def _sent_again(report: Report, rng: random.Random) -> Iterator[Report]:
    """What a client that saw no answer, or thought better of its text, sends under the same id."""
    chance = rng.random()
    at = min(report.at + rng.uniform(20, 300), DAY_S - 1)
    if chance < _REPEATED:
        yield Report(at, report.id, report.body, report.keyed, False, Turn.REPEAT, report.lane)
    elif chance < _REPEATED + _CHANGED and report.keyed:  # an anonymous id covers the text: it would be a new report
        more = phrases.MORE_ZH if phrases.is_chinese(report.body["category"]) else phrases.MORE_EN
        body = {**report.body, "text": report.body["text"] + more}
        yield Report(at, report.id, body, True, False, Turn.CHANGED, report.lane)


def _client_id(observed: datetime, rng: random.Random) -> str:
    """A UUIDv7 of the time it was seen."""
    tail = rng.getrandbits(74)
    h = f"{int(observed.timestamp() * 1000):012x}7{tail >> 62:03x}{0x8 | (tail >> 60) & 3:x}{tail & (1 << 60) - 1:015x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
