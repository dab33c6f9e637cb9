"""Lights: two cities mean different things by them, and one history shows in each what it must."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu.city import City, Lights, Limit, load
from gewu.city.model import SITUATIONS, Shown
from gewu.clock import HOUR
from gewu_dispatch.domain import deadline
from gewu_dispatch.domain.light import Light, Lighting, Situation, Spell
from tests.support.building import CALENDAR, NOW_US

BOOK = "component:01001"  # two clock hours in the demo city
LIMIT, DAY = 2 * HOUR, 24 * HOUR


def lights(**colours: str) -> Lights:
    """A policy with these lights; `colour+follows` where something follows."""
    shown = {s: (said.partition("+")[0], said.partition("+")[2]) for s, said in colours.items()}
    return Lights(0.8, 48.0, 2, {s: Shown(c, tuple(f.split("+")) if f else ()) for s, (c, f) in shown.items()})


# 沙湾: near is yellow, past the limit red. 宜昌: solved is green, delayed yellow, stuck red; who is red is checked and explains.
# What either says of work that was done late the sources do not tell: here each decided for itself.
SHAWAN = lights(done_in_time="green", done_late="red", not_near="none", near="yellow", overdue="red", stuck="red")
YICHANG = lights(
    done_in_time="green", done_late="yellow", not_near="none", near="none", overdue="yellow", stuck="red+check+explanation",
)  # fmt: skip

# A case of each kind, by how it stands now: begun so long ago, ended so long ago or not at all, given back so often.
HISTORY: dict[str, tuple[Spell, str, Light]] = {
    "done in time": (Spell(BOOK, -5 * HOUR, -3 * HOUR, -4 * HOUR), "green", Light("green", Situation.DONE_IN_TIME)),
    "open and not near": (Spell(BOOK, -HOUR, HOUR, None), "none", Light("none", Situation.NOT_NEAR)),
    "open and near": (Spell(BOOK, -LIMIT * 4 // 5, LIMIT // 5, None), "yellow", Light("none", Situation.NEAR)),
    "open past the limit": (Spell(BOOK, -5 * HOUR, -3 * HOUR, None), "red", Light("yellow", Situation.OVERDUE)),
    "overdue beyond the set time": (
        Spell(BOOK, -3 * DAY, -3 * DAY + LIMIT, None), "red", Light("red", Situation.STUCK, ("check", "explanation")),
    ),
    "returned twice": (
        Spell(BOOK, -HOUR, HOUR, None, returns=2), "red", Light("red", Situation.STUCK, ("check", "explanation")),
    ),
    "done late": (Spell(BOOK, -5 * HOUR, -3 * HOUR, -2 * HOUR), "red", Light("yellow", Situation.DONE_LATE)),
    "without a limit": (Spell(BOOK, -5 * HOUR, None, None), "none", Light("none", Situation.WITHOUT_LIMIT)),
}  # fmt: skip


def since(spell: Spell) -> Spell:
    """The same with instants."""
    due, ended = (at if at is None else NOW_US + at for at in (spell.due, spell.ended))
    return Spell(spell.category, NOW_US + spell.begun, due, ended, spell.returns)


@pytest.fixture(scope="module")
def demo_city(demo: Path) -> City:
    """The demo city."""
    return load(demo)


def lit(city: City, policy: Lights | None) -> Lighting:
    """The city under this policy."""
    return Lighting(replace(city, lights=policy))


@pytest.mark.parametrize("stands", HISTORY)
def test_one_history_under_both_profiles(demo_city: City, stands: str) -> None:
    spell, shawan, yichang = HISTORY[stands]
    assert lit(demo_city, YICHANG).of(since(spell), NOW_US) == yichang
    found = lit(demo_city, SHAWAN).of(since(spell), NOW_US)
    assert found and (found.colour, found.situation, found.follows) == (shawan, yichang.situation, ())


def test_both_profiles_give_exactly_these_lists(demo_city: City) -> None:
    def red(policy: Lights) -> list[str]:
        lighting = lit(demo_city, policy)
        found = {name: lighting.of(since(spell), NOW_US) for name, (spell, *_) in HISTORY.items()}
        return [name for name, light in found.items() if light and light.colour == "red"]

    stuck = ["overdue beyond the set time", "returned twice"]
    assert red(SHAWAN) == ["open past the limit", *stuck, "done late"] and red(YICHANG) == stuck


def test_a_package_without_lights_has_none(demo_city: City) -> None:
    spell = since(HISTORY["open past the limit"][0])
    assert lit(demo_city, None).of(spell, NOW_US) is None and not lit(demo_city, None).are_on


@pytest.mark.parametrize(
    ("now", "stands"),
    [
        (0, Situation.NOT_NEAR), (LIMIT * 4 // 5 - 1, Situation.NOT_NEAR), (LIMIT * 4 // 5, Situation.NEAR),
        (LIMIT, Situation.NEAR), (LIMIT + 1, Situation.OVERDUE), (LIMIT + 48 * HOUR, Situation.OVERDUE),
        (LIMIT + 48 * HOUR + 1, Situation.STUCK),
    ],
)  # fmt: skip
def test_each_border_belongs_to_the_situation_before_it_but_nearness(
    demo_city: City, now: int, stands: Situation
) -> None:
    spell = Spell(BOOK, NOW_US, NOW_US + LIMIT, None)
    assert lit(demo_city, SHAWAN).situation(spell, SHAWAN, NOW_US + now) is stands


def test_what_is_ended_at_its_limit_is_in_time_and_stays_so(demo_city: City) -> None:
    spell = Spell(BOOK, NOW_US, NOW_US + LIMIT, NOW_US + LIMIT, returns=5)
    for later in (LIMIT, 1000 * DAY):
        assert lit(demo_city, SHAWAN).situation(spell, SHAWAN, NOW_US + later) is Situation.DONE_IN_TIME
    late = Spell(BOOK, NOW_US, NOW_US + LIMIT, NOW_US + LIMIT + 1)
    assert lit(demo_city, SHAWAN).situation(late, SHAWAN, NOW_US + LIMIT + 1) is Situation.DONE_LATE


def test_nights_and_weekends_bring_a_working_limit_no_nearer(demo_city: City) -> None:
    # A drain grate has one working day. Filed on Friday at 14:00, half of it is used on Sunday night, though Monday noon is near.
    category = demo_city.categories["component:01004"]
    assert category.limit == Limit(1, "wd")
    friday = NOW_US + 2 * DAY - 4 * HOUR  # 14:00 in Shanghai
    due = deadline.due(category.limit, friday, CALENDAR)
    spell = Spell(category.key, friday, due, None)
    assert lit(demo_city, SHAWAN).situation(spell, SHAWAN, friday + 2 * DAY + 9 * HOUR) is Situation.NOT_NEAR
    assert lit(demo_city, SHAWAN).situation(spell, SHAWAN, due - HOUR) is Situation.NEAR


def test_never_is_never(demo_city: City) -> None:
    calm = replace(SHAWAN, stuck_after_h=0, stuck_returns=0)
    spell = Spell(BOOK, NOW_US, NOW_US + LIMIT, None, returns=50)
    assert lit(demo_city, calm).situation(spell, calm, NOW_US + 900 * DAY) is Situation.OVERDUE


def test_what_comes_back_again_and_again_is_stuck_though_it_has_no_limit(demo_city: City) -> None:
    unknown = Spell("unknown", NOW_US - DAY, None, None, returns=2)
    assert lit(demo_city, SHAWAN).situation(unknown, SHAWAN, NOW_US) is Situation.STUCK


def test_a_class_that_has_another_unit_now_is_reckoned_by_the_clock_where_nothing_of_it_lay_before(
    demo_city: City,
) -> None:
    # Two clock hours from 22:00 on; the class has a working day now, of which nothing lies before midnight.
    begun = NOW_US + 4 * HOUR
    spell = Spell("component:01004", begun, begun + LIMIT, None)
    lighting = lit(demo_city, SHAWAN)
    assert lighting.situation(spell, SHAWAN, begun + HOUR) is Situation.NOT_NEAR
    assert lighting.situation(spell, SHAWAN, begun + LIMIT - 1) is Situation.NEAR


def test_the_rows_of_a_package_are_the_situations_that_have_a_limit() -> None:
    assert {*SITUATIONS, Situation.WITHOUT_LIMIT} == set(Situation)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 60 * 24 * 60), st.integers(1, 60), st.sampled_from(["uh", "ud", "wh", "wd"]))
def test_what_counts_until_the_deadline_is_the_limit(minutes: int, amount: int, unit: str) -> None:
    start = NOW_US + minutes * HOUR // 60
    due = deadline.due(Limit(amount, unit), start, CALENDAR)
    worth: dict[str, Any] = {"uh": HOUR, "ud": 24 * HOUR, "wh": HOUR, "wd": 8 * HOUR}
    assert deadline.counted(unit, start, due, CALENDAR) == amount * worth[unit]
    assert deadline.counted(unit, due, start, CALENDAR) == 0
