"""What happens with a batch of departments' actions inside its transaction: judge, move, record, answer."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from uuid import UUID

from gewu import codec, topics
from gewu.clock import Clock, micros
from gewu.errors import NotNow, Why
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu.runtime import outbox
from gewu.runtime.effects import Record
from gewu.runtime.postgres import Connection
from gewu.v1.assignment_pb2 import AssignmentKind
from gewu.v1.case_pb2 import CaseChange
from gewu_dispatch import wire
from gewu_dispatch.domain.action import Action, Kind, Refusal, act, moves
from gewu_dispatch.domain.case import Case
from gewu_dispatch.domain.routing import Route
from gewu_dispatch.store import cases, history, restored

_SIGNALS = [topics.signals(lane) for lane in Lane]
_CHANGES = {
    Kind.ACCEPT: CaseChange.CASE_CHANGE_ACCEPTED,
    Kind.RETURN: CaseChange.CASE_CHANGE_REASSIGNED,
    Kind.DONE: CaseChange.CASE_CHANGE_HANDLED,
    Kind.EXTEND: CaseChange.CASE_CHANGE_EXTENSION_ASKED,
}


@dataclass(slots=True)
class Judged:
    """What a batch of actions came to, in this incarnation of the deployment."""

    incarnation: int
    counts: dict[str, int] = field(default_factory=lambda: {"applied": 0, "refused": 0, "duplicate": 0, "conflict": 0})
    actions: list[tuple[Action, Refusal | None]] = field(default_factory=list)
    changed: dict[str, Case] = field(default_factory=dict)
    entries: list[history.Entry] = field(default_factory=list)
    events: list[outbox.Event] = field(default_factory=list)


class Actions:
    """The effects of actions: see gewu.runtime.effects.Effects."""

    at_most = 500

    def __init__(self, back_to: Route, events: wire.Events, clock: Clock, references: References) -> None:
        self._back_to, self._events, self._clock, self._references = back_to, events, clock, references

    def decode(self, record: Record) -> Action:
        """One record's action; who speaks is the topic."""
        codec.check_type(codec.type_of(record.headers), (codec.ACTION,))
        return wire.action(record.value, topics.department_of(record.topic), self._references)

    async def apply(self, transaction: Connection, items: Sequence[Action]) -> Mapping[str, int]:
        """Judge and make each move, in the order of the log."""
        if left := await restored.still_to_read(transaction, _SIGNALS):
            raise NotNow(Why.REREADING, f"{left} signals are read again first")
        incarnation, known = await history.known_actions(transaction, [a.action_id for a in items])
        found = await cases.by_id(transaction, [a.case_id for a in items if _is_uuid(a.case_id)])
        now = micros(self._clock.now())
        judged = Judged(incarnation)
        for action in items:
            before = known.get(action.action_id)
            if before is None:
                known[action.action_id] = action.content
                self._judge(judged, action, found.get(action.case_id), now)
            elif before == action.content:
                judged.counts["duplicate"] += 1
            else:
                judged.counts["conflict"] += 1
                self._refuse(judged, action, found.get(action.case_id), Refusal.CONFLICT)
        await cases.update(transaction, list(judged.changed.values()))
        await history.add_actions(transaction, judged.actions, now)
        applied = [action for action, refusal in judged.actions if refusal is None]
        await history.add_pictures(transaction, applied)
        await history.ask_for_time(transaction, applied, now)
        await history.write(transaction, judged.entries)
        await outbox.write(transaction, judged.events)
        return judged.counts

    def _judge(self, judged: Judged, action: Action, case: Case | None, now: int) -> None:
        verdict = act(case, action, self._back_to, judged.incarnation, now)
        judged.actions.append((action, verdict.refusal))
        if verdict.refusal or case is None or not isinstance(action.kind, Kind):
            judged.counts["refused"] += 1
            self._refuse(judged, action, case, verdict.refusal or Refusal.NO_SUCH_CASE)
            return
        judged.counts["applied"] += 1
        judged.changed[case.case_id] = case
        # A copy: a later action of the same batch changes the original.
        as_of_now, change, cause = copy(case), _CHANGES[action.kind], action.action_id
        told = wire.Told(as_of_now)
        said_by = action.said_by or action.department
        judged.entries.append(history.Entry(as_of_now, change, case.routed_because, cause, said_by, action.note))
        changed = self._events.changed(told, change, action_id=cause)
        judged.events.append(self._events.leaving(changed, [verdict.left] if verdict.left else ()))
        if verdict.left:
            for kind, whom in (
                (AssignmentKind.ASSIGNMENT_KIND_WITHDRAWN, verdict.left),
                (AssignmentKind.ASSIGNMENT_KIND_NEW, case.department),
            ):
                judged.events.append(self._events.assignment(told, kind, whom, cause, note=action.note))

    def _refuse(self, judged: Judged, action: Action, case: Case | None, why: Refusal) -> None:
        own = case if case and case.department == action.department else None
        lawful = moves(own.state, own.department, self._back_to.department) if own else ()
        refused = self._events.refused(action, why, lawful, own, judged.incarnation)
        # The same conflict twice in one batch is one answer.
        if all(e.event_id != refused.event_id for e in judged.events):
            judged.events.append(refused)


def _is_uuid(said: str) -> bool:
    try:
        return str(UUID(said)) == said
    except ValueError:
        return False
