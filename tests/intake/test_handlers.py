"""What intake knows of a report beside its words, and that many together come to what each would by itself."""

from dataclasses import replace
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
from gewu.runtime.keys import Key
from gewu.runtime.link import Links
from gewu.runtime.producer import Overloaded, TooLarge
from gewu.v1.signal_pb2 import Signal
from gewu_intake import handlers as module
from gewu_intake.domain.admission import Admission, Limits
from gewu_intake.handlers import Handlers
from gewu_intake.request import Accepted, Answer, Rejected, Unsaid
from tests.support.building import NOW

KEY = Key("test", "", ("report",))


class Log:
    """A producer that acknowledges at once, unless it is told what to raise."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int, bytes, Signal]] = []
        self.faults: dict[str, Exception] = {}  # by the client's id

    def append(self, topic: str, partition: int, key: bytes, value: bytes, headers: Any, done: Any) -> None:
        """Take it."""
        signal = Signal.FromString(value)
        if fault := self.faults.get(signal.client_id):
            raise fault
        self.said.append((topic, partition, key, signal))
        done(None)


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


def taken(city: City, lines: list[bytes], log: Log | None = None) -> tuple[Log, list[Answer]]:
    """What the log and the clients got of one batch."""
    log, answers = log or Log(), []
    clock: Any = SimpleNamespace(now=lambda: NOW)
    Handlers(city, dict.fromkeys(Lane, log), clock, Links(b"s" * 32), None, Admission(Limits())).on_lines(
        lines, KEY, answers.extend
    )
    return log, answers


def test_many_together_come_to_what_each_would_by_itself(city: City) -> None:
    lines = bodies(city, 400)
    assert len(lines) > module._FEW
    log, answers = taken(city, lines)
    alone = [taken(city, [line]) for line in lines]
    assert answers == [a for _, (a,) in alone]
    assert log.said == [said for one, _ in alone for said in one.said]
    assert {type(a) for a in answers} == {Accepted, Rejected}


def test_a_reports_area_is_that_of_its_grid_and_without_a_position_that_of_the_grid_for_such(city: City) -> None:
    log, _ = taken(city, bodies(city, 200))
    areas = set()
    for topic, partition, key, signal in log.said:
        grid = city.grid_at(signal.point.lon, signal.point.lat) if signal.HasField("point") else None
        wanted = (grid or city.grid(city.no_position_grid or "")).path[0]
        assert signal.home_area == wanted and topic == topics.signals(Lane(signal.lane))
        assert partition == topics.partition(key.decode(), 6)
        areas.add(wanted)
    assert len(areas) > 20


def test_what_a_producer_will_not_take_is_answered_in_its_place(city: City) -> None:
    grid = city.owners.shapes[0].representative_point()
    lines = [
        msgspec.json.encode({"id": f"n{n}", "category": "manhole", "place": {"lon": grid.x, "lat": grid.y}})
        for n in range(6)
    ]
    log = Log()
    log.faults = {"n1": Overloaded("full"), "n3": TooLarge("long"), "n4": RuntimeError("planted")}
    _, answers = taken(city, lines, log)
    assert [type(a) for a in answers] == [Accepted, Unsaid, Accepted, Rejected, Unsaid, Accepted]
    assert [(a.id, a.unknown) for a in answers if isinstance(a, Unsaid)] == [("n1", False), ("n4", True)]
    assert [a.id for a in answers if isinstance(a, Accepted)] == ["n0", "n2", "n5"]
