"""For a department's own program: hear what it shall do, answer, and know what became of it (docs/departments.md)."""

from gewu_department.asking import Applied, NotAllowed, NotApplied, Outcome, Pending
from gewu_department.department import Department
from gewu_department.events import Assigned, Cleared, Drill, Event, Passed, Raised, Refused, Standing, Withdrawn
from gewu_department.moves import Kind, Move, accept, done, extend, return_
from gewu_department.reading import PositionLost
from gewu_department.settings import Settings, read
from gewu_department.voice import Unsaid

__all__ = [
    "Applied", "Assigned", "Cleared", "Department", "Drill", "Event", "Kind", "Move", "NotAllowed", "NotApplied",
    "Outcome", "Passed", "Pending", "PositionLost", "Raised", "Refused", "Settings", "Standing", "Unsaid",
    "Withdrawn", "accept", "done", "extend", "read", "return_",
]  # fmt: skip
