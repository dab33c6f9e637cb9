"""A made-up day of a city: how what is seen is reported, and when; a storm at noon included.

Nothing here is sent. The same city, day and seed give the same reports, down to the byte.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gewu.city import City
from gewu.dev import phrases, scatter, storm, things
from gewu.dev.scatter import Point
from gewu.dev.things import Thing

REPORTS = 20_000
DAY_S = 86_400.0

_IN_STORM = 0.08  # share of the day's reports
_REPEATED, _CHANGED = 0.015, 0.003  # a client sends again: the same, or another text under the same id
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


def draw(city: City, midnight: datetime, seed: int, count: int = REPORTS) -> list[Report]:
    """About `count` reports of the day that starts at `midnight` (aware), in the order of their times."""
    if midnight.tzinfo is None:
        raise ValueError("midnight needs a time zone")
    rng = random.Random(f"{city.id} {seed}")
    first_said = round(count * (1 - _REPEATED - _CHANGED))
    in_storm = storm.draw(city, rng, round(first_said * _IN_STORM))
    seen = [*things.draw(city, rng, first_said - sum(t.reporters for t in in_storm)), *in_storm]
    reports = [report for thing in seen for report in _reports(city, thing, midnight, rng)]
    reports += [again for report in reports for again in _sent_again(report, rng)]
    return sorted(reports, key=lambda report: (report.at, report.id, report.turn))


def _reports(city: City, thing: Thing, midnight: datetime, rng: random.Random) -> Iterator[Report]:
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
        at = min(at + rng.expovariate(1 / thing.every_s), DAY_S - 1)


def _body(city: City, thing: Thing, point: Point, rng: random.Random) -> dict[str, Any]:
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
