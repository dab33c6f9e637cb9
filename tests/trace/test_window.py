"""How far a trace looks."""

from datetime import UTC, datetime, timedelta

import pytest

from gewu import ids
from gewu.trace.window import MARGIN, Window, around, merged, time_of

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_windows_that_touch_are_one_and_no_time_is_read_twice() -> None:
    found = merged([around(NOW + n * HOUR, timedelta(minutes=30)) for n in (3, 0, 0.5, 1, 3.2)])
    assert found == [
        Window(NOW - MARGIN, NOW + 1.5 * HOUR),
        Window(NOW + 3 * HOUR - MARGIN, NOW + 3.7 * HOUR),
    ]
    assert merged([]) == []


def test_a_window_within_another_does_not_end_it() -> None:
    assert merged([Window(NOW, NOW + 3 * HOUR), Window(NOW + HOUR, NOW + 2 * HOUR)]) == [Window(NOW, NOW + 3 * HOUR)]


def _id(at: datetime) -> str:
    head = f"{int(at.timestamp() * 1000):012x}"
    return ids.signal_id("key:x", f"{head[:8]}-{head[8:]}-7abc-8abc-0123456789ab")


@pytest.mark.parametrize(("age", "known"), [(0, True), (7, True), (9, False), (-0.5, True), (-2, False)])
def test_an_ids_time_counts_only_where_the_log_can_have_it(age: float, known: bool) -> None:
    at = NOW - timedelta(days=age)
    assert time_of(_id(at), NOW) == (at if known else None)


def test_an_id_that_is_no_time_is_none() -> None:
    assert time_of(ids.signal_id("key:x", "what a client chose"), NOW) is None
    assert time_of("ffffffff-ffff-8fff-bfff-ffffffffffff", NOW) is None
