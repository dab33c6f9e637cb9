"""What happens with a batch of departments' actions inside its transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import ConsumerRecord

from gewu import codec, topics
from gewu.clock import Clock
from gewu.runtime import outbox
from gewu.runtime.postgres import Connection
from gewu.v1.assignment_pb2 import AssignmentKind
from gewu.v1.case_pb2 import CaseChange
from gewu_dispatch import wire
from gewu_dispatch.domain.action import Action, Kind, Refusal, act, moves
from gewu_dispatch.domain.case import Case
from gewu_dispatch.domain.routing import Route
from gewu_dispatch.store import cases, history

_CHANGES = {
    Kind.ACCEPT: CaseChange.CASE_CHANGE_ACCEPTED,
    Kind.RETURN: CaseChange.CASE_CHANGE_REASSIGNED,
    Kind.DONE: CaseChange.CASE_CHANGE_HANDLED,
}


class Actions:
    """The effects of actions: see gewu.runtime.delivery.Effects."""

    def __init__(self, back_to: Route, incarnation: int, events: wire.Events, clock: Clock) -> None:
        self._back_to, self._incarnation, self._events, self._clock = back_to, incarnation, events, clock

    def decode(self, record: ConsumerRecord[Any, Any]) -> Action:
        """One record's action; who speaks is the topic."""
        codec.check_type(codec.type_of(record.headers), (codec.ACTION,))
        return wire.action(record.value, topics.department_of(record.topic))

    async def apply(self, transaction: Connection, items: Sequence[Action]) -> Mapping[str, int]:
        """Judge and make each move, in the order of the log."""
        known = await history.known_actions(transaction, [a.action_id for a in items])
        found = await cases.by_id(transaction, [a.case_id for a in items if _is_uuid(a.case_id)])
        now = self._clock.now()
        changed: dict[str, Case] = {}
        fresh: dict[str, Action] = {}
        judged: list[tuple[Action, Refusal | None]] = []
        entries: list[history.Entry] = []
        events: list[outbox.Event] = []
        counts = {"applied": 0, "refused": 0, "duplicate": 0, "conflict": 0}
        for action in items:
            if outcome := _repeat(action, fresh, known):
                counts[outcome] += 1
                continue
            fresh[action.action_id] = action
            case = found.get(action.case_id)
            verdict = act(case, action, self._back_to, now)
            judged.append((action, verdict.refusal))
            if verdict.refusal or case is None:
                own = case is not None and case.department == action.department
                now_lawful = moves(case.state, case.department, self._back_to.department) if case and own else ()
                events.append(
                    self._events.refused(action, verdict.refusal or Refusal.NO_SUCH_CASE, now_lawful, self._incarnation)
                )
                counts["refused"] += 1
                continue
            changed[case.case_id] = case
            counts["applied"] += 1
            entries.append(
                history.Entry(case=_now(case), change=_CHANGES[action.kind], because=case.routed_because,
                              action_id=action.action_id, said_by=action.said_by or action.department, note=action.note)
            )  # fmt: skip
            events += self._said(case, action, verdict.left)
        await cases.update(transaction, list(changed.values()))
        await history.add_actions(transaction, judged, now)
        await history.write(transaction, entries)
        await outbox.write(transaction, events)
        return counts

    def _said(self, case: Case, action: Action, left: str) -> list[outbox.Event]:
        events = [self._events.changed(case, _CHANGES[action.kind], action_id=action.action_id)]
        if left:
            events.append(
                self._events.assignment(case, AssignmentKind.ASSIGNMENT_KIND_WITHDRAWN, left, note=action.note)
            )
            events.append(
                self._events.assignment(case, AssignmentKind.ASSIGNMENT_KIND_NEW, case.department, note=action.note)
            )
        return events


def _repeat(action: Action, fresh: Mapping[str, Action], known: Mapping[str, asyncpg.Record]) -> str | None:
    """duplicate or conflict for an id that was judged before, else None."""
    said = (action.case_id, int(action.kind), action.note)
    if before := fresh.get(action.action_id):
        return "duplicate" if said == (before.case_id, int(before.kind), before.note) else "conflict"
    if row := known.get(action.action_id):
        return "duplicate" if said == (row["case_id"], row["kind"], row["note"]) else "conflict"
    return None


def _now(case: Case) -> Case:
    """The case as it is at this version; a later action of the same batch changes the original."""
    return replace(case)


def _is_uuid(said: str) -> bool:
    try:
        UUID(said)
    except ValueError:
        return False
    return True
