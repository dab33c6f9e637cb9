"""What a department may do with a case, and what follows; refused moves come back with those that are lawful now."""

from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from gewu.clock import HOUR
from gewu_dispatch.domain.case import Case, Picture, State
from gewu_dispatch.domain.routing import Route

LONGEST = 90 * 24 * HOUR  # ahead of now, that an extension may be asked for: beyond it the case wants another look
PICTURES = 20  # of one move


class Kind(IntEnum):
    """A department's moves; the values are the wire's."""

    ACCEPT = 1
    RETURN = 2
    DONE = 3
    EXTEND = 4


class Refusal(IntEnum):
    """Closed list of reasons against a move; the values are the wire's."""

    NO_SUCH_CASE = 1
    NOT_YOURS = 2
    NOT_LAWFUL_NOW = 3
    NOTE_MISSING = 4
    CONFLICT = 5
    NOT_UNDERSTOOD = 6
    BAD_TIME = 7
    PICTURE_NOT_OURS = 8
    PICTURE_EXPIRED = 9


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
    until: int | None = None  # of EXTEND, microseconds since 1970
    pictures: tuple[Picture, ...] = ()  # of DONE
    unproven: Refusal | None = None  # why one of them may not be named, as gewu_dispatch.domain.proof has it

    @property
    def content(self) -> bytes:
        """SHA-256 of what was asked for: the same client id with another one of these is a conflict.

        What is not there stays out of it, so that a move from before there was such a thing keeps its hash.
        """
        said = f"{self.case_id}\x00{int(self.kind)}\x00{self.note}"
        if self.until is not None:
            said += f"\x00until {self.until}"
        for p in self.pictures:
            said += f"\x00picture {p.sha256.hex()} {p.bytes} {p.type} {p.masked_by}"
        return sha256(said.encode()).digest()


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
        return (Kind.DONE, *back, Kind.EXTEND)
    return ()


def judge(case: Case | None, action: Action, fallback: str, now: int) -> Refusal | None:
    """Why the move may not be made, or None."""
    if not isinstance(action.kind, Kind):
        return Refusal.NOT_UNDERSTOOD
    if case is None:
        return Refusal.NO_SUCH_CASE
    if case.department != action.department:
        return Refusal.NOT_YOURS
    if action.kind not in moves(case.state, case.department, fallback):
        return Refusal.NOT_LAWFUL_NOW
    return wanting(action, case.complete_by, now)


def wanting(action: Action, complete_by: int | None, now: int) -> Refusal | None:
    """What a move lacks that would be lawful on a case which must be complete by then, or None."""
    if action.unproven:
        return action.unproven
    if action.kind in (Kind.RETURN, Kind.EXTEND) and not action.note.strip():
        return Refusal.NOTE_MISSING
    if action.kind is Kind.EXTEND:
        # A case without a deadline needs no more time.
        is_later = action.until is not None and complete_by is not None and action.until > max(complete_by, now)
        if not is_later or action.until > now + LONGEST:  # type: ignore[operator]
            return Refusal.BAD_TIME
    return None


def act(case: Case | None, action: Action, back_to: Route, incarnation: int, now: int) -> Verdict:
    """Make the move on the case, or say why not and leave it as it is."""
    refusal = judge(case, action, back_to.department, now)
    if refusal or case is None:
        return Verdict(refusal)
    case.version += 1
    case.incarnation = incarnation
    case.changed_at = now
    if action.kind is Kind.ACCEPT:
        case.state = State.HANDLING
    elif action.kind is Kind.DONE:
        case.state = State.HANDLED
    elif action.kind is Kind.RETURN:
        left, case.department = case.department, back_to.department
        case.state, case.routed_because, case.rule_id = State.ASSIGNED, back_to.because, back_to.rule_id
        return Verdict(left=left)
    # What is asked for by EXTEND moves no deadline: to grant it is another's.
    return Verdict()
