"""How a process comes into its groups."""

import asyncio
from typing import Any

import pytest

from gewu.runtime import subscribe


class Broker:
    """As much of a broker as starts: its groups let nobody in before all have asked."""

    def __init__(self, groups: int, fault: Exception | None = None) -> None:
        self.fault, self.connected, self.running = fault, False, False
        self._door = asyncio.Barrier(groups)
        self.subscribers = [self] * groups

    async def connect(self) -> None:
        """Reach Kafka."""
        self.connected = True

    async def start(self) -> None:
        """One group, which needs the others to be asked at the same time."""
        assert self.connected
        await self._door.wait()
        if self.fault:
            raise self.fault


async def test_all_groups_are_asked_at_once() -> None:
    broker: Any = Broker(5)
    async with asyncio.timeout(5):
        await subscribe.start(broker)
    assert broker.running


async def test_a_group_that_lets_nobody_in_is_told_and_the_broker_can_be_stopped() -> None:
    broker: Any = Broker(5, ConnectionError("planted"))
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionError, match="planted"):
            await subscribe.start(broker)
    assert broker.running
