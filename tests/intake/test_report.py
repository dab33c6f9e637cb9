"""Whether a well-formed report is taken: every reason against it at once, and none against what is only odd."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gewu.pictures.reference import NoPicture
from gewu_intake.domain.report import (
    ContactSaid,
    PlaceSaid,
    Reject,
    Rejection,
    ReportSaid,
    Terms,
    accept,
    all_seen,
    seen,
    unnamed,
)
from tests.support.building import NOW, a_report

TAKEN: dict[str, Any] = {"in_a_grid": True, "no_position": True, "contact": True, "has_key": True}
CONTACT = ContactSaid(phone="13900000000")


def judged(said: ReportSaid, asked: dict[str, Any] | None = None) -> list[Rejection]:
    """What is said against a report; `asked`: what differs from the friendliest city."""
    city = {**TAKEN, **(asked or {})}
    terms = Terms(city["no_position"], city["contact"])
    return accept(said, seen(said, NOW), city["in_a_grid"], city["has_key"], NOW, terms)


def reasons(asked: dict[str, Any] | None = None, **words: Any) -> list[tuple[Reject, str]]:
    """Reason and field of everything that is said against a report."""
    return [(r.reason, r.field) for r in judged(a_report(**words), asked)]


@pytest.mark.parametrize(
    "words",
    [{}, {"place": None}, {"contact": CONTACT}, {"exercise": True}, {"observed_at": NOW}, {"text": ""}, {"category": "???"}],
)  # fmt: skip
def test_what_is_only_unusual_is_taken(words: dict[str, Any]) -> None:
    assert reasons(**words) == []


def test_a_place_outside_every_grid_is_out_of_the_city() -> None:
    assert reasons({"in_a_grid": False}) == [(Reject.OUT_OF_CITY, "$.place")]


def test_without_a_position_the_city_needs_a_grid_for_such_reports() -> None:
    assert reasons({"in_a_grid": False}, place=None) == []
    assert reasons({"in_a_grid": False, "no_position": False}, place=None) == [(Reject.NO_POSITION, "$.place")]


def test_a_grid_for_reports_without_a_position_takes_none_from_outside_the_city() -> None:
    assert reasons({"in_a_grid": False}, place=PlaceSaid(0, 0)) == [(Reject.OUT_OF_CITY, "$.place")]


_ZONES = [
    UTC,
    timezone(timedelta(hours=8)),
    timezone(timedelta(hours=8)),
    timezone(timedelta(minutes=-689)),
    ZoneInfo("Europe/Berlin"),
]
_TIMES = st.datetimes(timezones=st.sampled_from(_ZONES))


@given(st.lists(st.none() | _TIMES, max_size=9), _TIMES.filter(lambda now: 2 < now.year < 9998))
def test_seen_together_they_are_what_each_is_by_itself(times: list[datetime | None], now: datetime) -> None:
    said = [a_report(observed_at=at) for at in times]
    assert all_seen(said, now) == [seen(one, now) for one in said]


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(days=-1), None),
        (timedelta(days=-1, seconds=-1), Reject.IN_THE_FUTURE),
        (timedelta(days=400), None),
        (timedelta(days=400, seconds=1), Reject.TOO_OLD),
    ],
)
def test_a_report_may_be_a_day_ahead_and_four_hundred_days_late(ago: timedelta, expected: Reject | None) -> None:
    for zone in (UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-11))):
        found = reasons(observed_at=(NOW - ago).astimezone(zone))
        assert found == ([(expected, "$.observed_at")] if expected else [])


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-23, minutes=-59))), Reject.IN_THE_FUTURE),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59))), Reject.TOO_OLD),
    ],
)
def test_the_ends_of_the_calendar_are_refused_like_any_other_day(at: datetime, expected: Reject) -> None:
    assert reasons(observed_at=at) == [(expected, "$.observed_at")]


def test_a_drill_needs_a_key() -> None:
    assert reasons({"has_key": False}, exercise=True) == [(Reject.EXERCISE_NEEDS_A_KEY, "$.exercise")]
    assert reasons({"has_key": False}) == []


def test_a_contact_that_cannot_be_sealed_is_not_taken() -> None:
    assert reasons({"contact": False}, contact=CONTACT) == [(Reject.CONTACT_NOT_TAKEN, "$.contact")]
    assert reasons({"contact": False}) == []


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"category": "a\0b"}, "$.category"),
        ({"text": "\0"}, "$.text"),
        ({"place": PlaceSaid(83, 39, address="x\0")}, "$.place.address"),
        ({"contact": ContactSaid(name="\0x")}, "$.contact.name"),
        ({"contact": ContactSaid(phone="\0x")}, "$.contact.phone"),
        ({"contact": ContactSaid(email="\0x")}, "$.contact.email"),
    ],
)
def test_a_nul_in_any_text_is_refused_where_it_stands(words: dict[str, Any], field: str) -> None:
    assert reasons(**words) == [(Reject.NUL_IN_TEXT, field)]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = reasons(
        {"in_a_grid": False, "has_key": False, "contact": False},
        observed_at=NOW + timedelta(days=2), exercise=True, contact=ContactSaid(name="\0"), text="\0", category="\0",
    )  # fmt: skip
    assert found == [
        (Reject.OUT_OF_CITY, "$.place"), (Reject.IN_THE_FUTURE, "$.observed_at"),
        (Reject.EXERCISE_NEEDS_A_KEY, "$.exercise"), (Reject.CONTACT_NOT_TAKEN, "$.contact"),
        (Reject.NUL_IN_TEXT, "$.category"), (Reject.NUL_IN_TEXT, "$.text"), (Reject.NUL_IN_TEXT, "$.contact.name"),
    ]  # fmt: skip


def test_every_reason_has_words_for_people() -> None:
    city = {"in_a_grid": False, "no_position": False, "contact": False, "has_key": False}
    said = [
        *judged(a_report(place=None, exercise=True, contact=CONTACT, text="\0"), city),
        *judged(a_report(observed_at=NOW + timedelta(days=2)), city),
        *judged(a_report(observed_at=NOW - timedelta(days=500)), city),
        *unnamed(list(NoPicture)),
    ]
    assert {r.reason for r in said} == set(Reject) and all(len(r.text) > 20 for r in said)
