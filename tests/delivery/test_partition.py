"""A partition's worker by itself."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from aiokafka import TopicPartition

from gewu.runtime import partition
from gewu.runtime.partition import Worker


async def test_a_partition_that_is_given_up_does_not_come_back_for_a_rollback_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def deliver(_: Any) -> None:
        try:
            await asyncio.sleep(3600.0)
        except asyncio.CancelledError:
            raise ConnectionResetError("the rollback met a lost connection") from None

    monkeypatch.setattr(partition, "_END_S", 0.01)
    consumer, means = MagicMock(), MagicMock()
    worker: Worker[Any] = Worker(TopicPartition("t", 0), consumer, MagicMock(), means, {})
    monkeypatch.setattr(worker._settler, "deliver", deliver)
    worker._settler.position, worker._open = 0, True
    await worker.submit([SimpleNamespace(offset=0, timestamp=0)])  # type: ignore[list-item]
    await asyncio.sleep(0)
    async with asyncio.timeout(5.0):
        await worker.end()
    consumer.pause.assert_not_called()
    assert worker.stalled is None
