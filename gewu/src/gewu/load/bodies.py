"""Reports in bulk for one city: classes in a mix of lanes, places inside its grids, put together from ready pieces."""

import random
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from gewu import ids
from gewu.city import Category, City
from gewu.dev import phrases, scatter

_PLACES = 20_000
_encode = msgspec.json.encode


class Body(NamedTuple):
    """A report: its id, the lane in which the city takes it, and the JSON document on one line."""

    id: str
    lane: str
    line: bytes


class NoSuchLane(Exception):
    """The mix asks for a lane in which the city has no class."""


class Bodies:
    """Draws reports. Places and texts are drawn once: thousands of reports a second must cost the machine little."""

    def __init__(self, city: City, lanes: Mapping[str, float], seed: int) -> None:
        self._dice = random.Random(f"{city.id} {seed}")
        by_lane: dict[str, list[Category]] = {}
        for category in sorted(city.categories.values(), key=lambda category: category.key):
            by_lane.setdefault(category.lane, []).append(category)
        wanted = {lane: share for lane, share in lanes.items() if share > 0}
        if lacking := sorted(set(wanted) - set(by_lane)):
            raise NoSuchLane(f"{city.id} has no class in {', '.join(lacking)}: leave it out of the mix")
        # A word that two classes share may lead to another lane: what counts is where the city takes the word.
        self._said: list[tuple[str, bytes]] = []
        shares: list[float] = []
        for lane, share in wanted.items():
            for category in by_lane[lane]:
                pieces = _pieces(city, category, self._dice)
                self._said += pieces
                shares += [share / len(by_lane[lane]) / len(pieces)] * len(pieces)
        self._reach = [*accumulate(shares)]
        self._places = [_encode({"lon": lon, "lat": lat}) for lon, lat in scatter.inside(city, self._dice, _PLACES)]

    def draw(self, count: int) -> list[Body]:
        """So many reports, each with an id of its own."""
        random, total, last, found = self._dice.random, self._reach[-1], len(self._said) - 1, []
        for id in ids.new_client_ids(count):
            lane, said = self._said[bisect_right(self._reach, random() * total, 0, last)]
            place = self._places[int(random() * _PLACES)]
            found.append(Body(id, lane, b'{"id":"%b",%b,"place":%b}' % (id.encode(), said, place)))
        return found


def _pieces(city: City, category: Category, dice: random.Random) -> list[tuple[str, bytes]]:
    """Each way to name the class, as its lane and the middle of a JSON object."""
    found = []
    for word in phrases.words(category):
        said: dict[str, Any] = {"category": word, "text": phrases.text(category, phrases.is_chinese(word), dice)}
        found.append((city.lane(word).label, _encode(said)[1:-1]))
    return found
