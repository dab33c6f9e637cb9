"""What followed in the signal's case: its versions, departments' moves, and every event as it stands in the log."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import DecodeError, Message

from gewu import codec, topics
from gewu.audit.log import Log
from gewu.audit.one_signal import Row, Tables
from gewu.trace.lanes import Record
from gewu.trace.step import Step, What
from gewu.trace.window import Window, around, merged
from gewu.v1 import action_pb2, assignment_pb2, case_pb2


def versions(tables: Tables) -> list[Step]:
    """What dispatch decided: the signal's own version, then what departments' moves made of the case."""
    found, signal = [], tables.signal
    for row in tables.versions:
        detail = {
            "case": str(signal["case_id"]), "version": _version(row), "state": _word(case_pb2.CaseState, row["state"]),
            "department": row["department"], "because": row["because"],
        }  # fmt: skip
        if row["rule_id"]:
            detail["rule"] = row["rule_id"]
        if row is tables.versions[0] and _is_own(row, signal):
            detail |= {"grid": signal["grid_id"], "category": signal["category"], "because": signal["because"]}
            detail |= _due(signal) if signal["complete_by"] else {}
            detail |= {"distance_m": round(signal["distance_m"], 1)} if signal["distance_m"] is not None else {}
            what = What(signal["outcome"])
        else:
            what = What.APPLIED if row["action_id"] else What.CHANGED
            detail["change"] = _word(case_pb2.CaseChange, row["change"])
        found.append(Step(row["at"], what, "history", detail))
    return found


def refusals(tables: Tables) -> list[Step]:
    """Moves that changed nothing, and why."""
    return [
        Step(row["at"], What.REFUSED, "actions",
             {"department": row["department"], "kind": _word(action_pb2.ActionKind, row["kind"]),
              "why": _word(action_pb2.RefusalReason, row["refusal"])})
        for row in tables.actions if row["refusal"] is not None
    ]  # fmt: skip


def waiting(tables: Tables) -> list[Step]:
    """Events that still wait in the outbox."""
    return [
        Step(row["created_at"], What.WAITING, "outbox", {"for": row["topic"], "type": row["type"]})
        for row in tables.waiting
    ]


async def moves(logs: Log, tables: Tables, within: timedelta) -> list[Step]:
    """Departments' moves as they stand on their topics; a move stands there before it is judged."""
    found = []
    case = str(tables.signal["case_id"])
    own = {(row["department"], row["client_id"]): row for row in tables.actions}
    windows = merged(around(row["at"] - within, 2 * within) for row in tables.actions)
    names = {topics.actions(department) for department, _ in own} & set(logs.partitions)
    async for record in _records(logs, sorted(names), windows):
        said = _read(action_pb2.Action, record)
        department = topics.department_of(record.topic)
        if said and said.case_id.lower() == case and (department, said.client_id) in own:
            detail = {"department": department, "kind": _word(action_pb2.ActionKind, said.kind), "by": said.said_by}
            found.append(_step(record, What.ACTION, detail))
    return found


async def said(logs: Log, tables: Tables, within: timedelta) -> list[Step]:
    """The events of these versions and refusals, as departments and readers of cases can read them."""
    case, key = str(tables.signal["case_id"]), str(tables.signal["case_id"]).encode()
    departments = {row["department"] for row in (*tables.versions, *tables.actions)} | {tables.signal["department"]}
    names = ({topics.CASES} | {topics.dispatch(d) for d in departments}) & set(logs.partitions)
    windows = merged(around(row["at"], within) for row in (*tables.versions, *tables.actions))
    shown = {(row["incarnation"], row["version"]) for row in tables.versions}
    actions = {str(row["action_id"]) for row in tables.actions}
    partition_of = {name: topics.partition(case, logs.partitions[name]) for name in names}
    found = []
    async for record in _records(logs, sorted(names), windows, partition_of):
        if record.key == key and (detail := _event(record, shown, actions)):
            found.append(_step(record, What.SAID, detail))
    return found


def _event(record: Record, shown: Iterable[tuple[int, int]], actions: Iterable[str]) -> dict[str, Any] | None:
    """What an event says; None for one of a version or action that is not shown."""
    type_ = codec.type_of(record.headers)
    if type_ == codec.ACTION_REFUSED:
        refused = _read(action_pb2.ActionRefused, record)
        if refused is None or refused.action_id not in actions:
            return None
        return {"says": f"refused: {_word(action_pb2.RefusalReason, refused.reason)}"}
    if type_ == codec.CASE_CHANGED:
        event, word, enum = _read(case_pb2.CaseChanged, record), "change", case_pb2.CaseChange
    else:
        event, word, enum = _read(assignment_pb2.Assignment, record), "kind", assignment_pb2.AssignmentKind
    if event is None or (event.case.incarnation, event.case.version) not in shown:
        return None
    exercise = {"exercise": True} if event.case.exercise else {}
    return {
        "says": _word(enum, getattr(event, word)),
        "version": f"{event.case.incarnation}.{event.case.version}",
    } | exercise


async def _records(
    logs: Log, names: Sequence[str], windows: Sequence[Window], partition_of: dict[str, int] | None = None
) -> AsyncIterator[Record]:
    """The records of these topics, of one partition of each where that is known, in these times."""
    places = [p for p in logs.places(names) if partition_of is None or partition_of[p.topic] == p.partition]
    seen: set[tuple[str, int, int]] = set()
    for window in windows:
        async for records in logs.read(await logs.within(places, *window.milliseconds)):
            for record in records:
                if (place := (record.topic, record.partition, record.offset)) not in seen:
                    seen.add(place)
                    yield record


def _read(message: type[Message], record: Record) -> Any:
    try:
        return message.FromString(record.value or b"")
    except DecodeError:
        return None  # foreign bytes on the topic are no step of this signal


def _step(record: Record, what: What, detail: dict[str, Any]) -> Step:
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return Step(at, what, f"{record.topic}:{record.partition}:{record.offset}", detail)


def _is_own(row: Row, signal: Row | None) -> bool:
    return (row["incarnation"], row["version"]) == (signal["case_incarnation"], signal["case_version"])


def _due(signal: Row) -> dict[str, Any]:
    due = signal["complete_by"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"due": due, "due_because": signal["due_because"]}


def _version(row: Row) -> str:
    return f"{row['incarnation']}.{row['version']}"


def _word(enum: Any, number: int) -> str:
    """An enum's value without the prefix that all of its values share; its number where this version lacks it."""
    if number not in enum.values():
        return str(number)
    prefix = len(enum.Name(0)) - len("UNSPECIFIED")
    return str(enum.Name(number)[prefix:].lower())
