"""What intake knows of a report beside its words, and that many together come to what each would by itself."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import shapely

from gewu import topics
from gewu.city import City, load
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu.runtime.keys import Key
from gewu.runtime.link import Links
from gewu.runtime.producer import Fault, Overloaded, TooLarge, Unknown
from gewu.v1.signal_pb2 import Signal
from gewu_intake import handlers as module
from gewu_intake.domain.admission import Admission, Limits
from gewu_intake.handlers import Handlers
from gewu_intake.request import Accepted, Answer, Rejected, Unsaid
from tests.support.building import NOW

KEY = Key("test", "", ("report",))


class Log:
    """A producer that acknowledges at once, unless it is told what to answer."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int, bytes, Signal]] = []
        self.faults: dict[str, Fault] = {}  # by the client's id
        self.calls: list[tuple[str, int]] = []

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        self.calls.append((topic, partition))
        signals = [Signal.FromString(value) for _, value, _ in records]
        faults = [self.faults.get(signal.client_id) for signal in signals]
        self.said += [
            (topic, partition, key, s) for (key, _, _), s, f in zip(records, signals, faults, strict=True) if f is None
        ]
        if any(faults):
            for n, fault in enumerate(faults):
                done(n, n + 1, fault)
        else:
            done(0, len(records), None)


class Broken(Log):
    """A producer with a bug in one partition."""

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them, or nothing."""
        if partition == 3:
            raise RuntimeError("planted")
        super().append(topic, partition, records, done)


@pytest.fixture(scope="module")
def city(demo: Path) -> City:
    """The demo city, each grid of which is an area of its own."""
    loaded = load(demo)
    return replace(loaded, grids=tuple(replace(grid, path=(grid.id,)) for grid in loaded.grids))


def bodies(city: City, count: int) -> list[bytes]:
    """Reports all over the city and around it, some without a position."""
    rng, box = Random(5), shapely.total_bounds(city.owners.shapes).tolist()
    found = []
    for n in range(count):
        said: dict[str, Any] = {"id": f"n{n}", "category": "manhole"}
        if n % 7:
            said["place"] = {"lon": rng.uniform(box[0], box[2]), "lat": rng.uniform(box[1], box[3])}
        found.append(msgspec.json.encode(said))
    return found


async def taken(city: City, lines: list[bytes], log: Log | None = None) -> tuple[Log, list[Answer]]:
    """What the log and the clients got of one batch."""
    log, answers = log or Log(), []
    handlers(city, log).on_lines(lines, KEY, answers.extend)
    await asyncio.sleep(0)
    return log, answers


def handlers(city: City, log: Log) -> Handlers:
    """Those of this city, whose lanes all have this log."""
    clock: Any = SimpleNamespace(now=lambda: NOW)
    return Handlers(
        city, dict.fromkeys(Lane, log), clock, Links(b"s" * 32), None, Admission(Limits()), References(b"s" * 32)
    )


async def test_many_together_come_to_what_each_would_by_itself(city: City) -> None:
    lines = bodies(city, 400)
    assert len(lines) > module._FEW
    log, answers = await taken(city, lines)
    alone = [await taken(city, [line]) for line in lines]
    assert answers == [a for _, (a,) in alone]
    assert len(log.calls) == len({*log.calls}) > 3, "those of one partition together"
    for place in log.calls:  # and there in the order of the lines
        own = [said for said in log.said if said[:2] == place]
        assert own == [said for one, _ in alone for said in one.said if said[:2] == place]
    assert {type(a) for a in answers} == {Accepted, Rejected}


async def test_requests_of_one_turn_are_taken_together_and_answered_each_for_itself(city: City) -> None:
    lines = bodies(city, 120)
    log = Log()
    answers: dict[str, Any] = {}
    doors = handlers(city, log)
    doors.on_lines(lines[:50], KEY, partial(answers.__setitem__, "first"))
    doors.on_report(lines[50], KEY, partial(answers.__setitem__, "one"))
    doors.on_lines(lines[51:], KEY, partial(answers.__setitem__, "last"))
    assert not answers and not log.said, "they wait for the turn's end"
    await asyncio.sleep(0)
    _, alone = await taken(city, lines)
    assert [*answers["first"], *answers["one"], *answers["last"]] == alone
    assert len(log.calls) == len({*log.calls}), "one call a partition for all of them"
    assert [s.client_id for *_, s in sorted(log.said, key=lambda said: int(said[3].client_id[1:]))] == [
        a.id for a in alone if isinstance(a, Accepted)
    ]


async def test_a_turn_that_brings_much_is_not_kept_whole(city: City) -> None:
    log, answers = Log(), []
    handlers(city, log).on_lines(bodies(city, module.TOGETHER), KEY, answers.extend)
    assert len(answers) == module.TOGETHER
    await asyncio.sleep(0)
    assert len(answers) == module.TOGETHER


async def test_a_reports_area_is_that_of_its_grid_and_without_a_position_that_of_the_grid_for_such(city: City) -> None:
    log, _ = await taken(city, bodies(city, 200))
    areas = set()
    for topic, partition, key, signal in log.said:
        grid = city.grid_at(signal.point.lon, signal.point.lat) if signal.HasField("point") else None
        wanted = (grid or city.grid(city.no_position_grid or "")).path[0]
        assert signal.home_area == wanted and topic == topics.signals(Lane(signal.lane))
        class_, *area = key.decode().rsplit(":", 2)
        at = topics.area(signal.point.lon, signal.point.lat)
        of_area = topics.area_partition(class_, at, 6) if area else None
        assert partition == (topics.partition(key.decode(), 6) if of_area is None else of_area)
        areas.add(wanted)
    assert len(areas) > 20


async def test_what_a_producer_will_not_take_is_answered_in_its_place(city: City) -> None:
    grid = city.owners.shapes[0].representative_point()
    lines = [
        msgspec.json.encode({"id": f"n{n}", "category": "manhole", "place": {"lon": grid.x, "lat": grid.y}})
        for n in range(6)
    ]
    log = Log()
    log.faults = {"n1": Overloaded("full"), "n3": TooLarge("long"), "n4": Unknown("no ack")}
    _, answers = await taken(city, lines, log)
    assert [type(a) for a in answers] == [Accepted, Unsaid, Accepted, Rejected, Unsaid, Accepted]
    assert [(a.id, a.unknown) for a in answers if isinstance(a, Unsaid)] == [("n1", False), ("n4", True)]
    assert [a.id for a in answers if isinstance(a, Accepted)] == ["n0", "n2", "n5"]


async def test_a_bug_that_one_partition_meets_is_answered_and_spoils_no_other(city: City) -> None:
    lines = bodies(city, 200)
    log, answers = await taken(city, lines, Broken())
    _, whole = await taken(city, lines)
    assert {partition for _, partition, _, _ in log.said} == {0, 1, 2, 4, 5}
    wrong = [(a, w) for a, w in zip(answers, whole, strict=True) if a != w]
    assert wrong and all(isinstance(w, Accepted) for _, w in wrong)
    assert {(type(a), a.unknown, a.why) for a, _ in wrong} == {(Unsaid, True, "a fault of ours")}
    assert len(log.said) + len(wrong) == sum(isinstance(w, Accepted) for w in whole)


async def test_a_client_whose_answer_meets_a_bug_costs_no_other_its_own(city: City) -> None:
    def broken(_: list[Answer]) -> None:
        raise RuntimeError("planted")

    grid = city.owners.shapes[0].representative_point()
    body = msgspec.json.encode({"category": "manhole", "place": {"lon": grid.x, "lat": grid.y}})
    log, answers = Log(), []
    doors = handlers(city, log)
    for answer in (answers.extend, broken, answers.extend):  # in one turn of the loop, so in one run
        doors.on_report(body, KEY, answer)
    await asyncio.sleep(0)
    assert len(log.calls) == 1 and [type(a) for a in answers] == [Accepted, Accepted]
