"""One bad record at each place of a batch of 500: it alone is parked, and every other one is written in its order."""

import os
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from gewu.runtime.settle import Settler
from gewu.topics import Topic

SIZE = 500


def _record(topic: str, offset: int, value: bytes | None) -> Any:
    return SimpleNamespace(
        topic=topic,
        partition=0,
        offset=offset,
        key=b"k",
        value=value,
        headers=(("h", b"\xff"), ("n", None)),
        timestamp=0,
    )


@pytest.mark.parametrize("kind", ["undecodable", "without a value", "refused by the database", "with a NUL"])
async def test_only_the_bad_one_is_parked_at_each_place(topic: Topic, read: Any, kind: str) -> None:
    bad = {"undecodable": b"bad", "without a value": None, "with a NUL": b"a\x00b"}.get(kind, b"refuse")
    reader = await read([topic.name])
    await reader.until_position(0)
    means = reader.delivery._means
    settler: Settler[bytes] = Settler(TopicPartition(topic.name, 0), reader.effects, means, {})
    settler.position = 0
    # Bisecting costs some twenty transactions a place: ten rounds of `make trouble` look at all, `make test` at every seventh.
    part, _, parts = os.environ.get("GEWU_EVERY_PLACE", "").partition("/")
    quick = range(SIZE) if kind in ("undecodable", "without a value") else [*range(0, SIZE, 7), SIZE - 1]
    places = range(int(part), SIZE, int(parts)) if parts else quick
    offset = 0
    for place in places:
        await settler.deliver(
            [_record(topic.name, offset + n, bad if n == place else b"v%03d" % n) for n in range(SIZE)]
        )
        offset += SIZE
        assert settler.position == offset
    rows = await reader.pool.fetch("SELECT value FROM rows ORDER BY n")
    written = [r["value"] for r in rows]
    for n, place in enumerate(places):
        own = written[n * (SIZE - 1) : (n + 1) * (SIZE - 1)]
        assert own == [f"v{i:03}" for i in range(SIZE) if i != place], place
    (books,) = await reader.books()
    assert books.outcomes["parked"] == len(places) and books.next_offset == offset
