"""A department's moves (应答): made once with an id of their own, and the same move however often they are said."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gewu import ids
from gewu.clock import micros
from gewu.pictures.reference import claimed
from gewu.v1.action_pb2 import Action, ActionKind

NOTE_CHARACTERS = 2000  # as over HTTP
PICTURES = 20


class Kind(StrEnum):
    """What a department may say."""

    ACCEPT = "accept"  # 接单
    RETURN = "return"  # 退回
    DONE = "done"  # 反馈
    EXTEND = "extend"  # 申请延期


@dataclass(frozen=True, slots=True)
class Move:
    """A move on a case. ValueError where it could only be refused.

    pictures: of each the `picture` that POST /v1/pictures?department=… answered with, at most 24 hours before the move is said.
    Whoever must survive a crash between saying it and noting that down keeps it first and says it again under the same id.
    """

    kind: Kind
    case_id: str
    note: str = ""
    until: datetime | None = None
    pictures: tuple[str, ...] = ()
    said_by: str = ""
    id: str = field(default_factory=ids.new_client_id)

    def __post_init__(self) -> None:
        if len(self.note) > NOTE_CHARACTERS or "\x00" in self.note:
            raise ValueError(f"a note has at most {NOTE_CHARACTERS} characters and no U+0000")
        if self.kind in (Kind.RETURN, Kind.EXTEND) and not self.note.strip():
            raise ValueError(f"{self.kind} needs a note that says why")
        if (self.until is None) == (self.kind is Kind.EXTEND) or (self.until and self.until.tzinfo is None):
            raise ValueError("`until` belongs to extend, with a time zone")
        if (self.pictures and self.kind is not Kind.DONE) or len(self.pictures) > PICTURES:
            raise ValueError(f"pictures belong to done, at most {PICTURES}")
        if any(claimed(p) is None for p in self.pictures):
            raise ValueError("a picture is the `picture` that POST /v1/pictures?department=… answered with")

    def message(self, now: datetime) -> Action:
        """The move as it stands on the topic."""
        said = Action(
            client_id=self.id, case_id=self.case_id, kind=ActionKind.Value(f"ACTION_KIND_{self.kind.name}"), note=self.note,
            said_by=self.said_by,
        )  # fmt: skip
        said.said_at.FromMicroseconds(micros(now))
        if self.until:
            said.until.FromMicroseconds(micros(self.until))
        for name in self.pictures:
            if p := claimed(name):
                said.pictures.add(sha256=p.sha256, bytes=p.bytes, type=p.type, masked_by=p.masked_by, reference=name)
        return said


def accept(case_id: str, note: str = "") -> Move:
    """We see to it."""
    return Move(Kind.ACCEPT, case_id, note)


def return_(case_id: str, note: str) -> Move:
    """Not ours, and why."""
    return Move(Kind.RETURN, case_id, note)


def done(case_id: str, note: str = "", pictures: tuple[str, ...] = ()) -> Move:
    """It is done, and what it looks like now."""
    return Move(Kind.DONE, case_id, note, pictures=pictures)


def extend(case_id: str, until: datetime, note: str) -> Move:
    """It takes longer: until when, and why."""
    return Move(Kind.EXTEND, case_id, note, until)
