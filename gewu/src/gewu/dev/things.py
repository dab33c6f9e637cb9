"""What there is to see in a made-up day: things of a class at a place and a time, with how many people report each."""

import random
from dataclasses import dataclass

from gewu.city import Category, City, CityObject
from gewu.dev import scatter
from gewu.dev.scatter import Point

# Things an hour from midnight on, as shares: a morning peak, a dip at noon, the afternoon, people on their way home.
PROFILE = (4, 3, 2, 2, 3, 6, 14, 32, 52, 58, 50, 42, 28, 34, 48, 54, 52, 46, 38, 30, 24, 18, 12, 7)
# Shares of the lanes; which category within a lane comes often is the city's own, drawn once from its id.
LANES = {"p0": 0.01, "p1": 0.21, "p2": 0.72, "p3": 0.06}

_SEEN_AGAIN = 0.33  # chance of one more reporter; the mean is 1.5 reports a thing
_SEEN_AGAIN_S = 1500.0  # mean time until the next one reports it
_MOST = 12
_AT_OBJECT = 0.5  # of things of a component class


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing, seen first `at` seconds after midnight; `every_s`: mean time until the next person reports it."""

    at: float
    category: Category
    point: Point
    object_id: str
    reporters: int
    every_s: float = _SEEN_AGAIN_S


def draw(city: City, rng: random.Random, reports: int) -> list[Thing]:
    """Things of an ordinary day that are reported about so many times."""
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
        found.append(Thing(_time(rng), category, point, thing.id if thing else "", reporters))
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
    while number < _MOST and rng.random() < _SEEN_AGAIN:
        number += 1
    return number


def _time(rng: random.Random) -> float:
    hour = rng.choices(range(24), PROFILE)[0]
    return (hour + rng.random()) * 3600.0
