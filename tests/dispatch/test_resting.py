"""Old open cases leave joining's index: none that a signal could join does, and one that is joined at that moment comes back."""

from itertools import pairwise
from typing import Any

import pytest

from gewu.city import City
from gewu.clock import HOUR
from gewu_dispatch.domain import joining, resting
from gewu_dispatch.domain.case import Signal
from gewu_dispatch.handlers.resting import Resting
from gewu_dispatch.store import cases
from tests.dispatch.conftest import Desk
from tests.support.building import HERE, NOW_US, a_signal, moved

COVER = "component:01001"


def a_cover(at: tuple[float, float] = HERE, **words: Any) -> Signal:
    """A report of a manhole's cover."""
    return a_signal(said="water manhole", lon=at[0], lat=at[1], **words)


async def aged(desk: Desk, hours: float) -> None:
    """All cases had their last signal so long ago."""
    await desk.pool.execute(
        "UPDATE cases SET last_signal_at = last_signal_at - make_interval(secs => $1)", hours * 3600.0
    )


def window(city: City) -> int:
    """Hours within which that class joins."""
    return city.categories[COVER].join_within_h


async def test_what_no_signal_can_join_any_more_rests_and_stays_open(desk: Desk, city: City) -> None:
    other = moved(*HERE, 500.0)
    await desk.take(a_cover(), a_cover(exercise=True))
    await aged(desk, window(city) + 48 + 1)
    await desk.take(a_cover(other))
    assert await Resting(city, desk.clock).look(desk.pool) == 2, "the drill as well, and not the one of today"
    rows = await desk.rows("cases", "opened_at")
    assert sorted(row["near"] is None for row in rows) == [False, True, True] and {row["state"] for row in rows} == {4}
    assert await Resting(city, desk.clock).look(desk.pool) == 0
    assert await desk.take(a_cover(), a_cover(other)) == {"opened": 1, "joined": 1}


async def test_what_a_late_signal_may_still_join_does_not_rest(desk: Desk, city: City) -> None:
    await desk.take(a_cover())
    await aged(desk, window(city) + 47)
    assert await Resting(city, desk.clock).look(desk.pool) == 0
    late = NOW_US - 47 * HOUR
    assert await desk.take(a_cover(received_at=late)) == {"joined": 1}


async def test_a_case_that_rests_while_it_is_joined_comes_back(
    desk: Desk, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.take(a_cover())
    (before,) = await desk.rows("cases")
    look = cases.candidates

    async def then_rests(*words: Any) -> Any:
        found = await look(*words)
        await desk.pool.execute("UPDATE cases SET near = NULL")
        return found

    monkeypatch.setattr(cases, "candidates", then_rests)
    assert await desk.take(a_cover()) == {"joined": 1}
    monkeypatch.undo()
    assert (await desk.case())["near"] == before["near"] is not None
    assert await desk.take(a_cover()) == {"joined": 1}


async def test_who_is_held_by_somebody_is_passed_by(desk: Desk, city: City) -> None:
    await desk.take(a_cover())
    await aged(desk, window(city) + 49)
    async with desk.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM cases FOR UPDATE")
        assert await Resting(city, desk.clock).look(desk.pool) == 0
    assert await Resting(city, desk.clock).look(desk.pool) == 1


def test_the_numbers_of_every_class_are_looked_at_and_of_two_with_the_same_the_longer_time(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = resting.spans(city.categories.values(), NOW_US)
    assert len(spans) == 2 * len(city.categories), "a drill is a class of its own"
    assert all(end <= first for (_, end, _), (first, _, _) in pairwise(spans))
    short, long = (min(city.categories.values(), key=lambda c, s=s: s * c.join_within_h) for s in (1, -1))
    monkeypatch.setattr(joining, "near_span", lambda *_: (0, 1))
    (only,) = resting.spans([short, long], NOW_US)
    assert only == (0, 1, NOW_US - long.join_within_h * HOUR - resting.LATE_US)
    assert not resting.rests(long, only[2], NOW_US) and resting.rests(long, only[2] - 1, NOW_US)
