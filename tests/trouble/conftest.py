"""A world for the runs of this package; one in which something went wrong is not used again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.trouble.world import World


class Worlds:
    """One world after another."""

    def __init__(self, made: pytest.TempPathFactory, city: Path) -> None:
        self._made, self._city = made, city
        self._world: World | None = None

    async def usable(self) -> World:
        """A world in which all is in order."""
        if self._world is None:
            self._world = World(self._made.mktemp("world"), self._city)
            await self._world.start()
        return self._world

    async def end(self) -> None:
        """Stop this one; the next call of `usable` makes another."""
        world, self._world = self._world, None
        if world:
            await world.stop()


@pytest.fixture(scope="package")
async def worlds(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> AsyncIterator[Worlds]:
    """Worlds for these tests, apart from the stack of the other tests."""
    made = Worlds(tmp_path_factory, demo)
    try:
        yield made
    finally:
        await made.end()
