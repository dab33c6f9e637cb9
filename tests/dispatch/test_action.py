"""A department's moves: which are lawful when, what they change, and why the others are refused."""

from copy import copy
from dataclasses import replace
from itertools import product

import pytest

from gewu_dispatch.domain.action import LONGEST, Kind, Refusal, Verdict, act, moves
from gewu_dispatch.domain.case import Picture, State
from gewu_dispatch.domain.routing import Because, Route
from tests.support.building import FALLBACK, INCARNATION, NOW_US, a_case, an_action, span

BACK = Route(FALLBACK, Because.FALLBACK_RETURNED)
LATER = NOW_US + span(hours=1)

# (state, kind) -> the state after it, for a department that is not the fallback; what is not here is unlawful.
TABLE = {
    (State.ASSIGNED, Kind.ACCEPT): State.HANDLING,
    (State.ASSIGNED, Kind.RETURN): State.ASSIGNED,
    (State.HANDLING, Kind.DONE): State.HANDLED,
    (State.HANDLING, Kind.RETURN): State.ASSIGNED,
    (State.HANDLING, Kind.EXTEND): State.HANDLING,
}


@pytest.mark.parametrize(("state", "kind", "is_fallback"), list(product(State, Kind, (False, True))))
def test_the_own_department_makes_the_moves_of_the_table_and_no_other(
    state: State, kind: Kind, is_fallback: bool
) -> None:
    own = FALLBACK if is_fallback else "water"
    case = a_case(state=state, department=own, version=4)
    before = copy(case)
    verdict = act(case, an_action(case.case_id, kind, department=own), BACK, INCARNATION, LATER)
    after = None if is_fallback and kind is Kind.RETURN else TABLE.get((state, kind))
    if after is None:
        assert verdict == Verdict(Refusal.NOT_LAWFUL_NOW) and case == before
    else:
        assert verdict.refusal is None and case.state is after
        assert (case.version, case.incarnation, case.changed_at) == (5, INCARNATION, LATER)
    assert (kind in moves(state, own, FALLBACK)) is (after is not None)


@pytest.mark.parametrize(("state", "kind", "speaker"), list(product(State, Kind, ("power", FALLBACK))))
def test_another_department_moves_nothing_not_even_the_fallback(state: State, kind: Kind, speaker: str) -> None:
    case = a_case(state=state, department="water")
    before = copy(case)
    verdict = act(case, an_action(case.case_id, kind, department=speaker), BACK, INCARNATION, LATER)
    assert verdict == Verdict(Refusal.NOT_YOURS) and case == before


@pytest.mark.parametrize("kind", Kind)
def test_a_case_that_does_not_exist_is_said_to_be_none(kind: Kind) -> None:
    assert act(None, an_action("x", kind), BACK, INCARNATION, LATER) == Verdict(Refusal.NO_SUCH_CASE)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", [0, 5, 99, -1])
def test_a_move_that_this_version_does_not_know_is_refused_and_changes_nothing(state: State, kind: int) -> None:
    case = a_case(state=state)
    before = copy(case)
    assert act(case, an_action(case.case_id, kind), BACK, INCARNATION, LATER) == Verdict(Refusal.NOT_UNDERSTOOD)
    assert act(None, an_action("x", kind), BACK, INCARNATION, LATER) == Verdict(Refusal.NOT_UNDERSTOOD)
    assert case == before


@pytest.mark.parametrize("state", [State.ASSIGNED, State.HANDLING])
def test_a_returned_case_goes_to_the_fallback_and_says_who_lost_it(state: State) -> None:
    case = a_case(state=state, department="water", rule_id="r", version=2)
    verdict = act(case, an_action(case.case_id, Kind.RETURN), BACK, INCARNATION, LATER)
    assert verdict == Verdict(None, left="water")
    assert (case.department, case.state) == (FALLBACK, State.ASSIGNED)
    assert (case.routed_because, case.rule_id) == (Because.FALLBACK_RETURNED, "")
    assert (case.version, case.incarnation) == (3, INCARNATION)


@pytest.mark.parametrize("note", ["", "   ", "\n\t"])
def test_a_return_without_a_word_why_is_refused(note: str) -> None:
    case = a_case()
    before = copy(case)
    verdict = act(case, an_action(case.case_id, Kind.RETURN, note=note), BACK, INCARNATION, LATER)
    assert verdict == Verdict(Refusal.NOTE_MISSING) and case == before


@pytest.mark.parametrize("kind", [Kind.ACCEPT, Kind.DONE])
def test_the_other_moves_need_no_note(kind: Kind) -> None:
    case = a_case(state=State.ASSIGNED if kind is Kind.ACCEPT else State.HANDLING)
    assert act(case, an_action(case.case_id, kind, note=""), BACK, INCARNATION, LATER) == Verdict()


def test_accepting_and_finishing_leave_the_case_with_its_department() -> None:
    case = a_case()
    for version, kind in enumerate((Kind.ACCEPT, Kind.DONE), start=2):
        assert act(case, an_action(case.case_id, kind), BACK, INCARNATION, LATER) == Verdict()
        assert (case.department, case.routed_because, case.rule_id, case.version) == ("water", "rule", "r", version)
    assert case.state is State.HANDLED and not case.is_open


def test_more_time_is_asked_for_and_not_granted() -> None:
    case = a_case(state=State.HANDLING)
    due = case.complete_by
    assert act(case, an_action(case.case_id, Kind.EXTEND, note="rain"), BACK, INCARNATION, LATER) == Verdict()
    assert (case.state, case.complete_by, case.version, case.changed_at) == (State.HANDLING, due, 2, LATER)


@pytest.mark.parametrize(
    ("until", "due"),
    [
        (None, NOW_US + span(hours=2)),
        (NOW_US + span(hours=2), NOW_US + span(hours=2)),  # the deadline itself
        (NOW_US + span(days=1), None),  # nothing to extend
        (LATER, NOW_US - span(days=1)),  # after the deadline, and now already
        (LATER + LONGEST + 1, NOW_US + span(hours=2)),
    ],
)
def test_a_time_that_is_none_or_too_early_or_too_far_is_refused(until: int | None, due: int | None) -> None:
    case = a_case(state=State.HANDLING, complete_by=due)
    before = copy(case)
    asked = an_action(case.case_id, Kind.EXTEND, until=until)
    assert act(case, asked, BACK, INCARNATION, LATER) == Verdict(Refusal.BAD_TIME) and case == before
    wordless = replace(asked, note=" ")
    assert act(case, wordless, BACK, INCARNATION, LATER) == Verdict(Refusal.NOTE_MISSING), "why comes first"


def test_the_longest_time_may_be_asked_for() -> None:
    case = a_case(state=State.HANDLING)
    assert act(case, an_action(case.case_id, Kind.EXTEND, until=LATER + LONGEST), BACK, INCARNATION, LATER) == Verdict()


def test_a_move_of_before_pictures_and_times_keeps_its_content() -> None:
    """As it stands in tables of earlier releases."""
    action = an_action("c", Kind.DONE, note="n")
    assert action.content.hex() == "1bc2df8383806194681ae1ce2d7f6ae387d52c2062b2c22ced30a6962723622e"
    one, other = Picture(b"1" * 32, 9, "image/jpeg", "m"), Picture(b"2" * 32, 9, "image/jpeg", "m")
    told = {replace(action, pictures=p).content for p in ((), (one,), (other,), (one, other), (other, one))}
    asks = an_action("c", Kind.EXTEND, note="n")
    assert len(told) == 5 and asks.content != replace(asks, until=asks.until + 1).content


def test_an_action_is_told_from_another_by_what_it_asks_for_and_not_by_who_says_it_when() -> None:
    action = an_action("x", Kind.RETURN, note="not ours")
    assert replace(action, said_by="Wang", said_at=LATER).content == action.content
    for other in (replace(action, note="not ours!"), replace(action, kind=Kind.DONE), replace(action, case_id="y")):
        assert other.content != action.content
