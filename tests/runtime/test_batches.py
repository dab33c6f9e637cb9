"""A batch filled at once is what the client library makes of its records one by one."""

import time
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from gewu.runtime.batches import Builder

SIZE = 2000
RECORDS = [(b"k%d" % n, b"v" * n, [("ce_id", b"%d" % n)]) for n in range(200)]


@pytest.fixture(autouse=True)
def _same_time(monkeypatch: Any) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.25)


def one_by_one(first: int) -> tuple[int, bytes]:
    """How far RECORDS from the first one on have room, and their batch."""
    builder, upto = BatchBuilder(SIZE, 0), first
    for key, value, headers in RECORDS[first:]:
        if builder.append(timestamp=1_700_000_000_250, key=key, value=value, headers=headers) is None:
            break
        upto += 1
    return upto, bytes(builder._build())


@pytest.mark.parametrize("parts", [[200], [1, 2, 200], [0, 10, 10, 200]])
def test_it_holds_what_has_room_to_the_byte(parts: list[int]) -> None:
    builder, upto = Builder(SIZE, 0), 0
    for end in parts:
        upto = builder.take(RECORDS, upto, end)
    full, batch = one_by_one(0)
    assert upto == full == builder.record_count() and 10 < full < 200 and builder.closed()
    assert builder.take(RECORDS, upto, 200) == upto, "a full one takes no more"
    assert bytes(builder._build()) == batch


def test_an_empty_one_takes_a_record_of_any_size() -> None:
    assert Builder(100, 0).take([(b"k", b"v" * 999, [])] * 2, 0, 2) == 1


def test_what_stands_before_one_that_is_no_record_counts() -> None:
    builder = Builder(SIZE, 0)
    with pytest.raises(TypeError):
        builder.take([RECORDS[0], (b"k", "v", []), RECORDS[2]], 0, 3)
    assert builder.record_count() == 1 and builder.take(RECORDS, 1, 2) == 2
