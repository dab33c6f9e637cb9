"""Old open cases move out of joining's way: none that a signal could join, and one that is joined meanwhile comes back."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from gewu.city import City
from gewu.clock import HOUR
from gewu.dev.stack import Stack
from gewu_dispatch import settings
from gewu_dispatch.app import build
from gewu_dispatch.domain import joining, resting
from gewu_dispatch.domain.case import Signal
from gewu_dispatch.handlers import resting as handler
from gewu_dispatch.handlers.resting import Resting
from gewu_dispatch.store import cases
from gewu_dispatch.store.resting import LATE_US
from tests.dispatch.conftest import Desk
from tests.support.building import HERE, NOW_US, a_signal, moved

COVER = "component:01001"
LATE_H = LATE_US // HOUR


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
    await aged(desk, window(city) + LATE_H + 1)
    await desk.take(a_cover(other))
    assert await Resting(city, desk.clock).look(desk.pool) == 2, "the drill as well, and not the one of today"
    rows = await desk.rows("cases", "opened_at")
    assert sorted(row["near"] is None for row in rows) == [False, True, True] and {row["state"] for row in rows} == {4}
    assert await Resting(city, desk.clock).look(desk.pool) == 0
    assert await desk.take(a_cover(), a_cover(other)) == {"opened": 1, "joined": 1}


async def test_what_a_late_signal_may_still_join_does_not_rest(desk: Desk, city: City) -> None:
    await desk.take(a_cover())
    await aged(desk, window(city) + LATE_H - 1)
    assert await Resting(city, desk.clock).look(desk.pool) == 0
    late = NOW_US - (LATE_H - 1) * HOUR
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
    await aged(desk, window(city) + LATE_H + 1)
    async with desk.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM cases FOR UPDATE")
        assert await Resting(city, desk.clock).look(desk.pool) == 0
    assert await Resting(city, desk.clock).look(desk.pool) == 1


def test_the_numbers_of_every_class_are_looked_at_and_of_two_with_the_same_the_longer_time(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = resting.spans(city.categories.values(), NOW_US, LATE_US)
    assert len(spans) == 2 * len(city.categories), "a drill is a class of its own"
    assert all(end <= first for (_, end, _), (first, _, _) in pairwise(spans))
    short, long = (min(city.categories.values(), key=lambda c, s=s: s * c.join_within_h) for s in (1, -1))
    monkeypatch.setattr(joining, "near_span", lambda *_: (0, 1))
    (only,) = resting.spans([short, long], NOW_US, LATE_US)
    assert only == (0, 1, NOW_US - long.join_within_h * HOUR - LATE_US)
    assert not resting.rests(long, only[2], NOW_US, LATE_US) and resting.rests(long, only[2] - 1, NOW_US, LATE_US)


async def test_a_look_takes_so_many_and_leaves_the_rest_to_the_next(
    desk: Desk, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [moved(*HERE, 300.0 * n) for n in range(5)]
    await desk.take(*(a_cover(place) for place in places))
    await aged(desk, window(city) + LATE_H + 1)
    monkeypatch.setattr(handler, "AT_ONCE", 1)
    monkeypatch.setattr(handler, "MOST", 3)
    assert [await Resting(city, desk.clock).look(desk.pool) for _ in range(3)] == [3, 2, 0]


async def test_it_looks_again_and_again_and_not_at_once(
    desk: Desk, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    await desk.take(a_cover())
    await aged(desk, window(city) + LATE_H + 1)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(handler, "asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(asyncio.CancelledError):
        await Resting(city, desk.clock).run(desk.pool)
    assert all(300 <= s <= 900 for s in slept) and len(slept) == 3
    assert (await desk.case())["near"] is None


async def test_a_dispatch_has_this_among_its_parts(stack: Stack) -> None:
    dispatch = stack.services["dispatch"]
    variables = dispatch.component.variables({**stack.places(), "port": str(dispatch.port), "instance": ""})
    assert "resting" in {part.name for part in build(settings.read(variables)).parts}
