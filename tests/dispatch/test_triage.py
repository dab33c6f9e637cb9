"""Triage: one pass over a batch, in which each report opens a case or joins one, and a touched case gets one version."""

from collections import Counter
from copy import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from gewu import ids
from gewu.city import Limit
from gewu.lane import Lane
from gewu_dispatch.domain.case import State
from gewu_dispatch.domain.joining import Because as Joined
from gewu_dispatch.domain.routing import Because
from gewu_dispatch.domain.triage import Located, Outcome, triage
from tests.support.building import (
    FALLBACK,
    HERE,
    INCARNATION,
    NOW_US,
    a_case,
    a_category,
    a_rule,
    a_signal,
    located,
    moved,
    span,
    the_rules,
)  # fmt: skip

COVER = a_category()
FAR = moved(*HERE, 3000, 0)


def test_the_first_report_opens_a_case_and_the_next_of_the_batch_joins_it() -> None:
    first, second = a_signal(), a_signal(moved(*HERE, 5))
    batch = triage([located(first, COVER), located(second, COVER)], [], the_rules(), NOW_US)
    assert [d.outcome for d in batch.decisions] == [Outcome.OPENED, Outcome.JOINED]
    assert [d.because for d in batch.decisions] == [Because.RULE, Joined.NEAR]
    (case,) = batch.opened.values()
    assert case.case_id == ids.case_id(first.signal_id) and case.signals == 2
    assert not batch.joined and not batch.raised


def test_a_case_opened_in_a_batch_has_version_one_however_many_join_it() -> None:
    batch = triage([located(a_signal(), COVER) for _ in range(50)], [], the_rules(), NOW_US)
    (case,) = batch.opened.values()
    assert (case.version, case.incarnation, case.signals) == (1, INCARNATION, 50)


def test_an_open_case_gets_one_version_a_batch_however_many_join_it() -> None:
    case = a_case(version=4, signals=7)
    batch = triage([located(a_signal(), COVER) for _ in range(50)], [case], the_rules(), NOW_US)
    assert (case.version, case.incarnation, case.signals) == (5, INCARNATION, 57)
    assert list(batch.joined) == [case.case_id] and not batch.opened
    assert case.changed_at == NOW_US


def test_a_case_that_nobody_joins_is_left_as_it_was() -> None:
    case = a_case(FAR)
    before = copy(case)
    batch = triage([located(a_signal(), COVER)], [case], the_rules(), NOW_US)
    assert case == before and case.case_id not in batch.joined


def test_a_more_urgent_report_raises_the_case_and_a_less_urgent_one_never_lowers_it() -> None:
    case = a_case(lane=Lane.P2)
    batch = triage([located(a_signal(lane=Lane.P3), COVER)], [case], the_rules(), NOW_US)
    assert case.lane is Lane.P2 and not batch.raised
    batch = triage([located(a_signal(lane=x), COVER) for x in (Lane.P1, Lane.P0, Lane.P2)], [case], the_rules(), NOW_US)
    assert case.lane is Lane.P0 and batch.raised == {case.case_id}


def test_a_new_case_that_the_batch_raises_is_new_and_not_raised() -> None:
    batch = triage(
        [located(a_signal(lane=Lane.P2), COVER), located(a_signal(lane=Lane.P0), COVER)], [], the_rules(), NOW_US
    )
    (case,) = batch.opened.values()
    assert case.lane is Lane.P0 and not batch.raised


def test_a_backlog_moves_no_deadline_it_counts_from_the_receipt() -> None:
    received = NOW_US - span(days=2)
    batch = triage([located(a_signal(received_at=received), COVER)], [], the_rules(), NOW_US)
    (case,) = batch.opened.values()
    assert case.complete_by == received + span(hours=2)
    assert (case.opened_at, case.changed_at, case.last_signal_at) == (NOW_US, NOW_US, received)


def test_a_report_that_joins_moves_no_deadline() -> None:
    case = a_case()
    due = case.complete_by
    triage([located(a_signal(), a_category(limit=Limit(1, "uh")))], [case], the_rules(), NOW_US)
    assert case.complete_by == due


def test_a_class_without_a_limit_has_no_deadline() -> None:
    batch = triage([located(a_signal(), a_category(limit=None))], [], the_rules(), NOW_US)
    assert next(iter(batch.opened.values())).complete_by is None


def test_a_late_report_does_not_turn_the_last_one_back() -> None:
    case = a_case(last_signal_at=NOW_US)
    triage([located(a_signal(received_at=NOW_US - span(hours=9)), COVER)], [case], the_rules(), NOW_US)
    assert case.last_signal_at == NOW_US


def test_the_first_report_that_names_the_object_names_it_for_the_case() -> None:
    case = a_case()
    batch = triage([located(a_signal(object_id=o), COVER) for o in ("", "T1", "T2")], [case], the_rules(), NOW_US)
    assert case.object_id == "T1" and case.signals == 3
    assert [c.object_id for c in batch.opened.values()] == ["T2"]


def test_a_word_that_nobody_knows_goes_to_the_fallback_and_joins_nothing() -> None:
    signals = [located(a_signal(said="???"), None) for _ in range(2)]
    batch = triage(signals, [], the_rules(), NOW_US)
    assert len(batch.opened) == 2
    for case in batch.opened.values():
        assert (case.category, case.department) == ("unknown", FALLBACK)
        assert case.routed_because is Because.FALLBACK_UNKNOWN_CLASS
        assert case.complete_by is None


def test_a_report_outside_every_grid_of_this_package_is_kept_and_goes_to_the_fallback() -> None:
    batch = triage([located(a_signal(), COVER, grid=None)], [], the_rules(), NOW_US)
    (case,) = batch.opened.values()
    assert (case.grid_id, case.grid_path, case.routed_because) == ("", (), Because.FALLBACK_NO_GRID)


def test_a_report_without_a_position_opens_a_case_of_its_own() -> None:
    batch = triage([located(a_signal(None), COVER) for _ in range(2)], [a_case(None)], the_rules(), NOW_US)
    assert len(batch.opened) == 2


def test_a_drill_opens_a_drill() -> None:
    batch = triage([located(a_signal(exercise=True), COVER)], [a_case()], the_rules(), NOW_US)
    (case,) = batch.opened.values()
    assert case.exercise and not batch.joined


def test_a_new_case_keeps_the_package_and_the_rule_by_which_it_was_routed() -> None:
    rules = the_rules(a_rule("covers", category="component:01023", department="power"))
    batch = triage([located(a_signal(package_version="6-old"), COVER)], [], rules, NOW_US)
    (case,) = batch.opened.values()
    assert (case.package_version, case.rule_id, case.department) == ("7-abc", "covers", "power")
    assert (case.state, case.grid_path) == (State.ASSIGNED, ("city", "street", "cell"))


_CLASSES = (
    None,
    COVER,
    a_category("matter:06010", join_radius_m=60.0, join_within_h=1.0),
    a_category("device:1", join_radius_m=0),
)
_SIGNALS = st.lists(
    st.builds(
        lambda n, at, category, lane, drill, thing, minutes: located(
            a_signal(
                at and moved(*HERE, *at), client_id=f"n{n}", lane=lane, exercise=drill, object_id=thing,
                received_at=NOW_US + span(minutes=minutes),
            ),
            category,
        ),
        st.integers(0, 10**9),
        st.none() | st.tuples(st.floats(-80, 80), st.floats(-80, 80)),
        st.sampled_from(_CLASSES), st.sampled_from(Lane), st.booleans(), st.sampled_from(["", "", "T1", "T2"]),
        st.integers(-600, 600),
    ),
    max_size=25, unique_by=lambda x: x.signal.signal_id,
)  # fmt: skip
_CASES = st.lists(
    st.builds(
        lambda at, key, state, thing: a_case(moved(*HERE, *at), category=key, state=state, object_id=thing, signals=1),
        st.tuples(st.floats(-80, 80), st.floats(-80, 80)), st.sampled_from(["component:01023", "matter:06010"]),
        st.sampled_from(State), st.sampled_from(["", "T1", "T2"]),
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_SIGNALS, _CASES)
def test_every_signal_gets_one_decision_and_every_case_counts_its_own(signals: list[Located], cases: list) -> None:
    before = {c.case_id: copy(c) for c in cases}
    batch = triage(signals, cases, the_rules(), NOW_US)
    assert [d.located for d in batch.decisions] == signals
    behind = Counter(d.case.case_id for d in batch.decisions)
    assert behind.keys() == batch.opened.keys() | batch.joined.keys()
    opened = Counter(d.case.case_id for d in batch.decisions if d.outcome is Outcome.OPENED)
    assert opened == Counter(batch.opened.keys())
    for case in batch.opened.values():
        assert (case.version, case.signals) == (1, behind[case.case_id])
    for case in cases:
        touched = case.case_id in batch.joined
        assert case.signals == before[case.case_id].signals + behind[case.case_id]
        assert case.version == before[case.case_id].version + touched
        assert touched or case == before[case.case_id]
        assert (case.case_id in batch.raised) == (case.lane < before[case.case_id].lane)


@settings(max_examples=300, deadline=None)
@given(_SIGNALS, _CASES)
def test_whatever_joins_is_of_the_same_class_near_and_no_other_thing(signals: list[Located], cases: list) -> None:
    for d in triage(signals, cases, the_rules(), NOW_US).decisions:
        if d.outcome is Outcome.JOINED:
            signal, category = d.located.signal, d.located.category
            assert category and d.case.category == category.key and d.case.exercise == signal.exercise
            assert d.distance_m is not None and d.distance_m <= category.join_radius_m
            assert not signal.object_id or d.case.object_id == signal.object_id
            assert d.case.is_open
