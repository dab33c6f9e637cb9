"""What a department hears, as types: from a record of its topic, or from a line of dispatch's list of open cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from gewu import codec
from gewu.errors import Never, Why
from gewu.v1.action_pb2 import ActionKind, ActionRefused, RefusalReason
from gewu.v1.assignment_pb2 import Assignment, AssignmentKind
from gewu.v1.case_pb2 import Case, CaseState, RoutedBecause
from gewu.v1.common_pb2 import Lane
from gewu_department.seen import Order

TYPES = (codec.ASSIGNMENT, codec.ASSIGNMENT_EXERCISE, codec.ACTION_REFUSED)


@dataclass(frozen=True, slots=True)
class Told:
    """Something about a case. `event_id` is "" where it comes from the list; `note`: why, for people."""

    event_id: str
    case: Case
    note: str

    @property
    def case_id(self) -> str:
        """The case's id."""
        return self.case.case_id

    @property
    def order(self) -> Order:
        """(incarnation, version): keep it with the case in your own table, and drop what is not above it."""
        return self.case.incarnation, self.case.version


class Assigned(Told):
    """A case for you (派遣)."""


class Standing(Told):
    """An open case of yours as it stands, from the list of a late start; `case.state` says whether you accepted it.

    It is no order to begin: you may have been told before, by another start of this program.
    """


class Raised(Told):
    """Your case became more urgent."""


class Cleared(Told):
    """Every sensor behind your case measures what is usual again. It stays yours and open: look, and say that it is done."""


class Withdrawn(Told):
    """No longer yours: it went to another department, or it does not stand any more."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill (演练): what would be told if it were real. Nobody is sent out for it."""

    told: Told


@dataclass(frozen=True, slots=True)
class Refused:
    """A move of yours that changed nothing (退单): why, in the words of HTTP, and the moves that are lawful now."""

    event_id: str
    move_id: str  # your own id of the move
    case_id: str
    kind: str
    reason: str
    lawful: tuple[str, ...]


Event = Assigned | Standing | Raised | Cleared | Withdrawn | Drill | Refused


class Passed(StrEnum):
    """Why a record was not handed out."""

    REPEAT = "repeat"
    DRILL = "drill"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_KIND = "unknown_kind"
    UNREADABLE = "unreadable"


class PassedOver(Exception):
    """This record holds nothing that could be handed out."""

    def __init__(self, why: Passed, detail: str) -> None:
        super().__init__(f"{why}: {detail}")
        self.why, self.detail = why, detail


class Record(Protocol):
    """As much of a Kafka record as is needed."""

    headers: Any
    value: bytes | None


_KINDS = {
    AssignmentKind.ASSIGNMENT_KIND_NEW: Assigned,
    AssignmentKind.ASSIGNMENT_KIND_RAISED: Raised,
    AssignmentKind.ASSIGNMENT_KIND_WITHDRAWN: Withdrawn,
    AssignmentKind.ASSIGNMENT_KIND_CLEARED: Cleared,
}


def of_record(record: Record) -> Event:
    """The event in a record; PassedOver where there is none for us.

    A newer major of one of these types raises NotNow: the record is fine, and this program must be made new first.
    """
    try:
        type_ = codec.check_type(codec.type_of(record.headers), TYPES)
        if type_ == codec.ACTION_REFUSED:
            return _refused(codec.decode(ActionRefused, record.value))
        said = codec.decode(Assignment, record.value)
    except Never as fault:
        why = Passed.UNKNOWN_TYPE if fault.why is Why.WRONG_TYPE else Passed.UNREADABLE
        raise PassedOver(why, fault.detail) from None
    made = _KINDS.get(said.kind)
    if made is None:
        raise PassedOver(Passed.UNKNOWN_KIND, f"kind {said.kind} of an assignment")
    told = made(said.event_id, said.case, said.note)
    # Where type and flag differ somebody could be sent out for nothing: either is enough.
    return Drill(told) if type_ == codec.ASSIGNMENT_EXERCISE or said.case.exercise else told


def of_list(line: Mapping[str, Any]) -> Standing | Drill:
    """The event that a case of dispatch's list stands for; KeyError or ValueError where it is no case."""
    case = Case(
        case_id=line["case_id"], incarnation=line["incarnation"], version=line["version"],
        state=CaseState.Value(f"CASE_STATE_{line['state'].upper()}"), lane=Lane.Value(f"LANE_{line['lane'].upper()}"),
        category=line["category"], grid_id=line["grid_id"], grid_path=line["grid_path"], home_area=line["home_area"],
        department=line["department"], object_id=line.get("object_id", ""), signal_count=line["signals"],
        exercise=line.get("exercise", False), follows=line.get("follows", ""),
    )  # fmt: skip
    because = f"ROUTED_BECAUSE_{line['routed_because'].upper()}"
    case.routing.because = RoutedBecause.Value(because) if because in RoutedBecause.keys() else 0  # noqa: SIM118
    case.routing.rule_id, case.routing.package_version = line.get("rule_id", ""), line["package_version"]
    for name in ("opened_at", "changed_at", "complete_by"):
        if said := line.get(name):
            getattr(case, name).FromJsonString(said)
    if where := line.get("place"):
        case.point.lon, case.point.lat = where["lon"], where["lat"]
    told = Standing("", case, "")
    return Drill(told) if case.exercise else told


def _refused(said: ActionRefused) -> Refused:
    return Refused(
        said.event_id, said.client_id, said.case_id, _word(ActionKind, said.kind, "ACTION_KIND_"),
        _word(RefusalReason, said.reason, "REFUSAL_REASON_"), tuple(_word(ActionKind, k, "ACTION_KIND_") for k in said.lawful),
    )  # fmt: skip


def _word(enum: Any, number: int, prefix: str) -> str:
    """The word for an enum's number; one that is newer than this program stays a number."""
    return enum.Name(number).removeprefix(prefix).lower() if number in enum.values() else str(number)
