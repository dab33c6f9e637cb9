"""How a poll's records are handed over: as one, and held by nobody else."""

import gc
import weakref
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from gewu.runtime import lenient
from gewu.runtime.record import Records, whole


class _Held:
    """Something in a record's place that can be watched."""

    def __init__(self, offset: int) -> None:
        self.offset = offset


async def test_a_polls_records_are_taken_once_and_nothing_of_the_poll_holds_them() -> None:
    place, most = TopicPartition("t", 3), []

    async def poll(*places: TopicPartition, **words: Any) -> dict[TopicPartition, list[Any]]:
        most.append((places, words))
        return {place: [_Held(n) for n in range(5)]}

    found = await whole(poll)(place, timeout_ms=0, max_records=5)
    assert most == [((place,), {"timeout_ms": 0, "max_records": 5})]
    (polled,) = held_by_the_library = tuple(found[place])
    assert (polled.topic, polled.partition) == place
    taken = polled.take()
    assert [r.offset for r in taken] == list(range(5)) and polled.take() == []
    alive = weakref.WeakSet(taken)
    del taken
    gc.collect()
    assert held_by_the_library and not alive, "the library's loop holds its tuple until the next poll has come"


def test_what_is_consumed_is_made_of_what_is_asked_for() -> None:
    lenient.install()
    assert fetcher.PartitionRecords is Records
