"""Where a city's made-up open cases are, so that what is measured stands on a city's size."""

import random
from collections.abc import Iterator

from gewu.city import City
from gewu.dev import scatter

_AT_ONCE = 20_000


def points(city: City, count: int, seed: int = 1) -> Iterator[list[scatter.Point]]:
    """So many points inside the city's grids, in helpings."""
    rng = random.Random(f"{city.id} {seed}")
    for start in range(0, count, _AT_ONCE):
        yield scatter.inside(city, rng, min(_AT_ONCE, count - start))
