"""What a department may do with a case, and what follows; refused moves come back with those that are lawful now."""

from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from gewu_dispatch.domain.case import Case, State
from gewu_dispatch.domain.routing import Route


class Kind(IntEnum):
    """A department's moves; the values are the wire's."""

    ACCEPT = 1
    RETURN = 2
    DONE = 3


class Refusal(IntEnum):
    """Closed list of reasons against a move; the values are the wire's."""

    NO_SUCH_CASE = 1
    NOT_YOURS = 2
    NOT_LAWFUL_NOW = 3
    NOTE_MISSING = 4
    CONFLICT = 5
    NOT_UNDERSTOOD = 6


@dataclass(frozen=True, slots=True)
class Action:
    """An answer of a department; `department` comes from the topic on which it was said."""

    action_id: str
    client_id: str
    department: str
    case_id: str
    kind: Kind | int  # an int that is no Kind comes from a newer department and is refused
    note: str
    said_at: int  # microseconds since 1970
    said_by: str

    @property
    def content(self) -> bytes:
        """SHA-256 of what was asked for: the same client id with another one of these is a conflict."""
        return sha256(f"{self.case_id}\x00{int(self.kind)}\x00{self.note}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Applied (no refusal) or refused; `left` is the department that lost the case by it."""

    refusal: Refusal | None = None
    left: str = ""


def moves(state: State, department: str, fallback: str) -> tuple[Kind, ...]:
    """The moves that a case's department may make in this state. The fallback has nowhere to return a case to."""
    back = () if department == fallback else (Kind.RETURN,)
    if state is State.ASSIGNED:
        return (Kind.ACCEPT, *back)
    if state is State.HANDLING:
        return (Kind.DONE, *back)
    return ()


def judge(case: Case | None, action: Action, fallback: str) -> Refusal | None:
    """Why the move may not be made, or None."""
    if not isinstance(action.kind, Kind):
        return Refusal.NOT_UNDERSTOOD
    if case is None:
        return Refusal.NO_SUCH_CASE
    if case.department != action.department:
        return Refusal.NOT_YOURS
    if action.kind not in moves(case.state, case.department, fallback):
        return Refusal.NOT_LAWFUL_NOW
    if action.kind is Kind.RETURN and not action.note.strip():
        return Refusal.NOTE_MISSING
    return None


def act(case: Case | None, action: Action, back_to: Route, incarnation: int, now: int) -> Verdict:
    """Make the move on the case, or say why not and leave it as it is."""
    refusal = judge(case, action, back_to.department)
    if refusal or case is None:
        return Verdict(refusal)
    case.version += 1
    case.incarnation = incarnation
    case.changed_at = now
    if action.kind is Kind.ACCEPT:
        case.state = State.HANDLING
    elif action.kind is Kind.DONE:
        case.state = State.HANDLED
    else:
        left, case.department = case.department, back_to.department
        case.state, case.routed_because, case.rule_id = State.ASSIGNED, back_to.because, back_to.rule_id
        return Verdict(left=left)
    return Verdict()
