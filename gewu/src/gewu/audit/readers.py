"""The reader's rule, played through: for each case, what a department and a reader of cases.changed end up knowing.

A reader keeps the highest (incarnation, version) that it saw of a case and drops whatever is not above it.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar
from uuid import UUID

from gewu import topics
from gewu.audit.facts import CLEARED, EXAMPLES, NEW, WITHDRAWN, Assigned, Changed, Refused, Said, Unreadable, worded
from gewu.audit.findings import Fault, Findings

T = TypeVar("T")


class Seen(NamedTuple):
    """What one reader last took of one case: from which partition, which order, which kind of assignment, which lane."""

    reader: str
    partition: int
    order: int
    kind: int
    lane: int = 0


class Row(NamedTuple):
    """What the database says of a case."""

    order: int
    department: str
    signals: int
    lane: int = 0


class Case:
    """One case as the log and the database tell it. Values are shared between cases, which are many and much alike."""

    __slots__ = (
        "assigned",
        "changed",
        "cleared",
        "gaps",
        "heard",
        "new",
        "openings",
        "row",
        "signals",
        "superseded",
        "told",
    )

    def __init__(self) -> None:
        self.changed: Seen | None = None  # on cases.changed
        self.told: tuple[Seen, ...] = ()  # on departments' topics, one for each
        self.new: tuple[int, ...] = ()  # orders at which a department got it as new
        self.cleared: tuple[int, ...] = ()  # orders at which cases.changed called it cleared
        self.heard: tuple[int, ...] = ()  # orders at which a department was told that it is
        self.gaps: tuple[int, ...] = ()  # orders that cases.changed left out
        self.assigned = False  # as new, on the topic of the department that the case names
        self.superseded = False
        self.row: Row | None = None
        self.signals = self.openings = 0


class Readers:
    """Hears records partition by partition and notes what a reader could not have made sense of."""

    def __init__(self, findings: Findings) -> None:
        self.cases: dict[bytes, Case] = {}
        self.moving: set[bytes] = set()  # heard of after the database's snapshot: their end state cannot be judged
        self.records = self.repeats = self.changes = self.assignments = self.refusals = 0
        self._events: dict[bytes, int] = {}  # with the digest of what was said under each id
        self._same: dict[object, object] = {}
        self._findings = findings

    def hear(self, said: Said, settled: bool = True) -> None:
        """Take a record; `settled` means that the database's snapshot is younger."""
        self.records += 1
        if isinstance(said, Unreadable):
            self._findings.note(Fault.UNREADABLE, f"{said.place}: {said.why}")
            return
        # An event that is said again is the same to the last byte; another one under its id is none of its repeats.
        repeat = self._events.get(said.event) == said.digest
        self.repeats += repeat
        self._events[said.event] = said.digest
        if isinstance(said, Refused):
            self.refusals += 1
            return
        case = self.case(said.case)
        if not settled:
            self.moving.add(said.case)
        if isinstance(said, Changed):
            self.changes += 1
            self._hear_changed(case, said, repeat)
        else:
            self.assignments += 1
            self._hear_assigned(case, said, repeat)

    def case(self, key: bytes) -> Case:
        """The case of that id, made when it was never heard of."""
        found = self.cases.get(key)
        if found is None:
            found = self.cases[key] = Case()
        return found

    def share(self, value: T) -> T:
        """One object for equal values: a million cases have few different ones."""
        return self._same.setdefault(value, value)  # type: ignore[return-value]

    def finish(self) -> None:
        """Note what never came."""
        for key, case in self.cases.items():
            for order in case.gaps:
                words = f"version {worded(order)} was never said on {topics.CASES}"
                self._findings.note(Fault.ORDER, f"case {UUID(bytes=key)}: {words}")

    def _hear_changed(self, case: Case, said: Changed, repeat: bool) -> None:
        last = case.changed
        if said.cleared and said.order not in case.cleared:
            case.cleared = (*case.cleared, said.order)
        case.changed = self.share(self._read(last, Seen(said.topic, said.partition, said.order, 0), said, repeat))
        if last is not None and said.order > last.order and said.order >> 32 == last.order >> 32:
            case.gaps += tuple(range(last.order + 1, min(said.order, last.order + 1 + EXAMPLES)))
        elif case.gaps and said.order in case.gaps:
            case.gaps = tuple(order for order in case.gaps if order != said.order)
        if case.changed.order == said.order:
            case.superseded = said.superseded

    def _hear_assigned(self, case: Case, said: Assigned, repeat: bool) -> None:
        if said.kind == CLEARED and said.order not in case.heard:
            case.heard = (*case.heard, said.order)
        fresh = Seen(said.department, said.partition, said.order, said.kind, said.lane)
        last = next((seen for seen in case.told if seen.reader == said.department), None)
        read = self._read(last, fresh, said, repeat)
        case.told = self.share((*(seen for seen in case.told if seen is not last), self.share(read)))
        # A withdrawal tells the one who lost the case; everything else tells the one who has it.
        if (said.kind == WITHDRAWN) == (said.department == said.holder):
            word = "withdrawn from" if said.kind == WITHDRAWN else "said to"
            self._note(Fault.MISROUTED, said, f"{word} {said.department}, and the case names {said.holder}")
        elif said.kind == NEW:
            case.assigned = True
        if said.kind == NEW and not repeat:
            if said.order in case.new:
                self._note(Fault.DOUBLED, said, f"version {worded(said.order)} was new twice, as two events")
            case.new = self.share((*case.new, said.order))

    def _read(self, last: Seen | None, fresh: Seen, said: Changed | Assigned, repeat: bool) -> Seen:
        """What the reader holds after this record."""
        if last is None:
            return fresh
        if fresh.partition != last.partition:
            words = f"its records stand on partitions {last.partition} and {fresh.partition}, which have no order"
            self._note(Fault.ORDER, said, words)
        elif fresh.order <= last.order and not repeat:
            words = f"version {worded(fresh.order)} came after {worded(last.order)}; a reader drops it unread"
            self._note(Fault.ORDER, said, words)
        return fresh if fresh.order > last.order else last

    def _note(self, fault: Fault, said: Changed | Assigned, words: str) -> None:
        place = f"{said.topic}:{said.partition}:{said.offset}"
        self._findings.note(fault, f"{place} case {UUID(bytes=said.case)}: {words}")


def holders(case: Case) -> Iterator[str]:
    """Departments that believe the case is theirs."""
    return (seen.reader for seen in case.told if seen.kind != WITHDRAWN)
