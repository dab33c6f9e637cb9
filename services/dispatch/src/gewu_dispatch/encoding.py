"""A case and what is said of it, in protobuf's wire format: made once for every event of a version.

By hand because it is the largest step of dispatch: see gewu.wireformat. What cases of a class or of a grid have in common is
remembered, that of a class as the library words it, for one message behind another is their merge. The numbers are those of
proto/gewu/v1/case.proto and assignment.proto, and tests/dispatch/test_encoding.py reads all of it back with the library.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from gewu.lane import Lane
from gewu.v1 import case_pb2
from gewu.wireformat import SHORT, timestamp, varint
from gewu_dispatch.domain.case import Case, State

_BECAUSE = {n.removeprefix("ROUTED_BECAUSE_").lower(): v for n, v in case_pb2.RoutedBecause.items()}
_point = Struct("<2scdcd").pack


def case(found: Case) -> bytes:
    """The whole public case: nothing in it is a reporter's own word."""
    where = rest = b""
    if found.lon is not None and found.lat is not None:
        where = _point(b"\x3a\x12", b"\x09", found.lon, b"\x11", found.lat)
    if found.complete_by:
        rest += b"\x92\x01" + timestamp(found.complete_by)
    if found.object_id:
        rest += b"\x6a" + _text(found.object_id)
    if found.follows:
        rest += b"\xa2\x01" + _text(found.follows)
    return b"\x0a%b\x10%b\x18%b%b%b%b\x70%b\x82\x01%b\x8a\x01%b%b" % (
        _text(found.case_id), varint(found.incarnation), varint(found.version),
        _of_kind(
            found.state, found.lane, found.category, found.department, found.routed_because, found.rule_id,
            found.package_version, found.exercise,
        ),
        where, _of_place(found.grid_id, found.grid_path, found.home_area), varint(found.signals),
        _of_batch(found.opened_at), _of_batch(found.changed_at), rest,
    )  # fmt: skip


def changed(event_id: str, change: int, case: bytes, signal_ids: Sequence[str], action_id: str) -> bytes:
    """A CaseChanged."""
    if len(signal_ids) == 1:  # nearly always
        causes = b"\x22" + _text(signal_ids[0])
    else:
        causes = b"".join([b"\x22" + _text(signal_id) for signal_id in signal_ids])
    if action_id:
        causes += b"\x2a" + _text(action_id)
    return b"\x0a%b\x10%b\x1a%b%b%b" % (_text(event_id), varint(change), varint(len(case)), case, causes)


def left(departments: Sequence[str]) -> bytes:
    """What a CaseChanged says besides, behind its other fields, where departments do not have the case any more."""
    return b"".join([b"\x32" + _text(department) for department in departments])


def assignment(event_id: str, kind: int, case: bytes, note: str) -> bytes:
    """An Assignment."""
    why = b"\x22" + _text(note) if note else b""
    return b"\x0a%b\x10%b\x1a%b%b%b" % (_text(event_id), varint(kind), varint(len(case)), case, why)


_of_batch = lru_cache(1 << 8)(timestamp)  # most are of the same moment


def _text(said: str) -> bytes:
    found = said.encode()
    size = len(found)
    return (SHORT[size] if size < 1 << 14 else varint(size)) + found


@lru_cache(1 << 12)
def _of_kind(
    state: State, lane: Lane, category: str, department: str, because: str, rule_id: str, package_version: str,
    exercise: bool,
) -> bytes:  # fmt: skip
    found = case_pb2.Case(category=category, department=department, exercise=exercise)
    found.state, found.lane = state.value, lane.value
    found.routing.because = _BECAUSE.get(because, 0)
    found.routing.rule_id, found.routing.package_version = rule_id, package_version
    return found.SerializeToString()


@lru_cache(1 << 14)
def _of_place(grid_id: str, grid_path: tuple[str, ...], home_area: str) -> bytes:
    path = b"".join([b"\x4a" + _text(grid) for grid in grid_path])
    return b"\x42%b%b\x52%b" % (_text(grid_id), path, _text(home_area))
