"""Events worded by hand are what the library reads, field by field."""

from datetime import UTC, datetime

from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu.clock import from_micros, micros
from gewu.lane import Lane
from gewu.v1 import assignment_pb2, case_pb2
from gewu_dispatch import encoding
from gewu_dispatch.domain import routing
from gewu_dispatch.domain.case import Case, State
from tests.support.building import NOW_US, a_case, span

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)  # what UTF-8 can say
_TIMES = st.integers(micros(datetime(2000, 1, 1, tzinfo=UTC)), NOW_US + span(days=3650))
_COUNTS = st.integers(0, 2**31 - 1)
_OWN = "0190a5c2-7b1e-84c1-8aed-45f399e7c145"
_CASES = st.builds(
    lambda where, **words: a_case(where, **words),
    where=st.none() | st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    incarnation=_COUNTS, version=_COUNTS, signals=_COUNTS, state=st.sampled_from(State), lane=st.sampled_from(Lane),
    category=_TEXT, grid_id=_TEXT, grid_path=st.lists(_TEXT, max_size=6).map(tuple), home_area=_TEXT, department=_TEXT,
    routed_because=st.sampled_from([*routing.Because, "of a later release"]), rule_id=_TEXT, package_version=_TEXT,
    object_id=_TEXT, exercise=st.booleans(), opened_at=_TIMES, changed_at=_TIMES, complete_by=st.none() | _TIMES,
)  # fmt: skip


def by_library(found: Case) -> case_pb2.Case:
    """The same through setters."""
    said = case_pb2.Case(
        case_id=found.case_id, incarnation=found.incarnation, version=found.version, category=found.category,
        grid_id=found.grid_id, grid_path=found.grid_path, home_area=found.home_area, department=found.department,
        object_id=found.object_id, signal_count=found.signals, exercise=found.exercise, opened_at=from_micros(found.opened_at),
        changed_at=from_micros(found.changed_at),
        complete_by=None if found.complete_by is None else from_micros(found.complete_by),
    )  # fmt: skip
    said.state, said.lane = found.state.value, found.lane.value
    said.routing.because = dict(case_pb2.RoutedBecause.items()).get(f"ROUTED_BECAUSE_{found.routed_because.upper()}", 0)
    said.routing.rule_id, said.routing.package_version = found.rule_id, found.package_version
    if found.lon is not None and found.lat is not None:
        said.point.lon, said.point.lat = found.lon, found.lat
    return said


@settings(max_examples=300, deadline=None)
@given(_CASES)
def test_the_library_reads_a_case_that_was_written_by_hand(found: Case) -> None:
    read = case_pb2.Case.FromString(encoding.case(found))
    assert read == by_library(found) and MessageToDict(read)


@settings(max_examples=100, deadline=None)
@given(_CASES, st.lists(st.text("abc-", min_size=1, max_size=36), max_size=500), st.sampled_from(["", _OWN]), _TEXT)
def test_the_library_reads_what_is_said_of_it(found: Case, signals: list[str], action: str, note: str) -> None:
    joined, raised = case_pb2.CASE_CHANGE_JOINED, assignment_pb2.ASSIGNMENT_KIND_RAISED
    case, whole = encoding.case(found), by_library(found)
    changed = case_pb2.CaseChanged.FromString(encoding.changed(_OWN, joined, case, tuple(signals), action))
    assert changed == case_pb2.CaseChanged(
        event_id=_OWN, change=joined, case=whole, signal_ids=signals, action_id=action
    )
    left = encoding.changed(_OWN, joined, case, (), action) + encoding.left(["water", "gas"])
    assert case_pb2.CaseChanged.FromString(left) == case_pb2.CaseChanged(
        event_id=_OWN, change=joined, case=whole, action_id=action, left=["water", "gas"]
    )
    told = assignment_pb2.Assignment.FromString(encoding.assignment(_OWN, raised, case, note))
    assert told == assignment_pb2.Assignment(event_id=_OWN, kind=raised, case=whole, note=note)
