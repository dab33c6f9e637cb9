"""What a record on a department's topic or on cases.changed says."""

from typing import Any

from aiokafka import ConsumerRecord
from google.protobuf.message import DecodeError

from gewu import codec, topics
from gewu.audit import notices
from gewu.audit.facts import Assigned, Changed, Refused, Said, Unreadable, order_of
from gewu.v1.action_pb2 import ActionRefused
from gewu.v1.assignment_pb2 import Assignment
from gewu.v1.case_pb2 import CASE_CHANGE_CLEARED, CASE_CHANGE_SUPERSEDED, CaseChange, CaseChanged

Record = ConsumerRecord[Any, Any]
_CHANGES = {number: name.removeprefix("CASE_CHANGE_").lower() for name, number in CaseChange.items()}
_LANES = {1: "p0", 2: "p1", 3: "p2", 4: "p3"}


def said(record: Record) -> Said:
    """The record as a fact; Unreadable when no reader could make sense of it on this topic."""
    type_ = codec.type_of(record.headers)
    try:
        if record.topic == topics.CASES and type_ == codec.CASE_CHANGED:
            return _changed(record)
        if record.topic != topics.CASES and type_ in (codec.ASSIGNMENT, codec.ASSIGNMENT_EXERCISE):
            return _assigned(record, type_ == codec.ASSIGNMENT_EXERCISE)
        if record.topic != topics.CASES and type_ == codec.ACTION_REFUSED:
            return Refused(_id(ActionRefused.FromString(record.value).event_id), hash(record.value))
    except (DecodeError, ValueError, TypeError) as fault:
        return Unreadable(_place(record), f"{fault}")
    return Unreadable(_place(record), f"type {type_!r} does not belong on {record.topic}")


def told(record: Record) -> notices.Said | None:
    """What notify decides by, in a record of cases.changed; None where nobody could read it."""
    try:
        if codec.type_of(record.headers) != codec.CASE_CHANGED:
            return None
        message = CaseChanged.FromString(record.value)
        case = message.case
        return notices.Said(
            record.partition, record.offset, record.timestamp * 1000, _id(case.case_id),
            order_of(case.incarnation, case.version), _CHANGES.get(message.change, f"change_{message.change}"),
            _LANES.get(case.lane, "p2"), case.category, case.department, frozenset(case.grid_path),
            frozenset(message.left), case.exercise,
        )  # fmt: skip
    except (DecodeError, ValueError, TypeError):
        return None


def _changed(record: Record) -> Changed:
    message = CaseChanged.FromString(record.value)
    case = message.case
    return Changed(
        record.topic, record.partition, record.offset, _id(case.case_id), order_of(case.incarnation, case.version),
        _id(message.event_id), bool(case.superseded_by) or message.change == CASE_CHANGE_SUPERSEDED, hash(record.value),
        message.change == CASE_CHANGE_CLEARED,
    )  # fmt: skip


def _assigned(record: Record, exercise: bool) -> Assigned | Unreadable:
    message = Assignment.FromString(record.value)
    case = message.case
    if case.exercise != exercise:
        return Unreadable(_place(record), "a drill's type and flag differ: somebody may be sent out for nothing")
    return Assigned(
        record.topic, record.partition, record.offset, _id(case.case_id), order_of(case.incarnation, case.version),
        _id(message.event_id), topics.department_of(record.topic), case.department, message.kind,
        case.lane, hash(record.value),
    )  # fmt: skip


def _id(text: str) -> bytes:
    """A UUID's 16 bytes: half the memory of its text."""
    found = bytes.fromhex(text.replace("-", ""))
    if len(found) != 16:
        raise ValueError(f"{text!r} is not a UUID")
    return found


def _place(record: Record) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"
