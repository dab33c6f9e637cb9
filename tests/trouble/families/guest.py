"""A second dispatch inside this process, which joins and leaves the groups without the seconds that a process takes."""

import asyncio
from typing import Any, Self
from unittest import mock

from gewu.lane import Lane
from gewu.runtime.service import Part
from gewu_dispatch import settings
from gewu_dispatch.app import build
from gewu_dispatch.consumers import Consumers
from tests.trouble.world import World

_NEEDED = ("database", "producer desk", "producer parking", "producer relay", "relay")


class Guest:
    """Dispatch's own parts; its consumers come and go as they are told. `owned`: partitions it has right now."""

    def __init__(self, world: World) -> None:
        dispatch = world.stack.services["dispatch"]
        places = {**world.stack.places(), "port": str(dispatch.port), "instance": ""}
        service = build(settings.read(dispatch.component.variables(places)))
        parts = {part.name: part for part in service.parts}
        self._parts: list[Part] = [parts[name] for name in _NEEDED]
        made: Any = parts["consumers"].start
        self._consumers: Consumers = made.__self__

    async def __aenter__(self) -> Self:
        for part in self._parts:
            await part.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for part in reversed(self._parts):
            if part.stop:
                await part.stop()

    @property
    def owned(self) -> int:
        """Partitions that it was given and still has."""
        return sum(delivery.owned() for delivery in self._consumers._deliveries)

    async def visit(self, lane: Lane, seconds: float) -> int:
        """Join a lane's group, stay so long once it let us in, and leave; returns the most partitions that it gave us."""
        all_lanes = Consumers._subscribe

        def only(consumers: Consumers, effects: Any, use: str, *words: Any) -> None:
            # One by one, each of the five groups would take a heartbeat of the first owner to let us in.
            if use == lane.label:
                all_lanes(consumers, effects, use, *words)

        with mock.patch.object(Consumers, "_subscribe", only):
            await self._consumers.start()
        try:
            most, end = 0, asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < end:
                most = max(most, self.owned)
                await asyncio.sleep(0.05)
            return most
        finally:
            await self._consumers.stop()
            self._consumers._deliveries.clear()
