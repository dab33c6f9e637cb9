"""From the wire's message to the domain's fact."""

import re
from datetime import UTC, datetime

from gewu import codec
from gewu.clock import SECOND
from gewu.errors import Never, Why
from gewu.lane import Lane
from gewu.runtime.record import Record
from gewu.v1 import case_pb2
from gewu_notify import encoding
from gewu_notify.domain.plan import Fact

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FIRST_S, _END_S = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2101))
_LANES = {lane.value for lane in Lane}
_LATEST = 2**31  # PostgreSQL's int ends there


def fact(record: Record) -> Fact:
    """The fact in a record of cases.changed; Never where it cannot be one."""
    codec.check_type(codec.type_of(record.headers), (codec.CASE_CHANGED,))
    said = codec.decode(case_pb2.CaseChanged, record.value)
    case = said.case
    for name, id_ in (("event_id", said.event_id), ("case_id", case.case_id)):
        if not _UUID.fullmatch(id_):
            raise Never(Why.BAD_FIELD, f"{name} {id_[:80]!r} is not a UUID")
    if not (0 < case.incarnation < _LATEST and 0 < case.version < _LATEST):
        raise Never(Why.BAD_FIELD, f"incarnation {case.incarnation}, version {case.version}")
    for name in ("opened_at", "changed_at", "complete_by"):
        stamp = getattr(case, name)
        fits = _FIRST_S <= stamp.seconds < _END_S and 0 <= stamp.nanos < 1_000_000_000
        if not fits and (name != "complete_by" or case.HasField(name)):
            raise Never(Why.BAD_FIELD, f"{name}: {stamp.seconds} s {stamp.nanos} ns")
    at = case.changed_at
    return Fact(
        event_id=said.event_id, change=encoding.change_of(said), case_id=case.case_id, incarnation=case.incarnation,
        version=case.version, lane=Lane(case.lane) if case.lane in _LANES else Lane.P2, category=case.category,
        department=case.department, grid_path=tuple(case.grid_path), exercise=case.exercise,
        changed_at=at.seconds * SECOND + at.nanos // 1000, body=encoding.body(said), left=tuple(said.left),
        gone=encoding.left(said), partition=record.partition, offset=record.offset,
    )  # fmt: skip
