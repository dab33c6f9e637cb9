"""What a settler keeps of batches that it is done with: nothing."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from gewu.errors import Never, Why
from gewu.runtime.settle import Settler


class _Record:
    def __init__(self, offset: int) -> None:
        self.offset = offset


class _Picky:
    at_most = 500

    def decode(self, record: Any) -> Any:
        if record.offset % 10 == 5:
            raise Never(Why.BAD_FIELD, "not this one")
        return record


async def test_a_record_that_is_parked_keeps_nothing_of_its_batch_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    means: Any = SimpleNamespace(parking_limit=1000)
    settler: Settler[Any] = Settler(TopicPartition("t", 0), _Picky(), means, {})

    async def settled(entries: Any) -> None:
        assert sum(e.never is not None for e in entries) == 10

    monkeypatch.setattr(settler, "_settle", settled)
    alive: weakref.WeakSet[_Record] = weakref.WeakSet()
    for batch in range(3):
        records: list[Any] = [_Record(100 * batch + n) for n in range(100)]
        for record in records:
            alive.add(record)
        await settler.deliver(records)
        del records, record
    gc.collect()  # an exception holds the frame that holds the entry that holds it
    assert not alive
