"""A city's tables filled with made-up open cases, so that what is measured stands on a city's size."""

import random
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

from gewu.city import City
from gewu.dev import scatter
from gewu.runtime import migrate

_AT_ONCE = 20_000


class NoService(Exception):
    """The cases' own service is not installed here."""


async def open_cases(connection: Any, city: City, count: int, seed: int = 1) -> AsyncIterator[int]:
    """Write so many open cases inside the city's grids; yields how many stand, as it goes on.

    `connection` is the database owner's, to dispatch's schema. ValueError where there are cases already.
    """
    package = migrate.schemas().get("dispatch")
    if package is None:
        raise NoService("dispatch is not installed beside this command: pip install gewu-dispatch")
    seeded = import_module(f"{package}.store.seeded")
    try:
        async for done in seeded.open_cases(connection, city, _points(city, count, seed), count):
            yield done
    except seeded.NotEmpty:
        raise ValueError("this database holds cases already") from None


def _points(city: City, count: int, seed: int) -> Iterator[list[scatter.Point]]:
    rng = random.Random(f"{city.id} {seed}")
    for start in range(0, count, _AT_ONCE):
        yield scatter.inside(city, rng, min(_AT_ONCE, count - start))
