"""A change of a case as receivers and live clients read it: thin JSON, made once, the same bytes for everybody."""

from datetime import UTC, datetime

import msgspec

from gewu.v1 import case_pb2, common_pb2

_CHANGES = {number: name.removeprefix("CASE_CHANGE_").lower() for name, number in case_pb2.CaseChange.items()}
_STATES = {number: name.removeprefix("CASE_STATE_").lower() for name, number in case_pb2.CaseState.items()}
_LANES = {number: name.removeprefix("LANE_").lower() for name, number in common_pb2.Lane.items()}
# What a type begins with. Drills have one of their own, so that nobody who takes only the real thing must look inside.
REAL, DRILL = "gewu.case.", "gewu.exercise."
LEFT = "left"


class Point(msgspec.Struct, omit_defaults=True):
    """WGS-84 degrees."""

    lon: float
    lat: float


class CaseData(msgspec.Struct, omit_defaults=True):
    """The public case: no reporter, no contact, no word of a reporter's. Order them by (incarnation, version)."""

    event_id: str
    change: str
    case_id: str
    incarnation: int
    version: int
    state: str
    lane: str
    category: str
    department: str
    grid_id: str
    grid_path: list[str]
    signals: int
    opened_at: datetime
    changed_at: datetime
    complete_by: datetime | None = None
    point: Point | None = None
    object_id: str = ""
    superseded_by: str = ""
    exercise: bool = False


class CaseNotice(msgspec.Struct):
    """The body of a webhook, as Standard Webhooks has it: `type` is gewu.case.<change>, of a drill gewu.exercise.<change>;
    `timestamp` is the change's, at every attempt."""

    type: str
    timestamp: datetime
    data: CaseData


class LeftData(msgspec.Struct, omit_defaults=True):
    """A case that a department had: nothing of where it is now, or how."""

    event_id: str
    case_id: str
    incarnation: int
    version: int
    exercise: bool = False


class CaseLeft(msgspec.Struct):
    """What the live feed says last of a case to those who may see it no more, and a webhook to those whose rule names the
    department that it left."""

    type: str
    timestamp: datetime
    data: LeftData


_encode = msgspec.json.Encoder().encode


def change_of(said: case_pb2.CaseChanged) -> str:
    """The change as a word; one of a newer version of the contract as its number."""
    return _CHANGES.get(said.change, f"change_{said.change}")


def body(said: case_pb2.CaseChanged) -> bytes:
    """The JSON of it."""
    case, change = said.case, change_of(said)
    data = CaseData(
        event_id=said.event_id, change=change, case_id=case.case_id, incarnation=case.incarnation, version=case.version,
        state=_STATES.get(case.state, f"state_{case.state}"), lane=_LANES.get(case.lane, "p2"), category=case.category,
        department=case.department, grid_id=case.grid_id, grid_path=list(case.grid_path), signals=case.signal_count,
        opened_at=case.opened_at.ToDatetime(UTC), changed_at=case.changed_at.ToDatetime(UTC),
        complete_by=case.complete_by.ToDatetime(UTC) if case.HasField("complete_by") else None,
        point=Point(case.point.lon, case.point.lat) if case.HasField("point") else None, object_id=case.object_id,
        superseded_by=case.superseded_by, exercise=case.exercise,
    )  # fmt: skip
    return _encode(CaseNotice(_type(change, case.exercise), data.changed_at, data))


def left(said: case_pb2.CaseChanged) -> bytes:
    """The JSON for those who had the case; empty where nobody had it."""
    if not said.left:
        return b""
    case = said.case
    data = LeftData(said.event_id, case.case_id, case.incarnation, case.version, case.exercise)
    return _encode(CaseLeft(_type(LEFT, case.exercise), case.changed_at.ToDatetime(UTC), data))


def _type(word: str, exercise: bool) -> str:
    return (DRILL if exercise else REAL) + word
